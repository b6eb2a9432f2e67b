"""What is written about a table by rule: its description, and the words that retrieval and vectors are made from."""

from collections.abc import Mapping, Sequence

from tools.connectors.base import ForeignKey, TableSchema
from tools.schemas.catalog import TrainedTable
from tools.vocabulary import lemma, split_name, vocabulary

_VALUE_LENGTH = 60
_TIME_FAMILIES = ("date", "datetime")


def spoken(name: str) -> str:
    """Write a name as people say it: `ord_dtls` -> `order details`."""
    return " ".join(split_name(name)) or name


def subject(name: str) -> str:
    """Write what a table is about, without words that only say its kind: `cust_ord_hdr` -> `customer order`."""
    about = [part for part in split_name(name) if lemma(part) not in vocabulary().neutral]
    return " ".join(about) or spoken(name)


def singular(name: str) -> str:
    """Write the name of a table as one of its rows is called: `order_items` -> `order item`."""
    *first, last = subject(name).split()
    return " ".join((*first, lemma(last)))


def describe_by_rule(shape: TableSchema, values: Mapping[str, Sequence[str]] | None = None) -> str:
    """Write one or two sentences on a table for a person: what a row is, what it has, where it links.

    `values` are the frequent values of its columns, where they are known.
    """
    parents = _parents(shape)
    if _is_bridge(shape) and len(parents) >= 2:
        first = f"{subject(shape.name).capitalize()}: links {_listed(parents)}."
    else:
        of = f", of one {' and one '.join(parents[:3])}" if parents else ""
        first = f"{subject(shape.name).capitalize()}: one row per {singular(shape.name)}{of}."
    facts = [_dates(shape), _states(shape, values or {}), _figures(shape)]
    has = "; ".join(fact for fact in facts if fact)
    comment = f" {shape.comment.strip().rstrip('.')}." if shape.comment else ""
    return f"{first}{comment}" + (f" Has {has}." if has else "")


def _parents(shape: TableSchema) -> list[str]:
    return list(dict.fromkeys(singular(key.target_table) for key in shape.foreign_keys))


def _is_bridge(shape: TableSchema) -> bool:
    """True for a table that holds little more than references to others."""
    linked = {column for key in shape.foreign_keys for column in key.columns}
    return len(shape.foreign_keys) >= 2 and len(shape.columns) - len(linked) <= 1


def _dates(shape: TableSchema) -> str:
    names = [column.name for column in shape.columns if column.family in _TIME_FAMILIES]
    return f"dates in {_listed(names[:3])}" if names else ""


def _states(shape: TableSchema, values: Mapping[str, Sequence[str]]) -> str:
    found = []
    for column in shape.columns:
        known = column.enum_values or (values.get(column.name, ()) if column.family == "text" else ())
        if "name" in split_name(column.name):  # who or what a row is, not the state it is in
            continue
        if 2 <= len(known) <= 8 and all(len(value) <= 20 for value in known):
            found.append(f"{column.name} ({', '.join(known[:5])}{', ...' if len(known) > 5 else ''})")
    return _listed(found[:2])


def _figures(shape: TableSchema) -> str:
    keys = set(shape.primary_key) | {column for key in shape.foreign_keys for column in key.columns}
    names = [
        column.name
        for column in shape.columns
        if column.family == "number" and column.name not in keys and split_name(column.name)[-1:] != ("id",)
    ]
    return f"figures in {_listed(names[:4])}" if names else ""


def _listed(parts: Sequence[str]) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def search_lines(
    shape: TableSchema, description: str, values: Mapping[str, Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """Make `search_text` (see TableRow): four lines, weighted A to D by the store."""
    names = subject(shape.name)
    columns = " ".join(spoken(column.name) for column in shape.columns)
    raw = [name for name in (shape.name, *(c.name for c in shape.columns)) if spoken(name) != name.lower()]
    comments = [shape.comment or "", *(column.comment or "" for column in shape.columns)]
    links = [spoken(key.target_table) for key in shape.foreign_keys]
    told = " ".join([description, *comments, *links, *notes, spoken(shape.schema_name), spoken(shape.name), *raw])
    return "\n".join(" ".join(line.split()) for line in (names, columns, told, " ".join(_texts(shape, values))))


def vector_text(shape: TableSchema, description: str, notes: Sequence[str] = ()) -> str:
    """Make the text that a table's vector stands for.

    Values are not in it: they drown the meaning (4 points of recall@5 by the vector alone), and full text has them.
    """
    columns = ", ".join(spoken(column.name) for column in shape.columns)
    comments = " ".join(comment for comment in (shape.comment, *(c.comment for c in shape.columns)) if comment)
    links = ", ".join(spoken(key.target_table) for key in shape.foreign_keys)
    lines = [
        f"{spoken(shape.name)} ({singular(shape.name)}), of {spoken(shape.schema_name)}.",
        description,
        f"Columns: {columns}.",
        f"Belongs to: {links}." if links else "",
        comments,
        " ".join(notes),
    ]
    return "\n".join(line for line in lines if line)


def _texts(shape: TableSchema, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Values worth searching for: words, not numbers; from the enums, then from the data."""
    enums = [value for column in shape.columns for value in column.enum_values]
    read = [value for some in values.values() for value in some if any(sign.isalpha() for sign in value)]
    return [value[:_VALUE_LENGTH] for value in dict.fromkeys([*enums, *read])]


def key_in_words(key: ForeignKey) -> str:
    """Write a foreign key as `customer_id -> customers.id`."""
    return f"{', '.join(key.columns)} -> {key.target_table}.{', '.join(key.target_columns)}"


def block(table: TrainedTable, *, with_schema: bool, values_shown: int = 12) -> str:
    """Write a table as a compact block for a model: name, description, columns with values, keys, notes."""
    shape = table.shape
    name = shape.qualified_name if with_schema else shape.name
    rows = f", about {shape.row_estimate:,} rows" if shape.row_estimate else ""
    lines = [f"{shape.kind.upper()} {name}{rows}", f"  {table.description}" if table.description else ""]
    lines.extend(f"  - {_column_line(table, column.name, values_shown)}" for column in shape.columns)
    if shape.primary_key:
        lines.append(f"  primary key: {', '.join(shape.primary_key)}")
    lines.extend(f"  foreign key: {key_in_words(key)}" for key in shape.foreign_keys)
    lines.extend(f"  note: {note}" for note in table.notes)
    return "\n".join(line for line in lines if line)


def _column_line(table: TrainedTable, name: str, values_shown: int) -> str:
    column = table.shape.column(name)
    assert column is not None
    known = column.enum_values or table.values.get(name, ())
    shown = [value if len(value) <= _VALUE_LENGTH else f"{value[:_VALUE_LENGTH]}..." for value in known[:values_shown]]
    values = f": {', '.join(map(repr, shown))}{' ...' if len(known) > len(shown) else ''}" if shown else ""
    comment = f" -- {' '.join(column.comment.split())}" if column.comment else ""
    return f"{name} {column.type}{'' if column.nullable else ' not null'}{values}{comment}"
