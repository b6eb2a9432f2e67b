"""The catalogue of MySQL and MariaDB, read set-based, as TableSchema."""

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from tools.connectors.base import Column, TableSchema, TypeFamily, literal
from tools.connectors.catalogs import as_tables

SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")

SCHEMAS = """
SELECT schema_name FROM information_schema.schemata
WHERE schema_name NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys') ORDER BY 1
"""

AT_WORK = """
SELECT 1 FROM information_schema.processlist WHERE id = %d AND command = 'Query'
AND COALESCE(state, '') NOT IN ('Writing to net', 'Sending to client')
"""
"""Whether a thread of ours is busy, and not with waiting for us to take what it sends."""

TABLES = """
SELECT table_schema, table_name, table_type, table_comment, table_rows
FROM information_schema.tables
WHERE table_schema IN ({schemas}) AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
ORDER BY table_schema, table_name
"""

COLUMNS = """
SELECT table_schema, table_name, JSON_ARRAYAGG(JSON_ARRAY(
       ordinal_position, column_name, column_type, data_type, is_nullable, column_default, column_comment, extra,
       generation_expression))
FROM information_schema.columns
WHERE table_schema IN ({schemas})
GROUP BY table_schema, table_name
"""

KEYS = """
SELECT table_schema, table_name, JSON_ARRAYAGG(JSON_ARRAY(
       constraint_name, ordinal_position, column_name, referenced_table_schema, referenced_table_name,
       referenced_column_name))
FROM information_schema.key_column_usage
WHERE table_schema IN ({schemas}) AND referenced_table_name IS NOT NULL
GROUP BY table_schema, table_name
"""

INDEXES = """
SELECT table_schema, table_name, JSON_ARRAYAGG(JSON_ARRAY(
       index_name, seq_in_index, column_name, non_unique, index_type))
FROM information_schema.statistics
WHERE table_schema IN ({schemas})
GROUP BY table_schema, table_name
"""

JSON_CHECKS = """
SELECT constraint_schema, table_name, JSON_ARRAYAGG(JSON_ARRAY(constraint_name, 0, check_clause))
FROM information_schema.check_constraints
WHERE constraint_schema IN ({schemas}) AND check_clause LIKE 'json_valid(%'
GROUP BY constraint_schema, table_name
"""
"""How MariaDB tells JSON: to it the type is a `longtext` with a check."""
CHECKS_SINCE = (10, 4)
"""The MariaDB from which on it makes that check by itself."""

ROOM = "SET SESSION group_concat_max_len = 100000000"
"""The bound of an aggregate in MariaDB; one cut in the middle would not be JSON."""

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

_ORDER = itemgetter(0, 1)

Record: TypeAlias = Any
"""What stands inside one of the arrays above; a row a table, because the driver's rows are dear."""
Key = tuple[str, str]


def in_schemas(query: str, schemas: Sequence[str]) -> str:
    """Fill the names of the schemas into one of the queries above."""
    return query.format(schemas=", ".join(literal(schema, "mysql") for schema in schemas))


def family(data_type: str, column_type: str) -> TypeFamily:
    """The family of a type; `tinyint(1)` is how both servers spell BOOLEAN."""
    return "bool" if column_type.startswith("tinyint(1)") else FAMILIES.get(data_type, "other")


def assemble(
    tables: Sequence[Record],
    columns: Sequence[Record],
    keys: Sequence[Record],
    indexes: Sequence[Record],
    checks: Sequence[Record] = (),
) -> tuple[TableSchema, ...]:
    """Join the answers of the catalogue to one TableSchema a table, in the order of `tables`."""
    shapes, references, access, valid = map(_by_table, (columns, keys, indexes, checks))
    column = cache(_column)  # `id int(11) NOT NULL` is the same column wherever it stands

    def table_of(table: Record) -> dict[str, Any]:
        key = table[:2]
        made = [column(*record[1:]) for record in shapes.get(key, ())]
        if key in valid:
            made = _with_json(made, {record[2] for record in valid[key]})
        return _table(table, made, references.get(key, ()), access.get(key, ()))

    return as_tables(map(table_of, tables))


def _by_table(rows: Sequence[Record]) -> dict[Key, Sequence[Record]]:
    """The array of each table, sorted by its records' first items: position, or name and position."""
    return {(schema, table): sorted(json.loads(array), key=_ORDER) for schema, table, array in rows}


def _column(
    name: str,
    spelled: str,
    data_type: str,
    nullable: str,
    default: str | None,
    comment: str,
    extra: str,
    expression: str | None,
) -> Column:
    values = _LABEL.findall(spelled) if data_type in ("enum", "set") else ()
    words = extra.upper().split() if extra else ()
    return Column(
        name=name,
        type=spelled,
        family=family(data_type, spelled),
        nullable=nullable == "YES",
        default=None if default is None or default == "NULL" else str(default),
        comment=comment or None,
        generated=bool(expression) or "AUTO_INCREMENT" in words or "GENERATED" in words,
        enum_values=tuple(value.replace("''", "'") for value in values),
    )


def _with_json(columns: Sequence[Column], checks: set[str]) -> list[Column]:
    return [
        column.model_copy(update={"type": "json", "family": "json"})
        if column.family == "text" and f"json_valid(`{column.name.replace('`', '``')}`)" in checks
        else column
        for column in columns
    ]


def _table(
    table: Record, columns: Sequence[Column], keys: Sequence[Record], access: Sequence[Record]
) -> dict[str, Any]:
    schema, name, kind, comment, rows = table
    view = kind == "VIEW"
    indexes = [
        {
            "name": index,
            "columns": [part[2] or "(expression)" for part in parts],
            "unique": not int(parts[0][3]),
            "kind": parts[0][4].lower(),
        }
        for index, parts in _grouped(access)
    ]
    return {
        "schema_name": schema,
        "name": name,
        "kind": "view" if view else "table",
        "comment": None if view else comment or None,  # a view's comment is the word VIEW
        "columns": columns,
        "primary_key": next((index["columns"] for index in indexes if index["name"] == "PRIMARY"), ()),
        "foreign_keys": [
            {
                "name": key,
                "columns": [part[2] for part in parts],
                "target_schema": parts[0][3],
                "target_table": parts[0][4],
                "target_columns": [part[5] for part in parts],
            }
            for key, parts in _grouped(keys)
        ],
        "unique_constraints": [index["columns"] for index in indexes if index["unique"] and index["name"] != "PRIMARY"],
        "indexes": indexes,
        "row_estimate": None if view or rows is None else int(rows),
    }


def _grouped(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Records in runs of the same first item, the name of their key or index."""
    return [(name, list(parts)) for name, parts in groupby(records, key=itemgetter(0))]
