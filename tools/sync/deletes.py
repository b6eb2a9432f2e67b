"""Documents whose rows are gone at the source: found by counting, and where the counts differ by key."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import BulkReader, BulkReading
from tools.sync.load import HASH, SETTINGS, STAGING, Destination, copy_from

COUNT = text("""
SELECT count(*) FROM tabletalk.documents
WHERE database_id = :database AND table_name = :table AND deleted_at IS NULL
""")
KEYS = text("CREATE TEMPORARY TABLE IF NOT EXISTS sync_keys (source_key text NOT NULL) ON COMMIT DELETE ROWS")
HASHES = text(f"INSERT INTO pg_temp.sync_keys SELECT encode({HASH}, 'hex') FROM pg_temp.sync_staging s")  # noqa: S608
ANALYSE = text("ANALYZE pg_temp.sync_keys")
JOINS = text("SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)")

_GONE = """
d.database_id = :database AND d.table_name = :table AND d.deleted_at IS NULL
AND NOT EXISTS (SELECT FROM pg_temp.sync_keys k WHERE k.source_key = d.source_key)
"""
SOFT = text(f"UPDATE tabletalk.documents d SET deleted_at = now(), changed_at = now() WHERE {_GONE}")  # noqa: S608
HARD = text(f"DELETE FROM tabletalk.documents d WHERE {_GONE.replace('AND d.deleted_at IS NULL', '')}")  # noqa: S608


async def count_live(session: AsyncSession, where: Destination) -> int:
    """How many documents of the table are not marked as deleted."""
    return int((await session.execute(COUNT, _place(where))).scalar_one())


async def remove_missing(
    session: AsyncSession, where: Destination, source: BulkReader, keys: BulkReading, *, hard: bool
) -> int:
    """Mark (or remove) the documents whose key the source does not have any more; gives how many.

    For a table without a key `keys` reads whole documents, whose hashes are then compared.
    """
    await session.execute(KEYS)
    if where.keyed:
        await _pipe(session, "sync_keys", source, keys)
    else:
        await session.execute(SETTINGS)
        await session.execute(STAGING)
        await _pipe(session, "sync_staging", source, keys)
        await session.execute(HASHES, {"entity": where.entity})
    await session.execute(ANALYSE)
    await session.execute(JOINS)
    result: Any = await session.execute(HARD if hard else SOFT, _place(where))
    return int(result.rowcount)


async def remove_all(session: AsyncSession, where: Destination, *, hard: bool) -> int:
    """Mark (or remove) all documents of a table that is gone at the source; gives how many."""
    await session.execute(KEYS)
    result: Any = await session.execute(HARD if hard else SOFT, _place(where))
    return int(result.rowcount)


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
