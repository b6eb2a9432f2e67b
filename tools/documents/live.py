"""Documents of tables that policies part: a person sees those whose rows their own query at the source gives now.

So a policy means for documents just what it means for queries, sub-queries, collations and the source's own policies
included. What was copied of a column that is masked cannot be parted from the rest: such tables are closed.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import ARRAY, BigInteger, bindparam, text

from tools import databases, schemas
from tools.connectors.base import Dialect, TableSchema, literal, quoted
from tools.errors import AssistantError, Invalid
from tools.reach import Bounds
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

MOST_KEYS = 200
"""Rows asked for at a time."""

PLACES = text("""
SELECT d.id, d.database_id, b.name AS database, d.table_name, d.source_key
FROM tabletalk.documents d JOIN tabletalk.databases b ON b.id = d.database_id
WHERE d.id = ANY (:ids) AND d.workspace_id = :workspace
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


class Unseen(NamedTuple):
    """Documents that a person may not see, and why some could not be told."""

    ids: frozenset[int] = frozenset()
    reasons: tuple[str, ...] = ()


async def unseen(box: Toolbox, actor: Actor, ids: Iterable[int], bounds: Bounds) -> Unseen:
    """Of some documents, those that the person may not see; where the source cannot tell, all of a table's."""
    wanted = list(ids)
    if not wanted or not (bounds.closed or bounds.parted):
        return Unseen()
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.execute(PLACES, {"ids": wanted, "workspace": actor.workspace_id})).all()
    hidden = {row.id for row in rows if (row.database_id, row.table_name) in bounds.closed}
    reasons: list[str] = []
    parted: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        if (row.database_id, row.table_name) in bounds.parted:
            parted.setdefault((row.database, row.table_name), {})[row.source_key] = row.id
    for (database, table), keys in parted.items():
        try:
            there = await _there(box, actor, database, table, list(keys))
        except AssistantError as error:
            log.info("documents that policies part are left out", table=table, reason=str(error))
            reasons.append(f"Documents of {table} are left out: {error}")
            there = frozenset()
        hidden |= {number for key, number in keys.items() if key not in there}
    return Unseen(frozenset(hidden), tuple(reasons))


async def _there(box: Toolbox, actor: Actor, database: str, table: str, keys: Sequence[str]) -> frozenset[str]:
    """Of some rows' keys, those that a query of the person finds."""
    from tools import queries  # a job that makes documents never asks, and need not carry the guard

    shape = (await schemas.describe(box, actor, database, table)).shape
    dialect = (await databases.target(box, actor, database)).dialect
    found: set[str] = set()
    most = min(MOST_KEYS, box.settings.query_rows)
    for some in (keys[start : start + most] for start in range(0, len(keys), most)):
        sql = by_keys(shape, some, key_of(shape), dialect)
        rows = (await queries.run(box, actor, database, sql, kept=False)).rows
        asked = {tuple(_parts(shape, key)): key for key in some}
        found |= {asked[values] for row in rows if (values := tuple(str(value) for value in row)) in asked}
    return frozenset(found)


def by_keys(shape: TableSchema, keys: Sequence[str], columns: Sequence[str], dialect: Dialect) -> str:
    """The SELECT of some rows by their keys, as they stand in documents; Invalid when nothing tells rows apart."""
    rows = (
        " AND ".join(
            f"{quoted(name, dialect)} = {_literal(shape, name, value, dialect)}"
            for name, value in zip(key_of(shape), _parts(shape, key), strict=True)
        )
        for key in keys
    )
    shown = ", ".join(quoted(name, dialect) for name in columns)
    table = f"{quoted(shape.schema_name, dialect)}.{quoted(shape.name, dialect)}"
    return f"SELECT {shown} FROM {table} WHERE {' OR '.join(f'({row})' for row in rows)}"  # noqa: S608 - the guard judges it


def key_of(shape: TableSchema) -> tuple[str, ...]:
    """What a sync tells rows apart by; Invalid where nothing does."""
    if not (key := shape.key()):
        raise Invalid(f"{shape.qualified_name} has no key: none of its rows can be told from the others.")
    return key


def _parts(shape: TableSchema, source_key: str) -> list[str]:
    return [str(value) for value in json.loads(source_key)] if len(key_of(shape)) > 1 else [source_key]


def _literal(shape: TableSchema, name: str, value: str, dialect: Dialect) -> str:
    column = shape.column(name)
    family = column.family if column is not None else "other"
    if family == "binary":
        raise Invalid(f"The key of {shape.qualified_name} is binary; open the row by another column.")
    if family == "number":
        return value
    return literal(value, dialect)
