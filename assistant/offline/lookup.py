"""Looks names of a question up in the source itself, guarded and bounded, where training did not learn all values."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from assistant.offline.sources import Source
from assistant.offline.understanding import Probe
from tools import queries
from tools.connectors.base import Dialect
from tools.desk import Desk
from tools.errors import AssistantError
from tools.queries import QueryResult

SECONDS = 2.0
"""A look-up that takes longer is given up: the question is then read without it."""
MATCHES = 3
"""Values taken for one probe."""


async def look_up(desk: Desk, source: Source, probes: Sequence[Probe]) -> dict[Probe, tuple[str, ...]]:
    """Give what the source's columns hold of each probe, without regard to case; nothing when it cannot be asked."""
    if not probes:
        return {}
    result = await hastily(desk, source, statement(probes, source.dialect))
    if result is None:
        # A name that cannot be looked up is an unknown word, which the answer says.
        return {}
    found: dict[Probe, list[str]] = defaultdict(list)
    for place, value in result.rows:
        found[probes[int(str(place))]].append(str(value))
    return {probe: tuple(values) for probe, values in found.items()}


async def hastily(desk: Desk, source: Source, sql: str) -> QueryResult | None:
    """Run a query of our own that no history keeps; None when it is refused, fails or takes too long."""
    hasty = replace(desk.box, settings=desk.box.settings.model_copy(update={"query_seconds": SECONDS}))
    try:
        return await queries.run(hasty, desk.actor, source.name, sql, kept=False)
    except AssistantError:
        return None


def statement(probes: Sequence[Probe], dialect: Dialect) -> str:
    """One query that looks up every probe: its place among them, and what is found."""
    selects = [_one(place, probe) for place, probe in enumerate(probes)]
    query: exp.Query = selects[0]
    for other in selects[1:]:
        query = exp.union(query, other, distinct=False)
    return query.sql(dialect=dialect)


def _one(place: int, probe: Probe) -> exp.Select:
    schema, _, name = probe.table.rpartition(".")
    column = exp.column(probe.column, quoted=True)
    inner = (
        exp.select(exp.alias_(exp.Literal.number(place), "place"), exp.alias_(exp.cast(column, "text"), "found"))
        .distinct()
        .from_(exp.table_(name, db=schema, quoted=True))
        .where(exp.EQ(this=exp.Lower(this=column.copy()), expression=exp.Literal.string(probe.text.lower())))
        .limit(MATCHES)
    )
    shown = inner.subquery(f"probe_{place}")
    return exp.select("place", "found").from_(shown)
