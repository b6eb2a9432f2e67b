"""The connector for PostgreSQL, on asyncpg."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from tools.connectors import postgres_catalog as catalog
from tools.connectors import reach
from tools.connectors.addresses import resolve
from tools.connectors.base import (
    Address,
    BulkReading,
    Dialect,
    Greeting,
    ReadLimits,
    Rows,
    TableSchema,
    literal,
    quoted,
)
from tools.connectors.cells import Sheet, shorten
from tools.connectors.lines import Ear, asked_elsewhere, probe_silence
from tools.connectors.opening import check_opening
from tools.connectors.pool import Handling, Pool
from tools.connectors.postgres_cells import Shape, set_codecs
from tools.connectors.reach import Unreached
from tools.connectors.tls import context_for
from tools.errors import AssistantError, QueryFailed, QueryTimedOut
from tools.settings import Settings

PINNED = {
    "standard_conforming_strings": "on",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_read_only": "on",
}
"""Settings of every session: what a text means must not depend on the role or the database."""
GRACE_SECONDS = 1.0
"""The server stops a statement by itself; so long after that we stop it from outside."""
FIRST_BATCH = 10
BATCH_BYTES = 4_000_000
SELECTS = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
TELL = (
    "SELECT pg_catalog.set_config(name, value, true) "
    "FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS told (name, value)"
)
END = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()"
"""Locks of the session are the one thing a read may leave that a rollback does not undo."""
DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    UnicodeDecodeError,
    OverflowError,
)
_LIMITED = re.compile(r"\bLIMIT\s+(\d{1,9})\s*$", re.IGNORECASE)


Wire: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass
class Session:
    """An open connection, and the statement that begins each transaction on it."""

    wire: Wire
    version: str
    schemas: tuple[str, ...]
    begin: str
    """A template with `%d` for the milliseconds a statement may take."""
    direct: bool
    """No pooler stands between us and the server: it knows the session by the number we know it by."""
    ear: Ear | None = None
    """What listens to it while it is lent."""


class PostgresConnector:
    """A pool to one PostgreSQL database; see base.Connector.

    Every statement runs by the extended protocol (one statement, whatever its text), in an explicit read-only
    transaction that a first query has sealed: SET TRANSACTION READ WRITE is refused from then on, and COMMIT
    inside a DO block too. The rollback undoes every SET. Prepared statements are not cached: names would break
    behind a pooler that hands a transaction to any server connection, and a cached plan breaks when a table changes.
    """

    dialect: Dialect = "postgres"

    def __init__(self, address: Address, settings: Settings) -> None:
        self.address = address
        self._settings = settings
        self.pool: Pool[Session] = Pool(
            Handling(open=self._open, usable=_usable, close=_close, abandon=_close), settings.pool_size
        )

    async def greet(self) -> Greeting:
        """Log in and say what is there: version, latency, what the account may do."""
        async with self._reading(self._settings.query_seconds) as session:
            started = time.perf_counter()
            await session.wire.fetchval("SELECT 1")
            latency = (time.perf_counter() - started) * 1000
            rights = await session.wire.fetchrow(catalog.PRIVILEGES)
        assert rights is not None
        privileges = tuple(rights["privileges"])
        reading_only = {"REPLICATION", "pg_read_server_files", "pg_signal_backend", "pg_checkpoint", "pg_maintain"}
        return Greeting(
            server_version=f"PostgreSQL {session.version.split()[0]}",
            latency_ms=round(latency, 2),
            can_write=rights["superuser"] or bool(set(privileges) - reading_only),
            is_superuser=rights["superuser"],
            privileges=privileges,
            schemas=session.schemas,
        )

    async def snapshot(self, schemas: Sequence[str] | None = None) -> tuple[TableSchema, ...]:
        """Read the shape of all tables and views of `schemas`, or of all the account can read."""
        async with self._reading(self._settings.query_seconds) as session:
            ask = session.wire.fetch
            await session.wire.execute("SET LOCAL jit = off")  # compiling costs more than these queries take
            tables = await ask(catalog.TABLES, list(schemas) if schemas is not None else None)
            oids = [table["oid"] for table in tables]
            columns = await ask(catalog.COLUMNS, oids)
            enums = await ask(catalog.ENUMS)
            constraints = await ask(catalog.CONSTRAINTS, oids)
            outside = {key[4] for key in constraints if key[4]} - set(oids)
            targets = await ask(catalog.TARGETS, list(outside)) if outside else []
            indexes = await ask(catalog.INDEXES, oids)
            partly = [table["oid"] for table in tables if not table["whole"]]
            readable = await ask(catalog.READABLE, partly) if partly else None
        return catalog.assemble(tables, columns, enums, constraints, indexes, targets, readable)

    async def fetch(self, sql: str, limits: ReadLimits, told: Mapping[str, str] | None = None) -> Rows:
        """Run one checked SELECT in a read-only session and give its rows; see base.Connector.fetch."""
        first = check_opening(sql, self.dialect)
        async with self._reading(limits.seconds) as session:
            await _tell(session, told)
            started = time.perf_counter()
            statement = await session.wire.prepare(sql, name="")
            shape = Shape(statement.get_attributes())
            sheet = Sheet(shape.columns, shape.kinds, limits)
            if _bounded(sql, limits.rows + 1) and not shape.nested:
                # Asked for all rows at once the server may use its parallel workers; a cursor gets none
                if shape.lengthy and first in SELECTS:
                    statement = await session.wire.prepare(shape.framed(sql, limits.cell_bytes), name="")
                sheet.add(await statement.fetch())
            else:
                await _read_in_batches(statement, sheet)
            return sheet.finish((time.perf_counter() - started) * 1000)

    async def estimate(self, sql: str, seconds: float, told: Mapping[str, str] | None = None) -> int | None:
        """The planner's row estimate for a checked SELECT; None when it gives none."""
        check_opening(sql, self.dialect)
        async with self._reading(seconds) as session:
            await _tell(session, told)
            plan = await session.wire.fetchval(f"EXPLAIN (FORMAT JSON) {sql}")
        rows = json.loads(plan)[0].get("Plan", {}).get("Plan Rows")
        return int(rows) if rows is not None else None

    async def pour(self, reading: BulkReading, sink: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """Hand whole tables to `sink` as the server's own COPY lines; see base.BulkReader."""
        check_opening(reading.sql, self.dialect)
        async with self._reading(reading.seconds) as session:
            assert session.ear is not None
            await session.wire.copy_from_query(reading.sql, output=session.ear.hearing(sink))

    async def withheld(self, schema: str, table: str) -> str | None:
        """Say why the account may not read a table that exists; see base.Withholder."""
        async with self._reading(self._settings.query_seconds) as session:
            enters = await session.wire.fetchval(catalog.WITHHELD, schema, table)
        if enters is None:
            return None
        return f"permission denied for table {table}" if enters else f"permission denied for schema {schema}"

    async def close(self) -> None:
        """Close the pool; a second call does nothing."""
        await self.pool.close()

    @asynccontextmanager
    async def _reading(self, seconds: float) -> AsyncIterator[Session]:
        """Lend a session inside a read-only transaction, roll it back, and put what fails into words."""
        clock = asyncio.get_running_loop().time
        started: float | None = None
        try:
            async with (
                asyncio.timeout(seconds + self._settings.connect_seconds) as deadline,
                self.pool.lease() as session,
                self._listening(session),
            ):
                started = clock()
                deadline.reschedule(started + seconds + GRACE_SECONDS)
                await session.wire.execute(session.begin % max(int(seconds * 1000), 1))
                try:
                    yield session
                except DRIVER_ERRORS as error:
                    if session.wire.is_closed():
                        raise reach.lost(self.address) from error
                    await session.wire.execute(END)
                    raise self._failure(error, clock() - started, seconds) from None
                except AssistantError:
                    await session.wire.execute(END)
                    raise
                await session.wire.execute(END)
        except TimeoutError:
            if started is None:
                raise QueryTimedOut(
                    f"All {self._settings.pool_size} connections to {reach.place(self.address)} stayed busy for "
                    f"{seconds:g} s. Try again when the running queries are done."
                ) from None
            raise _timed_out(seconds) from None
        except DRIVER_ERRORS as error:
            raise reach.lost(self.address) from error

    @asynccontextmanager
    async def _listening(self, session: Session) -> AsyncIterator[None]:
        """Hang up when the line falls silent while the server is not at work for it."""

        async def ask(other: Session) -> bool:
            process = session.wire.get_server_pid()
            return not session.direct or bool(await other.wire.fetchval(catalog.AT_WORK, process))

        async def at_work() -> bool:
            seconds = self._settings.connect_seconds
            return await asked_elsewhere(self._open, ask, lambda other: other.wire.terminate(), DRIVER_ERRORS, seconds)

        with Ear(self._settings.silence_seconds, at_work, session.wire.terminate) as session.ear:
            yield

    def _failure(self, error: Exception, elapsed: float, seconds: float) -> AssistantError:
        """What a driver's error during a statement means to a person."""
        if isinstance(error, asyncpg.QueryCanceledError):
            # The server says the same for a timeout and for an administrator's cancel, in its own language
            return _timed_out(seconds) if elapsed >= seconds * 0.9 else QueryFailed("Cancelled at the database.")
        if isinstance(error, asyncpg.PostgresError):
            return QueryFailed(_spell(error))
        return QueryFailed(f"A value of the result cannot be read ({error}). Cast the column to text.")

    async def _open(self) -> Session:
        """Connect within the time allowed, to an address that was checked; Unreached or NotAllowed."""
        seconds = self._settings.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                wire = await self._connect()
                try:
                    transport: Any = wire._transport  # type: ignore[attr-defined]  # noqa: SLF001 - the one way to it
                    probe_silence(transport.get_extra_info("socket"))
                    set_codecs(wire)
                    found = await wire.fetchrow(catalog.SETTINGS)
                except BaseException:
                    wire.terminate()
                    raise
        except Exception as error:
            if isinstance(error, AssistantError):
                raise
            raise explain(error, self.address, seconds) from None
        assert found is not None
        schemas = tuple(found["schemas"])
        path = dict.fromkeys(("pg_catalog", *found["path"], *schemas, "pg_temp"))
        direct = found["pid"] == wire.get_server_pid()
        return Session(wire, version=found["version"], schemas=schemas, begin=_begin(tuple(path)), direct=direct)

    async def _connect(self) -> Wire:
        """Try each address of the host in turn; the last failure stands for all."""
        failure: Exception | None = None
        for host in await resolve(self.address, self._settings):
            try:
                return await self._connect_to(host)
            except (OSError, TimeoutError) as error:
                failure = error
        assert failure is not None
        raise failure

    async def _connect_to(self, host: str) -> Wire:
        context = context_for(self.address)
        try:
            return await self._handshake(host, context)
        except (ConnectionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
            refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) or _tls_refused(error)
            if self.address.tls != "prefer" or context is None or not refused:
                raise
        return await self._handshake(host, None)

    async def _handshake(self, host: str, context: ssl.SSLContext | None) -> Wire:
        address = self.address
        arguments: dict[str, Any] = {
            "host": host,
            "port": address.port,
            "user": address.username,
            "password": address.password.get_secret_value(),
            "database": address.database,
            "ssl": context or False,
            "statement_cache_size": 0,
            "target_session_attrs": "any",
        }
        try:
            return await asyncpg.connect(**arguments, server_settings={"application_name": "tabletalk", **PINNED})
        except (asyncpg.ProtocolViolationError, asyncpg.FeatureNotSupportedError):
            # A pooler in between may refuse settings at the start; each transaction pins them anyway
            return await asyncpg.connect(**arguments)


def _begin(path: Sequence[str]) -> str:
    """The statement that opens a transaction, pins its settings, and by reading seals it as read-only."""
    pins = {**PINNED, "search_path": ", ".join(quoted(schema, "postgres") for schema in path)}
    told = ((literal(name, "postgres"), literal(value, "postgres")) for name, value in pins.items())
    calls = ", ".join(f"pg_catalog.set_config({name}, {value}, true)" for name, value in told)
    calls = calls.replace("%", "%%")
    return f"BEGIN TRANSACTION READ ONLY; SELECT {calls}, pg_catalog.set_config('statement_timeout', '%d', true)"


async def _tell(session: Session, told: Mapping[str, str] | None) -> None:
    """Tell the transaction who asks; what it was told ends with it."""
    if told:
        await session.wire.fetch(TELL, list(told), list(told.values()))


async def _read_in_batches(statement: "PreparedStatement[asyncpg.Record]", sheet: Sheet) -> None:
    """Read no further than the limits; the first rows tell how many may be asked for at once."""
    cursor = await statement.cursor()
    size, read, weight = min(FIRST_BATCH, sheet.room + 1), 0, 1
    while True:
        batch = await cursor.fetch(size)
        if not sheet.add(batch) or len(batch) < size:
            return
        read += len(batch)
        weight += sum(len(cell) for row in batch for cell in row if isinstance(cell, str | bytes))
        size = max(1, min(sheet.room + 1, BATCH_BYTES * read // weight))


def _bounded(sql: str, rows: int) -> bool:
    """True when the statement itself ends in a LIMIT within `rows` (a comment could fake one)."""
    found = _LIMITED.search(sql)
    return found is not None and int(found[1]) <= rows and "--" not in sql


def _usable(session: Session) -> bool:
    return not session.wire.is_closed()


async def _close(session: Session) -> None:
    """Close; a statement that still runs is first cancelled at the server."""
    try:
        await session.wire.close(timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        session.wire.terminate()


def _timed_out(seconds: float) -> QueryTimedOut:
    return QueryTimedOut(
        f"{QueryTimedOut.opening} {seconds:g} s and was stopped at the database. Try a shorter period or fewer tables."
    )


def _spell(error: asyncpg.PostgresError) -> str:
    """The server's reason, with its detail and hint, on one line."""
    parts = [error.message or type(error).__name__, error.detail, error.hint]
    text = " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part)
    return shorten(" ".join(text.split()), 1000)


def _tls_refused(error: Exception) -> bool:
    return "rejected SSL upgrade" in str(error)


_REASONS: tuple[tuple[type[Exception], Callable[[Address], Unreached]], ...] = (
    (asyncpg.InvalidPasswordError, reach.wrong_password),
    (asyncpg.InvalidCatalogNameError, reach.no_database),
    (asyncpg.InsufficientPrivilegeError, reach.not_granted),
    (asyncpg.TooManyConnectionsError, reach.too_many),
    (asyncpg.CannotConnectNowError, reach.starting),
)


def explain(error: Exception, address: Address, seconds: float) -> Unreached:
    """Put a failed log-in into words."""
    for kind, words in _REASONS:
        if isinstance(error, kind):
            return words(address)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return _unauthorised(error, address)
    if isinstance(error, ConnectionError) and _tls_refused(error):
        return reach.no_tls(address)
    if isinstance(error, asyncpg.ConnectionDoesNotExistError | asyncpg.ProtocolError):
        return reach.other_server(address, "PostgreSQL")
    if isinstance(error, asyncpg.PostgresError):
        said = shorten(_spell(error), 400).rstrip(".")
        return Unreached(f"{reach.place(address)} refused: {said}", "Ask its administrator.", answers=True)
    return reach.from_network(error, address, seconds) or reach.other_server(address, "PostgreSQL")


def _unauthorised(error: asyncpg.PostgresError, address: Address) -> Unreached:
    said = error.message or ""
    if "pg_hba.conf" in said and ("no encryption" in said or "SSL off" in said) and address.tls == "disable":
        return reach.needs_tls(address)
    if "pg_hba.conf" in said:
        return reach.not_granted(address)
    if f'"{address.username}"' in said:
        return reach.unknown_user(address)
    return reach.wrong_password(address)
