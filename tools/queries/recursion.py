"""Which recursive queries end: those with a limit, a counter that meets its bound, or a table to walk along."""

from collections.abc import Iterator

from sqlglot import exp

from tools.connectors.base import Dialect
from tools.errors import QueryRejected
from tools.queries.bounds import constant
from tools.queries.labels import fold
from tools.queries.names import SET_OPERATIONS

MOST_STEPS = 100_000
"""Steps that a counting recursive query may take."""

_COMPARISONS = (exp.LT, exp.LTE, exp.GT, exp.GTE)


def check_recursion(tree: exp.Expr, dialect: Dialect) -> None:
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
                _check_recursive(clause, cte, name, body, dialect)


def _plain(table: exp.Expr) -> bool:
    return isinstance(table.this, exp.Identifier) and table.args.get("db") is None


def _check_recursive(clause: exp.Expr, cte: exp.Expr, name: str, body: exp.Expr, dialect: Dialect) -> None:
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
                f"The recursive query {name!r} has no bound; add a condition such as `WHERE depth < 20` to "
                "its recursive part, counting up by one."
            )


def _branches(body: exp.Expr) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    while isinstance(body, SET_OPERATIONS):
        found.append(_bare(body.expression))
        body = _bare(body.this)
    return [body, *reversed(found)]


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, (exp.Subquery, exp.Paren)):
        node = node.this
    return node


def _reads(node: exp.Expr, name: str, dialect: Dialect) -> bool:
    return any(_plain(table) and fold(table.this, dialect) == name for table in node.find_all(exp.Table))


def _read_lazily(clause: exp.Expr, name: str, dialect: Dialect) -> bool:
    """PostgreSQL stops a recursive query when the SELECT over it, plain and alone, has its LIMIT."""
    select = clause.parent
    if dialect != "postgres" or not isinstance(select, exp.Select) or select.args.get("limit") is None:
        return False
    source = select.args.get("from_")
    alone = isinstance(source, exp.From) and isinstance(source.this, exp.Table) and not select.args.get("joins")
    eager = any(select.args.get(part) for part in ("order", "group", "having", "distinct", "windows", "where"))
    if source is None or not alone or eager or fold(source.this.this, dialect) != name:
        return False
    limit = select.args["limit"]
    bound = constant(limit.args["expression"]) if isinstance(limit, exp.Limit) else None
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


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, exp.Paren):
            waiting.append(current.this)
        elif isinstance(current, exp.And):
            waiting.extend((current.left, current.right))
        else:
            yield current


def _own(node: exp.Expr, labels: set[str], columns: list[str], dialect: Dialect) -> exp.Column | None:
    """The recursive table's column that an expression is built on."""
    for column in node.find_all(exp.Column):
        table = column.args.get("table")
        if table is not None and fold(table, dialect) in labels:
            return column
        if table is None and fold(column.this, dialect) in columns:
            return column
    return None


def _counts(term: exp.Expr, branch: exp.Select, labels: set[str], columns: list[str], dialect: Dialect) -> bool:
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
    bound = constant(limit)
    if bound is not None and abs(bound) > MOST_STEPS and len(str(int(abs(bound)))) != 8:  # 20261231 is a date
        return False
    assert column is not None
    name = fold(column.this, dialect)
    if name not in columns or columns.index(name) >= len(branch.expressions):
        return False
    grows = _direction(branch.expressions[columns.index(name)], labels, columns, name, dialect)
    return grows is not None and grows == ceiling


def _direction(item: exp.Expr, labels: set[str], columns: list[str], name: str, dialect: Dialect) -> bool | None:
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
            factor = constant(other)
            return factor is not None and factor > 1
        if isinstance(other, exp.Literal) and not other.is_string and float(other.name) == 0:
            return None
        return not _negative(other)
    if isinstance(item, exp.Sub):
        return _negative(item.right)
    if isinstance(item, (exp.Div, exp.IntDiv)):
        return False
    return None


def _first_direction(item: exp.Expr, labels: set[str], columns: list[str], name: str, dialect: Dialect) -> bool | None:
    for part in item.expressions:
        if _own(part, labels, columns, dialect) is not None:
            return _direction(part, labels, columns, name, dialect)
    return None


def _negative(node: exp.Expr) -> bool:
    if isinstance(node, exp.Interval) and node.this is not None:
        return _negative(node.this)
    if isinstance(node, exp.Literal):
        return node.name.strip().startswith("-")
    return isinstance(node, exp.Neg)


def _walks(
    term: exp.Expr, branch: exp.Select, labels: set[str], others: set[str], columns: list[str], dialect: Dialect
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
