"""MySQL and MariaDB: reads that are bounded, killed and cannot write, as an account that can."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiomysql
import pytest

from tools.connectors.base import Address, BulkReading, ReadLimits
from tools.connectors.mysql import MySQLConnector
from tools.errors import AssistantError, DatabaseUnreachable, QueryFailed, QueryTimedOut
from tools.settings import Settings


def short(**changes: float) -> ReadLimits:
    return ReadLimits.model_validate({"seconds": 5, "rows": 10, "cell_bytes": 1000, "total_bytes": 100_000, **changes})


async def ask(cursor: aiomysql.Cursor, sql: str) -> list[Any]:
    await cursor.execute(sql)
    return list(await cursor.fetchall())


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await true():
            await asyncio.sleep(0.02)


LONGEST = 2**24
"""Bytes of a value that the server makes, by its default."""
ATTACKS = [
    "INSERT INTO t VALUES (99)",
    "WITH x AS (SELECT 1) DELETE FROM t",
    "SELECT write_it()",
    "SELECT switch_and_write()",
    "SELECT * FROM t FOR UPDATE",
    "SELECT 1; DROP TABLE t",
    "SELECT * FROM t INTO OUTFILE '{file}'",
    "SELECT * FROM t INTO/**/DUMPFILE '{file}'",
    "SELECT 1 /*!50000 INTO OUTFILE '{file}' */",
    "/*! DROP TABLE t */",
    "/*M! DROP TABLE t */",
    "SET SESSION TRANSACTION READ WRITE",
    "SET STATEMENT tx_read_only = 0 FOR DROP TABLE t",
    "SET STATEMENT tx_read_only = 0 FOR CREATE TABLE u (a int)",
    "SET GLOBAL max_connections = 17",
    "BEGIN NOT ATOMIC COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO t VALUES (99); COMMIT; END",
    "EXECUTE IMMEDIATE 'DROP TABLE t'",
    "PREPARE p FROM 'DROP TABLE t'",
    "CALL write_in_its_own_transaction()",
    "COMMIT",
    "START TRANSACTION READ WRITE",
    "CREATE TABLE u (a int)",
    "CREATE TEMPORARY TABLE u (a int)",
    "DROP TABLE t",
    "TRUNCATE t",
    "ALTER TABLE t ADD b int",
    "GRANT ALL ON *.* TO nobody@localhost",
    "LOCK TABLES t WRITE",
    "FLUSH TABLES",
    "ANALYZE TABLE t",
    "ANALYZE INSERT INTO t VALUES (99)",
    "EXPLAIN INSERT INTO t VALUES (99)",
    "USE mysql",
    "HANDLER t OPEN",
    "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t",
    "DO SLEEP(0)",
    "RENAME TABLE t TO u",
]


@pytest.fixture
async def table(my_admin: aiomysql.Cursor) -> aiomysql.Cursor:
    for statement in (
        "CREATE TABLE t (id int PRIMARY KEY) ENGINE=InnoDB",
        "INSERT INTO t VALUES (1), (2), (3), (4), (5)",
        "CREATE FUNCTION write_it() RETURNS int BEGIN INSERT INTO t VALUES (98); RETURN 1; END",
        """CREATE FUNCTION switch_and_write() RETURNS int
           BEGIN SET SESSION tx_read_only = 0; INSERT INTO t VALUES (95); RETURN 1; END""",
        """CREATE PROCEDURE write_in_its_own_transaction()
           BEGIN COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO t VALUES (97); COMMIT; END""",
    ):
        await my_admin.execute(statement)
    return my_admin


async def state(cursor: aiomysql.Cursor) -> list[Any]:
    return [
        await ask(cursor, sql)
        for sql in (
            "SELECT id FROM t ORDER BY id",
            "SHOW TABLES",
            "SHOW COLUMNS FROM t",
            "SELECT @@GLOBAL.max_connections",
        )
    ]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_past_the_guard_changes_nothing(
    attack: str, my: MySQLConnector, table: aiomysql.Cursor, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    before = await state(table)
    with suppress(AssistantError):
        await my.fetch(attack.replace("{file}", str(tmp_path / "written")), short())
    for way in ("SELECT write_it()", "SELECT switch_and_write()"):
        with pytest.raises(QueryFailed):  # nor does it pave the way for the next
            await my.fetch(way, short())
    assert await state(table) == before
    assert not list(tmp_path.iterdir())


async def test_rows_are_cut_and_the_cut_is_said(my: MySQLConnector) -> None:
    many = "WITH RECURSIVE g AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM g WHERE n < 900) SELECT n FROM g"
    for sql in (many, f"{many} LIMIT 11"):
        rows = await my.fetch(sql, short())
        assert [row[0] for row in rows.rows] == list(range(1, 11)) and rows.truncated
    exact = await my.fetch(f"{many} LIMIT 10", short())
    assert len(exact.rows) == 10 and not exact.truncated


async def test_a_cut_with_one_row_more_keeps_the_connection(my: MySQLConnector) -> None:
    sql = (
        "SELECT 1, CONNECTION_ID() AS c UNION ALL SELECT 2, CONNECTION_ID() UNION ALL SELECT 3, CONNECTION_ID() LIMIT 3"
    )
    ids = {(await my.fetch(sql, short(rows=2))).rows[0][1] for _ in range(3)}
    assert len(ids) == 1


async def test_many_huge_rows_stay_out_of_memory(my: MySQLConnector) -> None:
    many = "WITH RECURSIVE g AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM g WHERE n < 900)"
    sql = f"{many} SELECT REPEAT('ab', 2000000) AS doc FROM g"
    rows = await my.fetch(sql, short(rows=1000, total_bytes=10_000))
    assert rows.truncated and len(rows.rows) <= 10
    assert all(len(row[0]) <= 1000 and row[0].endswith("…") for row in rows.rows)


async def test_a_statement_is_stopped_at_its_time(my: MySQLConnector, my_admin: aiomysql.Cursor) -> None:
    with pytest.raises(QueryTimedOut, match=r"0.3 s"):
        await my.fetch("SELECT SLEEP(60)", short(seconds=0.3))
    assert (await my.fetch("SELECT 1", short())).rows == ((1,),)


async def test_the_deadline_here_kills_what_the_server_lets_run(
    my: MySQLConnector, my_admin: aiomysql.Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.connectors.mysql.MARIADB_PINS", "SET SESSION tx_read_only = 1")
    with pytest.raises(QueryTimedOut):
        await my.fetch("SELECT SLEEP(60)", short(seconds=0.3))
    await until(lambda: nothing_runs(my_admin))


async def nothing_runs(admin: aiomysql.Cursor) -> bool:
    return not await ask(
        admin, "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(60)%' AND db = DATABASE()"
    )


async def test_cancelling_the_task_kills_at_the_server(my: MySQLConnector, my_admin: aiomysql.Cursor) -> None:
    task = asyncio.create_task(my.fetch("SELECT SLEEP(60)", short(seconds=60)))

    async def running() -> bool:
        return not await nothing_runs(my_admin)

    await until(running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: nothing_runs(my_admin))
    assert (await my.fetch("SELECT 1", short())).rows == ((1,),)


async def test_a_session_that_was_killed_is_replaced(my: MySQLConnector, my_admin: aiomysql.Cursor) -> None:
    (ours,) = (await my.fetch("SELECT CONNECTION_ID()", short())).rows[0]
    await my_admin.execute(f"KILL {ours}")
    await asyncio.sleep(0.1)
    assert (await my.fetch("SELECT 1", short())).rows == ((1,),)
    (ours,) = (await my.fetch("SELECT CONNECTION_ID()", short())).rows[0]
    task = asyncio.create_task(my.fetch("SELECT SLEEP(60)", short(seconds=60)))
    await asyncio.sleep(0.2)
    await my_admin.execute(f"KILL {ours}")
    with pytest.raises(DatabaseUnreachable, match="was lost"):
        await task


async def test_a_read_leaves_nothing_in_the_session(my: MySQLConnector) -> None:
    await my.fetch("SELECT @mark := 7, GET_LOCK('tabletalk test', 1)", short())
    rows = await my.fetch("SELECT @mark AS a, IS_FREE_LOCK('tabletalk test') AS b", short())
    assert rows.rows == ((None, 1),)


async def test_errors_are_the_servers_own_words(my: MySQLConnector, table: aiomysql.Cursor) -> None:
    with pytest.raises(QueryFailed, match="Unknown column 'idd'"):
        await my.fetch("SELECT idd FROM t", short())


async def test_every_type_has_a_cell(my: MySQLConnector) -> None:
    cells = {
        "12.50": (12.5, "number"),
        "CAST(3 AS DECIMAL(10,0))": (3, "number"),
        "9007199254740993": ("9007199254740993", "number"),
        "1e0 / 2": (0.5, "number"),
        "TRUE": (1, "number"),
        "NULL": (None, "other"),
        "DATE '2026-01-02'": ("2026-01-02", "date"),
        "TIMESTAMP '2026-01-02 03:04:05'": ("2026-01-02T03:04:05", "datetime"),
        "TIME '03:04:00'": ("03:04:00", "time"),
        "x'00ff'": ("0x00ff", "binary"),
        "'é'": ("é", "text"),
        "CAST('2' AS UNSIGNED)": (2, "number"),
    }
    rows = await my.fetch("SELECT " + ", ".join(cells), short())
    got = dict(zip(cells, zip(rows.rows[0], (column.family for column in rows.columns), strict=True), strict=True))
    assert got == cells


async def test_the_session_reads_a_text_as_the_guard_does(my: MySQLConnector, my_admin: aiomysql.Cursor) -> None:
    before = (await ask(my_admin, "SELECT @@GLOBAL.sql_mode"))[0][0]
    await my_admin.execute("SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'")
    try:
        rows = await my.fetch("SELECT \"a\" AS a, 'it\\'s' AS b, 1 || 0 AS c, @@time_zone AS d", short())
    finally:
        await my_admin.execute(f"SET GLOBAL sql_mode = '{before}'")
    assert rows.rows == (("a", "it's", 1, "+00:00"),)


async def test_estimate(my: MySQLConnector, table: aiomysql.Cursor) -> None:
    assert await my.estimate("SELECT * FROM t", 5) == 5
    assert await my.estimate("SELECT 1", 5) in (None, 1)


async def test_what_an_account_may_do(
    my: MySQLConnector, table: aiomysql.Cursor, mysql_source: Address, plain: Settings
) -> None:
    user = mysql_source.database + "_r"
    await table.execute(f"CREATE USER {user}@'%' IDENTIFIED BY 'pw'")
    await table.execute(f"GRANT SELECT ON {mysql_source.database}.* TO {user}@'%'")
    reader = MySQLConnector(
        Address.model_validate({**mysql_source.model_dump(), "username": user, "password": "pw"}), plain
    )
    try:
        greeting = await reader.greet()
        assert (greeting.can_write, greeting.is_superuser, greeting.privileges) == (False, False, ())
        assert greeting.schemas == (mysql_source.database,)
        await table.execute(f"GRANT INSERT, UPDATE ({'id'}) ON {mysql_source.database}.t TO {user}@'%'")
        assert (await reader.greet()).privileges == ("INSERT", "UPDATE")
        owner = await my.greet()
        assert owner.can_write and owner.is_superuser
        assert owner.server_version.split()[0] in ("MariaDB", "MySQL")
    finally:
        await reader.close()
        await table.execute(f"DROP USER {user}@'%'")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT IF(seq < 90000, repeat('x', 30), (SELECT 1 UNION SELECT seq)) FROM seq_1_to_100000",
            "more than 1 row",
        ),
        ("SELECT IF(seq < 9000, repeat('x', 300), NULL) FROM seq_1_to_1000000", "max_allowed_packet"),
        ("SELECT IF(seq < 9000, repeat('x', 300), NULL), 1 FROM seq_1_to_1000000", "max_allowed_packet"),
    ],
)
async def test_a_fault_in_the_middle_of_a_bulk_read_is_told_at_once(my: MySQLConnector, sql: str, reason: str) -> None:
    blocks: list[bytes] = []

    async def sink(block: bytes) -> None:
        blocks.append(block)

    async with asyncio.timeout(60):
        with pytest.raises(QueryFailed, match=reason):
            await my.pour(BulkReading(sql, 600, b"\n".join), sink)
        assert blocks and (await my.fetch("SELECT 7", short())).rows == ((7,),)


@pytest.mark.parametrize("size", [0, 1, 250, 251, 65_535, 65_536, 2**24 - 6, 2**24 - 5, 2**24 - 4, 2**24, 24_000_000])
async def test_a_bulk_read_of_rows_of_any_length(my: MySQLConnector, size: int) -> None:
    got: list[int] = []

    def lines(rows: Sequence[bytes]) -> bytes:
        got.extend(len(row) for row in rows)
        return b""

    async def sink(_: bytes) -> None: ...

    for columns in ([size], [size // 3, 0, size - size // 3]):
        if max(columns) <= LONGEST:
            texts = ", ".join(f"repeat('x', {length})" for length in columns)
            await my.pour(BulkReading(f"SELECT {texts} FROM seq_1_to_3", 60, lines), sink)
    assert set(got) == {size} and len(got) in (3, 6)
