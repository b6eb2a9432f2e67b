"""Writing documents: lines into a staging table, and from there set-based what is new or has changed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tools.errors import QueryFailed, StoreUnavailable
from tools.jobs.patience import RESTARTING
from tools.store.session import NO_ROOM, no_room
from tools.sync.read import unescaped
from tools.sync.spool import Spool

COPY_BLOCK = 131_072
GONE_SECONDS = 1.0
"""What a write gets to fail by itself once its line is gone."""
MOST_REJECTS = 1000
"""Of one chunk: with more the fault is not in the rows."""
RAW_CHARACTERS = 10_000
ROW_FAULTS = ("22", "23", "54")
"""Classes of SQLSTATE that blame the data: wrong values, broken constraints, limits exceeded."""

SETTINGS = text("""
SELECT set_config('timezone', 'UTC', true), set_config('jit', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('work_mem', '32MB', true),
       set_config('synchronous_commit', 'off', true)
""")
"""Dates without a zone are UTC; a chunk finds its documents by the index, not by reading all there are.

A chunk need not wait for the disk: a store that crashes may lose the last ones, each with the word that it was written,
and what ends a table waits for all before it.
"""

STAGING = text("""
CREATE TEMPORARY TABLE IF NOT EXISTS sync_staging (
    source_key text NOT NULL, title text NOT NULL, body text NOT NULL, tags text[] NOT NULL,
    happened_at timestamptz, data jsonb NOT NULL
) ON COMMIT DELETE ROWS
""")
EMPTY = text("DELETE FROM pg_temp.sync_staging")

HASH = """
int8send(hash_record_extended(ROW(cast(:entity AS text), s.title, s.body, s.tags, s.happened_at, s.data::text), 0))
"""
"""The one definition of a document's hash, whatever source and path the row came by: half the price of MD5."""

ROW_KEY = """
md5(concat_ws(chr(31), cast(:entity AS text), s.title, s.body, array_to_string(s.tags, chr(30)),
              coalesce(extract(epoch FROM s.happened_at)::text, ''), s.data::text))
"""
"""The key of a row whose table has none: it tells rows apart, not only a row from what it was before."""

HASHED = f"""
SELECT CASE WHEN cast(:keyed AS boolean) THEN s.source_key ELSE {ROW_KEY} END AS source_key,
       s.title, s.body, s.tags, s.data, s.happened_at, {HASH} AS hash
FROM pg_temp.sync_staging s
"""  # noqa: S608 - constants

INSERT = """
INSERT INTO tabletalk.documents
    (workspace_id, database_id, table_name, source_key, entity, title, body, tags, data, happened_at, hash)
SELECT :workspace, :database, :table, s.source_key, :entity, s.title, s.body, s.tags, s.data, s.happened_at, s.hash
"""
NOTED = """
INSERT INTO tabletalk.document_backlog (workspace_id, database_id, table_name, documents, ids)
SELECT :workspace, :database, :table, count(*), {ids} FROM written HAVING count(*) > 0
"""
"""What has been written: the index job makes its words, and a search that comes before knows where to look."""

WRITE_FIRST = text(f"""
WITH written AS ({INSERT} FROM ({HASHED}) s RETURNING id),
    noted AS ({NOTED.format(ids="int8multirange(int8range(min(id), max(id), '[]'))")})
SELECT count(*) AS new, 0 AS changed, 0 AS restored FROM written
""")  # noqa: S608 - constants
WRITE = text(f"""
WITH due AS MATERIALIZED (
    SELECT s.*, there.id, there.deleted_at
    FROM ({HASHED}) s LEFT JOIN LATERAL (
        SELECT d.id, d.hash, d.deleted_at FROM tabletalk.documents d
        WHERE d.database_id = :database AND d.table_name = :table AND d.source_key = s.source_key
        LIMIT 1
    ) there ON true
    WHERE there.id IS NULL OR there.hash <> s.hash OR there.deleted_at IS NOT NULL
), changed AS (
    UPDATE tabletalk.documents d SET
        entity = :entity, title = s.title, body = s.body, tags = s.tags, data = s.data, happened_at = s.happened_at,
        hash = s.hash, changed_at = now(), deleted_at = NULL
    FROM due s WHERE d.id = s.id
    RETURNING d.id, s.deleted_at
), new AS (
    {INSERT} FROM due s WHERE s.id IS NULL
    ON CONFLICT (database_id, table_name, source_key) DO NOTHING
    RETURNING id
), written AS (
    SELECT id FROM changed UNION ALL SELECT id FROM new
), noted AS ({NOTED.format(ids="range_agg(int8range(id, id, '[]'))")})
SELECT (SELECT count(*) FROM new) AS new, count(*) AS changed, count(deleted_at) AS restored FROM changed
""")  # noqa: S608 - constants
"""The LIMIT keeps the planner to one look into the index for each line, whatever it thinks of the sizes."""

SEEN = text(f"SELECT string_agg({ROW_KEY}, chr(10)) FROM pg_temp.sync_staging s")  # noqa: S608

REJECT = text("""
INSERT INTO tabletalk.sync_rejects (workspace_id, database_id, job_id, table_name, source_key, reason, raw)
VALUES (:workspace, :database, :job, :table, :key, :reason, :raw)
""")


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one table."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    restored: int = 0
    """Of the changed ones, those that had been marked as deleted."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: value + getattr(other, name) for name, value in self.as_dict().items()})

    def as_dict(self) -> dict[str, int]:
        """Name -> number."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Destination:
    """Where the documents of one table go."""

    workspace: UUID
    database: UUID
    table: str
    entity: str
    job: int
    keyed: bool
    first: bool = False
    """No document of this table is there yet: nothing has to be looked up."""
    seen: Spool | None = None
    """Where the keys of a table without one are kept, for documents whose row is gone to be told from them."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements above take."""
        return {
            "workspace": self.workspace,
            "database": self.database,
            "table": self.table,
            "entity": self.entity,
            "keyed": self.keyed,
        }


async def write(session: AsyncSession, where: Destination, data: bytes, rows: int) -> Counts:
    """Write lines of documents in the session's transaction, keeping aside those that cannot be documents.

    Gives what became of them. StoreUnavailable when the store goes away meanwhile.
    """
    await session.execute(SETTINGS)
    await session.execute(STAGING)
    try:
        return await _attempt(session, where, data, rows)
    except (asyncpg.PostgresError, DBAPIError) as error:
        if not _blames_rows(error):
            raise
    counts, rejects = Counts(), _Rejects(where)
    await _halve(session, replace(where, first=False), data, rejects)
    counts = rejects.counts
    await rejects.keep(session)
    return counts


async def _attempt(session: AsyncSession, where: Destination, data: bytes, rows: int) -> Counts:
    """Write lines, all or none."""
    async with session.begin_nested():
        await copy(session, "sync_staging", data)
        statement = WRITE_FIRST if where.first and where.keyed else WRITE
        new, changed, restored = (await session.execute(statement, where.parameters)).one()
        if where.seen is not None:
            where.seen.add((await session.execute(SEEN, {"entity": where.entity})).scalar() or "")
    return Counts(read=rows, new=new, changed=changed, unchanged=rows - new - changed, restored=restored)


@dataclass
class _Rejects:
    where: Destination
    counts: Counts = field(default_factory=Counts)
    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: bytes, error: Exception) -> None:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        self.kept.append(
            {
                **{name: value for name, value in self.where.parameters.items() if name not in ("entity", "keyed")},
                "job": self.where.job,
                "key": unescaped(line.partition(b"\t")[0])[:RAW_CHARACTERS],
                "reason": reason.rpartition(">: ")[2],
                "raw": line[: RAW_CHARACTERS * 4].decode(errors="replace").replace("\x00", "")[:RAW_CHARACTERS],
            }
        )
        self.counts += Counts(read=1, rejected=1)
        if len(self.kept) > MOST_REJECTS:
            raise QueryFailed(
                f"More than {MOST_REJECTS:,} rows of {self.where.table} in a row cannot become documents: "
                f"{self.kept[0]['reason']}. Ignore the column that it is about in the sync plan."
            )

    async def keep(self, session: AsyncSession) -> None:
        if self.kept:
            await session.execute(REJECT, self.kept)


async def _halve(session: AsyncSession, where: Destination, data: bytes, rejects: _Rejects) -> None:
    """Write lines by ever smaller halves, until those that cannot be written stand alone."""
    rows = data.count(b"\n")
    try:
        await session.execute(EMPTY)
        rejects.counts += await _attempt(session, where, data, rows)
    except (asyncpg.PostgresError, DBAPIError) as error:
        if not _blames_rows(error):
            raise
        if rows == 1:
            rejects.add(data, error)
            return
        middle = data.rfind(b"\n", 0, len(data) // 2) + 1 or data.index(b"\n") + 1
        await _halve(session, where, data[:middle], rejects)
        await _halve(session, where, data[middle:], rejects)


def _blames_rows(error: Exception) -> bool:
    state = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    return state[:2] in ROW_FAULTS


async def copy(session: AsyncSession, table: str, data: bytes) -> None:
    """Copy lines into a temporary table of the session's own; StoreUnavailable when the store goes away."""
    await copy_from(session, table, _blocks(data))


async def copy_from(session: AsyncSession, table: str, blocks: AsyncIterator[bytes]) -> None:
    """Copy lines as they come into a temporary table of the session's own."""
    raw = (await (await session.connection()).get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)
    try:
        await _unless_gone(raw, raw.copy_to_table(table, source=blocks, schema_name="pg_temp"))
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise StoreUnavailable(f"Tabletalk's own store went away ({error}). Nothing is lost.") from error
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state.startswith(NO_ROOM):
            raise no_room(str(error)) from error
        if state in RESTARTING or state[:2] in ("08", "57"):
            raise StoreUnavailable(f"Tabletalk's own store went away ({error}). Nothing is lost.") from error
        raise


async def _unless_gone(wire: "asyncpg.Connection[asyncpg.Record]", copying: Coroutine[Any, Any, Any]) -> None:
    """Copy, or see that the line broke: asyncpg itself would wait for ever to be allowed to write on."""
    gone = asyncio.Event()

    def listen(_: object) -> None:
        gone.set()

    wire.add_termination_listener(listen)
    work, end = asyncio.ensure_future(copying), asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await asyncio.wait({work}, timeout=GONE_SECONDS)
        if not work.done():
            raise StoreUnavailable("Tabletalk's own store went away in the middle of a write. Nothing is lost.")
        work.result()
    finally:
        wire.remove_termination_listener(listen)
        end.cancel()
        while not work.done():
            work.cancel()
            await asyncio.wait({work}, timeout=0.2)


async def _blocks(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(data), COPY_BLOCK):
        yield bytes(view[start : start + COPY_BLOCK])


def counts_of(raw: Mapping[str, Any] | None) -> Counts:
    """The counts in a JSON object; other names in it are left."""
    return Counts(**{name: int((raw or {}).get(name, 0)) for name in Counts.__dataclass_fields__})
