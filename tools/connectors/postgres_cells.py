"""How PostgreSQL's types arrive from the driver, and which cells they become."""

from collections.abc import Callable
from typing import Any

import asyncpg

from tools.connectors.base import ResultColumn, TypeFamily
from tools.connectors.cells import Kind, iso, number

_AS_TEXT: dict[int, tuple[str, Callable[[str], Any]]] = {
    18: ("char", str),
    1700: ("numeric", number),
    700: ("float4", float),
    1082: ("date", str),
    1083: ("time", str),
    1266: ("timetz", str),
    1114: ("timestamp", iso),
    1184: ("timestamptz", iso),
    1186: ("interval", str),
    2950: ("uuid", str),
    869: ("inet", str),
    650: ("cidr", str),
    829: ("macaddr", str),
    774: ("macaddr8", str),
    1560: ("bit", str),
    1562: ("varbit", str),
    600: ("point", str),
    601: ("lseg", str),
    602: ("path", str),
    603: ("box", str),
    604: ("polygon", str),
    628: ("line", str),
    718: ("circle", str),
    3904: ("int4range", str),
    3926: ("int8range", str),
    3906: ("numrange", str),
    3908: ("tsrange", str),
    3910: ("tstzrange", str),
    3912: ("daterange", str),
    4451: ("int4multirange", str),
    4536: ("int8multirange", str),
    4532: ("nummultirange", str),
    4533: ("tsmultirange", str),
    4534: ("tstzmultirange", str),
    4535: ("datemultirange", str),
}
"""Types read in the server's own spelling: a date before Christ, an infinite one or an interval of months has
no exact Python value."""

_KNOWN: dict[int, tuple[TypeFamily, Kind]] = {
    16: ("bool", "plain"),
    20: ("number", "integer"),
    21: ("number", "plain"),
    23: ("number", "plain"),
    26: ("number", "plain"),
    700: ("number", "float"),
    701: ("number", "float"),
    1700: ("number", "number"),
    17: ("binary", "binary"),
    114: ("json", "text"),
    3802: ("json", "text"),
    18: ("text", "plain"),
    19: ("text", "text"),
    25: ("text", "text"),
    1042: ("text", "text"),
    1043: ("text", "text"),
    142: ("text", "text"),
    790: ("text", "text"),
    1082: ("date", "plain"),
    1083: ("time", "plain"),
    1266: ("time", "plain"),
    1114: ("datetime", "plain"),
    1184: ("datetime", "plain"),
    1186: ("other", "plain"),
    2950: ("text", "plain"),
    869: ("text", "plain"),
    650: ("text", "plain"),
}
_WIDE = frozenset({17, 114, 142, 3802})
"""Types whose single cells are often megabytes: read in small batches."""


def set_codecs(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Have the types above delivered as text.

    Straight into the connection's settings, because the public call asks the server once per type.
    """
    settings: Any = connection.get_settings()
    for oid, (name, decode) in _AS_TEXT.items():
        settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", str, decode, "text")


def describe(attributes: tuple["asyncpg.Attribute", ...]) -> tuple[list[ResultColumn], list[Kind], bool]:
    """The columns of a statement, how to convert each, and whether any is of a type known for huge cells."""
    columns, kinds, wide = [], [], False
    for attribute in attributes:
        kind = attribute.type.kind
        unknown: TypeFamily = "other" if kind != "scalar" or attribute.type.schema == "pg_catalog" else "text"
        family, convert = _KNOWN.get(attribute.type.oid, (unknown, "any"))
        columns.append(ResultColumn(name=attribute.name, family=family))
        kinds.append(convert)
        wide = wide or attribute.type.oid in _WIDE or kind != "scalar"
    return columns, kinds, wide
