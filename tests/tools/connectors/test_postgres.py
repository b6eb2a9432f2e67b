"""PostgreSQL: reads that are bounded, cancelled and cannot write, as an account that can."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tools.connectors.base import Address, ReadLimits
from tools.connectors.postgres import PostgresConnector
from tools.errors import AssistantError, DatabaseUnreachable, QueryFailed, QueryTimedOut
from tools.settings import Settings

Admin = asyncpg.Connection
OURS = "pg_stat_activity WHERE application_name = 'tabletalk' AND datname = current_database()"


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await true():
            await asyncio.sleep(0.02)


def short(**changes: float) -> ReadLimits:
    return ReadLimits.model_validate({"seconds": 5, "rows": 10, "cell_bytes": 1000, "total_bytes": 100_000, **changes})


ATTACKS = [
    "INSERT INTO t VALUES (99)",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "SELECT * INTO u FROM t",
    "SELECT set_config('transaction_read_only', 'off', false), write_it()",
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "SELECT write_it()",
    "SELECT nextval('s')",
    "SELECT setval('s', 1000)",
    "SELECT lo_create(0)",
    "SELECT 1; DROP TABLE t",
    "SELECT 1; COMMIT; DROP TABLE t",
    "SET TRANSACTION READ WRITE",
    "COMMIT",
    "ROLLBACK AND CHAIN",
    "BEGIN READ WRITE",
    "DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO t VALUES (99); COMMIT; END $$",
    "CALL write_in_its_own_transaction()",
    "COPY t TO PROGRAM 'touch {file}'",
    "COPY (SELECT 1) TO '{file}'",
    "EXPLAIN ANALYZE INSERT INTO t VALUES (99)",
    "PREPARE p AS INSERT INTO t VALUES (99)",
    "CREATE TABLE u (a int)",
    "CREATE TEMP TABLE u (a int)",
    "DROP TABLE t",
    "TRUNCATE t",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "GRANT ALL ON t TO PUBLIC",
    "LOCK TABLE t",
    "NOTIFY c, 'x'",
    "LISTEN c",
    "VACUUM t",
    "LOAD 'auto_explain'",
    "SET ROLE postgres",
    "/* SELECT */ DROP TABLE t",
    "-- SELECT\nDROP TABLE t",
]

STATE = """
SELECT (SELECT array_agg(id ORDER BY id) FROM t)::text, (SELECT last_value FROM s), (SELECT count(*) FROM pg_class),
       (SELECT count(*) FROM pg_largeobject_metadata), (SELECT relacl::text FROM pg_class WHERE relname = 't'),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
"""


@pytest.fixture
async def table(pg_admin: "Admin[asyncpg.Record]") -> "Admin[asyncpg.Record]":
    await pg_admin.execute("""
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5); CREATE SEQUENCE s;
        CREATE FUNCTION write_it() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (98) RETURNING id';
        CREATE PROCEDURE write_in_its_own_transaction() LANGUAGE plpgsql AS
          $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO t VALUES (97); COMMIT; END $$;
    """)
    return pg_admin


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_past_the_guard_changes_nothing(
    attack: str, pg: PostgresConnector, table: "Admin[asyncpg.Record]", tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    before = tuple(await table.fetchrow(STATE) or ())
    with suppress(AssistantError):
        await pg.fetch(attack.replace("{file}", str(tmp_path / "written")), short())
    with pytest.raises(QueryFailed):  # nor does it pave the way for the next
        await pg.fetch("WITH x AS (INSERT INTO t VALUES (96) RETURNING 1) SELECT * FROM x", short())
    assert tuple(await table.fetchrow(STATE) or ()) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if "PROGRAM" not in attack and " TO '" not in attack])
async def test_the_transaction_alone_holds_without_the_check_of_the_first_word(
    attack: str, pg: PostgresConnector, table: "Admin[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.connectors.postgres.check_opening", lambda *_: None)
    before = tuple(await table.fetchrow(STATE) or ())
    with suppress(AssistantError):
        await pg.fetch(attack, short())
    assert tuple(await table.fetchrow(STATE) or ()) == before


async def test_rows_are_cut_and_the_cut_is_said(pg: PostgresConnector) -> None:
    for sql in ("SELECT * FROM generate_series(1, 1000000) g", "SELECT * FROM generate_series(1, 11) g LIMIT 11"):
        rows = await pg.fetch(sql, short())
        assert [row[0] for row in rows.rows] == list(range(1, 11)) and rows.truncated
    exact = await pg.fetch("SELECT * FROM generate_series(1, 10) g LIMIT 11", short())
    assert len(exact.rows) == 10 and not exact.truncated
    faked = await pg.fetch("SELECT * FROM generate_series(1, 1000000) g -- LIMIT 5", short())
    assert len(faked.rows) == 10 and faked.truncated


async def test_more_rows_than_one_batch_come_in_order(pg: PostgresConnector, limits: ReadLimits) -> None:
    rows = await pg.fetch("SELECT g, repeat('x', 100)::bytea FROM generate_series(1, 1000) g", limits)
    assert [row[0] for row in rows.rows] == list(range(1, 1001)) and not rows.truncated


async def test_long_cells_of_a_limited_statement_are_cut_at_the_server(pg: PostgresConnector) -> None:
    long = "repeat('é', 20000)"
    cells = f"{long} AS a, {long}::varchar, convert_to({long}, 'UTF8'), to_jsonb({long})"
    sql = f"SELECT 1 AS a, {cells}, NULL::text, 'short' LIMIT 11"
    rows = await pg.fetch(sql, short())
    (row,) = rows.rows
    assert [column.name for column in rows.columns][:2] == ["a", "a"]
    assert [column.family for column in rows.columns] == ["number", "text", "text", "binary", "json", "text", "text"]
    assert all(cell.endswith("…") and 990 < len(cell.encode()) <= 1000 for cell in row[1:5])
    assert row[0] == 1 and row[5:] == (None, "short")
    ordered = await pg.fetch("SELECT g, repeat('x', g) FROM generate_series(1, 9) g ORDER BY g DESC LIMIT 11", short())
    assert [row[0] for row in ordered.rows] == list(range(9, 0, -1))
    many = await pg.fetch("SELECT repeat('x', 9000000) FROM generate_series(1, 20) g LIMIT 101", short(rows=100))
    assert len(many.rows) == 20


async def test_huge_cells_stay_out_of_memory(pg: PostgresConnector) -> None:
    rows = await pg.fetch(
        "SELECT repeat('ab', 4000000)::bytea AS doc FROM generate_series(1, 100000)",
        short(rows=1000, total_bytes=10_000),
    )
    assert rows.truncated and len(rows.rows) <= 10
    assert all(len(row[0]) <= 1000 and row[0].endswith("…") for row in rows.rows)


async def test_a_statement_is_stopped_at_its_time(pg: PostgresConnector, pg_admin: "Admin[asyncpg.Record]") -> None:
    with pytest.raises(QueryTimedOut, match=r"0.3 s"):
        await pg.fetch("SELECT pg_sleep(60)", short(seconds=0.3))
    with pytest.raises(QueryTimedOut):  # the server's own limit switched off: the deadline here cancels it
        await pg.fetch("SELECT set_config('statement_timeout', '0', true), pg_sleep(60)", short(seconds=0.3))
    await until(lambda: nothing_runs(pg_admin))
    assert (await pg.fetch("SELECT 1", short())).rows == ((1,),)


async def nothing_runs(admin: "Admin[asyncpg.Record]") -> bool:
    running = f"SELECT count(*) FROM {OURS} AND state = 'active' AND query LIKE '%pg_sleep(60)%'"
    return bool(await admin.fetchval(running) == 0)


async def test_cancelling_the_task_cancels_at_the_server(
    pg: PostgresConnector, pg_admin: "Admin[asyncpg.Record]"
) -> None:
    task = asyncio.create_task(pg.fetch("SELECT pg_sleep(60)", short(seconds=60)))

    async def running() -> bool:
        return not await nothing_runs(pg_admin)

    await until(running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: nothing_runs(pg_admin))
    assert (await pg.fetch("SELECT 1", short())).rows == ((1,),)


async def test_a_session_that_was_killed_is_replaced(pg: PostgresConnector, pg_admin: "Admin[asyncpg.Record]") -> None:
    kill = f"SELECT pg_terminate_backend(pid) FROM {OURS}"
    await pg.fetch("SELECT 1", short())
    await pg_admin.execute(kill)
    await asyncio.sleep(0.1)
    assert (await pg.fetch("SELECT 1", short())).rows == ((1,),)
    task = asyncio.create_task(pg.fetch("SELECT pg_sleep(60)", short(seconds=60)))
    await asyncio.sleep(0.2)
    await pg_admin.execute(kill)
    with pytest.raises(DatabaseUnreachable, match="was lost"):
        await task


async def test_a_session_is_the_same_for_every_role(pg: PostgresConnector, pg_admin: "Admin[asyncpg.Record]") -> None:
    await pg_admin.execute("CREATE SCHEMA IF NOT EXISTS extra; CREATE TABLE IF NOT EXISTS extra.only_there (a int)")
    database = await pg_admin.fetchval("SELECT current_database()")
    await pg_admin.execute(f"ALTER DATABASE {database} SET standard_conforming_strings = off")
    await pg_admin.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Kolkata'")
    await pg_admin.execute(f"ALTER DATABASE {database} SET search_path = nowhere")
    try:
        rows = await pg.fetch(
            r"SELECT '\' AS a, timestamptz '2026-01-01 00:00:00+00' AS b, (SELECT count(*) FROM only_there) AS c",
            short(),
        )
    finally:
        await pg_admin.execute(f"ALTER DATABASE {database} RESET ALL")
        await pg_admin.execute("DROP SCHEMA extra CASCADE")
    assert rows.rows == (("\\", "2026-01-01T00:00:00+00:00", 0),)


async def test_errors_are_the_servers_own_words(pg: PostgresConnector, table: "Admin[asyncpg.Record]") -> None:
    with pytest.raises(QueryFailed, match=r'column "idd" does not exist\. Perhaps you meant'):
        await pg.fetch("SELECT idd FROM t", short())
    with pytest.raises(QueryFailed, match="division by zero"):
        await pg.fetch("SELECT 1 / (id - 1) FROM t", short())


async def test_every_type_has_a_cell(pg: PostgresConnector, pg_admin: "Admin[asyncpg.Record]") -> None:
    await pg_admin.execute(
        "CREATE TYPE mood AS ENUM ('glad'); CREATE DOMAIN price AS numeric(10,2); CREATE TYPE pair AS (a int, b text)"
    )
    cells = {
        "12.50::price": (12.5, "number"),
        "'glad'::mood": ("glad", "text"),
        "9007199254740993::int8": ("9007199254740993", "number"),
        "'NaN'::float8": ("NaN", "number"),
        "0.1::float4": (0.1, "number"),
        "true": (True, "bool"),
        "NULL::int": (None, "number"),
        "'0044-03-15 BC'::date": ("0044-03-15 BC", "date"),
        "'infinity'::timestamptz": ("infinity", "datetime"),
        "timestamp '2026-01-02 03:04:05.6'": ("2026-01-02T03:04:05.6", "datetime"),
        "time '03:04'": ("03:04:00", "time"),
        "interval '1 month 2 days'": ("1 mon 2 days", "other"),
        "'{\"a\": 1}'::jsonb": ('{"a": 1}', "json"),
        "'\\x00ff'::bytea": ("0x00ff", "binary"),
        "ARRAY[1.5, 2]": ("[1.5, 2]", "other"),
        "ARRAY['glad']::mood[]": ('["glad"]', "other"),
        "(1, 'x')::pair": ('{"a": 1, "b": "x"}', "other"),
        "daterange('2026-01-01', '2026-02-01')": ("[2026-01-01,2026-02-01)", "other"),
        "inet '10.0.0.1/8'": ("10.0.0.1/8", "text"),
        "'x'::\"char\"": ("x", "text"),
        "'é'::text": ("é", "text"),
    }
    rows = await pg.fetch("SELECT " + ", ".join(cells), short())
    got = dict(zip(cells, zip(rows.rows[0], (column.family for column in rows.columns), strict=True), strict=True))
    assert got == cells


async def test_columns_are_known_without_rows_and_may_share_a_name(pg: PostgresConnector) -> None:
    rows = await pg.fetch("SELECT 1 AS a, 'x' AS a WHERE false", short())
    assert [(column.name, column.family) for column in rows.columns] == [("a", "number"), ("a", "text")]
    assert rows.rows == () and not rows.truncated


async def test_estimate_does_not_run_the_statement(pg: PostgresConnector, table: "Admin[asyncpg.Record]") -> None:
    await table.execute("INSERT INTO t SELECT generate_series(100, 5099); ANALYZE t")
    assert await pg.estimate("SELECT * FROM t", 5) == pytest.approx(5005, rel=0.1)
    assert await pg.estimate("SELECT pg_sleep(60)", 5) == 1


async def test_more_readers_than_connections_take_turns(postgres_source: Address) -> None:
    connector = PostgresConnector(postgres_source, Settings(pool_size=2, _env_file=None))
    try:
        got = await asyncio.gather(*(connector.fetch(f"SELECT {n}", short()) for n in range(20)))
        assert [rows.rows[0][0] for rows in got] == list(range(20))
        holders = [asyncio.create_task(connector.fetch("SELECT pg_sleep(3)", short())) for _ in range(2)]
        await asyncio.sleep(0.1)
        impatient = Settings(connect_seconds=0.1, _env_file=None)
        connector._settings = impatient
        with pytest.raises(QueryTimedOut, match="stayed busy"):
            await connector.fetch("SELECT 1", short(seconds=0.2))
        for holder in holders:
            holder.cancel()
    finally:
        await connector.close()


async def test_what_an_account_may_do(
    pg_admin: "Admin[asyncpg.Record]", postgres_source: Address, plain: Settings
) -> None:
    role = postgres_source.database + "_reader"
    await pg_admin.execute(f"CREATE TABLE t (a int); CREATE ROLE {role} LOGIN")
    await pg_admin.execute(f"GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON t TO {role}")
    address = postgres_source.model_copy(update={"username": role})
    connectors = PostgresConnector(address, plain), PostgresConnector(postgres_source, plain)
    try:
        reader, owner = [await connector.greet() for connector in connectors]
        assert (reader.can_write, reader.is_superuser, reader.privileges) == (False, False, ())
        assert owner.can_write and owner.is_superuser and "SUPERUSER" in owner.privileges
        assert reader.server_version.startswith("PostgreSQL 1") and reader.schemas == ("public",)
        await pg_admin.execute(f"GRANT INSERT ON t TO {role}")
        writer = await connectors[0].greet()
        assert writer.can_write and writer.privileges == ("INSERT",)
    finally:
        for connector in connectors:
            await connector.close()
        await pg_admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
