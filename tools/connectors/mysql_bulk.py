"""Rows off the wire of MySQL without decoding them: the driver would spend most of a sync's time on that."""

from collections.abc import Callable, Coroutine, Sequence
from struct import Struct
from typing import Any

from pymysql.err import MySQLError, raise_mysql_exception

from tools.connectors.mysql_wire import Wire
from tools.errors import QueryFailed

BLOCK_BYTES = 256_000
"""Lines are made and handed on in blocks of about this size."""
LONGEST_PACKET = 0xFFFFFF
HEADER = 4
"""Bytes before each packet: three of its length, one of its number."""
SERVER_BYTES = 131_072
"""What the server is brought to send at once: by itself it sends 16 kB, and each piece costs both sides a call."""
NULL, TWO, THREE, EIGHT, ERROR, END = 0xFB, 0xFC, 0xFD, 0xFE, 0xFF, 0xFE
"""First bytes: of a value (NULL, or how many bytes its length has), and of a packet that is no row."""
WIDTHS = {TWO: 2, THREE: 3, EIGHT: 8}

_header = Struct("<I").unpack_from
_opening = Struct("<IB").unpack_from
"""The header of a packet, and its first byte."""


async def pour_rows(
    wire: Wire, sql: str, lines: Callable[[Sequence[bytes]], bytes], sink: Callable[[bytes], Coroutine[Any, Any, None]]
) -> None:
    """Run a SELECT and hand what `lines` makes of its rows to `sink`, in blocks."""
    await wire.tell(f"DO 0 -- {' ' * SERVER_BYTES}")  # its buffer stays as long as the longest statement it was sent
    fields = await wire.begin_rows(sql)
    if not fields:
        raise QueryFailed("The statement gave no rows: only a SELECT can be run.")
    rows: list[bytes] = []
    data, more, weight = b"", True, 0
    while more:
        weight -= len(data)
        data = await _further(wire, data)
        weight += len(data)
        try:
            found, data, more = _rows(data, len(fields))
        except MySQLError:
            wire.end_raw()  # nothing follows an error
            raise
        rows += found
        if rows and (weight >= BLOCK_BYTES or not more):
            block, rows, weight = lines(rows), [], 0
            await sink(block)
    wire.end_raw()


async def _further(wire: Wire, data: bytes) -> bytes:
    """What was left over and what comes behind it: of a packet that has begun all, so that it is joined but once."""
    end = 0
    while end + HEADER <= len(data):
        end += HEADER + (_header(data, end)[0] & LONGEST_PACKET)
    pieces, missing = [data], end - len(data)
    while True:
        pieces.append(await wire.read_raw())
        missing -= len(pieces[-1])
        if missing <= 0:
            return b"".join(pieces)


def _rows(data: bytes, count: int) -> tuple[list[bytes], bytes, bool]:
    """Split what has arrived into rows; gives them, what is left over, and whether more is to come."""
    rows: list[bytes] = []
    at, most = 0, len(data) - HEADER
    while at < most:
        length, first = _opening(data, at)
        length &= LONGEST_PACKET
        start = at + HEADER
        end = start + length
        if end > len(data):
            break
        if first == TWO and count == 1:
            rows.append(data[start + 3 : end])
        elif first < NULL and count == 1:
            rows.append(data[start + 1 : end])
        elif length == LONGEST_PACKET:
            whole = _joined(data, at)
            if whole is None:
                break
            packet, end = whole
            rows.append(_texts(packet, 0, count))
        elif first == END and length < WIDTHS[EIGHT] + 1:
            return rows, b"", False
        elif first == ERROR:
            raise_mysql_exception(data[start:end])
        else:
            rows.append(_texts(data, start, count))
        at = end
    return rows, data[at:], True


def _texts(data: bytes, at: int, count: int) -> bytes:
    """The values of a row, one behind the other."""
    texts: list[bytes] = []
    for _ in range(count):
        length = data[at]
        at += 1
        if length == NULL:
            raise _too_long()
        if length > NULL:
            width = WIDTHS[length]
            length = int.from_bytes(data[at : at + width], "little")
            at += width
        texts.append(data[at : at + length])
        at += length
    return b"".join(texts)


def _too_long() -> QueryFailed:
    """The only reason for a NULL: what is read gives none by itself."""
    return QueryFailed(
        "A row is longer than the database may put together (its max_allowed_packet). Raise that, or ignore the "
        "table's longest column in the sync plan."
    )


def _joined(data: bytes, at: int) -> tuple[bytes, int] | None:
    """A row longer than one packet, put together, and where the next begins; None while part of it is to come."""
    parts = []
    while True:
        if at + HEADER > len(data):
            return None
        length = _header(data, at)[0] & LONGEST_PACKET
        start = at + HEADER
        if start + length > len(data):
            return None
        parts.append(data[start : start + length])
        at = start + length
        if length < LONGEST_PACKET:
            return b"".join(parts), at
