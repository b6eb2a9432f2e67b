"""PostgreSQL's catalogue, read set-based, as TableSchema."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias, cast

from tools.connectors.base import Column, TableSchema, TypeFamily
from tools.connectors.catalogs import as_tables

SETTINGS = """
SELECT pg_catalog.current_setting('server_version') AS version, pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.current_schemas(false)::text[] AS path,
       ARRAY(SELECT n.nspname::text FROM pg_catalog.pg_namespace n
             WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
               AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
             ORDER BY 1) AS schemas
"""
"""What a fresh connection asks: version, and the schemas of the search path."""

PRIVILEGES = """
WITH schemas AS (
    SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), tables AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN schemas s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'f')
)
SELECT r.rolsuper AS superuser,
       pg_catalog.array_remove(ARRAY[
         CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
         CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
         CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
         CASE WHEN r.rolreplication THEN 'REPLICATION' END,
         CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
         CASE WHEN EXISTS (SELECT FROM tables WHERE pg_catalog.has_table_privilege(oid, 'INSERT')) THEN 'INSERT' END,
         CASE WHEN EXISTS (SELECT FROM tables WHERE pg_catalog.has_table_privilege(oid, 'UPDATE')) THEN 'UPDATE' END,
         CASE WHEN EXISTS (SELECT FROM tables WHERE pg_catalog.has_table_privilege(oid, 'DELETE')) THEN 'DELETE' END,
         CASE WHEN EXISTS (SELECT FROM tables WHERE pg_catalog.has_table_privilege(oid, 'TRUNCATE'))
              THEN 'TRUNCATE' END,
         CASE WHEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
                OR EXISTS (SELECT FROM schemas WHERE pg_catalog.has_schema_privilege(oid, 'CREATE')) THEN 'CREATE' END
       ], NULL) || ARRAY(
         SELECT g.rolname::text FROM pg_catalog.pg_roles g
         WHERE g.rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program',
                             'pg_read_server_files', 'pg_signal_backend', 'pg_checkpoint', 'pg_maintain')
           AND NOT r.rolsuper AND pg_catalog.pg_has_role(g.oid, 'MEMBER')
         ORDER BY 1) AS privileges
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
"""

_VISIBLE = """
    n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND ($1::text[] IS NULL OR n.nspname = ANY ($1::text[]))
    AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
"""Relations the account can read; partitions and what an extension brought along are left out."""

TABLES = f"""
WITH RECURSIVE parts AS (
    SELECT i.inhparent AS root, i.inhrelid AS part FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class p ON p.oid = i.inhparent WHERE p.relkind = 'p' AND NOT p.relispartition
    UNION ALL
    SELECT parts.root, i.inhrelid FROM parts JOIN pg_catalog.pg_inherits i ON i.inhparent = parts.part
), sums AS (
    SELECT parts.root, sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples
                                ELSE pg_catalog.pg_stat_get_live_tuples(c.oid) END) AS tuples
    FROM parts JOIN pg_catalog.pg_class c ON c.oid = parts.part WHERE c.relkind <> 'p' GROUP BY 1
)
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AS whole,
       CASE WHEN c.relkind = 'v' THEN NULL
            WHEN c.relkind = 'p' THEN sums.tuples::int8
            WHEN c.reltuples > 0 THEN c.reltuples::int8
            ELSE NULLIF(pg_catalog.pg_stat_get_live_tuples(c.oid), CASE WHEN c.reltuples < 0 THEN 0 END)
       END AS rows
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN sums ON sums.root = c.oid
WHERE {_VISIBLE}
ORDER BY n.nspname, c.relname
"""  # noqa: S608 - a constant

WITHHELD = """
SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
"""
"""Whether a table that TABLES leaves out is there all the same; the catalogue shows it to everybody."""

AT_WORK = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
               WHERE pid = $1 AND state = 'active' AND wait_event IS DISTINCT FROM 'ClientWrite')
"""
"""Whether a session of ours is busy, and not with waiting for us to take what it sends."""

COLUMNS = """
SELECT a.attrelid::int8, a.attnum::int4, a.attname::text,
       pg_catalog.format_type(a.atttypid, a.atttypmod), t.typtype::text, t.typcategory::text,
       COALESCE(b.typname, t.typname)::text,
       a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), pg_catalog.pg_get_expr(d.adbin, d.adrelid),
       s.description, a.attidentity <> '' OR a.attgenerated <> '',
       CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END::int8
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_description s
       ON s.objoid = a.attrelid AND s.classoid = 'pg_catalog.pg_class'::regclass AND s.objsubid = a.attnum
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

READABLE = """
SELECT a.attrelid::int8, a.attnum::int4 FROM pg_catalog.pg_attribute a
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')
"""
"""Columns the account may read of tables it may not read as a whole."""

ENUMS = """
SELECT e.enumtypid::int8, pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_catalog.pg_enum e GROUP BY 1
"""

CONSTRAINTS = """
SELECT k.conrelid::int8, k.conname::text, k.contype::text, k.conkey::int4[], k.confrelid::int8, k.confkey::int4[],
       fn.nspname::text, f.relname::text
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
WHERE k.conrelid = ANY ($1::oid[]) AND k.contype IN ('p', 'u', 'f') AND NOT COALESCE(f.relispartition, false)
ORDER BY k.conrelid, k.conname
"""

TARGETS = """
SELECT a.attrelid::int8, a.attnum::int4, a.attname::text
FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0
"""
"""Names of columns that foreign keys point at outside the schemas read."""

INDEXES = """
SELECT x.indrelid::int8, i.relname::text, x.indisunique, m.amname::text,
       (x.indkey::int2[])[0:x.indnkeyatts - 1]::int4[],
       CASE WHEN x.indexprs IS NOT NULL THEN
         ARRAY(SELECT pg_catalog.pg_get_indexdef(x.indexrelid, k, true)
               FROM pg_catalog.generate_series(1, x.indnkeyatts) k) END
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = i.relam
WHERE x.indrelid = ANY ($1::oid[]) AND x.indisvalid
ORDER BY x.indrelid, i.relname
"""

TableKind = Literal["table", "view", "materialized view", "foreign table", "partitioned table"]
_KINDS: dict[str, TableKind] = {
    "r": "table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "p": "partitioned table",
}
_CATEGORIES: dict[str, TypeFamily] = {"N": "number", "S": "text", "B": "bool", "E": "text"}
_NAMES: dict[str, TypeFamily] = {
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "time": "time",
    "timetz": "time",
    "json": "json",
    "jsonb": "json",
    "bytea": "binary",
    "uuid": "text",
    "citext": "text",
    "xml": "text",
    "money": "number",
    "oid": "number",
}
_BASE = re.compile(r"^(date|timestamp|time|json|uuid|bytea)")

Record: TypeAlias = Any
"""A row of one of the queries above, read by position (`tables` by name)."""


def family(typname: str, category: str) -> TypeFamily:
    """The family of a type by its name and pg_type's category."""
    if typname in _NAMES:
        return _NAMES[typname]
    if category == "D" and (found := _BASE.match(typname)):
        return cast(TypeFamily, "datetime" if found[1] == "timestamp" else found[1])
    if typname.startswith("reg"):
        return "text"
    return _CATEGORIES.get(category, "other")


def assemble(
    tables: Sequence[Record],
    columns: Sequence[Record],
    enums: Sequence[Record],
    constraints: Sequence[Record],
    indexes: Sequence[Record],
    targets: Sequence[Record],
    readable: Sequence[Record] | None,
) -> tuple[TableSchema, ...]:
    """Join the flat answers of the catalogue to one TableSchema a relation, in the order of `tables`.

    `readable` holds the columns of tables that the account may read in part only; None when there are none.
    """
    partly = {table["oid"] for table in tables if not table["whole"]}
    shown = {tuple(record) for record in readable or ()}
    labels = {oid: tuple(values) for oid, values in enums}
    names: dict[int, dict[int, str]] = defaultdict(dict)
    for oid, number, name in targets:
        names[oid][number] = name
    shapes: dict[int, list[Record]] = defaultdict(list)
    for record in columns:
        names[record[0]][record[1]] = record[2]
        if record[0] not in partly or (record[0], record[1]) in shown:
            shapes[record[0]].append(record)
    keys: dict[int, list[Record]] = defaultdict(list)
    for record in constraints:
        keys[record[0]].append(record)
    access: dict[int, list[Record]] = defaultdict(list)
    for record in indexes:
        access[record[0]].append(record)

    @cache  # `id integer NOT NULL` is the same column wherever it stands
    def column(*record: Any) -> Column:
        return _column(record, labels)

    def table_of(table: Record) -> dict[str, Any]:
        oid = table["oid"]
        return _table(table, [column(*record[2:]) for record in shapes[oid]], keys[oid], access[oid], names)

    return as_tables(map(table_of, tables))


def _column(record: Record, labels: Mapping[int, tuple[str, ...]]) -> Column:
    name, spelled, typtype, category, typname, required, default, comment, generated, base = record
    values = labels.get(base, ()) if typtype in "ed" else ()
    return Column(
        name=name,
        type=spelled,
        family="text" if values else family(typname, category),
        nullable=not required,
        default=default,
        comment=comment,
        generated=generated,
        enum_values=values,
    )


def _table(
    table: Record,
    columns: Sequence[Column],
    keys: Sequence[Record],
    indexes: Sequence[Record],
    names: Mapping[int, Mapping[int, str]],
) -> dict[str, Any]:
    own = names[table["oid"]]

    def spell(numbers: Sequence[int], of: Mapping[int, str] = own) -> list[str]:
        return [of.get(number, "?") for number in numbers]

    return {
        "schema_name": table["schema"],
        "name": table["name"],
        "kind": _KINDS[table["kind"]],
        "comment": table["comment"],
        "columns": columns,
        "primary_key": next((spell(key[3]) for key in keys if key[2] == "p"), ()),
        "foreign_keys": [
            {
                "name": key[1],
                "columns": spell(key[3]),
                "target_schema": key[6],
                "target_table": key[7],
                "target_columns": spell(key[5], names[key[4]]),
            }
            for key in keys
            if key[2] == "f"
        ],
        "unique_constraints": [spell(key[3]) for key in keys if key[2] == "u"],
        "indexes": [
            {"name": index[1], "unique": index[2], "kind": index[3], "columns": index[5] or spell(index[4])}
            for index in indexes
        ],
        "row_estimate": table["rows"],
    }
