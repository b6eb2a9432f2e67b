"""What training reads of a table's rows: a few samples and the frequent values of columns that have few."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from tools.connectors.base import Column, Connector, Dialect, ReadLimits, TableSchema
from tools.errors import QueryTimedOut
from tools.schemas.privacy import private_columns
from tools.settings import Settings

_NUMBERS = 20
"""Distinct values a number column may have for them to be codes rather than amounts."""
_LONGEST = 60
"""Characters a value may have: longer ones are prose."""
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
    query = exp.select(*(_identifier(name) for name in shown)).from_(_table(shape)).limit(count)
    rows = await connector.fetch(query.sql(connector.dialect), limits.model_copy(update={"rows": count}))
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
    source = exp.select(*(_identifier(name) for name in columns)).from_(_sampled(shape, dialect, sampled))
    parts: list[exp.Query] = []
    for place, name in enumerate(columns):
        value = exp.func(
            "LEFT", exp.cast(_identifier(name), "text", dialect="postgres"), exp.Literal.number(_LONGEST + 1)
        )
        grouped = (
            exp.select(value.as_("v"), exp.Count(this=exp.Star()).as_("n"))
            .from_("sampled")
            .where(exp.Not(this=exp.Is(this=_identifier(name), expression=exp.Null())))
            .group_by(exp.Literal.number(1))
            .order_by(exp.Ordered(this=exp.Literal.number(2), desc=True), exp.Literal.number(1))
            .limit(most + 1)
        )
        parts.append(exp.select(exp.Literal.number(place).as_("place"), "v", "n").from_(grouped.subquery(f"c{place}")))
    union: exp.Query = parts[0]
    for part in parts[1:]:
        union = exp.union(union, part, distinct=False)
    return union.with_("sampled", as_=source.limit(sampled)).sql(dialect)


def _sampled(shape: TableSchema, dialect: Dialect, sampled: int) -> exp.Expression:
    """The table, or blocks from all over it where it is large and the dialect can: the first rows are the oldest."""
    table = _table(shape)
    estimate = shape.row_estimate or 0
    if (
        dialect != "postgres"
        or shape.kind not in ("table", "partitioned table", "materialized view")
        or estimate <= sampled * 2
    ):
        return table
    percent = min(100.0, max(0.0001, 200.0 * sampled / estimate))
    table.set("sample", exp.TableSample(method=exp.var("SYSTEM"), size=exp.Literal.number(f"{percent:.4f}")))
    return table


def _table(shape: TableSchema) -> exp.Table:
    return exp.Table(this=_identifier(shape.name).this, db=_identifier(shape.schema_name).this)


def _identifier(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def _shortened(cell: Any) -> Any:
    return f"{cell[:_LONGEST]}..." if isinstance(cell, str) and len(cell) > _LONGEST else cell
