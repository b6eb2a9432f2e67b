"""What a job found changed in its database: table by table, and the verified queries that no longer fit."""

from typing import Any

from tools import databases, jobs, queries
from tools.connectors.base import bare_names
from tools.errors import NotFound
from tools.jobs import Job
from tools.schemas import Drift
from tools.toolbox import Actor, Toolbox


def found_by(job: Job) -> Drift | None:
    """What the job found changed; None when nothing."""
    changes = job.counts.get("changes")
    return Drift.model_validate(changes) if changes else None


def words(drift: Drift) -> str:
    """Say it in a sentence of a message: `warehouse changed: orders gained `channel` (text); customers lost `fax`.`."""
    quoted = tuple(
        change.model_copy(
            update={
                "added": tuple(_quoted(column, " (") for column in change.added),
                "removed": tuple(_quoted(column, "") for column in change.removed),
                "changed": tuple(_quoted(column, ": ") for column in change.changed),
            }
        )
        for change in drift.changed
    )
    return str(drift.model_copy(update={"changed": quoted}))


def _quoted(column: str, end: str) -> str:
    """A column as code, up to where its type or its change begins; what is about the table as a whole stays."""
    name, mark, rest = column.partition(end) if end else (column, "", "")
    return f"`{name}`{mark}{rest}" if mark or not end else column


async def props(box: Toolbox, actor: Actor, job_id: int) -> dict[str, Any]:
    """Give what public/elements/Drift.jsx lays out; which verified queries fail is as it is now."""
    job = await jobs.get(box, actor, job_id)
    drift = found_by(job)
    if drift is None:
        raise NotFound(f"Job {job_id} found nothing changed.")
    bare = bare_names((*(change.table for change in drift.changed), *drift.added, *drift.removed))
    rows = [
        {"table": bare[change.table], "how": how, "what": list(what)}
        for change in drift.changed
        for how, what in (("gained", change.added), ("lost", change.removed), ("changed", change.changed))
        if what
    ]
    for how, names in (("new", drift.added), ("gone", drift.gone), ("may not be read any more", drift.withheld)):
        rows += [{"table": bare[name], "how": how, "what": []} for name in names]
    broken = await broken_by(box, actor, job)
    return {
        "title": f"What changed in {drift.database}",
        "rows": rows,
        "broken": [{"question": question, "reason": reason} for question, reason in broken],
    }


async def broken_by(box: Toolbox, actor: Actor, job: Job) -> tuple[tuple[str, str], ...]:
    """The verified queries of the job's database that fail now, each with the reason."""
    try:
        found = await queries.broken_examples(box, actor, await databases.name_of(box, actor, job.database_id))
    except NotFound:
        return ()  # forgotten meanwhile
    return tuple((example.question, reason) for example, reason in found)
