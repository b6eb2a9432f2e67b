"""What keeps a reading statement from running away: generated rows, padding, unjoined tables, size."""

import difflib
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlglot import exp

from tools.connectors.base import Dialect
from tools.errors import QueryRejected
from tools.queries.allowed import PADDING_FUNCTIONS
from tools.queries.labels import fold
from tools.queries.names import SET_OPERATIONS

MOST_GENERATED = 1_000_000
"""Rows that generate_series may make, all calls of a statement multiplied."""
MOST_PADDING = 10_000
"""Characters that repeat, lpad, rpad and space may make."""
MOST_UNJOINED = 3
"""Tables that may stand in one FROM without anything that joins them."""

_SECONDS = {
    "microsecond": 1e-6, "millisecond": 1e-3, "second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600,
    "day": 86400, "week": 604800, "month": 2_629_800, "mon": 2_629_800, "quarter": 7_889_400, "year": 31_557_600,
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT_WIDTH = re.compile(r"%[-\d$]*\d{4,}")


def check_size(tree: exp.Expr, depth: int, joins: int) -> None:
    """Refuse a tree deeper than `depth` or with more than `joins` joins; a chain of one operator counts once."""
    found = 0
    waiting = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        if level > depth:
            raise QueryRejected(f"The query is nested deeper than {depth} levels; write it flatter, with WITH.")
        found += isinstance(node, exp.Join)
        chained = type(node) if isinstance(node, (exp.Binary, *SET_OPERATIONS)) else None
        for key, value in node.args.items():
            if isinstance(value, exp.Expr):
                waiting.append((value, level if key == "this" and type(value) is chained else level + 1))
            elif isinstance(value, list):
                waiting.extend((item, level + 1) for item in value if isinstance(item, exp.Expr))
    if found > joins:
        raise QueryRejected(f"The query has {found} joins; at most {joins} are allowed. Ask for less at once.")


def check_calls(tree: exp.Expr, dialect: Dialect) -> None:
    """Refuse calls that make huge texts or endless rows out of nothing."""
    product = 1.0
    for call in tree.find_all(exp.Anonymous):
        name = call.name.lower()
        if name in PADDING_FUNCTIONS:
            _check_padding(call, name, PADDING_FUNCTIONS[name])
        elif name == "format" and dialect == "postgres":
            _check_format(call)
        elif name == "generate_series":
            product *= max(_series_length(call), 1.0)
            if product > MOST_GENERATED:
                raise QueryRejected(
                    f"generate_series would make about {product:.0e} rows; at most {MOST_GENERATED:,} are allowed. "
                    "Narrow the range or widen the step."
                )


def _check_padding(call: exp.Expr, name: str, place: int) -> None:
    length = call.expressions[place] if len(call.expressions) > place else None
    if length is None:
        return
    nested = any(
        other.name.lower() in PADDING_FUNCTIONS for item in call.expressions for other in item.find_all(exp.Anonymous)
    )
    fixed = constant(length)
    largest = fixed if fixed is not None else max((_number(item) for item in length.find_all(exp.Literal)), default=0)
    if fixed is None and length.find(exp.Pow, exp.BitwiseLeftShift):
        largest = MOST_PADDING + 1
    if nested or largest > MOST_PADDING:
        raise QueryRejected(f"{name} may make at most {MOST_PADDING:,} characters and not be nested; ask for fewer.")


def _check_format(call: exp.Expr) -> None:
    pattern = call.expressions[0] if call.expressions else None
    if isinstance(pattern, exp.Literal) and not _FORMAT_WIDTH.search(pattern.name) and "*" not in pattern.name:
        return
    raise QueryRejected("format needs a plain text as its pattern, with widths below 1,000; use concat or || instead.")


def _series_length(call: exp.Expr) -> float:
    """How many rows a generate_series of constants makes; 1 where it depends on data."""
    if len(call.expressions) < 2:
        return 1.0
    start, stop = (_point(item) for item in call.expressions[:2])
    step = _step(call.expressions[2]) if len(call.expressions) > 2 else 1.0
    if step == 0:
        raise QueryRejected("generate_series with a step of zero never ends; give it a positive step.")
    if start is None or stop is None or step is None:
        loose = [abs(value) for value in (start, stop) if value is not None]
        literal = max((_number(item) for item in call.find_all(exp.Literal)), default=0.0)
        return max([1.0, *([] if isinstance(_dated(call), datetime) else loose), literal if step == 1.0 else 1.0])
    return abs(stop - start) / abs(step) + 1


def _dated(call: exp.Expr) -> datetime | None:
    return next((found for item in call.find_all(exp.Literal) if (found := _date(item)) is not None), None)


def _point(node: exp.Expr) -> float | None:
    number = constant(node)
    if number is not None:
        return number
    while isinstance(node, (exp.Cast, exp.Paren)):
        node = node.this
    if isinstance(node, exp.Literal):
        moment = _date(node)
        return (moment - _EPOCH).total_seconds() if moment is not None else None
    return None


def _date(literal: exp.Expr) -> datetime | None:
    if not literal.is_string:
        return None
    try:
        return datetime.fromisoformat(literal.name.strip()).replace(tzinfo=UTC)
    except ValueError:
        return None


def _step(node: exp.Expr) -> float | None:
    number = constant(node)
    if number is not None:
        return number
    while isinstance(node, (exp.Cast, exp.Paren)):
        node = node.this
    text = node.this.name if isinstance(node, exp.Interval) and isinstance(node.this, exp.Literal) else ""
    if isinstance(node, exp.Interval) and node.args.get("unit") is not None:
        text = f"{text} {node.args['unit'].name}"
    if isinstance(node, exp.Literal) and node.is_string:
        text = node.name
    if not text:
        return None
    clock = re.fullmatch(r"\s*(\d+):(\d+)(?::(\d+(?:\.\d+)?))?\s*", text)
    if clock:
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3] or 0)
    parts = re.findall(r"(-?\d+(?:\.\d+)?)\s*([a-zA-Z]+)", text)
    total = 0.0
    for amount, unit in parts:
        seconds = _SECONDS.get(unit.lower().removesuffix("s"))
        if seconds is None:
            return None
        total += float(amount) * seconds
    return total if parts else None


def constant(node: exp.Expr) -> float | None:
    """The value of an expression of numbers only, None when it is none."""
    if isinstance(node, (exp.Paren, exp.Cast)):
        return constant(node.this)
    if isinstance(node, exp.Neg):
        inner = constant(node.this)
        return -inner if inner is not None else None
    if isinstance(node, exp.Literal):
        try:
            return float(node.name)
        except ValueError:
            return None
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Pow)):
        left, right = constant(node.left), constant(node.right)
        if left is None or right is None:
            return None
        try:
            return _reckon(node, left, right)
        except (OverflowError, ZeroDivisionError):
            return float("inf")
    return None


def _reckon(node: exp.Expr, left: float, right: float) -> float:
    if isinstance(node, exp.Add):
        return left + right
    if isinstance(node, exp.Sub):
        return left - right
    if isinstance(node, exp.Mul):
        return left * right
    return left / right if isinstance(node, exp.Div) else float(left**right)


def _number(literal: exp.Expr) -> float:
    try:
        return abs(float(literal.name))
    except ValueError:
        return 0.0


def check_joins(tree: exp.Expr, dialect: Dialect) -> None:
    """Refuse a FROM that multiplies more than MOST_UNJOINED tables with nothing to join them."""
    for select in tree.find_all(exp.Select):
        groups = list(_groups(select, dialect))
        if len(groups) > MOST_UNJOINED:
            names = ", ".join(sorted(min(group) for group in groups))
            raise QueryRejected(
                f"{len(groups)} tables are multiplied with each other and nothing joins them ({names}); "
                "join each by a key with ON or USING."
            )


def _groups(select: exp.Select, dialect: Dialect) -> Iterator[set[str]]:
    """The real tables of one FROM, grouped by what joins them."""
    nodes = [select.args["from_"].this] if select.args.get("from_") is not None else []
    joins = list(select.args.get("joins") or ())
    groups: list[set[str]] = []
    tied: list[set[str]] = []
    for node in [*nodes, *(join.this for join in joins)]:
        name = fold(node.alias_or_name, dialect)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            groups.append({name})
    for join in joins:
        if join.args.get("using") or (join.args.get("method") or "").upper() == "NATURAL":
            tied.append({fold(node.alias_or_name, dialect) for node in [*nodes, join.this]})
        nodes.append(join.this)
    conditions = [join.args["on"] for join in joins if join.args.get("on") is not None]
    if select.args.get("where") is not None:
        conditions.append(select.args["where"].this)
    for condition in conditions:
        columns = list(condition.find_all(exp.Column))
        mentioned = {fold(column.args["table"], dialect) for column in columns if column.args.get("table") is not None}
        if any(column.args.get("table") is None for column in columns):
            mentioned |= {next(iter(group)) for group in groups}  # bare names: give the benefit of the doubt
        tied.append(mentioned)
    for tie in tied:
        joined = [group for group in groups if group & tie]
        groups = [group for group in groups if not group & tie]
        if joined:
            groups.append(set().union(*joined))
    yield from groups


def nearest(name: str, known: frozenset[str]) -> str:
    """Words that suggest what was meant instead of `name`, or nothing."""
    near = difflib.get_close_matches(name, sorted(known), n=2, cutoff=0.75)
    return f"; did you mean {' or '.join(near)}?" if near else ""
