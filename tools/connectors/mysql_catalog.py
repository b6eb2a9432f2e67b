"""The catalogue of MySQL and MariaDB, read set-based, as TableSchema."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from tools.connectors.base import Column, ForeignKey, Index, TableSchema, TypeFamily

SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")

SCHEMAS = """
SELECT schema_name FROM information_schema.schemata
WHERE schema_name NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1
"""

TABLES = """
SELECT table_schema, table_name, table_type, table_comment, table_rows
FROM information_schema.tables
WHERE table_schema IN ({schemas}) AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
ORDER BY table_schema, table_name
"""

COLUMNS = """
SELECT table_schema, table_name, column_name, column_type, data_type, is_nullable, column_default, column_comment,
       extra, generation_expression
FROM information_schema.columns
WHERE table_schema IN ({schemas})
ORDER BY table_schema, table_name, ordinal_position
"""

KEYS = """
SELECT table_schema, table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name,
       referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema IN ({schemas}) AND referenced_table_name IS NOT NULL
ORDER BY table_schema, table_name, constraint_name, ordinal_position
"""

INDEXES = """
SELECT table_schema, table_name, index_name, column_name, non_unique, index_type
FROM information_schema.statistics
WHERE table_schema IN ({schemas})
ORDER BY table_schema, table_name, index_name, seq_in_index
"""

QUERIES = (TABLES, COLUMNS, KEYS, INDEXES)

FAMILIES: dict[str, TypeFamily] = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year", "bit"), "number"
    ),
    **dict.fromkeys(
        ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid", "inet4", "inet6"),
        "text",
    ),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "binary"),
    "date": "date",
    "datetime": "datetime",
    "timestamp": "datetime",
    "time": "time",
    "json": "json",
}
_LABEL = re.compile(r"'((?:[^']|'')*)'")

Record: TypeAlias = Any
"""A row of one of the queries above, read by position."""
Key = tuple[str, str]


def in_schemas(query: str, schemas: Sequence[str]) -> str:
    """Fill the names of the schemas into one of the queries above."""
    return query.format(schemas=", ".join(literal(schema) for schema in schemas))


def literal(text: str) -> str:
    """Quote `text` as a string of the session's mode (backslashes escape)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def family(data_type: str, column_type: str) -> TypeFamily:
    """The family of a type; `tinyint(1)` is how both servers spell BOOLEAN."""
    return "bool" if column_type.startswith("tinyint(1)") else FAMILIES.get(data_type, "other")


def assemble(
    tables: Sequence[Record], columns: Sequence[Record], keys: Sequence[Record], indexes: Sequence[Record]
) -> tuple[TableSchema, ...]:
    """Join the flat answers of the catalogue to one TableSchema a table, in the order of `tables`."""
    shapes: dict[Key, list[Column]] = defaultdict(list)
    for record in columns:
        shapes[record[:2]].append(_column(record))
    references: dict[Key, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in keys:
        references[record[:2]][record[2]].append(record)
    access: dict[Key, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in indexes:
        access[record[:2]][record[2]].append(record)
    return tuple(_table(table, shapes[table[:2]], references[table[:2]], access[table[:2]]) for table in tables)


def _column(record: Record) -> Column:
    _, _, name, spelled, data_type, nullable, default, comment, extra, expression = record
    values = _LABEL.findall(spelled) if data_type in ("enum", "set") else ()
    return Column(
        name=name,
        type=spelled,
        family=family(data_type, spelled),
        nullable=nullable == "YES",
        default=None if default in (None, "NULL") else str(default),
        comment=comment or None,
        generated=bool(expression) or "auto_increment" in extra.lower() or "GENERATED" in extra.upper().split(),
        enum_values=tuple(value.replace("''", "'") for value in values),
    )


def _table(
    table: Record,
    columns: Sequence[Column],
    references: Mapping[str, Sequence[Record]],
    access: Mapping[str, Sequence[Record]],
) -> TableSchema:
    schema, name, kind, comment, rows = table
    view = kind == "VIEW"
    indexes = tuple(
        Index(
            name=index,
            columns=tuple(part[3] or "(expression)" for part in parts),
            unique=not int(parts[0][4]),
            kind=parts[0][5].lower(),
        )
        for index, parts in access.items()
    )
    return TableSchema(
        schema_name=schema,
        name=name,
        kind="view" if view else "table",
        comment=None if view else comment or None,  # a view's comment is the word VIEW
        columns=tuple(columns),
        primary_key=next((index.columns for index in indexes if index.name == "PRIMARY"), ()),
        foreign_keys=tuple(
            ForeignKey(
                name=key,
                columns=tuple(part[3] for part in parts),
                target_schema=parts[0][4],
                target_table=parts[0][5],
                target_columns=tuple(part[6] for part in parts),
            )
            for key, parts in references.items()
        ),
        unique_constraints=tuple(index.columns for index in indexes if index.unique and index.name != "PRIMARY"),
        indexes=indexes,
        row_estimate=None if view or rows is None else int(rows),
    )
