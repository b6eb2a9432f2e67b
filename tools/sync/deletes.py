"""Documents whose rows are gone at the source, and rows that have no document: found by their keys."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import BulkReader, BulkReading
from tools.sync.load import EMPTY, STAGING, Counts, Destination, copy_from, write
from tools.sync.read import chunks
from tools.sync.selection import Selection
from tools.sync.spool import Spool

COUNT = text("""
SELECT count(*) FROM tabletalk.documents
WHERE database_id = :database AND table_name = :table AND deleted_at IS NULL
""")
KEYS = text("CREATE TEMPORARY TABLE IF NOT EXISTS sync_keys (source_key text NOT NULL) ON COMMIT DELETE ROWS")
ANALYSE = text("ANALYZE pg_temp.sync_keys")
JOINS = text("SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)")

_GONE = """
d.database_id = :database AND d.table_name = :table AND d.deleted_at IS NULL
AND NOT EXISTS (SELECT FROM pg_temp.sync_keys k WHERE k.source_key = d.source_key)
"""
SOFT = f"UPDATE tabletalk.documents d SET deleted_at = now(), changed_at = now() WHERE {_GONE}"  # noqa: S608
HARD = text(f"DELETE FROM tabletalk.documents d WHERE {_GONE.replace('AND d.deleted_at IS NULL', '')}")  # noqa: S608
LATE = text("""
SELECT k.source_key FROM pg_temp.sync_keys k WHERE NOT EXISTS (
    SELECT FROM tabletalk.documents d
    WHERE d.database_id = :database AND d.table_name = :table AND d.source_key = k.source_key AND d.deleted_at IS NULL
) LIMIT :most
""")
MOST_LATE = 100_000
"""Rows that a run brings for having no document; the next run finds the rest."""
LATE_AT_ONCE = 1000


async def count_live(session: AsyncSession, where: Destination) -> int:
    """How many documents of the table are not marked as deleted."""
    return int((await session.execute(COUNT, _place(where))).scalar_one())


async def take_keys(session: AsyncSession, source: BulkReader, keys: BulkReading) -> None:
    """Bring keys of the source for this transaction; what follows compares with them."""
    await session.execute(KEYS)
    await _pipe(session, "sync_keys", source, keys)
    await session.execute(ANALYSE)
    await session.execute(JOINS)


async def take_seen(session: AsyncSession, seen: Spool) -> None:
    """The same with the keys that a run has come across."""
    await session.execute(KEYS)
    await copy_from(session, "sync_keys", seen.blocks())
    await session.execute(ANALYSE)
    await session.execute(JOINS)


async def remove_missing(session: AsyncSession, where: Destination, *, hard: bool, within: str = "") -> int:
    """Mark (or remove) the documents whose key is not among those taken; gives how many.

    `within` is a condition on the documents `d` that are looked at.
    """
    soft = text(f"{SOFT} AND {within}" if within else SOFT)
    result: Any = await session.execute(HARD if hard else soft, _place(where))
    return int(result.rowcount)


async def bring_late(
    session: AsyncSession, where: Destination, source: BulkReader, selection: Selection, seconds: float
) -> Counts:
    """Bring the rows among the keys taken that have no document."""
    keys = list(await session.scalars(LATE, {**_place(where), "most": MOST_LATE}))
    counts = Counts()
    await session.execute(STAGING)
    for some in _in_parts(keys):
        async with chunks(source, selection.of(some).documents(seconds)) as found:
            async for chunk in found:
                await session.execute(EMPTY)
                counts += await write(session, replace(where, first=False), chunk.data, chunk.rows)
    return counts


def _in_parts(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[at : at + LATE_AT_ONCE] for at in range(0, len(keys), LATE_AT_ONCE)]


async def remove_all(session: AsyncSession, where: Destination, *, hard: bool) -> int:
    """Mark (or remove) all documents of a table that is gone at the source; gives how many."""
    await session.execute(KEYS)
    return await remove_missing(session, where, hard=hard)


def _place(where: Destination) -> dict[str, Any]:
    return {"database": where.database, "table": where.table}


async def _pipe(session: AsyncSession, table: str, source: BulkReader, reading: BulkReading) -> None:
    """Pass lines from the source into a temporary table as they come."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=8)

    async def pour() -> None:
        try:
            await source.pour(reading, queue.put)
        finally:
            await queue.put(None)

    async def blocks(task: "asyncio.Task[None]") -> AsyncIterator[bytes]:
        while (block := await queue.get()) is not None:
            yield block
        await task  # what went wrong at the source goes wrong here: nothing is written

    task = asyncio.create_task(pour())
    try:
        await copy_from(session, table, blocks(task))
    finally:
        while not task.done():
            task.cancel()
            if queue.full():
                queue.get_nowait()
            await asyncio.wait({task}, timeout=0.2)
