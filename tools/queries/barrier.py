"""Row policies and column masks, put into the tree of a checked statement: nothing of a table is read around them.

Each table that a rule binds becomes a derived table, `(SELECT ... FROM t WHERE policy OFFSET 0) AS t`. The OFFSET (in
MySQL a LIMIT) keeps the planner from evaluating anything of the statement before the policy, so that not even an error
message tells of a row that is not seen. It also keeps it from using an index, so it is left out where nothing that
could come before the policy could tell anything (tools.queries.harmless). What comes out is judged again, and refused
unless every table is behind its barrier.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from sqlglot import exp

from tools.connectors.base import Dialect, TableSchema
from tools.errors import NotAllowed, QueryRejected
from tools.queries import masks
from tools.queries.harmless import is_harmless, is_plain_condition
from tools.queries.labels import fold
from tools.queries.names import Names
from tools.queries.syntax import generate, is_dual, parse, tokenize
from tools.reach import Reach, Rule

FENCED: dict[Dialect, str] = {
    "postgres": "SELECT * FROM t OFFSET 0",
    "mysql": "SELECT * FROM t LIMIT 18446744073709551615",
}
"""The selection that a barrier starts from."""
OPEN = "SELECT * FROM t"
"""The one that a planner may merge with the statement."""
MARK = "\x01"
"""Begins the literal that stands for an attribute until its value is put in; no checked text can hold it."""
PLACEHOLDER = re.compile(r"\{user\.([A-Za-z_][A-Za-z0-9_]*)\}")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def raise_barriers(
    tree: exp.Expr, dialect: Dialect, catalog: Sequence[TableSchema], reach: Reach
) -> tuple[exp.Expr, bool]:
    """Give a copy of a checked tree in which every table that a rule binds stands behind it, and if it is harmless.

    `catalog` is everything there is, hidden tables too. QueryRejected for a statement that would get around a rule or
    use a masked column for more than showing it; NotAllowed when an attribute is missing.
    """
    _refuse_homonyms(tree, dialect, catalog)
    copy = tree.copy()
    names = Names(dialect, reach.visible(catalog))
    names.resolve(copy)
    _refuse_masked(names, dialect, reach)
    harmless = is_harmless(copy, names)
    for column, base in names.qualified:
        if reach.rule_of(base).binds:
            column.set("db", None)
    for node, shapes in names.bases.values():
        if len(shapes) > 1:
            several = ", ".join(shape.qualified_name for shape in shapes)
            raise QueryRejected(f"{node.name!r} can mean {several}; name its schema.")
        written = node.this.copy()
        node.set("db", exp.to_identifier(shapes[0].schema_name, quoted=True))
        node.set("this", exp.to_identifier(shapes[0].name, quoted=True))
        rule = reach.rule_of(shapes[0])
        if node.args.get("alias") is None and (rule.binds or written.name != shapes[0].name):
            node.set("alias", exp.TableAlias(this=written))
        if rule.binds:
            joins = node.args.get("joins")
            node.set("joins", None)
            derived = _behind(node, shapes[0], rule, dialect, reach, harmless)
            node.replace(derived)
            derived.set("joins", joins)
    return copy, harmless


def check_barriers(
    tree: exp.Expr, dialect: Dialect, catalog: Sequence[TableSchema], reach: Reach, harmless: bool = False
) -> None:
    """Refuse the finished tree unless every table is named in full and behind what binds it."""
    known = {(shape.schema_name, shape.name): shape for shape in catalog}
    tables = {cte.args["alias"].this.name for cte in tree.find_all(exp.CTE)}
    for node in tree.find_all(exp.Table):
        if not isinstance(node.this, exp.Identifier) or (dialect == "mysql" and is_dual(node)):
            continue
        if _is_behind(node, known, dialect, reach, harmless):
            continue  # the policy's own words are the admin's
        shape = known.get((node.args["db"].name, node.name)) if node.args.get("db") is not None else None
        if shape is None and node.args.get("db") is None and node.name in tables:
            continue
        if shape is None or reach.rule_of(shape).binds:
            raise QueryRejected(f"{node.name!r} would be read around its policy; write the query more plainly.")


def predicate_of(text: str, dialect: Dialect, shape: TableSchema, attributes: Mapping[str, str]) -> exp.Expr:
    """A policy's predicate with the attributes' values in it, as a tree; NotAllowed when one is missing."""
    tree = _parsed(text, dialect).copy()
    for literal in list(tree.find_all(exp.Literal)):
        if not str(literal.this).startswith(MARK):
            continue
        name = str(literal.this)[1:]
        if name not in attributes:
            raise NotAllowed(
                f"A policy of {shape.qualified_name} asks your attribute {name!r}, and you have none; ask an admin."
            )
        _fill(literal, attributes[name], shape, name)
    return tree


@lru_cache(maxsize=256)
def _parsed(text: str, dialect: Dialect) -> exp.Expr:
    """The predicate as a tree, its attributes marked; QueryRejected when it is no condition."""
    if MARK in text:
        raise QueryRejected("A policy holds no control characters.")
    sql = "SELECT 1 WHERE (" + PLACEHOLDER.sub(lambda found: f"'{MARK}{found[1]}'", text) + ")"
    tree = parse(sql, tokenize(sql, dialect), dialect)
    where = tree.args.get("where")
    if where is None or not isinstance(where.this, exp.Paren) or set(_filled(tree)) - {"expressions", "where"}:
        raise QueryRejected(f"A policy is one condition such as region = {{user.region}}; {text!r} is not.")
    condition: exp.Expr = where.this
    return condition


def _filled(tree: exp.Expr) -> Iterator[str]:
    return (key for key, value in tree.args.items() if value)


def _fill(literal: exp.Expr, value: str, shape: TableSchema, name: str) -> None:
    """Put a value in place: in IN (...) each part of `a, b`, and beside a number only a number."""
    parent = literal.parent
    listed = isinstance(parent, exp.In) and literal.arg_key == "expressions"
    values = [part.strip() for part in value.split(",") if part.strip()] if listed else [value]
    beside = parent.this if listed and parent is not None else _other_side(literal)
    column = shape.column(beside.name) if isinstance(beside, exp.Column) else None
    literals: list[exp.Expr] = []
    for one in values:
        if column is not None and column.family == "number":
            if not NUMBER.fullmatch(one):
                raise NotAllowed(f"Your attribute {name!r} is no number, and {column.name!r} is one; ask an admin.")
            literals.append(exp.Neg(this=exp.Literal.number(one[1:])) if one[0] == "-" else exp.Literal.number(one))
        else:
            literals.append(exp.Literal.string(one))
    if not listed or parent is None:
        literal.replace(literals[0])
        return
    rest = [item for item in parent.expressions if item is not literal]
    parent.set("expressions", [*rest, *literals] or [exp.Null()])


def _other_side(literal: exp.Expr) -> exp.Expr | None:
    parent = literal.parent
    if not isinstance(parent, exp.Binary):
        return None
    other: exp.Expr = parent.expression if literal.arg_key == "this" else parent.this
    return other


def _behind(node: exp.Expr, shape: TableSchema, rule: Rule, dialect: Dialect, reach: Reach, harmless: bool) -> exp.Expr:
    if node.args.get("laterals"):
        raise QueryRejected(f"{shape.name!r} has a policy and cannot be followed by LATERAL here; join a sub-query.")
    inner = exp.Table(
        this=node.this.copy(),
        db=node.args["db"].copy(),
        alias=exp.TableAlias(this=exp.to_identifier(shape.name, quoted=True)),
        only=node.args.get("only"),
        sample=node.args["sample"].copy() if node.args.get("sample") is not None else None,
    )
    return exp.Subquery(this=_selection(inner, shape, rule, dialect, reach, harmless), alias=node.args["alias"].copy())


def _selection(
    inner: exp.Expr, shape: TableSchema, rule: Rule, dialect: Dialect, reach: Reach, harmless: bool
) -> exp.Expr:
    wanted = [predicate_of(text, dialect, shape, reach.attributes) for text in rule.predicates]
    merged = harmless and not rule.masked and all(is_plain_condition(one, shape) for one in wanted)
    start = OPEN if merged else FENCED[dialect]
    select = parse(start, tokenize(start, dialect), dialect)
    select.args["from_"].set("this", inner)
    if rule.masked:
        select.set("expressions", [_shown(column.name, rule, dialect) for column in shape.columns])
    if wanted:
        select.set("where", exp.Where(this=exp.and_(*wanted, copy=False, wrap=False)))
    return select


def _shown(column: str, rule: Rule, dialect: Dialect) -> exp.Expr:
    mask = rule.masked.get(column)
    return masks.shown(column, mask, dialect) if mask else exp.column(exp.to_identifier(column, quoted=True))


def _is_behind(
    node: exp.Expr, known: Mapping[tuple[str, str], TableSchema], dialect: Dialect, reach: Reach, harmless: bool
) -> bool:
    """Whether a selection that `_selection` makes stands between the statement and this table."""
    current: exp.Expr | None = node
    while current is not None:
        if isinstance(current, exp.Select) and isinstance(current.parent, exp.Subquery):
            source = current.args.get("from_")
            inner = source.this if source is not None else None
            if isinstance(inner, exp.Table) and inner.args.get("db") is not None:
                shape = known.get((inner.args["db"].name, inner.name))
                rule = reach.rule_of(shape) if shape is not None else None
                if shape is not None and rule is not None and rule.binds and not rule.hidden:
                    made = _selection(inner.copy(), shape, rule, dialect, reach, harmless)
                    if generate(made, dialect) == generate(current, dialect):
                        return True
        current = current.parent
    return False


def _refuse_homonyms(tree: exp.Expr, dialect: Dialect, catalog: Sequence[TableSchema]) -> None:
    """A name of WITH must not be able to mean a table: servers differ from us in case and in scope."""
    tables = {shape.name.lower() for shape in catalog}
    names = {cte.args["alias"].this.name for cte in tree.find_all(exp.CTE)}
    for name in names:
        if name.lower() in tables:
            raise QueryRejected(f"WITH {name!r} has the name of a table; and tables have policies here; rename it.")
    folded = {fold(cte.args["alias"].this, dialect) for cte in tree.find_all(exp.CTE)}
    for node in tree.find_all(exp.Table):
        plain = isinstance(node.this, exp.Identifier) and node.args.get("db") is None
        if plain and fold(node.this, dialect) in folded and node.name not in names:
            raise QueryRejected(f"Write {node.name!r} just as WITH writes it.")


def _refuse_masked(names: Names, dialect: Dialect, reach: Reach) -> None:
    for column, base, name in names.reads:
        rule = reach.rule_of(base)
        masked = {fold(exp.to_identifier(one, quoted=True), dialect): mask for one, mask in rule.masked.items()}
        parent = column.parent
        shown = isinstance(parent, exp.Select) and column.arg_key == "expressions"
        named = isinstance(parent, exp.Alias) and isinstance(parent.parent, exp.Select)
        counted = isinstance(parent, exp.Group) and masked.get(name) in masks.GROUPABLE
        if name in masked and not (shown or named or counted):
            raise QueryRejected(
                f"{name!r} of {base.name} is masked for you: it may stand in the select list, and nowhere else."
            )
