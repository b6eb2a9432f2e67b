"""Which picture a result asks for, as a small declarative spec; never code."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from tools.connectors.base import Frozen, ResultColumn

MOST_BARS = 50
"""More categories than that are a table, not a picture."""
MOST_LINES = 5
"""More kinds than that make lines that nobody can tell apart."""
TOP = 10
"""Bars shown; the table has them all."""
LONG_LABEL = 12
"""Labels longer than that many letters lie better beside horizontal bars."""

_PERIOD_NAME = re.compile(r"(^|_|\b)(date|day|week|month|quarter|year|hour|period)s?(_|\b|$)", re.IGNORECASE)
_PERIOD_VALUE = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ]\d{2}:\d{2}.*)?)?|-?Q[1-4]|-?W\d{2})?")
_IDENTIFIER = re.compile(r"(^|_|\b)(id|uuid|key|code|zip|no|number|nr|phone)$", re.IGNORECASE)


class ChartSpec(Frozen):
    """A picture of a result; `x` and `y` name its columns."""

    kind: Literal["figure", "line", "bar"]
    x: str | None = None
    y: tuple[str, ...]
    horizontal: bool = False
    top: int | None = None
    """Only so many rows are drawn; None: all."""
    split: str | None = None
    """A column that tells lines apart: one for each of its values."""


def suggest(columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]]) -> ChartSpec | None:
    """Choose a picture by the shape: one number a figure, a time series a line, categories bars; else None."""
    if not rows or len({column.name for column in columns}) < len(columns):
        return None
    periods = [place for place, column in enumerate(columns) if _is_period(column, [row[place] for row in rows])]
    numbers = [
        place
        for place, column in enumerate(columns)
        if place not in periods and column.family == "number" and not _IDENTIFIER.search(column.name)
    ]
    if len(rows) == 1:
        alone = len(columns) == 1 and columns[0].family == "number" and rows[0][0] is not None
        return ChartSpec(kind="figure", y=(columns[0].name,)) if alone else None
    labels = [place for place in range(len(columns)) if place not in numbers and place not in periods]
    if len(periods) == 1 and numbers and not labels and len(rows) >= 3 and _distinct(rows, periods[0]):
        return ChartSpec(kind="line", x=columns[periods[0]].name, y=_names(columns, numbers[:3]))
    if (lines := _lines(columns, rows, periods, labels, numbers)) is not None:
        return lines
    return _bars(columns, rows, labels or periods, numbers)


def _lines(
    columns: Sequence[ResultColumn],
    rows: Sequence[Sequence[Any]],
    periods: Sequence[int],
    labels: Sequence[int],
    numbers: Sequence[int],
) -> ChartSpec | None:
    """One number by time and a few kinds: a line for each kind."""
    if (len(periods), len(labels), len(numbers)) != (1, 1, 1):
        return None
    when, kind = periods[0], labels[0]
    times, kinds = {str(row[when]) for row in rows}, {str(row[kind]) for row in rows}
    once = len({(str(row[when]), str(row[kind])) for row in rows}) == len(rows)
    if not once or len(times) < 3 or not 2 <= len(kinds) <= MOST_LINES:
        return None
    return ChartSpec(kind="line", x=columns[when].name, y=_names(columns, numbers), split=columns[kind].name)


def _bars(
    columns: Sequence[ResultColumn], rows: Sequence[Sequence[Any]], labels: Sequence[int], numbers: Sequence[int]
) -> ChartSpec | None:
    if not numbers or not labels or len(rows) > MOST_BARS:
        return None
    named = [place for place in labels if not _IDENTIFIER.search(columns[place].name)]
    label = next((place for place in named if _distinct(rows, place)), None)
    if label is None or len(named) > 2 or columns[label].family not in ("text", "bool", "date", "other"):
        return None
    longest = max(len(str(row[label])) for row in rows)
    return ChartSpec(
        kind="bar",
        x=columns[label].name,
        y=_names(columns, numbers[:1]),
        horizontal=longest > LONG_LABEL,
        top=TOP if len(rows) > TOP else None,
    )


def _is_period(column: ResultColumn, values: Sequence[Any]) -> bool:
    if column.family in ("date", "datetime"):
        return True
    if not _PERIOD_NAME.search(column.name):
        return False
    present = [value for value in values if value is not None]
    return bool(present) and all(_PERIOD_VALUE.fullmatch(str(value)) or _small(value) for value in present)


def _small(value: Any) -> bool:
    """A month, a week or an hour as a number."""
    return isinstance(value, int) and 0 <= value <= 53


def _distinct(rows: Sequence[Sequence[Any]], place: int) -> bool:
    return len({str(row[place]) for row in rows}) == len(rows)


def _names(columns: Sequence[ResultColumn], places: Sequence[int]) -> tuple[str, ...]:
    return tuple(columns[place].name for place in places)
