"""A plan as SQL for MySQL: the source itself writes each row as a document, all but escaped.

MariaDB joins texts fast and escapes them slowly; Python escapes a block of many rows fast and is slow at whatever it
does for each of them. So a row comes in parts, each of one kind, with marks where structure is; see `mysql_lines`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.connectors.base import Column, TableSchema
from tools.sync.compile_postgres import MOST_BODY, MOST_CELL, MOST_TAG, MOST_TITLE
from tools.sync.mysql_lines import GAP, NULL, PART, QUOTE, TAB, Kind, Lines
from tools.sync.mysql_texts import (
    CHARACTER,
    SHORT,
    UNBOUNDED,
    Text,
    as_binary,
    as_bytes,
    escaped_part,
    key_part,
    kind_of,
    literal,
    quoted,
    start_of,
    text_of,
)
from tools.sync.plan import SyncPlan

MOST_BYTES = 4_000_000
"""What is joined at the source is NULL when it is longer than a packet may be there: 4 MB at least, 16 as a rule."""


def table(shape: TableSchema) -> str:
    """The table's name in full."""
    return f"{quoted(shape.schema_name)}.{quoted(shape.name)}"


def key_value(column: Column, value: str) -> str:
    """A part of a source key as a value of its column."""
    if column.family == "binary":
        return value if len(value) > 2 else "''"
    if column.family in ("date", "datetime"):
        return literal(value.replace("T", " ").removesuffix("+00:00"))
    return value if column.family == "number" else literal(value)


def key(plan: SyncPlan, shape: TableSchema) -> tuple[str, Lines]:
    """The select list that gives a row's source key, and what makes lines of it."""
    row = _Row()
    row.key(_columns(plan.key, shape))
    return row.select_list(), row.lines()


def document(plan: SyncPlan, shape: TableSchema) -> tuple[str, Lines]:
    """The select list that gives a document's key, title, text, tags, date and data, and what makes lines of it."""
    row = _Row()
    row.key(_columns(plan.key, shape))
    row.add("text", TAB, _title(plan, shape), TAB, _body(_columns(plan.body, shape)), TAB)
    if plan.tags:
        row.add("array", b"{", _tags(_columns(plan.tags, shape)), b"}")
    else:
        row.add("text", b"{}")
    when = shape.column(plan.date) if plan.date else None
    row.add("json", TAB, _moment(when) if when else NULL, TAB, b"{")
    gap = b""
    for each in plan.fields:
        column = shape.column(each.column)
        assert column is not None, "a plan names columns of its table"
        row.add("json", gap, QUOTE, each.name.encode(), QUOTE, b": ")
        row.value(column)
        gap = b", "
    for name, value in plan.constants.items():
        row.add("json", gap, QUOTE, name.encode(), QUOTE, b": ", QUOTE, value.encode(), QUOTE)
        gap = b", "
    row.add("json", b"}")
    return row.select_list(), row.lines()


_Piece = bytes | Text


@dataclass
class _Row:
    """A row as it is put together: parts, each a kind and its pieces."""

    parts: list[tuple[Kind, list[_Piece]]] = field(default_factory=list)

    def add(self, kind: Kind, *pieces: _Piece) -> None:
        """Go on with pieces of this kind."""
        if not self.parts or self.parts[-1][0] != kind:
            self.parts.append((kind, []))
        self.parts[-1][1].extend(pieces)

    def key(self, columns: Sequence[Column]) -> None:
        """Add the source key: the text of its column, or of several a list in JSON."""
        if len(columns) < 2:
            self.add("text", *(key_part(column) for column in columns))
            return
        for at, column in enumerate(columns):
            self.add("json", b", " if at else b"[", QUOTE, key_part(column), QUOTE)
        self.add("json", b"]")

    def value(self, column: Column) -> None:
        """Add a column as a value in JSON."""
        name, text = quoted(column.name), text_of(column)
        if column.family == "json":
            written = f"CAST({name} AS CHAR CHARACTER SET utf8mb4)"
            self.add("raw", Text(f"IFNULL({written}, 'null')", UNBOUNDED))
        elif kind_of(column) in ("number", "bits", "bool", "unfilled"):
            self.add("json", Text(f"IFNULL({text.sql}, 'null')") if column.nullable else text)
        elif not column.nullable:
            self.add("json", QUOTE, text, QUOTE)
        elif text.most < MOST_BYTES:
            whole = f"CONCAT({as_binary(QUOTE)}, {text.sql}, {as_bytes(QUOTE)})"
            self.add("json", Text(f"IFNULL({whole}, 'null')", text.most))
        else:  # joined with its quotes it might be too long
            self.add(
                "json",
                Text(f"IF({name} IS NULL, 'null', {as_binary(QUOTE)})"),
                Text(f"IFNULL({text.sql}, '')", text.most),
                Text(f"IF({name} IS NULL, '', {as_binary(QUOTE)})"),
            )

    def lines(self) -> Lines:
        """What makes lines of such rows."""
        return Lines(tuple(kind for kind, _ in self.parts))

    def select_list(self) -> str:
        """The row's text in as many columns as it takes for none to be too long."""
        joined: list[_Piece] = []
        for at, (_, pieces) in enumerate(self.parts):
            joined += [PART, *pieces] if at else pieces
        cells: list[list[_Piece]] = [[]]
        room = MOST_BYTES
        for piece in joined:
            size = piece.most if isinstance(piece, Text) else len(piece)
            if size > room:
                cells.append([])
                room = MOST_BYTES
            cells[-1].append(piece)
            room -= size
        return ", ".join(_cell(cell) for cell in cells if cell)


def _cell(pieces: Sequence[_Piece]) -> str:
    if len(pieces) == 1 and isinstance(pieces[0], Text):
        return pieces[0].sql
    texts: list[str] = []
    constant = b""
    for piece in [*pieces, Text("")]:
        if isinstance(piece, bytes):
            constant += piece
            continue
        if constant or not texts:  # the first tells the server that it joins bytes, whatever follows
            texts.append(as_bytes(constant) if texts else as_binary(constant))
        texts.append(piece.sql)
        constant = b""
    return f"CONCAT({', '.join(filter(None, texts))})"


def _columns(names: Sequence[str], shape: TableSchema) -> list[Column]:
    return [column for name in names if (column := shape.column(name))]


def _joined(columns: Sequence[Column], gap: str, most: int) -> str:
    return f"LEFT(CONCAT_WS({gap}, {', '.join(start_of(column, min(most, MOST_CELL)) for column in columns)}), {most})"


def _title(plan: SyncPlan, shape: TableSchema) -> _Piece:
    """The columns of the title or, where they are empty, the entity and the key."""
    named = _named(plan.entity.capitalize(), _columns(plan.key, shape))
    if not plan.title:
        return Text(named)
    columns = _columns(plan.title, shape)
    if len(columns) == 1 and kind_of(columns[0]) == "text":
        one = f"IF(LENGTH({quoted(columns[0].name)}), {start_of(columns[0], MOST_TITLE)}, {named})"
        return Text(one, MOST_TITLE * CHARACTER)
    title = _joined(columns, "' '", MOST_TITLE)
    return Text(f"COALESCE(NULLIF(CAST({title} AS BINARY), ''), {named})", MOST_TITLE * CHARACTER)


def _named(entity: str, columns: Sequence[Column]) -> str:
    if not columns:
        return literal(entity)
    parts = [literal(entity + " ")]
    for at, column in enumerate(columns):
        if len(columns) > 1:
            parts.append("', \"'" if at else "'[\"'")
            parts += [escaped_part(column), "'\"'"]
        else:
            parts.append(key_part(column).sql)
    if len(columns) > 1:
        parts.append("']'")
    return f"CAST(LEFT(CONCAT({', '.join(parts)}), {MOST_TITLE}) AS BINARY)"


def _body(columns: Sequence[Column]) -> _Piece:
    """The columns of the text, one behind the other; cut only where together they can be too long."""
    if not columns:
        return b""
    most = sum(min(text_of(column).most, MOST_CELL) + 1 for column in columns)
    if most > MOST_BODY:
        return Text(_joined(columns, r"'\n'", MOST_BODY), MOST_BODY * CHARACTER)
    texts = ", ".join(start_of(column, MOST_CELL) for column in columns)
    return Text(f"CONCAT_WS({as_binary(GAP)}, {texts})", most * CHARACTER)


def _tags(columns: Sequence[Column]) -> _Piece:
    each = [
        f"CONCAT({as_binary(QUOTE + column.name.encode() + b':')}, {start_of(column, MOST_TAG)}, {as_bytes(QUOTE)})"
        for column in columns
    ]
    return Text(f"CONCAT_WS(',', {', '.join(each)})", len(each) * SHORT)


def _moment(column: Column) -> _Piece:
    """A date or time, unless it is one that the calendar does not have."""
    name = quoted(column.name)
    parts = ("YEAR",) if kind_of(column) == "timestamp" else ("YEAR", "MONTH", "DAYOFMONTH")
    real = " AND ".join(f"{part}({name})" for part in parts)
    return Text(f"IF({real}, {name}, {as_binary(NULL)})")
