"""Whether two results say the same: columns in any order, rows in any order unless the question asks for one."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import sqlglot
from sqlglot import exp

from tools.connectors.base import Dialect, Frozen

TOLERANCE = 1e-6
ARRANGEMENTS = 500
"""Ways to match up columns that are tried: many columns of equal values have very many."""

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]00:00:00(\.0+)?(Z|[+-]00:00)?")

Cell = str | float | None
Row = tuple[Cell, ...]


class Table(Frozen):
    """A result as the comparison sees it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Verdict(Frozen):
    """What the comparison found."""

    right: bool
    """Same columns, same rows, same order where order counts."""
    extra_columns: int = 0
    """Columns the answer has beyond the gold's, when all of the gold's are there with the same rows."""
    difference: str = ""
    """In words, empty when right."""


def order_of(sql: str, dialect: Dialect) -> tuple[int, ...] | None:
    """Result columns by whose values the outermost statement sorts; None when it sorts by nothing.

    Rows that tie on them may stand in any order. Empty when it sorts by what the result does not show:
    then the rows' own order is all there is to go by.
    """
    tree = sqlglot.parse_one(sql, read=dialect)
    if not isinstance(tree, exp.Query) or tree.args.get("order") is None:
        return None
    shown: dict[str, int] = {}
    for position, item in enumerate(tree.selects):
        shown[item.unalias().sql().lower()] = shown[item.alias_or_name.lower()] = position
    places = []
    for key in tree.args["order"].expressions:
        by = key.this
        place: int | None = (
            int(by.this) - 1 if isinstance(by, exp.Literal) and by.is_int else shown.get(by.sql().lower())
        )
        if place is None:
            return ()
        places.append(place)
    return tuple(places)


def compare(gold: Table, answer: Table, order: tuple[int, ...] | None = None) -> Verdict:
    """Compare two results, rows in the gold's `order` (see order_of) where there is one.

    Numbers are equal to 1e-6, a date equals its midnight, trailing blanks do not count.
    """
    wanted, given = [_row(row) for row in gold.rows], [_row(row) for row in answer.rows]
    missing = len(gold.columns) - len(answer.columns)
    if missing > 0:
        return Verdict(right=False, difference=f"{missing} of {len(gold.columns)} columns missing")
    if len(wanted) != len(given):
        return Verdict(right=False, difference=f"{len(given)} rows instead of {len(wanted)}")
    in_other_order = False
    for columns in _arrangements(wanted, given, len(gold.columns), len(answer.columns)):
        arranged = [tuple(row[place] for place in columns) for row in given]
        if not _same_rows(wanted, arranged):
            continue
        if order is not None and not _same_order(wanted, arranged, order):
            in_other_order = True
            continue
        extra = -missing
        noun = "column" if extra == 1 else "columns"
        return Verdict(right=not extra, extra_columns=extra, difference=f"{extra} extra {noun}" if extra else "")
    return Verdict(right=False, difference="rows in another order" if in_other_order else _different(wanted, given))


def _row(row: Sequence[Any]) -> Row:
    return tuple(_cell(value) for value in row)


def _cell(value: Any) -> Cell:
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return float(value)
    text = str(value).rstrip()
    # Exact decimals come as text; a number and its text are the same answer.
    if len(text) < 40 and NUMBER.fullmatch(text) and not (text.startswith("0") and text[1:2].isdigit()):
        return float(text)
    midnight = MIDNIGHT.fullmatch(text)
    return midnight.group(1) if midnight else text


def _arrangements(wanted: list[Row], given: list[Row], width: int, available: int) -> Iterator[tuple[int, ...]]:
    """Ways to give each gold column a column of the answer that holds the same values."""
    gold = [_column(wanted, place) for place in range(width)]
    have = [_column(given, place) for place in range(available)]
    options = [[place for place in range(available) if _alike(gold[wish], have[place])] for wish in range(width)]
    yield from islice(_assign(options, ()), ARRANGEMENTS)


def _assign(options: list[list[int]], taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(taken) == len(options):
        yield taken
        return
    for place in options[len(taken)]:
        if place not in taken:
            yield from _assign(options, (*taken, place))


def _column(rows: list[Row], place: int) -> list[Cell]:
    return sorted((row[place] for row in rows), key=_rank)


def _alike(one: Sequence[Cell], other: Sequence[Cell]) -> bool:
    return len(one) == len(other) and all(map(_equal, one, other))


def _equal(one: Cell, other: Cell) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return one == other


def _rank(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return 0, 0.0, ""
    return (1, cell, "") if isinstance(cell, float) else (2, 0.0, cell)


def _rounded(row: Row) -> Row:
    return tuple(float(f"{cell:.7g}") if isinstance(cell, float) else cell for cell in row)


def _same_rows(wanted: list[Row], given: list[Row]) -> bool:
    left, right = Counter(wanted), Counter(given)
    if left == right:
        return True
    # What is left over may still be equal within the tolerance.
    rest, others = list((left - right).elements()), list((right - left).elements())
    rest.sort(key=lambda row: [_rank(cell) for cell in _rounded(row)])
    others.sort(key=lambda row: [_rank(cell) for cell in _rounded(row)])
    return len(rest) == len(others) and all(map(_alike, rest, others))


def _same_order(wanted: list[Row], given: list[Row], by: tuple[int, ...]) -> bool:
    places = by or range(len(wanted[0]) if wanted else 0)
    return all(_equal(one[place], other[place]) for one, other in zip(wanted, given, strict=True) for place in places)


def _different(wanted: list[Row], given: list[Row]) -> str:
    if not wanted:
        return "other columns"
    left = Counter(tuple(sorted(_rounded(row), key=_rank)) for row in wanted)
    right = Counter(tuple(sorted(_rounded(row), key=_rank)) for row in given)
    wrong = sum((left - right).values())
    return f"{wrong} of {len(wanted)} rows differ" if wrong else "values stand in other rows"
