"""The connector for MySQL and MariaDB, on aiomysql."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from math import prod
from pathlib import Path
from typing import Any

import aiomysql
import structlog
from pymysql.err import MySQLError

from tools.connectors import mysql_catalog as catalog
from tools.connectors import reach
from tools.connectors.addresses import resolve
from tools.connectors.base import Address, BulkReading, Dialect, Greeting, ReadLimits, Rows, TableSchema
from tools.connectors.cells import Sheet, shorten
from tools.connectors.lines import Ear, asked_elsewhere
from tools.connectors.mysql_bulk import pour_rows
from tools.connectors.mysql_wire import Wire, describe
from tools.connectors.opening import check_opening
from tools.connectors.pool import Handling, Pool
from tools.connectors.reach import Unreached
from tools.connectors.tls import context_for
from tools.errors import AssistantError, QueryFailed, QueryTimedOut
from tools.settings import Settings

GRACE_SECONDS = 1.0
"""The server stops a statement by itself; so long after that we stop it from outside."""
BATCH_ROWS = 100
BATCH_BYTES = 256_000
COMMON_PINS = (
    "autocommit = 0, time_zone = '+00:00', lc_time_names = 'en_US', sql_auto_is_null = 0, "
    "sql_select_limit = DEFAULT, group_concat_max_len = 1000000, lock_wait_timeout = 2, innodb_lock_wait_timeout = 2"
)
MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""Neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES: the guard and the server must read a text alike."""
MARIADB_PINS = f"SET SESSION tx_read_only = 1, sql_mode = '{MODE}', max_statement_time = {{seconds:.3f}}, {COMMON_PINS}"
MYSQL_PINS = (
    f"SET SESSION transaction_read_only = 1, sql_mode = 'ONLY_FULL_GROUP_BY,{MODE}', "
    f"max_execution_time = {{milliseconds:d}}, {COMMON_PINS}"
)
_TRACES = re.compile(r"@|lock|last_insert_id", re.IGNORECASE)
"""Text that may leave something in the session which a rollback keeps: variables, named locks."""
_GRANT = re.compile(r"^GRANT (?P<rights>.+?) ON (?P<on>.+?) TO ", re.IGNORECASE)
_READS = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "PROCESS", "PROXY"})
_NOT_WRITES = frozenset({"EXECUTE", "REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "LOCK TABLES"})

UNKNOWN_THREAD = 1094
TIMEOUTS = (1969, 3024)
NO_SERVER = (0, 2003, 2013, 2014)
INTERRUPTED = 1317
NO_TABLE = (1146, 1049)
DENIED = (1142, 1143, 1044, 1045)
"""Error numbers: KILL of a connection that is gone, a time limit, those the driver makes up, KILL QUERY, no such table
or database, no right to it."""

log = structlog.get_logger(__name__)


class MySQLConnector:
    """A pool to one MySQL or MariaDB database; see base.Connector.

    The session is pinned again before every statement, because a stored function that a SELECT calls could
    change it; then comes an explicit read-only transaction. The session's own read-only default is what refuses
    DDL, which would otherwise commit implicitly.
    """

    dialect: Dialect = "mysql"

    def __init__(self, address: Address, settings: Settings) -> None:
        self.address = address
        self._settings = settings
        self.pool: Pool[Wire] = Pool(
            Handling(open=self._open, usable=_usable, close=self._part, abandon=self._abandon), settings.pool_size
        )

    async def greet(self) -> Greeting:
        """Log in and say what is there: version, latency, what the account may do."""
        async with self._reading(self._settings.query_seconds) as wire:
            started = time.perf_counter()
            await wire.ask("SELECT 1")
            latency = (time.perf_counter() - started) * 1000
            grants = [row[0] for row in await wire.ask("SHOW GRANTS")]
            schemas = await self._schemas(wire)
            version = str(wire.server_version)
        privileges = _privileges(grants, self.address.database)
        return Greeting(
            server_version=_version(version),
            latency_ms=round(latency, 2),
            can_write=bool(set(privileges) - _NOT_WRITES),
            is_superuser="SUPER" in privileges or "ALL PRIVILEGES ON *.*" in privileges,
            privileges=privileges,
            schemas=schemas,
        )

    async def snapshot(self, schemas: Sequence[str] | None = None) -> tuple[TableSchema, ...]:
        """Read the shape of all tables and views of `schemas`, or of the registered database."""
        async with self._reading(self._settings.query_seconds) as wire:
            wanted = tuple(schemas) if schemas is not None else await self._schemas(wire)
            if not wanted:
                return ()
            await wire.tell(catalog.ROOM)
            queries = (*catalog.QUERIES, catalog.JSON_CHECKS) if _tells_checks(wire) else catalog.QUERIES
            answers = [await wire.ask(catalog.in_schemas(query, wanted)) for query in queries]
        return catalog.assemble(*answers)

    async def _schemas(self, wire: Wire) -> tuple[str, ...]:
        if self.address.database:
            return (self.address.database,)
        return tuple(row[0] for row in await wire.ask(catalog.SCHEMAS))

    async def fetch(self, sql: str, limits: ReadLimits, told: Mapping[str, str] | None = None) -> Rows:
        """Run one checked SELECT in a read-only session and give its rows; see base.Connector.fetch."""
        check_opening(sql, self.dialect)
        async with self._reading(limits.seconds, sql, told) as wire:
            started = time.perf_counter()
            sheet = await _stream(wire, sql, limits)
            return sheet.finish((time.perf_counter() - started) * 1000)

    async def estimate(self, sql: str, seconds: float, told: Mapping[str, str] | None = None) -> int | None:
        """The planner's row estimate for a checked SELECT; None when it gives none."""
        check_opening(sql, self.dialect)
        async with self._reading(seconds, sql, told) as wire, wire.cursor(aiomysql.DictCursor) as cursor:
            await cursor.execute(f"EXPLAIN {sql}")
            steps = await cursor.fetchall()
        outer: dict[Any, list[int]] = {}
        for step in steps:
            if step["select_type"] in ("SIMPLE", "PRIMARY", "UNION") and step["rows"] is not None:
                outer.setdefault(step["id"], []).append(int(step["rows"]))
        return sum(prod(rows) for rows in outer.values()) if outer else None

    async def pour(self, reading: BulkReading, sink: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """Hand whole tables to `sink`, a line a row; see base.BulkReader."""
        assert reading.lines is not None, "MySQL does not write COPY lines itself"
        check_opening(reading.sql, self.dialect)
        async with self._reading(reading.seconds, reading.sql) as wire:
            assert wire.ear is not None
            await pour_rows(wire, reading.sql, reading.lines, wire.ear.hearing(sink))

    async def withheld(self, schema: str, table: str) -> str | None:
        """Say why the account may not read a table; see base.Withholder.

        An account that holds no right on it at all is told the same of a table that is gone.
        """
        names = ".".join(f"`{name.replace('`', '``')}`" for name in (schema, table))
        async with self._reading(self._settings.query_seconds) as wire:
            try:
                await wire.ask(f"SELECT 1 FROM {names} LIMIT 0")  # noqa: S608 - quoted names
            except MySQLError as error:
                code = error.args[0] if error.args else 0
                if code in NO_TABLE:
                    return None
                if code not in DENIED:
                    raise
        return f"permission denied for table {table}"

    async def close(self) -> None:
        """Close the pool; a second call does nothing."""
        await self.pool.close()

    @asynccontextmanager
    async def _reading(
        self, seconds: float, sql: str = "", told: Mapping[str, str] | None = None
    ) -> AsyncIterator[Wire]:
        """Lend a connection inside a read-only transaction, roll it back, and put what fails into words."""
        clock = asyncio.get_running_loop().time
        started: float | None = None
        try:
            async with (
                asyncio.timeout(seconds + self._settings.connect_seconds) as deadline,
                self.pool.lease() as wire,
                self._listening(wire),
            ):
                started = clock()
                deadline.reschedule(started + seconds + GRACE_SECONDS)
                pins = MARIADB_PINS if _is_mariadb(wire) else MYSQL_PINS
                await wire.tell(pins.format(seconds=seconds, milliseconds=max(int(seconds * 1000), 1)))
                if told:
                    await wire.tell(_telling(wire, told))
                await wire.tell("START TRANSACTION READ ONLY")
                try:
                    yield wire
                except MySQLError as error:
                    if wire.closed:
                        raise reach.lost(self.address) from error
                    await _rolled_back(wire, told)
                    raise _failure(error, seconds) from None
                except AssistantError:
                    if not wire.unread:  # else the connection is given up, and the server told to end it
                        await _rolled_back(wire, told)
                    raise
                if not wire.unread:
                    await _rolled_back(wire, told or _TRACES.search(sql))
        except TimeoutError:
            if started is None:
                raise QueryTimedOut(
                    f"All {self._settings.pool_size} connections to {reach.place(self.address)} stayed busy for "
                    f"{seconds:g} s. Try again when the running queries are done."
                ) from None
            raise _timed_out(seconds) from None
        except (MySQLError, OSError) as error:
            raise reach.lost(self.address) from error

    @asynccontextmanager
    async def _listening(self, wire: Wire) -> AsyncIterator[None]:
        """Hang up when the line falls silent while the server is not at work for it."""

        async def at_work() -> bool:
            query, seconds = catalog.AT_WORK % wire.thread_id(), self._settings.connect_seconds
            return await asked_elsewhere(self._open, lambda other: other.ask(query), Wire.close, MySQLError, seconds)

        with Ear(self._settings.silence_seconds, at_work, wire.close) as wire.ear:
            yield

    async def _open(self) -> Wire:
        """Connect within the time allowed, to an address that was checked; Unreached or NotAllowed."""
        seconds = self._settings.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._dial()
        except Exception as error:
            if isinstance(error, AssistantError):
                raise
            raise explain(error, self.address, seconds) from None

    async def _dial(self) -> Wire:
        """Try each address of the host in turn; the last failure stands for all."""
        failure: Exception | None = None
        for host in await resolve(self.address, self._settings):
            wire = Wire(self.address, _socket(host), context_for(self.address))
            try:
                await wire.dial()
            except BaseException as error:
                wire.close()
                if not isinstance(error, MySQLError) or not isinstance(error.__cause__, OSError):
                    raise
                failure = error
            else:
                return wire
        assert failure is not None
        raise failure

    async def _part(self, wire: Wire) -> None:
        if wire.unread:
            await self._abandon(wire)
            return
        try:
            async with asyncio.timeout(2):
                await wire.ensure_closed()
        except (OSError, MySQLError, TimeoutError):
            wire.close()

    async def _abandon(self, wire: Wire) -> None:
        """Have the server end what this connection runs: it would not notice that we hung up."""
        try:
            async with asyncio.timeout(self._settings.connect_seconds + 2):
                killer = await self._dial()
                try:
                    await killer.tell(f"KILL {wire.thread_id():d}")
                finally:
                    killer.close()
        except (OSError, MySQLError, TimeoutError, AssistantError) as error:
            if not (isinstance(error, MySQLError) and error.args[:1] == (UNKNOWN_THREAD,)):
                log.warning("a query could not be stopped", at=reach.place(self.address), reason=str(error))
        finally:
            wire.close()


async def _stream(wire: Wire, sql: str, limits: ReadLimits) -> Sheet:
    """Read row by row, no further than the limits; what is left unread ends with the connection."""
    fields = await wire.begin_rows(sql)
    if not fields:
        raise QueryFailed("The statement gave no rows: only a SELECT can be run.")
    columns, kinds = describe(fields)
    sheet = Sheet(columns, kinds, limits)
    batch: list[tuple[Any, ...]] = []
    weight = 0
    while (row := await wire.next_row()) is not None:
        batch.append(row)
        for cell in row:
            weight += len(cell) if isinstance(cell, str | bytes) else 8
        if len(batch) >= BATCH_ROWS or weight >= BATCH_BYTES or len(batch) > sheet.room:
            if not sheet.add(batch):
                await wire.next_row()  # with a LIMIT of one row more that was the last: the connection stays usable
                return sheet
            batch, weight = [], 0
    sheet.add(batch)
    return sheet


def _usable(wire: Wire) -> bool:
    return not wire.hung_up and not wire.unread


def _telling(wire: Wire, told: Mapping[str, str]) -> str:
    """The statement that tells a session who asks."""
    names = (f"@`{name.replace('`', '``')}` = {wire.escape(value)}" for name, value in told.items())
    return f"SET {', '.join(names)}"


async def _rolled_back(wire: Wire, stained: object) -> None:
    """End the transaction; with the session too, where something stays in it that a rollback keeps."""
    await wire.rollback()
    if stained:
        await wire.ensure_closed()


def _is_mariadb(wire: Wire) -> bool:
    return "mariadb" in wire.server_version.lower()


def _tells_checks(wire: Wire) -> bool:
    found = re.search(r"(\d+)\.(\d+)\.\d+-mariadb", wire.server_version.lower())
    return found is not None and (int(found[1]), int(found[2])) >= catalog.CHECKS_SINCE


def _version(said: str) -> str:
    found = re.search(r"\d+\.\d+\.\d+", said.removeprefix("5.5.5-"))
    name = "MariaDB" if "mariadb" in said.lower() else "MySQL"
    return f"{name} {found[0] if found else said}"


def _socket(host: str) -> str:
    """The socket file of a local server, given the file or its folder."""
    if not host.startswith("/") or not (folder := Path(host)).is_dir():
        return host
    found = (path for name in ("mysqld.sock", "mysql.sock") if (path := folder / name).exists())
    return str(next(found, folder / "mysqld.sock"))


def _privileges(grants: Sequence[str], database: str) -> tuple[str, ...]:
    """Rights beyond reading in lines of SHOW GRANTS, of all databases, this one, or its tables."""
    rights: set[str] = set()
    for grant in grants:
        found = _GRANT.match(grant)
        if found is None:
            continue  # a role: its own lines follow
        scope = found["on"].replace("`", "").replace("\\_", "_")
        if not database or scope == "*.*" or scope.split(".")[0] in (database, "%"):
            named = {
                re.sub(r"\s*\(.*?\)", "", right).strip().upper() for right in re.split(r",(?![^(]*\))", found["rights"])
            }
            rights |= {f"ALL PRIVILEGES ON {scope}" if right == "ALL PRIVILEGES" else right for right in named}
    return tuple(sorted(rights - _READS))


def _timed_out(seconds: float) -> QueryTimedOut:
    return QueryTimedOut(
        f"{QueryTimedOut.opening} {seconds:g} s and was stopped at the database. Try a shorter period or fewer tables."
    )


def _failure(error: MySQLError, seconds: float) -> AssistantError:
    """What the server's error means to a person."""
    code = error.args[0] if error.args else 0
    if code in TIMEOUTS:
        return _timed_out(seconds)
    if code == INTERRUPTED:
        return QueryFailed("Cancelled at the database.")
    said = str(error.args[1]) if len(error.args) > 1 else str(error)
    return QueryFailed(shorten(said if said.endswith(".") else f"{said}.", 1000))


def explain(error: Exception, address: Address, seconds: float) -> Unreached:
    """Put a failed log-in into words."""
    code = error.args[0] if isinstance(error, MySQLError) and error.args else 0
    known = {
        1045: reach.wrong_password,
        1698: reach.wrong_password,
        1044: reach.not_granted,
        1130: reach.not_granted,
        1049: reach.no_database,
        1040: reach.too_many,
        1203: reach.too_many,
        1226: reach.too_many,
        1053: reach.starting,
        3159: reach.needs_tls,
        4151: reach.wrong_password,
    }.get(code)
    if known is not None:
        return known(address)
    cause = error.__cause__ if isinstance(error, MySQLError) else error
    found = reach.from_network(cause, address, seconds) if cause is not None else None
    if found is not None:
        return found
    if isinstance(error, MySQLError) and isinstance(code, int) and code not in NO_SERVER:
        said = shorten(str(error.args[-1]), 300).rstrip(".")
        return Unreached(f"{reach.place(address)} refused: {said}", "Ask its administrator.", answers=True)
    return reach.other_server(address, "MySQL")
