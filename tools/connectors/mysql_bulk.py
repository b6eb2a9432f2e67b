"""Rows off the wire of MySQL without decoding them: the driver would spend most of a sync's time on that."""

from collections.abc import Callable, Coroutine
from typing import Any

from pymysql.err import raise_mysql_exception

from tools.connectors.base import Cells
from tools.connectors.mysql_wire import Wire
from tools.errors import QueryFailed

BLOCK_BYTES = 256_000
"""Lines are handed on in blocks of about this size."""
LONGEST_PACKET = 0xFFFFFF
NULL, TWO, THREE, EIGHT, ERROR, END = 0xFB, 0xFC, 0xFD, 0xFE, 0xFF, 0xFE
"""First bytes: of a value (NULL, or how many bytes its length has), and of a packet that is no row."""


async def pour_rows(
    wire: Wire, sql: str, line: Callable[[Cells], bytes], sink: Callable[[bytes], Coroutine[Any, Any, None]]
) -> None:
    """Run a SELECT and hand `line(cells)` of each row to `sink`, in blocks."""
    fields = await wire.begin_rows(sql)
    if not fields:
        raise QueryFailed("The statement gave no rows: only a SELECT can be run.")
    count, data, more = len(fields), b"", True
    lines: list[bytes] = []
    weight = 0
    while more:
        fresh = await wire.read_raw()
        data = data + fresh if data else fresh
        found, data, more = _rows(data, count)
        for cells in found:
            made = line(cells)
            lines.append(made)
            weight += len(made)
        if weight >= BLOCK_BYTES or not more:
            block, lines, weight = b"".join(lines), [], 0
            if block:
                await sink(block)
    wire.end_raw()


def _rows(data: bytes, count: int) -> tuple[list[Cells], bytes, bool]:
    """Split what has arrived into rows; gives them, what is left over, and whether more is to come."""
    rows: list[Cells] = []
    at, size = 0, len(data)
    while at + 4 < size:
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        start, end = at + 4, at + 4 + length
        if length == LONGEST_PACKET:
            whole = _joined(data, at)
            if whole is None:
                break
            packet, at = whole
            rows.append(_cells(packet, 0, count))
            continue
        if end > size:
            break
        first = data[start]
        if first == END and length < 9:
            return rows, b"", False
        if first == ERROR:
            raise_mysql_exception(data[start:end])
        rows.append(_cells(data, start, count))
        at = end
    return rows, data[at:], True


def _cells(data: bytes, at: int, count: int) -> Cells:
    cells: Cells = []
    for _ in range(count):
        length = data[at]
        at += 1
        if length == NULL:
            cells.append(None)
            continue
        if length > NULL:
            width = {TWO: 2, THREE: 3, EIGHT: 8}[length]
            length = int.from_bytes(data[at : at + width], "little")
            at += width
        cells.append(data[at : at + length])
        at += length
    return cells


def _joined(data: bytes, at: int) -> tuple[bytes, int] | None:
    """A row longer than one packet, put together, and where the next begins; None while part of it is to come."""
    parts = []
    while True:
        if at + 4 > len(data):
            return None
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        if at + 4 + length > len(data):
            return None
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
        if length < LONGEST_PACKET:
            return b"".join(parts), at
