"""What is shown in a masked column's place, as SQL: nothing, a mark, a pseudonym, the end of it or its year."""

from sqlglot import exp

from tools.connectors.base import Dialect, TableSchema
from tools.errors import Invalid, QueryRejected
from tools.queries.syntax import generate, parse, tokenize
from tools.reach import Mask

KEY = "tabletalk:mask:key"
"""Stands for the key of pseudonyms until the text is sent: the text that people read tells no key.

No statement of a person may hold it; see `refuse_key`.
"""

SHOWN: dict[Mask, str] = {
    "empty": "",
    "hash": " (pseudonym)",
    "last4": " (last four)",
    "constant": "",
    "year": " (year only)",
}
"""How an answer tells of a mask, behind the column's name."""

GROUPABLE: tuple[Mask, ...] = ("hash", "year")
"""Masks whose values may be counted by: equal ones stay equal."""

_TEMPLATES: dict[Dialect, dict[Mask, str]] = {
    "postgres": {
        # NULL of the column's own type.
        "empty": "CASE WHEN FALSE THEN {column} END",
        "hash": f"LEFT(ENCODE(SHA256(CONVERT_TO('{KEY}' || CAST({{column}} AS TEXT), 'UTF8')), 'hex'), 16)",
        "last4": (
            "CASE WHEN LENGTH(CAST({column} AS TEXT)) < 8 THEN '****' "
            "ELSE '****' || RIGHT(CAST({column} AS TEXT), 4) END"
        ),
        "constant": "'***'",
        "year": "CAST(EXTRACT(YEAR FROM {column}) AS INT)",
    },
    "mysql": {
        "empty": "CASE WHEN FALSE THEN {column} END",
        "hash": f"LEFT(SHA2(CONCAT('{KEY}', CAST({{column}} AS CHAR)), 256), 16)",
        "last4": (
            "CASE WHEN CHAR_LENGTH(CAST({column} AS CHAR)) < 8 THEN '****' "
            "ELSE CONCAT('****', RIGHT(CAST({column} AS CHAR), 4)) END"
        ),
        "constant": "'***'",
        "year": "EXTRACT(YEAR FROM {column})",
    },
}


def shown(column: str, mask: Mask, dialect: Dialect) -> exp.Expr:
    """The expression that stands in a column's place, under the column's name."""
    name = generate(exp.to_identifier(column, quoted=True), dialect)
    text = f"SELECT {_TEMPLATES[dialect][mask].replace('{column}', name)} AS {name}"  # judged like any other
    tree = parse(text, tokenize(text, dialect), dialect)
    made: exp.Expr = tree.expressions[0]
    return made


def check(shape: TableSchema, column: str, mask: Mask) -> None:
    """Raise Invalid for a mask that a column cannot have."""
    about = shape.column(column)
    if mask == "year" and (about is None or about.family not in ("date", "datetime")):
        raise Invalid(f"{column!r} of {shape.name} is no date, so it has no year to show.")


def refuse_key(text: str) -> None:
    """Refuse a statement that would have the key written into what it gives."""
    if KEY in text:
        raise QueryRejected(f"The text {KEY!r} is reserved for masks; write it otherwise.")
