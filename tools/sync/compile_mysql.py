"""A plan as a function for MySQL: it writes the undecoded cells of a row as the line of a document."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tools.connectors.base import Cells, Column, TableSchema
from tools.sync.compile_postgres import BINARY_START, BINARY_WHOLE, MOST_BODY, MOST_CELL, MOST_TAG, MOST_TITLE
from tools.sync.plan import SyncPlan

_JSON_BYTES = re.compile(rb'[\x00-\x1f"\\]')
_JSON_ESCAPES = {bytes((code,)): f"\\\\u{code:04x}".encode() for code in range(32)} | {
    b"\x00": "\ufffd".encode(),
    b"\n": b"\\\\n",
    b"\r": b"\\\\r",
    b"\t": b"\\\\t",
    b'"': b'\\\\"',
    b"\\": b"\\\\\\\\",
}
"""How a byte stands in a JSON string inside a COPY line, which doubles each backslash."""
_COPY_BYTES = re.compile(rb"[\x00\t\n\r\\]")
_COPY_ESCAPES = {b"\x00": "\ufffd".encode(), b"\t": b"\\t", b"\n": b"\\n", b"\r": b"\\r", b"\\": b"\\\\"}
_NO_DATE = re.compile(rb"\d{4}-(?:00-|\d\d-00)|0000-")
"""Dates of MySQL that are none."""


def quoted(name: str) -> str:
    """A name as an identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as a literal of the session's mode, in which backslashes escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def table(shape: TableSchema) -> str:
    """The table's name in full."""
    return f"{quoted(shape.schema_name)}.{quoted(shape.name)}"


def raw_columns(plan: SyncPlan, shape: TableSchema) -> str:
    """The select list of what a row's document is made from."""
    return ", ".join(_asked(column) for column in _needed(plan, shape))


def key_columns(plan: SyncPlan, shape: TableSchema) -> str:
    """The select list of a row's key."""
    return ", ".join(_asked(column) for name in plan.key if (column := shape.column(name)))


def key_value(column: Column, value: str) -> str:
    """A part of a source key as a value of its column."""
    if column.family == "binary":
        return value if len(value) > 2 else "''"
    if column.family in ("date", "datetime"):
        return literal(value.replace("T", " ").removesuffix("+00:00"))
    return value if column.family == "number" else literal(value)


def key_of_line(plan: SyncPlan, shape: TableSchema) -> Callable[[Cells], bytes]:
    """Write the function that makes the COPY line of a row's key alone."""
    columns = [column for name in plan.key if (column := shape.column(name))]
    return _function(
        shape, [f"return copied({_key(columns, [f'c[{at}]' for at in range(len(columns))])}) + b'\\n'"], {}
    )


def line_of(plan: SyncPlan, shape: TableSchema) -> Callable[[Cells], bytes]:
    """Write the function that makes the COPY line of a row's document, for exactly this plan.

    The code names cells by their place: no name of the source stands in it.
    """
    needed = _needed(plan, shape)
    at = {column.name: f"c[{place}]" for place, column in enumerate(needed)}
    columns = {column.name: column for column in needed}
    capital = plan.entity.capitalize().encode()
    named = "capital + key" if plan.key else "capital"
    constants = {"capital": capital + b" " if plan.key else capital, "template": _template(plan)}
    tags = []
    for number, name in enumerate(plan.tags):
        constants[f"tag{number}"] = f"{name}:".encode()
        tags.append(f"(tag{number}, cut({_text(columns[name], at[name])}, {MOST_TAG})),")
    key = _key([columns[name] for name in plan.key], [at[name] for name in plan.key])
    values = [f"{_json(columns[field.column], at[field.column])}," for field in plan.fields]
    when = f"moment({at[plan.date]})" if plan.date else "none"
    body = [
        f"key = {key}",
        f"title = {_joined(plan.title, columns, at, ' ', MOST_TITLE)} or cut({named}, {MOST_TITLE})",
        f"body = {_joined(plan.body, columns, at, chr(10), MOST_BODY)}",
        f"data = template % ({' '.join(values)})",
        f"tags = array(({' '.join(tags)}))",
        f"return whole % (copied(key), copied(title), copied(body), tags, {when}, data)",
    ]
    return _function(shape, body, constants)


def _function(shape: TableSchema, body: Sequence[str], constants: Mapping[str, bytes]) -> Callable[[Cells], bytes]:
    scope: dict[str, Any] = {**_WRITERS, **constants}
    source = "\n    ".join(("def line(c):", *body))
    exec(compile(source, f"<documents of {shape.qualified_name}>", "exec"), scope)  # noqa: S102 - made of our own words and numbers
    made: Callable[[Cells], bytes] = scope["line"]
    return made


def _needed(plan: SyncPlan, shape: TableSchema) -> list[Column]:
    names = dict.fromkeys((*plan.key, *(field.column for field in plan.fields)))
    return [column for name in names if (column := shape.column(name))]


def _asked(column: Column) -> str:
    name = quoted(column.name)
    if column.type.startswith("bit"):
        return f"{name} + 0"
    return f"ST_AsText({name})" if column.type in _SHAPES else name


_POINTS = ("geometry", "point", "linestring", "polygon", "geometrycollection")
_SHAPES = frozenset((*_POINTS, "multipoint", "multilinestring", "multipolygon"))


def _template(plan: SyncPlan) -> bytes:
    """The document's data with a place for each field's value."""
    fields = [_escaped(field.name.encode()).replace(b"%", b"%%") + b": %b" for field in plan.fields]
    fields += [
        (_escaped(name.encode()) + b": " + _escaped(value.encode())).replace(b"%", b"%%")
        for name, value in plan.constants.items()
    ]
    return b"{" + b", ".join(fields) + b"}"


def _kind(column: Column) -> str:
    """Which writer a column's cells need."""
    spelled = column.type.lower()
    if "zerofill" in spelled:
        return "unfilled"
    if spelled.startswith(("datetime", "timestamp", "json")):
        return spelled.split("(")[0]
    known = {"number": "number", "bool": "bool", "binary": "binary", "time": "time"}
    return known.get(column.family, "text")


def _json(column: Column, cell: str) -> str:
    return f"json_{_kind(column)}({cell})"


def _text(column: Column, cell: str) -> str:
    writer = {"bool": "text_bool", "unfilled": "text_unfilled"}.get(_kind(column))
    return f"{writer}({cell})" if writer else cell


def _joined(names: Sequence[str], columns: Mapping[str, Column], at: Mapping[str, str], gap: str, most: int) -> str:
    if not names:
        return "b''"
    texts = " ".join(f"cut({_text(columns[name], at[name])}, {min(most, MOST_CELL)})," for name in names)
    return f"joined({gap.encode()!r}, ({texts}), {most})"


def _key(columns: Sequence[Column], cells: Sequence[str]) -> str:
    writers = {"datetime": "datetime", "timestamp": "timestamp", "binary": "binary", "unfilled": "text_unfilled"}
    parts = [
        f"{writers[kind]}({cell})" if (kind := _kind(column)) in writers else cell
        for column, cell in zip(columns, cells, strict=True)
    ]
    if len(parts) > 1:
        return f"listed(({', '.join(parts)}))"
    return parts[0] if parts else "b''"


# The writers: what the functions above are made of.


def _escaped(value: bytes) -> bytes:
    if _JSON_BYTES.search(value):
        value = _JSON_BYTES.sub(lambda found: _JSON_ESCAPES[found[0]], value)
    return b'"%b"' % value


def _copied(value: bytes) -> bytes:
    return _COPY_BYTES.sub(lambda found: _COPY_ESCAPES[found[0]], value) if _COPY_BYTES.search(value) else value


def _json_text(value: bytes | None) -> bytes:
    return b"null" if value is None else _escaped(value)


def _json_number(value: bytes | None) -> bytes:
    return b"null" if value is None else value


def _text_unfilled(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    whole = value.lstrip(b"0")
    return whole if whole and whole[:1] != b"." else b"0" + whole


def _text_bool(value: bytes | None) -> bytes | None:
    """What `tinyint(1)` holds beside 0 and 1 is a number."""
    return {b"0": b"false", b"1": b"true"}.get(value, value) if value is not None else None


def _json_json(value: bytes | None) -> bytes:
    return b"null" if value is None else _copied(value.replace(b"\\u0000", "\ufffd".encode()))


def _binary(value: bytes) -> bytes:
    if len(value) <= BINARY_WHOLE:
        return b"0x" + value.hex().encode()
    checksum = hashlib.md5(value, usedforsecurity=False).hexdigest()
    return f"0x{value[:BINARY_START].hex()}... {len(value)} bytes, md5 {checksum}".encode()


def _trimmed(value: bytes) -> bytes:
    return value.rstrip(b"0").rstrip(b".") if b"." in value else value


def _datetime(value: bytes) -> bytes:
    return _trimmed(value.replace(b" ", b"T"))


def _timestamp(value: bytes) -> bytes:
    return _datetime(value) + b"+00:00"


def _moment(value: bytes | None) -> bytes:
    return b"\\N" if value is None or _NO_DATE.match(value) else value


def _cut(value: bytes | None, most: int) -> bytes | None:
    """At most so many characters."""
    if value is None or len(value) <= most:
        return value
    return value.decode(errors="replace")[:most].encode()


def _joined_texts(gap: bytes, texts: Sequence[bytes | None], most: int) -> bytes:
    return _cut(gap.join([text for text in texts if text is not None]), most) or b""


def _listed(parts: Sequence[bytes]) -> bytes:
    return json.dumps([part.decode(errors="replace") for part in parts], ensure_ascii=False).encode()


def _array(tags: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    held = [
        b'"%b"' % (name + value).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        for name, value in tags
        if value is not None
    ]
    return _copied(b"{%b}" % b",".join(held))


def _quoting(writer: Callable[[bytes], bytes]) -> Callable[[bytes | None], bytes]:
    return lambda value: b"null" if value is None else b'"%b"' % writer(value)


_WRITERS: dict[str, Any] = {
    "none": b"\\N",
    "whole": b"%b\t%b\t%b\t%b\t%b\t%b\n",
    "array": _array,
    "binary": _binary,
    "copied": _copied,
    "cut": _cut,
    "datetime": _datetime,
    "joined": _joined_texts,
    "json_binary": _quoting(_binary),
    "json_bool": lambda value: _text_bool(value) or b"null",
    "json_datetime": _quoting(_datetime),
    "json_json": _json_json,
    "json_number": _json_number,
    "json_text": _json_text,
    "json_time": _quoting(_trimmed),
    "json_timestamp": _quoting(_timestamp),
    "json_unfilled": lambda value: _text_unfilled(value) or b"null",
    "listed": _listed,
    "moment": _moment,
    "text_bool": _text_bool,
    "text_unfilled": _text_unfilled,
    "timestamp": _timestamp,
}
