"""From a driver's values to the JSON-able cells of Rows, a column at a time, within the byte caps."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

from tools.connectors.base import ReadLimits, ResultColumn, Rows

EXACT = 2**53
"""Integers up to here survive JSON readers that know only floats."""

Kind = Literal["plain", "float", "integer", "number", "text", "binary", "any"]
"""How a column's values become cells: `plain` and `number` are cells already, `any` may be whatever a driver makes."""


def number(text: str) -> int | float | str:
    """Turn a decimal's text into a number, or leave it as text where a float would change it.

    Digits past the sixth decimal do not count: they come from a division or an average, and a person wants
    those as numbers too.
    """
    if "." not in text and "e" not in text:
        try:
            value = int(text)
        except ValueError:
            return text  # NaN, Infinity
        return value if -EXACT <= value <= EXACT else text
    near = float(text)
    if len(text) <= 16 or Decimal(repr(near)) == (exact := Decimal(text)):
        return near if math.isfinite(near) else text
    scale = -int(exact.as_tuple().exponent)
    return near if scale > 6 and abs(Decimal(repr(near)) - exact) < Decimal("0.0000005") else text


def iso(text: str) -> str:
    """Turn `2026-11-21 10:00:00+00`, a server's spelling, into ISO 8601; other text stays."""
    if len(text) < 19 or text[10] != " " or text.endswith("BC"):
        return text
    joined = f"{text[:10]}T{text[11:]}"
    return f"{joined}:00" if joined[-3] in "+-" else joined


def shorten(text: str, cap: int) -> str:
    """Cut `text` to `cap` bytes of UTF-8, the cut marked by an ellipsis."""
    if len(text) * 4 <= cap or len(text.encode(errors="replace")) <= cap:
        return text
    return text.encode(errors="replace")[: cap - 3].decode(errors="ignore") + "…"


def _texts(values: Sequence[Any], cap: int) -> Sequence[Any]:
    if max((len(value) for value in values if value is not None), default=0) * 4 <= cap:
        return values
    return [None if value is None else shorten(value, cap) for value in values]


def _integers(values: Sequence[Any], _: int) -> Sequence[Any]:
    if all(value is None or -EXACT <= value <= EXACT for value in values):
        return values
    return [value if value is None or -EXACT <= value <= EXACT else str(value) for value in values]


def _floats(values: Sequence[Any], _: int) -> Sequence[Any]:
    if all(value is None or math.isfinite(value) for value in values):
        return values
    return [value if value is None or math.isfinite(value) else _spelled(value) for value in values]


def _spelled(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _binaries(values: Sequence[Any], cap: int) -> Sequence[Any]:
    return [None if value is None else _hex(value, cap) for value in values]


def _hex(value: bytes, cap: int) -> str:
    room = max((cap - 5) // 2, 1)
    return f"0x{value[:room].hex()}…" if len(value) * 2 + 2 > cap else f"0x{value.hex()}"


def _anything(values: Sequence[Any], cap: int) -> Sequence[Any]:
    return [_any(value, cap) for value in values]


def _any(value: Any, cap: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return (_integers if isinstance(value, int) else _floats)((value,), cap)[0]
    if isinstance(value, Decimal):
        return number(str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return _hex(bytes(value), cap)
    if not isinstance(value, str):
        value = json.dumps(_plain(value), ensure_ascii=False) if _nested(value) else str(value)
    return shorten(value, cap)


def _nested(value: Any) -> bool:
    return isinstance(value, list | tuple | dict) or hasattr(value, "items")


def _plain(value: Any) -> Any:
    """Lists, tuples and records down to what JSON knows."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


_CONVERT: dict[Kind, Callable[[Sequence[Any], int], Sequence[Any]]] = {
    "plain": lambda values, _: values,
    "number": lambda values, _: values,
    "float": _floats,
    "integer": _integers,
    "text": _texts,
    "binary": _binaries,
    "any": _anything,
}


def _weight(cells: Iterable[Any]) -> int:
    """Bytes that a column's cells take, roughly: text in UTF-8, anything else as eight."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    return len("".join(texts).encode(errors="replace"))


class Sheet:
    """Takes raw rows batch by batch and keeps what fits the limits."""

    def __init__(self, columns: Sequence[ResultColumn], kinds: Sequence[Kind], limits: ReadLimits) -> None:
        self.columns = tuple(columns)
        self._kinds = kinds
        self._limits = limits
        self.rows: list[tuple[Any, ...]] = []
        self.truncated = False
        self._bytes = 0

    @property
    def room(self) -> int:
        """Rows that may still come."""
        return self._limits.rows - len(self.rows)

    def add(self, records: Sequence[Iterable[Any]]) -> bool:
        """Take a batch; False, and `truncated`, once no more fits."""
        if len(records) > self.room:
            records = records[: self.room]
            self.truncated = True
        if not records:
            return not self.truncated
        cap = self._limits.cell_bytes
        columns = [
            _CONVERT[kind](values, cap) for kind, values in zip(self._kinds, zip(*records, strict=True), strict=True)
        ]
        rows = list(zip(*columns, strict=True)) if columns else [()] * len(records)
        weight = sum(_weight(column) for column in columns) + 8 * len(columns) * len(rows)
        if self._bytes + weight > self._limits.total_bytes:
            self._fill(rows)
            return False
        self._bytes += weight
        self.rows += rows
        return not self.truncated

    def _fill(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Take the rows that still fit, at least one if there is none yet."""
        self.truncated = True
        for row in rows:
            self._bytes += _weight(row) + 8 * len(row)
            if self._bytes > self._limits.total_bytes and self.rows:
                return
            self.rows.append(row)

    def finish(self, milliseconds: float) -> Rows:
        """Give the rows taken; built without another validation of every cell."""
        return Rows.model_construct(
            columns=self.columns, rows=tuple(self.rows), truncated=self.truncated, milliseconds=milliseconds
        )
