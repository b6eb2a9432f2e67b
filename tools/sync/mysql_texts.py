"""Columns of MySQL as texts, in SQL: how a value is written in a document."""

import re
from dataclasses import dataclass

from tools.connectors import base
from tools.connectors.base import Column
from tools.sync.compile_postgres import BINARY_START, BINARY_WHOLE

UNBOUNDED = 2**32
CHARACTER = 4
"""Bytes of a character at most."""
SHORT = 1000
"""Bytes of what is neither text nor binary, at most."""
_SIZES = {
    "tinytext": 255,
    "text": 65_535,
    "mediumtext": UNBOUNDED,
    "longtext": UNBOUNDED,
}
_LENGTH = re.compile(r"(?:var)?char\((\d+)\)")
_POINTS = ("geometry", "point", "linestring", "polygon", "geometrycollection")
_SHAPES = frozenset((*_POINTS, "multipoint", "multilinestring", "multipolygon"))
_UNKNOWN = "\ufffd"
_ESCAPED = {"\\": "\\\\", '"': '\\"'} | {
    chr(code): {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0: _UNKNOWN}.get(code, f"\\u{code:04x}")
    for code in range(32)
}
"""How JSON writes a character."""


def quoted(name: str) -> str:
    """A name as an identifier."""
    return base.quoted(name, "mysql")


def literal(text: str) -> str:
    """A text as a literal of the session's mode, in which backslashes escape."""
    return base.literal(text, "mysql")


@dataclass(frozen=True)
class Text:
    """SQL that gives text, and how many bytes of it there can be; where it gives NULL the whole row would be NULL."""

    sql: str
    most: int = SHORT


def as_bytes(value: bytes) -> str:
    """Bytes as a literal."""
    return f"X'{value.hex()}'"


def as_binary(value: bytes) -> str:
    """Bytes that weigh as much as a column does: a mere literal would be taken for text beside one."""
    return f"CAST({as_bytes(value)} AS BINARY)"


def kind_of(column: Column) -> str:
    """How a column's values are written."""
    spelled = column.type.lower()
    if "zerofill" in spelled:
        return "unfilled"
    if spelled.startswith("bit"):
        return "bits"
    if spelled in _SHAPES:
        return "shape"
    if spelled.startswith(("datetime", "timestamp")):
        return spelled.split("(")[0]
    return column.family if column.family in ("number", "bool", "binary", "time", "date") else "text"


def text_of(column: Column) -> Text:
    """A column as text."""
    name = quoted(column.name)
    moment = _moment(column, f"INSERT({name}, 11, 1, 'T')")
    match kind_of(column):
        case "number" | "date":
            return Text(name)
        case "bits":
            return Text(f"{name} + 0")
        case "bool":  # what tinyint(1) holds beside 0 and 1 is a number
            return Text(f"CASE {name} WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE {name} END")
        case "unfilled":
            return Text(f"REGEXP_REPLACE(CAST({name} AS CHAR), '^0+(?=[0-9])', '')")
        case "time":
            return Text(f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {name}))" if "(" in column.type else name)
        case "datetime":
            return Text(moment)
        case "timestamp":
            return Text(f"CONCAT({moment}, '+00:00')")
        case "binary":
            return Text(_BINARY.format(name, whole=BINARY_WHOLE, start=BINARY_START))
        case "shape":
            return Text(f"ST_AsText({name})", UNBOUNDED)
    return Text(f"CONVERT({name} USING utf8mb4)", _size(column))


_BINARY = (
    "IF(LENGTH({0}) > {whole}, CONCAT('0x', LOWER(HEX(LEFT({0}, {start}))), '... ', LENGTH({0}), ' bytes, md5 ', "
    "MD5({0})), CONCAT('0x', LOWER(HEX({0}))))"
)


def _moment(column: Column, sql: str) -> str:
    """A date and time without the noughts at its end, where its type has parts of a second."""
    if "(" not in column.type:
        return sql
    return f"IF(MICROSECOND({quoted(column.name)}), TRIM(TRAILING '0' FROM {sql}), LEFT({sql}, 19))"


def _size(column: Column) -> int:
    """Bytes that a column's text can have."""
    spelled = column.type.lower()
    if column.enum_values:
        return len(spelled) * CHARACTER
    found = _LENGTH.match(spelled)
    if found:
        return int(found[1]) * CHARACTER
    size = _SIZES.get(spelled, SHORT if spelled in ("uuid", "inet4", "inet6") else UNBOUNDED)
    return min(size * CHARACTER, UNBOUNDED)


def key_part(column: Column) -> Text:
    """A column as text, or part of one, in a source key."""
    name = quoted(column.name)
    match kind_of(column):
        case "binary":
            return Text(f"CONCAT('0x', LOWER(HEX({name})))", 10 * SHORT)
        case "bool" | "time":
            return Text(name)
    return text_of(column)


def start_of(column: Column, most: int) -> str:
    """At most so many characters of a column's text."""
    text = text_of(column)
    if text.most <= most * CHARACTER:
        return text.sql
    if kind_of(column) != "text":
        return f"LEFT({text.sql}, {most})"
    return f"CONVERT(LEFT({quoted(column.name)}, {most}) USING utf8mb4)"


def escaped_part(column: Column) -> str:
    """A part of a key as JSON writes it: seldom needed, so it may take the source its time."""
    sql = key_part(column).sql
    if kind_of(column) == "text":
        sql = f"{sql} COLLATE utf8mb4_bin"
        for meant, written in _ESCAPED.items():
            sql = f"REPLACE({sql}, {_character(meant)}, {literal(written)})"
    return sql


def _character(one: str) -> str:
    return literal(one) if one >= " " else f"CHAR({ord(one)} USING utf8mb4)"
