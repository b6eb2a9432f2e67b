"""What a person wrote of conditions and order, checked by the guard before it stands in a read of a whole table."""

from collections.abc import Sequence

from sqlglot import exp

from tools.connectors.base import Dialect, TableSchema
from tools.errors import Invalid
from tools.queries.guard import Limits, check
from tools.queries.syntax import generate, parse, tokenize
from tools.sync import compile_mysql, compile_postgres

_ALLOWED = {"where", "order", "expressions", "from_", "kind", "operation_modifiers"}


def checked_condition(where: str, shape: TableSchema, dialect: Dialect, catalog: Sequence[TableSchema]) -> str:
    """Give a condition on the table's columns as it may run, in parentheses; QueryRejected or Invalid says why not."""
    tree = _checked(f"WHERE ({where}\n)", shape, dialect, catalog)
    if tree.args.get("order") is not None or tree.args.get("where") is None:
        raise Invalid(f"{where!r} is not one condition; write something like status = 'paid'.")
    return f"({generate(tree.args['where'].this, dialect)})"


def checked_order(order_by: str, shape: TableSchema, dialect: Dialect, catalog: Sequence[TableSchema]) -> str:
    """Give an order of the table's rows as it may run; QueryRejected or Invalid says why not."""
    tree = _checked(f"ORDER BY {order_by}", shape, dialect, catalog)
    if tree.args.get("where") is not None or tree.args.get("order") is None:
        raise Invalid(f"{order_by!r} is not an order; write something like created_at DESC.")
    return ", ".join(generate(part, dialect) for part in tree.args["order"].expressions)


def _checked(clause: str, shape: TableSchema, dialect: Dialect, catalog: Sequence[TableSchema]) -> exp.Expr:
    names = compile_mysql if dialect == "mysql" else compile_postgres
    text = str(check(f"SELECT 1 FROM {names.table(shape)} {clause}", dialect, catalog, Limits()))  # noqa: S608 - this is the check
    tree = parse(text, tokenize(text, dialect), dialect)
    extra = {name for name, value in tree.args.items() if value} - _ALLOWED
    if not isinstance(tree, exp.Select) or extra or len(tree.expressions) != 1:
        raise Invalid("A filter may only say which rows and in which order; name tables, limits and the like apart.")
    return tree
