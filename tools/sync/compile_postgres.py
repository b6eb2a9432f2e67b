"""A plan as SQL for PostgreSQL: the source itself writes each row as a document."""

import json
import re
from collections.abc import Sequence

from tools.connectors import base
from tools.connectors.base import Column, TableSchema
from tools.sync.plan import SyncPlan

MOST_TITLE, MOST_CELL, MOST_BODY, MOST_TAG = 300, 20_000, 100_000, 100
"""Characters of a title, of one column's part in the text, of the text, of a tag's value."""
BINARY_WHOLE, BINARY_START = 256, 32
"""Bytes: a longer binary value is told by its start, its length and its checksum."""
MOST_ARGUMENTS = 90
"""A function takes a hundred at most."""

_WORDS = re.compile(r"(text|character varying(\(\d+\))?)$")
_LENGTH = re.compile(r"character(?: varying)?\((\d+)\)$")
_SHORT = re.compile(r"(smallint|integer|bigint|real|double precision|boolean|date|uuid|time|timestamp)\b")
_SHORT_LENGTH = 40

_BINARY = (
    "CASE WHEN pg_catalog.length({0}) > {whole} THEN '0x' || pg_catalog.encode(pg_catalog.substring({0}, 1, {start}), "
    "'hex') || '... ' || pg_catalog.length({0}) || ' bytes, md5 ' || pg_catalog.md5({0}) "
    "ELSE '0x' || pg_catalog.encode({0}, 'hex') END"
)


def quoted(name: str) -> str:
    """A name as an identifier."""
    return base.quoted(name, "postgres")


def literal(text: str) -> str:
    """A text as a literal."""
    return base.literal(text, "postgres")


def table(shape: TableSchema) -> str:
    """The table's name in full."""
    return f"{quoted(shape.schema_name)}.{quoted(shape.name)}"


def document_columns(plan: SyncPlan, shape: TableSchema) -> str:
    """The select list that gives a document's key, title, text, tags, date and data."""
    columns = {column.name: column for column in shape.columns}
    key = key_text(plan, shape)
    named = _named(plan, key, [columns[name] for name in plan.key])
    title = _joined([columns[name] for name in plan.title], "' '", MOST_TITLE)
    tags = ", ".join(f"{literal(name + ':')} || {text(columns[name], MOST_TAG)}" for name in plan.tags)
    parts = (
        key,
        f"COALESCE(NULLIF({title}, ''), {named})" if plan.title else named,
        _joined([columns[name] for name in plan.body], "E'\\n'", MOST_BODY, MOST_CELL),
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
    """A column as text for titles, bodies and tags.

    To cut a text its characters must be counted: only one that has more bytes can have too many.
    """
    name = quoted(column.name)
    plain = name if _WORDS.match(column.type) else f"{name}::text"
    if _length(column) <= most:
        return plain
    if plain != name:
        return f"pg_catalog.left({plain}, {most})"
    return f"CASE WHEN pg_catalog.octet_length({name}) > {most} THEN pg_catalog.left({name}, {most}) ELSE {name} END"


def _length(column: Column) -> float:
    """Characters that a column's text can have."""
    if found := _LENGTH.match(column.type):
        return int(found[1])
    return _SHORT_LENGTH if _SHORT.match(column.type) and not column.type.endswith("[]") else float("inf")


def _named(plan: SyncPlan, key: str, columns: Sequence[Column]) -> str:
    """What stands for a title where there is none."""
    entity = plan.entity.capitalize()
    if not plan.key:
        return literal(entity)
    named = f"{literal(entity + ' ')} || {key}"
    short = len(columns) == 1 and columns[0].family != "binary" and _length(columns[0]) < MOST_TITLE - len(entity)
    return named if short else f"pg_catalog.left({named}, {MOST_TITLE})"


def _key_part(column: Column) -> str:
    name = quoted(column.name)
    if column.family in ("date", "datetime"):
        return f"(pg_catalog.to_json({name}) #>> '{{}}')"
    if column.family == "binary":
        return f"('0x' || pg_catalog.encode({name}, 'hex'))"
    return f"{name}::text"


def _joined(columns: Sequence[Column], gap: str, most: int, most_of_one: int | None = None) -> str:
    if not columns:
        return "''"
    texts = ", ".join(text(column, most_of_one or most) for column in columns)
    if len(columns) > MOST_ARGUMENTS:
        joined = f"pg_catalog.array_to_string(ARRAY[{texts}], {gap})"
    else:
        joined = f"pg_catalog.concat_ws({gap}, {texts})"
    longest = sum(min(_length(column), most_of_one or most) + 1 for column in columns)
    return f"pg_catalog.left({joined}, {most})" if longest > most + 1 else joined


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
