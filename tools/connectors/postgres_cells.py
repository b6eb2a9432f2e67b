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
_CUT: dict[int, str] = {
    17: "pg_catalog.substring({0}, 1, {1})",
    25: "pg_catalog.left({0}, {1})",
    1043: "pg_catalog.left({0}, {1})",
    114: "pg_catalog.left({0}::text, {1})",
    3802: "pg_catalog.left({0}::text, {1})",
    142: "pg_catalog.left({0}::text, {1})",
}
"""Types whose single cells may be megabytes, and how the server shortens them."""


def set_codecs(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Have the types above delivered as text.

    Straight into the connection's settings, because the public call asks the server once per type.
    """
    settings: Any = connection.get_settings()
    for oid, (name, decode) in _AS_TEXT.items():
        settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", str, decode, "text")


class Shape:
    """The columns of a statement, and how to read it without holding more than the caps."""

    def __init__(self, attributes: tuple["asyncpg.Attribute", ...]) -> None:
        self.columns: list[ResultColumn] = []
        self.kinds: list[Kind] = []
        self.types = [attribute.type.oid for attribute in attributes]
        self.nested = any(attribute.type.kind != "scalar" for attribute in attributes)
        """True with arrays and composites among the columns, whose size nothing bounds."""
        for attribute in attributes:
            mine = attribute.type.kind == "scalar" and attribute.type.schema != "pg_catalog"
            family, kind = _KNOWN.get(attribute.type.oid, ("text" if mine else "other", "any"))
            self.columns.append(ResultColumn(name=attribute.name, family=family))
            self.kinds.append(kind)

    @property
    def lengthy(self) -> bool:
        """True when a cell may be longer than any cap."""
        return any(oid in _CUT for oid in self.types)

    def framed(self, sql: str, cap: int) -> str:
        """Put a statement that the server has parsed as one whole into a frame that cuts its long cells there."""
        names = [f"c{number}" for number in range(len(self.types))]
        cells = [_CUT.get(oid, "{0}").format(name, cap + 1) for oid, name in zip(self.types, names, strict=True)]
        return f"SELECT {', '.join(cells)} FROM (\n{sql}\n) AS framed ({', '.join(names)})"  # noqa: S608 - parsed before
