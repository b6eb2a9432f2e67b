"""How documents refer to one another: along the foreign keys of their tables, both ways, one or two steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents.sources import Source

MOST_EACH = 25
"""Documents that refer to one and the same: a country may have all customers."""

STEP = text("""
WITH start AS MATERIALIZED (
    SELECT d.id, d.database_id, d.table_name, d.source_key
    FROM tabletalk.documents d WHERE d.id = ANY (:ids)
)
SELECT s.id AS start, t.id, t.database_id, t.table_name, l.column_name, '' AS of
FROM start s
JOIN tabletalk.document_links l ON l.document_id = s.id
JOIN tabletalk.documents t ON t.database_id = l.database_id AND t.table_name = l.target_table
    AND t.source_key = l.target_key AND t.deleted_at IS NULL
UNION ALL
SELECT s.id, r.id, r.database_id, r.table_name, r.column_name, r.table_name
FROM start s CROSS JOIN LATERAL (
    SELECT t.id, t.database_id, t.table_name, l.column_name
    FROM tabletalk.document_links l JOIN tabletalk.documents t ON t.id = l.document_id AND t.deleted_at IS NULL
    WHERE l.database_id = s.database_id AND l.target_table = s.table_name AND l.target_key = s.source_key
    ORDER BY t.happened_at DESC NULLS LAST, t.id DESC LIMIT :most_each
) r
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

FORWARD = text("""
SELECT l.document_id AS start, t.id, t.database_id, t.table_name
FROM tabletalk.document_links l
JOIN tabletalk.documents t ON t.database_id = l.database_id AND t.table_name = l.target_table
    AND t.source_key = l.target_key AND t.deleted_at IS NULL
WHERE l.document_id = ANY (:ids)
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

BACKWARD = text("""
SELECT s.id AS start, r.id, r.database_id, r.table_name
FROM tabletalk.documents s CROSS JOIN LATERAL (
    SELECT t.id, t.database_id, t.table_name
    FROM tabletalk.document_links l JOIN tabletalk.documents t ON t.id = l.document_id AND t.deleted_at IS NULL
    JOIN unnest(:databases, :tables) AS w (database_id, table_name)
        ON w.database_id = t.database_id AND w.table_name = t.table_name
    WHERE l.database_id = s.database_id AND l.target_table = s.table_name AND l.target_key = s.source_key
    ORDER BY t.happened_at DESC NULLS LAST, t.id DESC LIMIT :most_each
) r
WHERE s.id = ANY (:ids)
""").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("databases", type_=ARRAY(Uuid)),
    bindparam("tables", type_=ARRAY(Text)),
)


class Neighbour(NamedTuple):
    """A document one step away."""

    id: int
    relation: str
    """`customer_id`, or `order_id of returns` for one that refers here."""


async def neighbours(session: AsyncSession, document: int) -> list[Neighbour]:
    """Give what a document refers to, then what refers to it, the latest first."""
    rows = await session.execute(STEP, {"ids": [document], "most_each": MOST_EACH})
    return [
        Neighbour(row.id, f"{row.column_name} of {row.of.rpartition('.')[2]}" if row.of else row.column_name)
        for row in rows
    ]


async def lead(
    session: AsyncSession, start: Sequence[int], wanted: Iterable[Source], there: Iterable[Source]
) -> Mapping[int, frozenset[int]]:
    """Tell which documents of the `wanted` tables each document of `start` leads to.

    What it refers to, directly or over one document between them, of a table that is `there` for the person; where
    that leads to none, what refers to it.
    """
    targets = list(wanted)
    keys, between = {source.key for source in targets}, {source.key for source in there}
    found: dict[int, set[int]] = {}
    steps = await _forward(session, {one: {one} for one in start}, keys, between, found)
    await _forward(session, steps, keys, between, found)
    rest = [one for one in start if one not in found]
    if rest:
        values = {
            "ids": rest,
            "databases": [source.database_id for source in targets],
            "tables": [source.table for source in targets],
            "most_each": MOST_EACH,
        }
        for row in await session.execute(BACKWARD, values):
            found.setdefault(row.start, set()).add(row.id)
    return {one: frozenset(others) for one, others in found.items()}


async def _forward(
    session: AsyncSession,
    begun: Mapping[int, set[int]],
    keys: set[tuple[UUID, str]],
    between: set[tuple[UUID, str]],
    found: dict[int, set[int]],
) -> dict[int, set[int]]:
    """Go one step from each document of `begun` (document -> where it came from); gives the same for the next one."""
    if not begun:
        return {}
    further: dict[int, set[int]] = {}
    for row in await session.execute(FORWARD, {"ids": list(begun)}):
        table = (row.database_id, row.table_name)
        for origin in begun[row.start]:
            if table in keys:
                found.setdefault(origin, set()).add(row.id)
            elif table in between:
                further.setdefault(row.id, set()).add(origin)
    # Two customers of one order are no question; what was found directly needs no way round.
    return {key: left for key, origins in further.items() if (left := origins - found.keys())}
