"""Identifiers as the servers compare them, and the names that expressions of a select list get."""

from sqlglot import exp

from tools.connectors.base import Dialect

_WRAPPERS = (exp.Paren, exp.Filter, exp.Window, exp.WithinGroup, exp.Bracket, exp.Collate)
_FIXED: dict[type[exp.Expr], str] = {
    exp.GroupConcat: "string_agg",
    exp.Trim: "btrim",
    exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Extract: "extract",
    exp.Exists: "exists",
    exp.Substring: "substring",
    exp.StrPosition: "position",
    exp.Overlay: "overlay",
    exp.Array: "array",
}
NAMELESS = "?column?"
"""What PostgreSQL calls an expression that has no name."""


def fold(identifier: exp.Expr | str | None, dialect: Dialect) -> str:
    """An identifier as the server compares it: PostgreSQL lowers unquoted ASCII, MySQL compares without case."""
    if identifier is None:
        return ""
    if isinstance(identifier, str):
        return lower(identifier)
    name: str = identifier.name
    quoted = isinstance(identifier, exp.Identifier) and identifier.args.get("quoted")
    return name if quoted and dialect == "postgres" else lower(name)


def lower(name: str) -> str:
    """Lower ASCII letters only, as PostgreSQL does."""
    if name.isascii():
        return name.lower()
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def label_of(item: exp.Expr, dialect: Dialect) -> str:
    """The name a select item gets: its alias, its column, or what PostgreSQL makes of an expression."""
    while isinstance(item, _WRAPPERS):
        item = item.this
    if isinstance(item, exp.Alias):
        return fold(item.args["alias"], dialect)
    if isinstance(item, exp.Column):
        return fold(item.this, dialect)
    if isinstance(item, exp.Anonymous):
        return lower(item.name)
    if isinstance(item, exp.Subquery) and isinstance(item.this, exp.Select) and item.this.expressions:
        return label_of(item.this.expressions[0], dialect)
    if isinstance(item, exp.Cast):
        inner = label_of(item.this, dialect)
        return inner if inner != NAMELESS else lower(item.args["to"].sql("postgres"))
    if isinstance(item, exp.Case):
        inner = label_of(item.args["default"], dialect) if item.args.get("default") is not None else NAMELESS
        return inner if inner != NAMELESS else "case"
    return _FIXED.get(type(item), NAMELESS)
