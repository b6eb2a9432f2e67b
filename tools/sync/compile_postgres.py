"""A plan as SQL for PostgreSQL: the source itself writes each row as a document."""

import json
from collections.abc import Sequence

from tools.connectors.base import Column, TableSchema
from tools.sync.plan import SyncPlan

MOST_TITLE, MOST_CELL, MOST_BODY, MOST_TAG = 300, 20_000, 100_000, 100
"""Characters of a title, of one column's part in the text, of the text, of a tag's value."""
BINARY_WHOLE, BINARY_START = 256, 32
"""Bytes: a longer binary value is told by its start, its length and its checksum."""

_BINARY = (
    "CASE WHEN pg_catalog.length({0}) > {whole} THEN '0x' || pg_catalog.encode(pg_catalog.substring({0}, 1, {start}), "
    "'hex') || '... ' || pg_catalog.length({0}) || ' bytes, md5 ' || pg_catalog.md5({0}) "
    "ELSE '0x' || pg_catalog.encode({0}, 'hex') END"
)


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def table(shape: TableSchema) -> str:
    """The table's name in full."""
    return f"{quoted(shape.schema_name)}.{quoted(shape.name)}"


def document_columns(plan: SyncPlan, shape: TableSchema) -> str:
    """The select list that gives a document's key, title, text, tags, date and data."""
    columns = {column.name: column for column in shape.columns}
    key = key_text(plan, shape)
    title = _joined([text(columns[name], MOST_TITLE) for name in plan.title], "' '", MOST_TITLE)
    named = f"{literal(plan.entity.capitalize() + ' ')} || {key}" if plan.key else literal(plan.entity.capitalize())
    tags = ", ".join(f"{literal(name + ':')} || {text(columns[name], MOST_TAG)}" for name in plan.tags)
    parts = (
        key,
        f"pg_catalog.left(COALESCE(NULLIF({title}, ''), {named}), {MOST_TITLE})" if plan.title else named,
        _joined([text(columns[name], MOST_CELL) for name in plan.body], "E'\\n'", MOST_BODY),
        f"pg_catalog.array_remove(ARRAY[{tags}]::text[], NULL)" if plan.tags else "'{}'::text[]",
        _moment(columns[plan.date]) if plan.date else "NULL",
        _data(plan, columns),
    )
    # An unnamed cast keeps its column's name, and ORDER BY would take the text for the column
    return ", ".join(f'{part} AS "document {number}"' for number, part in enumerate(parts))


def key_text(plan: SyncPlan, shape: TableSchema) -> str:
    """The source key of a row; empty where the store is to take the row's hash."""
    texts = [_key_part(column) for name in plan.key if (column := shape.column(name))]
    if len(texts) > 1:
        return f"pg_catalog.json_build_array({', '.join(texts)})::text"
    return texts[0] if texts else "''"


def key_value(column: Column, value: str) -> str:
    """A part of a source key as a value of its column."""
    if column.family == "binary":
        return f"pg_catalog.decode({literal(value.removeprefix('0x'))}, 'hex')"
    return f"{literal(value)}::{column.type}"


def text(column: Column, most: int) -> str:
    """A column as text for titles, bodies and tags."""
    plain = quoted(column.name) if column.type == "text" else f"{quoted(column.name)}::text"
    return f"pg_catalog.left({plain}, {most})"


def _key_part(column: Column) -> str:
    name = quoted(column.name)
    if column.family in ("date", "datetime"):
        return f"(pg_catalog.to_json({name}) #>> '{{}}')"
    if column.family == "binary":
        return f"('0x' || pg_catalog.encode({name}, 'hex'))"
    return f"{name}::text"


def _joined(texts: Sequence[str], gap: str, most: int) -> str:
    if not texts:
        return "''"
    return f"pg_catalog.left(pg_catalog.array_to_string(ARRAY[{', '.join(texts)}], {gap}), {most})"


def _moment(column: Column) -> str:
    name = quoted(column.name)
    return f"CASE WHEN pg_catalog.isfinite({name}) THEN {name}::timestamptz END"


def _data(plan: SyncPlan, columns: dict[str, Column]) -> str:
    """The row as JSON; a sub-query names the fields, which costs nothing in a row's constructor."""
    fields = [f"{_value(columns[field.column])} AS {quoted(field.name)}" for field in plan.fields]
    fields += [f"{literal(value)}::text AS {quoted(name)}" for name, value in plan.constants.items()]
    names = {field.name for field in plan.fields} | set(plan.constants)
    alias = "the row"
    while alias in names:
        alias += "_"
    row = quoted(alias)
    return f"(SELECT pg_catalog.row_to_json({row}) FROM (SELECT {', '.join(fields)}) AS {row})"  # noqa: S608 - quoted


def _value(column: Column) -> str:
    name = quoted(column.name)
    if column.family == "binary":
        return _BINARY.format(name, whole=BINARY_WHOLE, start=BINARY_START)
    if column.type.startswith("character("):
        return f"{name}::text"
    if column.type == "money":
        return f"{name}::numeric"
    if column.type == "json":
        # A NUL that json only spells out is one that the store's jsonb refuses
        return f"pg_catalog.replace({name}::text, '\\u0000', '\\ufffd')::json"
    return name


def key_parts(plan: SyncPlan, key: str) -> list[str]:
    """Take a source key apart into the texts of its columns."""
    return [str(part) for part in json.loads(key)] if len(plan.key) > 1 else [key]
