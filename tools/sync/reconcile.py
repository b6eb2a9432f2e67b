"""After a table has been read: which of its keys may differ from those of its documents, and setting that right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import BulkReader, Connector, ReadLimits
from tools.errors import QueryFailed, QueryTimedOut
from tools.store.session import Store
from tools.sync import deletes
from tools.sync.load import Counts, Destination
from tools.sync.selection import Selection
from tools.sync.tally import KEYS_IN_PART, PARTS, Tally, tally_of
from tools.toolbox import Toolbox

FEW = 2000
"""So many keys are simply all read where their sum has changed."""
MOST_PARTS = 0.5
"""Where a greater share of the parts differs, all keys are read."""
NOT_A_NUMBER = "22"
"""Class of SQLSTATE of a document's key that is none of the table's present kind."""


@dataclass(frozen=True)
class Doubt:
    """Keys of which it is not known whether documents and source agree."""

    parts: Sequence[str] | None = None
    """The parts they fall in; None: all keys."""
    tally: Tally | None = None
    """What parts them."""
    late: bool = False
    """Rows without a document are looked for, too: what came behind the watermark."""


@dataclass(frozen=True)
class Compared:
    """What a comparison has come to."""

    doubt: Doubt | None = None
    sums: str | None = None
    """What the next run may compare the source with, where nothing is in doubt."""


async def summed(box: Toolbox, connector: Connector, selection: Selection) -> tuple[int, str] | None:
    """Rows the table has at the source, and the sums of their keys; None where the source cannot tell in time."""
    tally = tally_of(selection.dialect, selection.plan, selection.shape)
    try:
        row = (await connector.fetch(_whole(selection).unordered(tally.whole), _limits(box))).rows[0]
    except (QueryFailed, QueryTimedOut):
        return None
    return int(row[0]), _joined(row)


async def compare(
    box: Toolbox, connector: Connector, where: Destination, selection: Selection, before: str | None, *, some: bool
) -> Compared:
    """Compare the keys of all rows at the source with those of all documents of a table that has a key.

    `before` are the sums of the source after which the last run found both alike; None where something may have
    changed since. With `some`, documents are those of a part of the table, and that none has lost its row is all that
    can be told. QueryTimedOut when the source takes too long to sum up.
    """
    limits, whole = _limits(box), _whole(selection)
    tally = tally_of(selection.dialect, selection.plan, selection.shape)
    try:
        row = (await connector.fetch(whole.unordered(tally.whole), limits)).rows[0]
        sums = _joined(row)
        if sums == before:
            return Compared(sums=sums)
        if some:
            return Compared(Doubt(), sums)
        rows = int(row[0])
        if rows <= FEW or tally.part is None:
            return Compared(Doubt(late=True))
        tally = tally_of(selection.dialect, selection.plan, selection.shape, min(PARTS, rows // KEYS_IN_PART))
        there = await connector.fetch(f"{whole.unordered(f'{tally.part}, {tally.sums}')} GROUP BY 1", limits)
    except QueryFailed:  # a server without these functions: its keys can be read all the same
        return Compared(Doubt(late=not some))
    here = await _stored(box.store, where, tally)
    return _differing(tally, {str(part): _alike(sums) for part, *sums in there.rows}, here, sums)


def _limits(box: Toolbox) -> ReadLimits:
    return ReadLimits(seconds=box.settings.query_seconds, rows=20_000, cell_bytes=1000, total_bytes=10_000_000)


def _whole(selection: Selection) -> Selection:
    return replace(selection, conditions=(), order="", part="")


def _joined(sums: Sequence[Any]) -> str:
    return " ".join(str(value) for value in sums)


def _differing(
    tally: Tally, there: dict[str, tuple[str, ...]], here: dict[str, tuple[str, ...]] | None, sums: str
) -> Compared:
    if here is None:
        return Compared(Doubt(late=True))
    parts = [part for part in there.keys() | here.keys() if there.get(part) != here.get(part)]
    if not parts:
        return Compared(sums=sums)
    if len(parts) > MOST_PARTS * max(len(there), len(here)):
        return Compared(Doubt(late=True))
    return Compared(Doubt(sorted(parts), tally, late=True))


async def _stored(store: Store, where: Destination, tally: Tally) -> dict[str, tuple[str, ...]] | None:
    """The sums of the documents by part; None where keys of another kind are among them."""
    query = text(
        f"SELECT {tally.stored_part}, {tally.stored_sums} FROM tabletalk.documents d WHERE "  # noqa: S608 - constants
        "d.database_id = :database AND d.table_name = :table AND d.deleted_at IS NULL GROUP BY 1"
    )
    try:
        async with store.begin(where.workspace) as session:
            rows = await session.execute(query, {"database": where.database, "table": where.table})
            return {str(part): _alike(sums) for part, *sums in rows}
    except DBAPIError as error:
        if not str(getattr(error.orig, "sqlstate", "")).startswith(NOT_A_NUMBER):
            raise
        return None


def _alike(sums: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in sums)


async def settle(
    session: AsyncSession,
    where: Destination,
    source: BulkReader,
    selection: Selection,
    doubt: Doubt,
    seconds: float,
    *,
    hard: bool,
) -> Counts:
    """Mark (or remove) documents whose row is gone, and bring rows that have none; gives what became of them."""
    whole, within = _whole(selection), ""
    if doubt.parts is not None and doubt.tally is not None and not hard:
        parts = ", ".join(f"'{part}'" for part in doubt.parts)
        whole = whole.and_(f"{doubt.tally.part} IN ({parts})")
        within = f"CASE WHEN d.deleted_at IS NULL THEN ({doubt.tally.stored_part})::text END IN ({parts})"
    await deletes.take_keys(session, source, whole.keys(seconds))
    gone = Counts(deleted=await deletes.remove_missing(session, where, hard=hard, within=within))
    if not doubt.late:
        return gone
    return gone + await deletes.bring_late(session, where, source, selection, seconds)
