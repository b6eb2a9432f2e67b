"""What keeps a reading statement from running away: recursion, generated rows, padding, unjoined tables, size."""

import difflib
import re
from collections.abc import Iterator
from datetime import datetime

from sqlglot import exp

from tools.connectors.base import Dialect
from tools.errors import QueryRejected
from tools.queries.allowed import PADDING_FUNCTIONS
from tools.queries.names import SET_OPERATIONS, fold

MOST_GENERATED = 1_000_000
"""Rows that generate_series may make, all calls of a statement multiplied."""
MOST_PADDING = 10_000
"""Characters that repeat, lpad, rpad and space may make."""
MOST_STEPS = 100_000
"""Steps that a counting recursive query may take."""
MOST_UNJOINED = 3
"""Tables that may stand in one FROM without anything that joins them."""

_SECONDS = {
    "microsecond": 1e-6, "millisecond": 1e-3, "second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600,
    "day": 86400, "week": 604800, "month": 2_629_800, "mon": 2_629_800, "quarter": 7_889_400, "year": 31_557_600,
}  # fmt: skip
_COMPARISONS = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_FORMAT_WIDTH = re.compile(r"%[-\d$]*\d{4,}")


def check_size(tree: exp.Expression, depth: int, joins: int) -> None:
    """Refuse a tree deeper than `depth` or with more than `joins` joins; a chain of one operator counts once."""
    found = sum(1 for _ in tree.find_all(exp.Join))
    if found > joins:
        raise QueryRejected(f"The query has {found} joins; at most {joins} are allowed. Ask for less at once.")
    waiting = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        if level > depth:
            raise QueryRejected(f"The query is nested deeper than {depth} levels; write it flatter, with WITH.")
        for key, value in node.args.items():
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, exp.Expression):
                    chain = (
                        key == "this" and type(item) is type(node) and isinstance(node, (exp.Binary, *SET_OPERATIONS))
                    )
                    waiting.append((item, level if chain else level + 1))


def check_calls(tree: exp.Expression, dialect: Dialect) -> None:
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


def _check_padding(call: exp.Expression, name: str, place: int) -> None:
    length = call.expressions[place] if len(call.expressions) > place else None
    if length is None:
        return
    nested = any(
        other.name.lower() in PADDING_FUNCTIONS for item in call.expressions for other in item.find_all(exp.Anonymous)
    )
    constant = _constant(length)
    largest = (
        constant if constant is not None else max((_number(item) for item in length.find_all(exp.Literal)), default=0)
    )
    if constant is None and length.find(exp.Pow, exp.BitwiseLeftShift):
        largest = MOST_PADDING + 1
    if nested or largest > MOST_PADDING:
        raise QueryRejected(f"{name} may make at most {MOST_PADDING:,} characters and not be nested; ask for fewer.")


def _check_format(call: exp.Expression) -> None:
    pattern = call.expressions[0] if call.expressions else None
    if isinstance(pattern, exp.Literal) and not _FORMAT_WIDTH.search(pattern.name) and "*" not in pattern.name:
        return
    raise QueryRejected("format needs a plain text as its pattern, with widths below 1,000; use concat or || instead.")


def _series_length(call: exp.Expression) -> float:
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


def _dated(call: exp.Expression) -> datetime | None:
    return next((found for item in call.find_all(exp.Literal) if (found := _date(item)) is not None), None)


def _point(node: exp.Expression) -> float | None:
    number = _constant(node)
    if number is not None:
        return number
    while isinstance(node, (exp.Cast, exp.Paren)):
        node = node.this
    if isinstance(node, exp.Literal):
        moment = _date(node)
        return (moment - datetime(1970, 1, 1)).total_seconds() if moment is not None else None
    return None


def _date(literal: exp.Expression) -> datetime | None:
    if not literal.is_string:
        return None
    try:
        return datetime.fromisoformat(literal.name.strip()).replace(tzinfo=None)
    except ValueError:
        return None


def _step(node: exp.Expression) -> float | None:
    number = _constant(node)
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


def _constant(node: exp.Expression) -> float | None:
    """The value of an expression of numbers only, None when it is none."""
    if isinstance(node, (exp.Paren, exp.Cast)):
        return _constant(node.this)
    if isinstance(node, exp.Neg):
        inner = _constant(node.this)
        return -inner if inner is not None else None
    if isinstance(node, exp.Literal):
        try:
            return float(node.name)
        except ValueError:
            return None
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Pow)):
        left, right = _constant(node.left), _constant(node.right)
        if left is None or right is None:
            return None
        try:
            return _reckon(node, left, right)
        except (OverflowError, ZeroDivisionError):
            return float("inf")
    return None


def _reckon(node: exp.Expression, left: float, right: float) -> float:
    if isinstance(node, exp.Add):
        return left + right
    if isinstance(node, exp.Sub):
        return left - right
    if isinstance(node, exp.Mul):
        return left * right
    return left / right if isinstance(node, exp.Div) else float(left**right)


def _number(literal: exp.Expression) -> float:
    try:
        return abs(float(literal.name))
    except ValueError:
        return 0.0


def check_joins(tree: exp.Expression, dialect: Dialect) -> None:
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


def check_recursion(tree: exp.Expression, dialect: Dialect) -> None:
    """Refuse WITH RECURSIVE that has no bound: no limit, no depth or range condition, no walk along a table."""
    for clause in tree.find_all(exp.With):
        if not clause.args.get("recursive"):
            continue
        for cte in clause.expressions:
            name = fold(cte.args["alias"].this, dialect)
            body = cte.this
            while isinstance(body, exp.Subquery):
                body = body.this
            if any(fold(table.this, dialect) == name for table in body.find_all(exp.Table) if _plain(table)):
                _check_recursive(tree, clause, cte, name, body, dialect)


def _plain(table: exp.Expression) -> bool:
    return isinstance(table.this, exp.Identifier) and table.args.get("db") is None


def _check_recursive(
    tree: exp.Expression, clause: exp.Expression, cte: exp.Expression, name: str, body: exp.Expression, dialect: Dialect
) -> None:
    if not isinstance(body, exp.Union):
        raise QueryRejected(f"The recursive query {name!r} needs a first part and a UNION ALL with the recursive part.")
    if body.args.get("limit") is not None or _read_lazily(clause, name, dialect):
        return
    branches = [branch for branch in _branches(body) if _reads(branch, name, dialect)]
    columns = [fold(column, dialect) for column in cte.args["alias"].args.get("columns") or ()]
    if not columns:
        first = next(iter(_branches(body)))
        columns = (
            [fold(item.alias_or_name, dialect) for item in first.expressions] if isinstance(first, exp.Select) else []
        )
    for branch in branches:
        if not isinstance(branch, exp.Select) or not _bounded(
            branch, name, columns, bool(clause.args.get("cycle")), dialect
        ):
            raise QueryRejected(
                f"The recursive query {name!r} has no bound; add a condition such as `WHERE depth < 20` to its recursive "
                "part, counting up by one."
            )


def _branches(body: exp.Expression) -> list[exp.Expression]:
    found: list[exp.Expression] = []
    while isinstance(body, SET_OPERATIONS):
        found.append(_bare(body.expression))
        body = _bare(body.this)
    return [body, *reversed(found)]


def _bare(node: exp.Expression) -> exp.Expression:
    while isinstance(node, (exp.Subquery, exp.Paren)):
        node = node.this
    return node


def _reads(node: exp.Expression, name: str, dialect: Dialect) -> bool:
    return any(_plain(table) and fold(table.this, dialect) == name for table in node.find_all(exp.Table))


def _read_lazily(clause: exp.Expression, name: str, dialect: Dialect) -> bool:
    """PostgreSQL stops a recursive query when the SELECT over it, plain and alone, has its LIMIT."""
    select = clause.parent
    if dialect != "postgres" or not isinstance(select, exp.Select) or select.args.get("limit") is None:
        return False
    source = select.args.get("from_")
    alone = source is not None and isinstance(source.this, exp.Table) and not select.args.get("joins")
    eager = any(select.args.get(part) for part in ("order", "group", "having", "distinct", "windows", "where"))
    if not alone or eager or fold(source.this.this, dialect) != name:
        return False
    limit = select.args["limit"]
    bound = _constant(limit.args["expression"]) if isinstance(limit, exp.Limit) else None
    plain = all(
        isinstance(item, (exp.Column, exp.Star, exp.Alias)) and not item.find(exp.Window, exp.Anonymous)
        for item in select.expressions
    )
    return plain and bound is not None and bound <= MOST_STEPS


def _bounded(branch: exp.Select, name: str, columns: list[str], cycle: bool, dialect: Dialect) -> bool:
    if branch.args.get("limit") is not None:
        return True
    labels, others = _labels(branch, name, dialect)
    conditions = [join.args["on"] for join in branch.args.get("joins") or () if join.args.get("on") is not None]
    if branch.args.get("where") is not None:
        conditions.append(branch.args["where"].this)
    terms = [term for condition in conditions for term in _conjuncts(condition)]
    if any(_counts(term, branch, labels, columns, dialect) for term in terms):
        return True
    if cycle and others:
        return True
    walk = [join for join in branch.args.get("joins") or () if join.args.get("using")]
    return bool(walk) or any(_walks(term, branch, labels, others, columns, dialect) for term in terms)


def _labels(branch: exp.Select, name: str, dialect: Dialect) -> tuple[set[str], set[str]]:
    """Aliases of the recursive table in a branch, and of everything else in its FROM."""
    labels: set[str] = set()
    others: set[str] = set()
    sources = [branch.args["from_"].this] if branch.args.get("from_") is not None else []
    sources += [join.this for join in branch.args.get("joins") or ()]
    for source in sources:
        own = isinstance(source, exp.Table) and _plain(source) and fold(source.this, dialect) == name
        real = isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
        (labels if own else others).add(fold(source.alias_or_name, dialect) if own or real else "")
    return labels, others - {""}


def _conjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, exp.Paren):
            waiting.append(current.this)
        elif isinstance(current, exp.And):
            waiting.extend((current.left, current.right))
        else:
            yield current


def _own(node: exp.Expression, labels: set[str], columns: list[str], dialect: Dialect) -> exp.Column | None:
    """The recursive table's column that an expression is built on."""
    for column in node.find_all(exp.Column):
        table = column.args.get("table")
        if table is not None and fold(table, dialect) in labels:
            return column
        if table is None and fold(column.this, dialect) in columns:
            return column
    return None


def _counts(term: exp.Expression, branch: exp.Select, labels: set[str], columns: list[str], dialect: Dialect) -> bool:
    """A comparison that the recursive column runs into: upward against a ceiling, downward against a floor."""
    if isinstance(term, exp.Between):
        term = exp.LTE(this=term.this.copy(), expression=term.args["high"].copy())
    if not isinstance(term, _COMPARISONS):
        return False
    left, right = _own(term.left, labels, columns, dialect), _own(term.right, labels, columns, dialect)
    if (left is None) == (right is None):
        return False
    column, limit = (left, term.right) if left is not None else (right, term.left)
    ceiling = isinstance(term, (exp.LT, exp.LTE)) == (left is not None)
    bound = _constant(limit)
    if bound is not None and abs(bound) > MOST_STEPS and len(str(int(abs(bound)))) != 8:  # 20261231 is a date
        return False
    assert column is not None
    name = fold(column.this, dialect)
    if name not in columns or columns.index(name) >= len(branch.expressions):
        return False
    grows = _direction(branch.expressions[columns.index(name)], labels, columns, name, dialect)
    return grows is not None and grows == ceiling


def _direction(item: exp.Expression, labels: set[str], columns: list[str], name: str, dialect: Dialect) -> bool | None:
    """True when a recursive column grows with each step, False when it shrinks, None when one cannot tell."""
    while isinstance(item, (exp.Alias, exp.Paren, exp.Cast)):
        item = item.this
    if isinstance(item, exp.Anonymous):
        called = item.name.lower()
        if (
            called in ("date_add", "adddate", "timestampadd", "addtime", "date_sub", "subdate", "add_months")
            and item.expressions
        ):
            amount = item.expressions[1] if len(item.expressions) > 1 else None
            positive = not (amount is not None and _negative(amount))
            return positive != (called in ("date_sub", "subdate"))
        if called in ("least", "greatest", "concat", "date", "date_trunc", "length", "coalesce"):
            return True if called in ("concat", "length") else _first_direction(item, labels, columns, name, dialect)
    if isinstance(item, (exp.Add, exp.Mul, exp.DPipe)):
        other = item.right if _own(item.left, labels, columns, dialect) is not None else item.left
        if isinstance(item, exp.Mul):
            factor = _constant(other)
            return factor is not None and factor > 1
        if isinstance(other, exp.Literal) and not other.is_string and float(other.name) == 0:
            return None
        return not _negative(other)
    if isinstance(item, exp.Sub):
        return _negative(item.right)
    if isinstance(item, (exp.Div, exp.IntDiv)):
        return False
    return None


def _first_direction(
    item: exp.Expression, labels: set[str], columns: list[str], name: str, dialect: Dialect
) -> bool | None:
    for part in item.expressions:
        if _own(part, labels, columns, dialect) is not None:
            return _direction(part, labels, columns, name, dialect)
    return None


def _negative(node: exp.Expression) -> bool:
    if isinstance(node, exp.Interval) and node.this is not None:
        return _negative(node.this)
    if isinstance(node, exp.Literal):
        return node.name.strip().startswith("-")
    return isinstance(node, exp.Neg)


def _walks(
    term: exp.Expression, branch: exp.Select, labels: set[str], others: set[str], columns: list[str], dialect: Dialect
) -> bool:
    """A step along a table: `child.parent_id = walk.id`, where the next `id` is not again the one compared."""
    if not isinstance(term, exp.EQ) or not others:
        return False
    sides = [side for side in (_bare(term.left), _bare(term.right)) if isinstance(side, exp.Column)]
    if len(sides) != 2:
        return False
    tables = [fold(side.args["table"], dialect) if side.args.get("table") is not None else "" for side in sides]
    own = next((side for side, table in zip(sides, tables, strict=True) if table in labels), None)
    if own is None:
        own = next(
            (
                side
                for side, table in zip(sides, tables, strict=True)
                if not table and fold(side.this, dialect) in columns
            ),
            None,
        )
    other = next((side for side in sides if side is not own), None)
    if own is None or other is None:
        return False
    name = fold(own.this, dialect)
    if name not in columns or columns.index(name) >= len(branch.expressions):
        return True
    following = branch.expressions[columns.index(name)]
    while isinstance(following, (exp.Alias, exp.Paren, exp.Cast)):
        following = following.this
    if not isinstance(following, exp.Column):
        return True
    same_column = fold(following.this, dialect) == fold(other.this, dialect)
    table = fold(following.args["table"], dialect) if following.args.get("table") is not None else ""
    stays = table in labels
    return not stays and not same_column


def nearest(name: str, known: frozenset[str]) -> str:
    """Words that suggest what was meant instead of `name`, or nothing."""
    near = difflib.get_close_matches(name, sorted(known), n=2, cutoff=0.75)
    return f"; did you mean {' or '.join(near)}?" if near else ""
