"""What training reads of a table's rows: a few samples and the frequent values of columns that have few."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tools.connectors.base import Column, Connector, Dialect, ReadLimits, TableSchema, quoted
from tools.errors import QueryTimedOut
from tools.schemas.privacy import private_columns
from tools.settings import Settings

_NUMBERS = 20
"""Distinct values a number column may have for them to be codes rather than amounts."""
_LONGEST = 60
"""Characters a value may have: longer ones are prose."""
_TEXT: dict[Dialect, str] = {"postgres": "TEXT", "mysql": "CHAR"}
"""What a value is cast to."""
_READ = ("text", "bool", "number")
_SHOWN = ("text", "bool", "number", "date", "datetime", "time")


class Analysis(NamedTuple):
    """What was learned from one table's rows."""

    values: dict[str, tuple[str, ...]]
    """Column -> its frequent values as text, most frequent first."""
    samples: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    """Columns that look secret or personal: never read."""
    timed_out: bool = False


async def analyse(connector: Connector, shape: TableSchema, settings: Settings, masked: Sequence[str] = ()) -> Analysis:
    """Read samples and frequent values of one table in two bounded statements; none when there is nothing to read.

    Large tables are sampled (`settings.analysed_rows`). A table too slow to read is trained on its shape alone:
    `timed_out` says so. Columns that are `masked` for anybody are not read either. QueryFailed and
    DatabaseUnreachable pass through.
    """
    private = private_columns(shape, settings.private_columns)
    left_out = tuple(column.name for column in shape.columns if column.name in (*private, *masked))
    columns = [column for column in shape.columns if column.name not in left_out]
    limits = ReadLimits(
        seconds=min(settings.query_seconds, settings.analysis_seconds),
        rows=max(1, len(columns)) * (settings.frequent_values + 1),
        cell_bytes=settings.cell_bytes,
        total_bytes=settings.result_bytes,
    )
    try:
        samples = await _samples(connector, shape, columns, limits, settings.sample_rows)
        values = await _values(connector, shape, columns, limits, settings)
    except QueryTimedOut:
        return Analysis({}, (), left_out, timed_out=True)
    return Analysis(values, samples, left_out)


async def _samples(
    connector: Connector, shape: TableSchema, columns: Sequence[Column], limits: ReadLimits, count: int
) -> tuple[dict[str, Any], ...]:
    shown = [column.name for column in columns if column.family in _SHOWN]
    if not shown or not count:
        return ()
    sql = f"{_select(shown, _table(shape, connector.dialect), connector.dialect)} LIMIT {count:d}"
    rows = await connector.fetch(sql, limits.model_copy(update={"rows": count}))
    return tuple({name: _shortened(cell) for name, cell in zip(shown, row, strict=True)} for row in rows.rows)


async def _values(
    connector: Connector, shape: TableSchema, columns: Sequence[Column], limits: ReadLimits, settings: Settings
) -> dict[str, tuple[str, ...]]:
    read = [column for column in columns if _may_repeat(shape, column)]
    if not read or not settings.frequent_values:
        return {}
    sql = values_sql(shape, [c.name for c in read], connector.dialect, settings.frequent_values, settings.analysed_rows)
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for place, value, count in (await connector.fetch(sql, limits)).rows:
        found[int(place)].append((-int(count), str(value)))
    kept = {}
    for place, column in enumerate(read):
        some = [value for _, value in sorted(found.get(place, []))]
        most = settings.frequent_values if column.family != "number" else min(_NUMBERS, settings.frequent_values)
        if 0 < len(some) <= most and all(len(value) <= _LONGEST for value in some):
            kept[column.name] = tuple(some)
    return kept


def _may_repeat(shape: TableSchema, column: Column) -> bool:
    """Columns whose values may be few: no keys by number, no enums (the catalogue has theirs), nothing binary."""
    if column.enum_values or column.family not in _READ:
        return False
    if column.family != "number":
        return True
    linked: Iterable[str] = (name for key in shape.foreign_keys for name in key.columns)
    return column.name not in shape.primary_key and column.name not in linked


def values_sql(shape: TableSchema, columns: Sequence[str], dialect: Dialect, most: int, sampled: int) -> str:
    """Write one statement that counts the values of several columns over at most `sampled` rows.

    Rows of the result: the column's place in `columns`, a value as text, how often; at most `most` + 1 per column.
    """
    parts = []
    for place, name in enumerate(columns):
        column = quoted(name, dialect)
        grouped = (
            f"SELECT LEFT(CAST({column} AS {_TEXT[dialect]}), {_LONGEST + 1}) AS v, COUNT(*) AS n FROM sampled "  # noqa: S608 - quoted names
            f"WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {most + 1:d}"
        )
        parts.append(f"SELECT {place} AS place, v, n FROM ({grouped}) AS c{place}")  # noqa: S608
    source = _select(columns, _sampled(shape, dialect, sampled), dialect)
    return f"WITH sampled AS ({source} LIMIT {sampled:d}) {' UNION ALL '.join(parts)}"


def _sampled(shape: TableSchema, dialect: Dialect, sampled: int) -> str:
    """The table, or blocks from all over it where it is large and the dialect can: the first rows are the oldest."""
    table = _table(shape, dialect)
    estimate = shape.row_estimate or 0
    if (
        dialect != "postgres"
        or shape.kind not in ("table", "partitioned table", "materialized view")
        or estimate <= sampled * 2
    ):
        return table
    percent = min(100.0, max(0.0001, 200.0 * sampled / estimate))
    return f"{table} TABLESAMPLE SYSTEM ({percent:.4f})"


def _select(columns: Sequence[str], source: str, dialect: Dialect) -> str:
    return f"SELECT {', '.join(quoted(name, dialect) for name in columns)} FROM {source}"  # noqa: S608 - quoted names


def _table(shape: TableSchema, dialect: Dialect) -> str:
    return f"{quoted(shape.schema_name, dialect)}.{quoted(shape.name, dialect)}"


def _shortened(cell: Any) -> Any:
    return f"{cell[:_LONGEST]}..." if isinstance(cell, str) and len(cell) > _LONGEST else cell
