"""Whether a statement can tell nothing of a row that its policies leave out, in whatever order a database evaluates it.

A barrier keeps a database from evaluating anything before the policy, and from using an index for it. It needs none
where nothing that could be evaluated before is able to fail or to say what it saw: comparisons of plain columns with
constants or with columns of the same type. PostgreSQL's own row-level security calls such operators leakproof. What
stands in the outermost select list, GROUP BY and ORDER BY comes after every condition, so it may be anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlglot import exp

from tools.connectors.base import TableSchema
from tools.queries.names import Names

PLAIN = re.compile(
    r"(small|big|medium|tiny)?int(eger)?(\(\d+\))?( unsigned)?|numeric(\(\d+(,\s?\d+)?\))?|decimal(\(\d+(,\s?\d+)?\))?"
    r"|real|double( precision)?|float|text|(long|medium|tiny)text|(character varying|varchar|character|char)(\(\d+\))?"
    r"|bool(ean)?|uuid|date|datetime(\(\d\))?|time(stamp)?(\(\d\))?( with(out)? time zone)?",
    re.IGNORECASE,
)
"""Types whose comparisons are the server's own and do not fail; nothing is known of what an extension brings."""

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
AGGREGATES = ("count", "sum", "avg", "min", "max")
"""They see what has passed all conditions."""

TRUTHS = (exp.And, exp.Or, exp.Not, exp.Paren, exp.Exists, exp.Boolean, exp.Is, exp.In, exp.Between, *COMPARISONS)
FRAME = (
    *(exp.Select, exp.From, exp.Group, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Fetch, exp.Subquery, exp.CTE),
    *(exp.TableAlias, exp.Alias, exp.Identifier, exp.Literal, exp.Paren, exp.Exists, exp.Distinct, exp.Null),
    exp.Boolean,
)
"""What may stand anywhere as it is; of the rest, what `_Eye` looks at more closely, and nothing else."""
LAST = ("expressions", "group", "order", "distinct")


def is_harmless(tree: exp.Expr, names: Names) -> bool:
    """Tell it of a checked statement, whose names were resolved."""
    bases = {id(column): base.column(name) for column, base, name in names.reads}
    types = {key: column.type.lower() for key, column in bases.items() if column is not None}
    # Of other columns it is known that they come of what is looked at itself, unless they may be a whole row or the
    # name of what comes last.
    doubtful = {_name(node) for node in tree.find_all(exp.Table, exp.TableAlias)}
    doubtful |= {one.alias.lower() for one in tree.args.get("expressions") or () if isinstance(one, exp.Alias)}
    eye = _Eye(types, frozenset(doubtful))
    return all(map(eye.is_plain, _looked_at(tree)))


def is_plain_condition(condition: exp.Expr, shape: TableSchema) -> bool:
    """Tell the same of a policy's condition on the columns of its table: what of it a database evaluates when."""
    types = {}
    for column in condition.find_all(exp.Column):
        about = shape.column(column.name)
        if about is None or column.args.get("table") is not None:
            return False
        types[id(column)] = about.type.lower()
    eye = _Eye(types, frozenset())
    return all(not isinstance(node, exp.Query) and eye.is_plain(node) for node in condition.walk())


def _looked_at(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Every node but those that come last; of those, their sub-queries."""
    if not isinstance(tree, exp.Select):
        yield from tree.walk()
        return
    yield tree
    for key, value in tree.args.items():
        for node in _parts(value):
            if key not in LAST:
                yield from node.walk()
                continue
            for inner in node.find_all(exp.Query):
                yield from inner.walk()


class _Eye:
    """Looks at one node at a time: what stands below it is looked at by itself."""

    def __init__(self, types: Mapping[int, str], doubtful: frozenset[str]) -> None:
        """Take the types of columns of tables, by the id of their node, and names that may mean more than a column."""
        self._types, self._doubtful = types, doubtful
        self._looks: dict[type[exp.Expr], Callable[[Any], bool]] = {
            exp.Column: self._column,
            exp.Star: lambda node: _is_aggregate(node.parent),
            exp.Anonymous: self._counts,
            exp.Cast: _is_constant,
            exp.DataType: lambda node: _is_constant(node.parent),
            exp.Table: lambda node: isinstance(node.this, exp.Identifier) and not node.args.get("sample"),
            exp.Join: lambda node: not node.args.get("using") and not node.args.get("method"),
            exp.With: lambda node: not node.args.get("recursive"),
            exp.Is: lambda node: isinstance(node.expression, exp.Null | exp.Boolean),
            exp.Neg: _is_constant,
            exp.Between: lambda node: all(self._comparable(node.this, node.args[end]) for end in ("low", "high")),
            exp.In: self._listed,
            **dict.fromkeys(COMPARISONS, lambda node: self._comparable(node.this, node.expression)),
            **dict.fromkeys((exp.And, exp.Or, exp.Not, exp.Where, exp.Having), self._connects),
            **dict.fromkeys(FRAME, lambda _: True),
        }

    def is_plain(self, node: exp.Expr) -> bool:
        """Whether it may stand where a database evaluates it when it likes."""
        look = self._looks.get(type(node))
        return look is not None and look(node)

    def _column(self, node: exp.Column) -> bool:
        kind = self._types.get(id(node))
        return PLAIN.fullmatch(kind) is not None if kind is not None else _name(node) not in self._doubtful

    def _connects(self, node: exp.Expr) -> bool:
        return all(
            self._types.get(id(part), "").startswith("bool") if isinstance(part, exp.Column) else type(part) in TRUTHS
            for part in _operands(node)
        )

    def _counts(self, node: exp.Expr) -> bool:
        plain = (exp.Column, exp.Star, exp.Distinct, exp.Literal)
        return _is_aggregate(node) and all(isinstance(part, plain) for part in _operands(node))

    def _listed(self, node: exp.In) -> bool:
        return bool(node.expressions) and all(self._comparable(node.this, one) for one in node.expressions)

    def _comparable(self, left: exp.Expr, right: exp.Expr) -> bool:
        """A column or an aggregate beside a constant, or two columns of one type."""
        constant = [_is_constant(left), _is_constant(right)]
        if all(constant):
            return True
        if any(constant):
            other = right if constant[0] else left
            return isinstance(other, exp.Column) or _is_aggregate(other)
        kind = self._types.get(id(left))
        return kind is not None and kind == self._types.get(id(right))


def _is_aggregate(node: exp.Expr | None) -> bool:
    # The guard's parser gives every call as one of a name.
    return isinstance(node, exp.Anonymous) and _name(node) in AGGREGATES


def _operands(node: exp.Expr) -> Iterator[exp.Expr]:
    for value in node.args.values():
        yield from _parts(value)


def _parts(value: object) -> Iterator[exp.Expr]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, exp.Expr):
            yield one


def _is_constant(node: exp.Expr) -> bool:
    """What a server reads when it reads the statement: no row has to be there for it to fail."""
    if type(node) is exp.Cast:
        timely = node.args["to"].this in (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ)
        return timely and isinstance(node.this, exp.Literal) and bool(node.this.is_string)
    if type(node) is exp.Neg:
        return isinstance(node.this, exp.Literal) and not node.this.is_string
    return isinstance(node, exp.Literal | exp.Boolean | exp.Null)


def _name(node: exp.Expr) -> str:
    return str(node.name).lower()
