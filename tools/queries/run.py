"""The only way any SQL reaches a registered database: checked, read-only, bounded, and kept in the history."""

import asyncio
from uuid import UUID

import structlog

from tools import databases, telemetry
from tools.connectors.base import Connector, Dialect, Frozen, ReadLimits, ResultColumn, Rows
from tools.databases import Target
from tools.errors import AssistantError, QueryRejected, Upstream
from tools.queries import history, masks
from tools.queries.figures import noted
from tools.queries.guard import CheckedSQL, Limits, check
from tools.queries.shapes import Sight, sight
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

ESTIMATE_SECONDS = 1.0
"""The planner's estimate is a courtesy: it may not hold an answer up for longer."""


class QueryResult(Frozen):
    """What one query gave."""

    id: UUID
    """Its entry in query history; a new one names nothing when the query was not kept."""
    database: str
    dialect: Dialect
    sql_asked: str
    sql: str
    """As it ran: regenerated from the checked tree, with the row limit."""
    tables: tuple[str, ...]
    """Qualified names of the tables it reads."""
    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[object, ...], ...]
    truncated: bool
    milliseconds: float
    estimate: int | None = None
    """Rows the planner expected."""
    warnings: tuple[str, ...] = ()


async def run(
    box: Toolbox,
    actor: Actor,
    database: str,
    sql: str,
    *,
    question: str | None = None,
    kept: bool = True,
    estimated: bool = False,
) -> QueryResult:
    """Check one SELECT and read its rows, at most `settings.query_rows` of them.

    With `estimated` the planner is asked as well. Raises QueryRejected (the guard's reason), QueryFailed (the
    database's), QueryTimedOut, DatabaseUnreachable or NotFound; each of them is kept in the history too, unless
    `kept` is False (look-ups on the way to an answer).
    """
    target, connector = await databases.connect(box, actor, database)
    entry = history.new_entry(actor, target, sql, question)
    try:
        seen = await sight(box, actor, target)
        entry.reach = seen.reach.fingerprint
        checked = _check(box, target, seen, sql, entry.reach)
        told = seen.reach.told
        entry.verdict = "allowed"
        entry.tables = [_qualified(*table) for table in checked.tables]
        entry.sql_executed = checked.limited(box.settings.query_rows + 1)
        rows, estimate = await _read(box, connector, _keyed(box, actor, entry.sql_executed), estimated, told)
        entry.rows, entry.truncated, entry.milliseconds = len(rows.rows), rows.truncated, rows.milliseconds
        entry.result = rows.model_dump(mode="json")
    except QueryRejected as error:
        entry.verdict, entry.error = "rejected", str(error)
        raise
    except AssistantError as error:
        entry.error = str(error)
        raise
    except asyncio.CancelledError:
        entry.error = "Stopped by the person; the database was told to stop too."
        raise
    finally:
        # A cancelled turn must not cancel the record of what it ran.
        await asyncio.shield(history.keep(box, actor, entry, kept=kept))
        if kept:
            noted(actor, target, entry)
    return QueryResult(
        id=entry.id,
        database=target.name,
        dialect=target.dialect,
        sql_asked=sql,
        sql=entry.sql_executed,
        tables=tuple(entry.tables),
        columns=rows.columns,
        rows=rows.rows,
        truncated=rows.truncated,
        milliseconds=rows.milliseconds,
        estimate=estimate,
        warnings=(*_warnings(rows, target), *_unseen(seen, checked, rows)),
    )


async def rerun(box: Toolbox, actor: Actor, query_id: UUID) -> QueryResult:
    """Ask the database the same query again; what was said about it stays with the new entry."""
    before = await history.get_query(box, actor, query_id)
    if before.verdict != "allowed":
        raise QueryRejected(f"Query {query_id} was rejected when it was asked: {before.error}")
    result = await run(box, actor, before.database, before.sql_asked, question=before.question)
    if before.answer is not None:
        await history.set_answer(box, actor, result.id, before.answer)
    return result


def _check(box: Toolbox, target: Target, seen: Sight, sql: str, reach: str) -> CheckedSQL:
    """Judge a statement, or remember how it was judged while neither the catalogue nor a policy has changed."""
    key = ("checked", target.id, sql, reach)
    held: CheckedSQL | None = box.verdicts.get(key, target.catalog_version)
    if held is None:
        held = check(sql, target.dialect, seen.catalog or None, _limits(box.settings), seen.reach)
        box.verdicts.put(key, target.catalog_version, held)
    return held


def _limits(settings: Settings) -> Limits:
    return Limits(bytes=settings.sql_bytes, depth=settings.sql_depth, joins=settings.sql_joins)


def read_limits(settings: Settings) -> ReadLimits:
    """The bounds of one read, as the settings have them."""
    return ReadLimits(
        seconds=settings.query_seconds,
        rows=settings.query_rows,
        cell_bytes=settings.cell_bytes,
        total_bytes=settings.result_bytes,
    )


async def _read(
    box: Toolbox, connector: Connector, sql: str, estimated: bool, told: dict[str, str]
) -> tuple[Rows, int | None]:
    with telemetry.span("read", **{"db.system": connector.dialect}):
        reading = connector.fetch(sql, read_limits(box.settings), told)
        if not estimated:
            return await reading, None
        rows, estimate = await asyncio.gather(reading, _estimate(connector, sql, told))
    return rows, estimate


async def _estimate(connector: Connector, sql: str, told: dict[str, str]) -> int | None:
    try:
        return await connector.estimate(sql, ESTIMATE_SECONDS, told)
    except Upstream as error:
        # The answer does not depend on it: the read itself reports what is wrong with query or database.
        log.debug("no estimate", reason=str(error))
        return None


def _qualified(schema: str, table: str) -> str:
    return f"{schema}.{table}" if schema else table


def _unseen(seen: Sight, checked: CheckedSQL, rows: Rows) -> tuple[str, ...]:
    """Say what of the tables that were read is not seen: an answer about a part must not pass for one about all."""
    read = [one for one in seen.catalog if (one.schema_name, one.name) in checked.tables]
    rules = {one.name: seen.reach.rule_of(one) for one in read} if seen.reach.restricted else {}
    parts = [name for name, rule in rules.items() if rule.predicates]
    found = [f"Of {', '.join(parts)}, only what you may see."] if parts else []
    if seen.reach.session and read:
        found.append(f"{seen.reach.database} itself shows only what you may see.")
    names = {column.name for column in rows.columns} | {column for _, column in checked.columns}
    for name, rule in rules.items():
        if masked := [column + masks.SHOWN[mask] for column, mask in rule.masked.items() if column in names]:
            found.append(f"Masked for you in {name}: {', '.join(masked)}.")
    return tuple(found)


def _keyed(box: Toolbox, actor: Actor, sql: str) -> str:
    """The text to send, with the workspace's key of pseudonyms where a mask asks for it."""
    return sql.replace(masks.KEY, box.secrets.mask_key(actor.workspace_id)) if masks.KEY in sql else sql


def _warnings(rows: Rows, database: Target) -> tuple[str, ...]:
    found = []
    if rows.truncated:
        found.append(f"Only the first {len(rows.rows):,} rows are shown; there are more in {database.name}.")
    return tuple(found)
