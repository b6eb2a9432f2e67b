"""The wire to MySQL and MariaDB: aiomysql's connection with what a read must not have taken out."""

import ssl
from typing import Any

import aiomysql
from pymysql.constants import CLIENT, CR, FIELD_TYPE
from pymysql.err import OperationalError

from tools.connectors import reach
from tools.connectors.base import Address, ResultColumn, TypeFamily
from tools.connectors.cells import Kind, iso, number
from tools.connectors.lines import Ear, probe_silence

READ_BYTES = 262_144
BINARY = 63
"""The character set number of bytes."""


def _bits(value: bytes) -> int:
    return int.from_bytes(value, "big")


CONVERT: dict[int, Any] = {
    FIELD_TYPE.TINY: int,
    FIELD_TYPE.SHORT: int,
    FIELD_TYPE.INT24: int,
    FIELD_TYPE.LONG: int,
    FIELD_TYPE.LONGLONG: int,
    FIELD_TYPE.YEAR: int,
    FIELD_TYPE.FLOAT: float,
    FIELD_TYPE.DOUBLE: float,
    FIELD_TYPE.DECIMAL: number,
    FIELD_TYPE.NEWDECIMAL: number,
    FIELD_TYPE.DATETIME: iso,
    FIELD_TYPE.TIMESTAMP: iso,
    FIELD_TYPE.BIT: _bits,
}
"""Dates stay text: `0000-00-00` has no Python value."""

_KINDS: dict[int, tuple[TypeFamily, Kind]] = {
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.YEAR), ("number", "plain")),
    **dict.fromkeys((FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.BIT), ("number", "integer")),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), ("number", "float")),
    **dict.fromkeys((FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL), ("number", "number")),
    **dict.fromkeys((FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE), ("date", "plain")),
    **dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP), ("datetime", "plain")),
    FIELD_TYPE.TIME: ("time", "plain"),
    FIELD_TYPE.JSON: ("json", "text"),
    FIELD_TYPE.GEOMETRY: ("other", "any"),
    FIELD_TYPE.NULL: ("other", "plain"),
}
_TEXTS = frozenset(
    {
        FIELD_TYPE.VARCHAR,
        FIELD_TYPE.VAR_STRING,
        FIELD_TYPE.STRING,
        FIELD_TYPE.ENUM,
        FIELD_TYPE.SET,
        FIELD_TYPE.TINY_BLOB,
        FIELD_TYPE.BLOB,
        FIELD_TYPE.MEDIUM_BLOB,
        FIELD_TYPE.LONG_BLOB,
    }
)


class Wire(aiomysql.Connection):  # type: ignore[misc]  # aiomysql carries no types
    """One connection: one statement a query, no file leaves this machine, no password in the clear."""

    def __init__(self, address: Address, host: str, context: ssl.SSLContext | None) -> None:
        local = host.startswith("/")
        super().__init__(
            host="localhost" if local else host,
            port=address.port,
            unix_socket=host if local else None,
            user=address.username,
            # The driver encodes passwords as latin-1; servers expect the bytes of UTF-8
            password=address.password.get_secret_value().encode().decode("latin-1"),
            db=address.database or None,
            charset="utf8mb4",
            conv=CONVERT,
            ssl=context,
            autocommit=None,
            local_infile=False,
            program_name="tabletalk",
        )
        self._address = address
        self._context = context
        self.ear: Ear | None = None
        self.client_flag &= ~(CLIENT.MULTI_STATEMENTS | CLIENT.LOCAL_FILES)

    async def _request_authentication(self) -> None:
        """Log in; without TLS only where the address allows it."""
        if self._context is not None and not self.server_capabilities & CLIENT.SSL:
            if self._address.tls != "prefer":
                raise reach.no_tls(self._address)
            self._ssl_context = None
            self.client_flag &= ~CLIENT.SSL
        await super()._request_authentication()

    async def _process_auth(self, plugin_name: bytes, auth_packet: Any) -> Any:
        """Answer the server's choice of log-in, unless it asks for the bare password on an open line."""
        if plugin_name in (b"mysql_clear_password", b"mysql_old_password") and not self._secure:
            raise reach.Unreached(
                f"{reach.place(self._address)} asks for the password in the clear",
                "Choose TLS 'require', or another authentication plugin for the account.",
                answers=True,
            )
        return await super()._process_auth(plugin_name, auth_packet)

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement of our own and give all its rows."""
        async with self.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall())

    async def tell(self, sql: str) -> None:
        """Run a statement of our own that has no rows."""
        await self.query(sql)

    async def dial(self) -> None:
        """Connect and log in."""
        await self._connect()
        probe_silence(self._writer.get_extra_info("socket"))

    async def begin_rows(self, sql: str) -> list[Any]:
        """Run a statement without reading its rows; the fields of the result, empty when it has none."""
        await self.query(sql, unbuffered=True)
        return list(self._result.fields) if self.unread else []

    async def next_row(self) -> tuple[Any, ...] | None:
        """The next row of the statement begun; None after the last."""
        row: tuple[Any, ...] | None = await self._result._read_rowdata_packet_unbuffered()  # noqa: SLF001 - a cursor would ask for warnings too, in a round trip of its own
        return row

    async def read_raw(self) -> bytes:
        """The next bytes of the rows of the statement begun, as they come off the line."""
        data: bytes = await self._reader.read(READ_BYTES)
        if not data:
            raise OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
        return data

    def end_raw(self) -> None:
        """Take note that all rows have been read raw."""
        result: Any = self._result
        result.unbuffered_active = False
        result.connection = None

    @property
    def unread(self) -> bool:
        """True while rows of the last statement are still to come."""
        return self._result is not None and bool(self._result.unbuffered_active)

    @property
    def hung_up(self) -> bool:
        """True when either side has closed."""
        return bool(self.closed or self._reader.at_eof())


def describe(fields: list[Any]) -> tuple[list[ResultColumn], list[Kind]]:
    """The columns of a result and how to convert each."""
    columns, kinds = [], []
    for field in fields:
        family, kind = _KINDS.get(field.type_code, ("other", "any"))
        if field.type_code in _TEXTS:
            family, kind = ("binary", "binary") if field.charsetnr == BINARY else ("text", "text")
        columns.append(ResultColumn(name=field.name, family=family))
        kinds.append(kind)
    return columns, kinds
