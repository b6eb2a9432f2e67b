"""Sources and rows that go wrong in the middle of a sync: what is committed stays, what is told is true."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import aiomysql
import asyncpg
import pytest
from sqlalchemy import URL, make_url, text

from tests.conftest import MYSQL, POSTGRES
from tests.tools.schemas.conftest import SERVERS, Source
from tests.tools.sync.conftest import documents, run_sync, told, work
from tools import databases, jobs, sync
from tools.connectors.base import BulkReading
from tools.errors import QueryTimedOut
from tools.jobs import Job, patience
from tools.sync import load, read, reconcile, table
from tools.sync.load import Counts
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

ROWS = 8_000
MANY = {
    "postgres": "CREATE TABLE many (id int PRIMARY KEY, code varchar(40), note text);"
    "INSERT INTO many SELECT i, md5(i::text), repeat(md5(i::text) || ' ', 120) FROM generate_series(1, {rows}) i;"
    "ANALYZE many",
    "mysql": "CREATE TABLE many (id int PRIMARY KEY, code varchar(40), note text);"
    "INSERT INTO many SELECT seq, md5(seq), repeat(concat(md5(seq), ' '), 120) FROM seq_1_to_{rows}",
}
READERS = {
    "postgres": "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'",
    "mysql": "SELECT id FROM information_schema.processlist "
    "WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command = 'Query' AND info LIKE 'SELECT%`many`%'",
}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "CHUNK_ROWS", 500)


@pytest.fixture
async def many(small_chunks: None, toolbox: Toolbox, actor: Actor, source: Source) -> Source:
    """A table that takes many chunks, most of which are still at the source when the first are written."""
    await source.run(MANY[source.dialect].format(rows=ROWS))
    return source


def at_chunk(monkeypatch: pytest.MonkeyPatch, number: int, fault: Callable[[], Awaitable[Any]]) -> None:
    """Let a fault happen once, while so many chunks are written."""
    write, calls = load.write, 0

    async def wrapped(*arguments: Any) -> Counts:
        nonlocal calls
        calls += 1
        if calls == number:
            await fault()
        return await write(*arguments)

    monkeypatch.setattr(table, "write", wrapped)


async def ask(toolbox: Toolbox, actor: Actor, source: Source, sql: str) -> list[int]:
    """The first column of what a line of the test's own is told by the server."""
    there = await databases.get(toolbox, actor, source.name)
    if source.dialect == "postgres":
        wire = await asyncpg.connect(POSTGRES, database=there.database)
        found = [row[0] for row in await wire.fetch(sql)]
        await wire.close()
        return found
    url = make_url(MYSQL)
    line = await aiomysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", db=there.database
    )
    async with line.cursor() as cursor:
        await cursor.execute(sql)
        rows = [row[0] for row in await cursor.fetchall()]
    line.close()
    return rows


async def readers(toolbox: Toolbox, actor: Actor, source: Source) -> list[int]:
    """What reads the table at the server just now."""
    return await ask(toolbox, actor, source, READERS[source.dialect])


async def end_readers(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    """End at the server what reads the table."""
    found = await readers(toolbox, actor, source)
    assert found, "the read was over before the blow; make more rows"
    for one in found:
        await source.run(f"KILL {one}" if source.dialect == "mysql" else f"SELECT pg_terminate_backend({one})")


async def until_over(toolbox: Toolbox, actor: Actor, job: Job) -> Job:
    """Work on a job as often as it is tried."""
    async with asyncio.timeout(60):
        while job.live:
            await jobs.sweep(toolbox)
            job = await work(toolbox, actor, job)
    return job


async def equals_source(toolbox: Toolbox, actor: Actor, rows: int, database: str = "shop") -> None:
    """Read everything again: each row has its document with the same hash, and there is no other."""
    again = await run_sync(toolbox, actor, "*", database, mode="full")
    assert (again.state, told(again)) == ("succeeded", {"read": rows, "unchanged": rows}), again.error
    assert len(await documents(toolbox, actor)) == rows


async def test_a_source_that_is_killed_goes_on_behind_the_last_chunk(
    toolbox: Toolbox, actor: Actor, many: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_chunk(monkeypatch, 4, lambda: end_readers(toolbox, actor, many))
    first = await run_sync(toolbox, actor)
    assert (first.state, first.attempts) == ("queued", 1), (first.state, first.stage, first.error)
    assert "was lost" in (first.error or "")
    kept = len(await documents(toolbox, actor))
    assert 0 < kept < ROWS
    done = await until_over(toolbox, actor, first)
    # Counted as new over both attempts: nothing was read twice.
    assert (done.state, told(done)) == ("succeeded", {"read": ROWS, "new": ROWS}), done.error
    await equals_source(toolbox, actor, ROWS)


async def test_a_cancelled_sync_stops_at_the_source_and_keeps_what_it_has(
    toolbox: Toolbox, actor: Actor, many: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await sync.start_sync(toolbox, actor, "shop")
    asked = 0.0

    async def cancel() -> None:
        nonlocal asked
        asked = time.monotonic()
        await jobs.cancel(toolbox, actor, job.id)

    at_chunk(monkeypatch, 4, cancel)
    done = await work(toolbox, actor, job)
    assert done.state == "cancelled"
    assert 0 < len(await documents(toolbox, actor)) < ROWS
    assert asked > 0
    async with asyncio.timeout(2):
        while await readers(toolbox, actor, many):
            await asyncio.sleep(0.02)
    resumed = await jobs.retry(toolbox, actor, job.id)
    assert told(await work(toolbox, actor, resumed)) == {"read": ROWS, "new": ROWS}


async def test_an_orphan_cannot_write(
    toolbox: Toolbox, actor: Actor, many: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await sync.start_sync(toolbox, actor, "shop")

    async def take_over() -> None:
        async with toolbox.store.begin(actor.workspace_id) as session:
            await session.execute(
                text("UPDATE tabletalk.jobs SET claim = :other WHERE id = :job"), {"other": uuid4(), "job": job.id}
            )

    at_chunk(monkeypatch, 4, take_over)
    after = await work(toolbox, actor, job)
    assert after.state == "running"  # the other one's now, and not this one's to end
    (state,) = await sync.states(toolbox, actor, "shop")
    assert state.resume is not None and not state.resume.done
    assert len(await documents(toolbox, actor)) == state.resume.counts["read"] < ROWS


async def test_a_store_that_comes_back_without_the_last_chunks_gets_them_again(
    toolbox: Toolbox, actor: Actor, many: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk that was committed need not have been on the disk when the store was killed."""

    async def lose() -> None:
        async with toolbox.store.begin(actor.workspace_id) as session:
            await session.execute(text("UPDATE tabletalk.sync_states SET resume = NULL"))
            await session.execute(text("DELETE FROM tabletalk.documents"))

    monkeypatch.setattr(table, "AT_ONCE", 1)
    at_chunk(monkeypatch, 4, lose)
    job = await work(toolbox, actor, await sync.start_sync(toolbox, actor, "shop"))
    assert (job.state, job.attempts) == ("queued", 1)
    assert "came back without the rows" in (job.error or "")
    async with toolbox.store.begin(actor.workspace_id) as session:
        await session.execute(text("UPDATE tabletalk.jobs SET not_before = NULL WHERE id = :id"), {"id": job.id})
    assert told(await work(toolbox, actor, job)) == {"read": ROWS, "new": ROWS}
    assert len(await documents(toolbox, actor)) == ROWS


async def test_a_cut_line_is_taken_up_again(
    small_chunks: None, toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await source.run(MANY[source.dialect].format(rows=ROWS))
    server = make_url(POSTGRES if source.dialect == "postgres" else MYSQL)
    async with proxy(
        server.host or "127.0.0.1", server.port or (5432 if source.dialect == "postgres" else 3306)
    ) as cut:
        await register_far(toolbox, actor, server, cut.port)

        async def now() -> None:
            cut.now()

        at_chunk(monkeypatch, 4, now)
        first = await run_sync(toolbox, actor, database="far")
        assert first.state == "queued", (first.state, first.error)
        done = await until_over(toolbox, actor, first)
        assert (done.state, told(done)) == ("succeeded", {"read": ROWS, "new": ROWS}), done.error
        await equals_source(toolbox, actor, ROWS, "far")
        await toolbox.connectors.close()


async def register_far(toolbox: Toolbox, actor: Actor, server: URL, port: int) -> None:
    """Register the source once more, by a way through this process."""
    there = await databases.get(toolbox, actor, "shop")
    url = server.set(database=there.database, host="127.0.0.1", port=port)
    address = databases.address_from_url(url.render_as_string(hide_password=False))
    await databases.register(toolbox, actor, "far", address)


@pytest.mark.parametrize("all_of_them", [False, True])
async def test_a_line_that_falls_silent_is_hung_up_and_taken_up_again(
    small_chunks: None,
    toolbox: Toolbox,
    actor: Actor,
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
    all_of_them: bool,
) -> None:
    """Nothing is closed and every packet is acknowledged: only that no byte comes tells it."""
    await source.run(MANY[source.dialect].format(rows=ROWS))
    server = make_url(POSTGRES if source.dialect == "postgres" else MYSQL)
    monkeypatch.setattr(toolbox.connectors, "_settings", toolbox.settings.model_copy(update={"silence_seconds": 1.0}))
    port = server.port or (5432 if source.dialect == "postgres" else 3306)
    async with proxy(server.host or "127.0.0.1", port) as far:
        await register_far(toolbox, actor, server, far.port)

        async def hush() -> None:
            far.silence(all_of_them=all_of_them)

        at_chunk(monkeypatch, 4, hush)
        async with asyncio.timeout(60):
            first = await run_sync(toolbox, actor, database="far")
        assert (first.state, first.attempts) == ("queued", 1), (first.state, first.error)
        assert "lost" in (first.error or "")
        far.flowing.set()
        done = await until_over(toolbox, actor, first)
        assert (done.state, told(done)) == ("succeeded", {"read": ROWS, "new": ROWS}), done.error
        await equals_source(toolbox, actor, ROWS, "far")
        await toolbox.connectors.close()


@pytest.mark.parametrize("sql", ["SELECT pg_catalog.pg_sleep(3)::text", "SELECT SLEEP(3)"])
async def test_a_server_that_is_long_at_work_is_waited_for(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    if (source.dialect == "postgres") != ("pg_sleep" in sql):
        pytest.skip("of the other dialect")
    monkeypatch.setattr(toolbox.connectors, "_settings", toolbox.settings.model_copy(update={"silence_seconds": 0.5}))
    _, connector = await databases.connect(toolbox, actor, "shop")
    took: list[bytes] = []

    async def sink(block: bytes) -> None:
        took.append(block)

    await connector.pour(BulkReading(sql, 30, lambda _: b"line\n"), sink)
    assert len(took) == 1


FULL = """
CREATE OR REPLACE FUNCTION tabletalk.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'could not extend file "base/1/2": No space left on device' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON tabletalk.documents FOR EACH ROW
WHEN (NEW.database_id = '{database}') EXECUTE FUNCTION tabletalk.full_disk()
"""


async def test_a_store_without_room_is_told_and_waited_for(
    toolbox: Toolbox, actor: Actor, many: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error alone, on every machine; tests/acceptance/test_sync_faults.py fills a disk."""
    there = await databases.get(toolbox, actor, "shop")
    monkeypatch.setattr(patience.patiently, "__defaults__", (0.3,))

    async def own(*statements: str) -> None:
        await toolbox.store.alone(*statements)

    function, trigger = FULL.format(database=there.id).split("END $$;")
    try:
        at_chunk(monkeypatch, 4, lambda: own(f"{function}END $$", trigger))
        first = await run_sync(toolbox, actor)
        assert (first.state, first.attempts) == ("queued", 1), (first.state, first.error)
        assert "has no room left (could not extend file" in (first.error or ""), first.error
    finally:
        await own("DROP TRIGGER IF EXISTS full_disk ON tabletalk.documents", "DROP FUNCTION tabletalk.full_disk")
    done = await until_over(toolbox, actor, first)
    assert (done.state, told(done)) == ("succeeded", {"read": ROWS, "new": ROWS}), done.error
    await equals_source(toolbox, actor, ROWS)


class Cut:
    """A line through this process that can be cut."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lines: list[asyncio.StreamWriter] = []
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.silenced: set[asyncio.StreamWriter] = set()

    def silence(self, *, all_of_them: bool) -> None:
        """Pass on nothing more, and close nothing: of the lines there are, or of all, new ones included."""
        self.silenced |= set(self.lines)
        if all_of_them:
            self.flowing.clear()

    async def passes(self, line: asyncio.StreamWriter) -> None:
        await self.flowing.wait()
        while line in self.silenced:
            await asyncio.sleep(3600)

    def now(self) -> None:
        for line in self.lines:
            line.transport.abort()
        self.lines.clear()


@contextlib.asynccontextmanager
async def proxy(host: str, port: int) -> AsyncIterator[Cut]:
    cut = Cut(0)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await cut.passes(writer)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        cut.lines += [writer, back]
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    cut.port = server.sockets[0].getsockname()[1]
    yield cut
    cut.now()
    server.close()


async def test_rows_that_cannot_be_documents_are_kept_aside(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(
        "CREATE TABLE odd (id int PRIMARY KEY, payload json); INSERT INTO odd SELECT i, '{\"a\": 1}' FROM "
        'generate_series(1, 100) i; UPDATE odd SET payload = \'{"a": "\\ud800"}\' WHERE id IN (7, 70)'
    )
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)) == ("partial", {"read": 100, "new": 98, "rejected": 2})
    kept = await sync.rejects(toolbox, actor, "shop", "public.odd")
    assert [one.key for one in kept] == ["7", "70"] and kept[0].job_id == job.id
    assert "invalid input syntax for type json" in kept[0].reason and "ud800" in kept[0].raw
    await postgres.run("UPDATE odd SET payload = NULL WHERE id = 7")
    again = await work(toolbox, actor, await jobs.retry(toolbox, actor, job.id))
    assert (again.state, told(again)) == ("partial", {"read": 100, "new": 1, "unchanged": 98, "rejected": 1})
    await postgres.run("UPDATE odd SET payload = NULL WHERE id = 70")
    assert told(await run_sync(toolbox, actor)) == {"read": 100, "new": 1, "unchanged": 99}
    assert await sync.rejects(toolbox, actor, "shop") == ()


async def test_one_table_that_fails_does_not_stop_the_others(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        await source.run(f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} VALUES (1)")
    at_chunk(monkeypatch, 1, lambda: source.run("DROP TABLE b"))
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)) == ("partial", {"read": 2, "new": 2}), job.error
    assert "b failed: " in (job.error or "")
    await source.run("CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1), (2)")
    again = await work(toolbox, actor, await jobs.retry(toolbox, actor, job.id))
    # Only the one that failed is read: the others were done already.
    assert (again.state, told(again)) == ("succeeded", {"read": 4, "new": 4})


async def test_an_empty_table_and_one_that_was_emptied(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run("CREATE TABLE a (id int PRIMARY KEY, name text); ANALYZE a")
    nothing = await run_sync(toolbox, actor)
    assert (nothing.state, told(nothing)) == ("succeeded", {})
    await postgres.run("INSERT INTO a SELECT i FROM generate_series(1, 50) i; ANALYZE a")
    await run_sync(toolbox, actor)
    await postgres.run("DELETE FROM a")
    emptied = await run_sync(toolbox, actor)
    assert (emptied.state, told(emptied)) == ("empty", {"deleted": 50})
    assert "about 50 rows were expected" in emptied.stage


async def test_a_cell_of_ten_megabytes(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    kind = "longtext" if source.dialect == "mysql" else "text"
    await source.run(f"CREATE TABLE big (id int PRIMARY KEY, note {kind})")
    await source.run("INSERT INTO big VALUES (1, repeat('late delivery ', 800000)), (2, 'small')")
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)) == ("succeeded", {"read": 2, "new": 2}), (job.error, job.stage)
    large, _ = await documents(toolbox, actor)
    assert len(large["data"]["note"]) == 11_200_000 and len(large["body"]) == 20_000
    await equals_source(toolbox, actor, 2)


async def test_a_cell_longer_than_a_packet_of_mysql(toolbox: Toolbox, actor: Actor, mysql: Source) -> None:
    await mysql.run("CREATE TABLE big (id int PRIMARY KEY, note longtext, other longtext)")
    await mysql.run("INSERT INTO big VALUES (1, repeat('a', 9000000), repeat('b', 9000000)), (2, 'c', NULL)")
    job = await run_sync(toolbox, actor, database="shop_my")
    assert (job.state, told(job)) == ("succeeded", {"read": 2, "new": 2}), (job.error, job.stage)
    large, small = await documents(toolbox, actor)
    assert len(large["data"]["other"]) == 9_000_000 and small["data"]["note"] == "c"


@pytest.mark.parametrize(("dialect", "most"), [("postgres", 1600), ("mysql", 2000)])
async def test_as_many_columns_as_there_can_be(toolbox: Toolbox, actor: Actor, dialect: str, most: int) -> None:
    async for url, run in SERVERS[dialect](f"tt_sync_{uuid4().hex[:8]}"):
        await databases.register(toolbox, actor, "wide", databases.address_from_url(url))
        columns = ", ".join(f"c{number} {('varchar(5)', 'smallint')[number % 2]}" for number in range(most - 1))
        engine = "ENGINE=MyISAM" if dialect == "mysql" else ""  # InnoDB takes a thousand
        await run(f"CREATE TABLE wide (id int PRIMARY KEY, {columns}) {engine}")
        await run(f"INSERT INTO wide (id, c7, c{most - 2}) VALUES (1, 7, 'nine'), (2, NULL, NULL)")
        job = await run_sync(toolbox, actor, database="wide")
        assert (job.state, told(job)) == ("succeeded", {"read": 2, "new": 2}), (job.error, job.stage)
        first, _ = await documents(toolbox, actor)
        assert (len(first["data"]), first["data"]["c7"], first["data"][f"c{most - 2}"]) == (most, 7, "nine")
        assert "nine" in f"{first['title']} {first['body']}"
        await toolbox.connectors.close()


ODD = (
    "select",
    "with space",
    "quote'\"`s",
    "emoji 🦊",
    "percent %s %%",
    "back\\slash",
    "UPPER",
    "the row",
    "Ünï",
    "a.b",
)


async def test_odd_names(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    def quoted(name: str) -> str:
        mark = '"' if source.dialect == "postgres" else "`"
        return mark + name.replace(mark, mark * 2) + mark

    names = [name for name in ODD if source.dialect == "postgres" or "🦊" not in name]
    columns = ", ".join(f"{quoted(name)} varchar(20)" for name in names)
    values = ", ".join(f"'v{number}'" for number in range(len(names)))
    for name in names:
        await source.run(f"CREATE TABLE {quoted(name)} ({quoted('key%')} int PRIMARY KEY, {columns})")
        await source.run(f"INSERT INTO {quoted(name)} VALUES (1, {values})")
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)) == ("succeeded", {"read": len(names), "new": len(names)}), (job.error, job.stage)
    for one in await documents(toolbox, actor):
        expected = {name: f"v{number}" for number, name in enumerate(names)}
        assert one["data"] == {"key%": 1, **expected}
    await equals_source(toolbox, actor, len(names))


async def test_rows_that_take_too_long_to_count_are_not_looked_for(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object, **__: object) -> reconcile.Compared:
        raise QueryTimedOut("That took longer than 30 s and was stopped at the database.")

    await postgres.run(
        "CREATE TABLE a (id int PRIMARY KEY, updated_at timestamptz NOT NULL); INSERT INTO a VALUES (1, '2026-01-01')"
    )
    await run_sync(toolbox, actor)
    monkeypatch.setattr(table, "compare", slow)
    job = await run_sync(toolbox, actor)
    assert (job.state, job.counts["tables"]["public.a"]["read"]) == ("succeeded", 1)
    assert "was not searched for rows that are gone" in job.stage
