"""A query's trace for whoever runs the machine: figures, and a line in the log; its text stays in the history."""

import structlog

from tools import metrics
from tools.databases import Target
from tools.store.models import QueryRow
from tools.toolbox import Actor

log = structlog.get_logger(__name__)


def noted(actor: Actor, database: Target, entry: QueryRow) -> None:
    """Count a query that is over, and say in the log what became of it."""
    outcome = "rows" if entry.error is None else "none"
    metrics.queries.labels(database.dialect, actor.door, entry.verdict, outcome).inc()
    if entry.verdict == "rejected":
        metrics.rejections.labels(database.dialect, actor.door).inc()
    if entry.milliseconds is not None:
        metrics.query_seconds.labels(database.dialect).observe(entry.milliseconds / 1000)
    log.info(
        "query",
        query=str(entry.id),
        database_id=str(database.id),
        user_id=str(actor.user_id),
        door=actor.door,
        verdict=entry.verdict,
        rows=entry.rows,
        milliseconds=entry.milliseconds,
    )
