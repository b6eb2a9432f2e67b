"""Which rows of a table a run reads, and the SQL that reads them, in either dialect."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import ModuleType

from tools.connectors.base import BulkReading, Dialect, TableSchema
from tools.errors import Invalid
from tools.sync import compile_mysql, compile_postgres
from tools.sync.options import SyncOptions, boundary
from tools.sync.plan import SyncPlan

_DIALECTS: dict[Dialect, ModuleType] = {"postgres": compile_postgres, "mysql": compile_mysql}


@dataclass(frozen=True)
class Selection:
    """Rows of one table: conditions that all must hold, an order, a part of them."""

    dialect: Dialect
    shape: TableSchema
    plan: SyncPlan
    conditions: tuple[str, ...] = ()
    order: str = ""
    part: str = ""
    """LIMIT and OFFSET."""

    @property
    def by_key(self) -> bool:
        """True when rows come in the order of their key, so that a run may go on behind the last one."""
        return not self.order and not self.part and bool(self.plan.key)

    def and_(self, *conditions: str) -> "Selection":
        """The same with more conditions."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def of(self, keys: Sequence[str]) -> "Selection":
        """The rows with these source keys."""
        columns = ", ".join(_DIALECTS[self.dialect].quoted(name) for name in self.plan.key)
        values = ", ".join(f"({', '.join(self._key_values(key))})" for key in keys)
        return self.and_(f"({columns}) IN ({values})")

    def _key_values(self, key: str) -> list[str]:
        """The parts of a source key as values of their columns."""
        columns = [column for name in self.plan.key if (column := self.shape.column(name))]
        return [
            _DIALECTS[self.dialect].key_value(column, part)
            for column, part in zip(columns, compile_postgres.key_parts(self.plan, key), strict=True)
        ]

    def behind(self, key: str) -> "Selection":
        """The rows that come behind the one with this source key."""
        names = _DIALECTS[self.dialect]
        values = self._key_values(key)
        quoted = [names.quoted(name) for name in self.plan.key]
        if self.dialect == "postgres":
            return self.and_(f"({', '.join(quoted)}) > ({', '.join(values)})")
        steps = []
        for at in range(len(quoted)):
            same = [f"{quoted[before]} = {values[before]}" for before in range(at)]
            steps.append(" AND ".join([*same, f"{quoted[at]} > {values[at]}"]))
        return self.and_(f"({' OR '.join(steps)})")

    def documents(self, seconds: float) -> BulkReading:
        """The read that gives a line a document."""
        if self.dialect == "postgres":
            columns = compile_postgres.document_columns(self.plan, self.shape)
            return BulkReading(self._select(columns), seconds)
        columns, lines = compile_mysql.document(self.plan, self.shape)
        return BulkReading(self._select(columns), seconds, lines)

    def keys(self, seconds: float) -> BulkReading:
        """The read that gives a line a source key."""
        if self.dialect == "postgres":
            return BulkReading(self.unordered(compile_postgres.key_text(self.plan, self.shape)), seconds)
        columns, lines = compile_mysql.key(self.plan, self.shape)
        return BulkReading(self.unordered(columns), seconds, lines)

    def unordered(self, columns: str) -> str:
        """A SELECT of the rows in no order."""
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"SELECT {columns} FROM {_DIALECTS[self.dialect].table(self.shape)}{where}"  # noqa: S608 - quoted names, checked conditions

    def highest(self) -> str:
        """A SELECT of the highest watermark of the whole table, and of what stands in for it."""
        names = _DIALECTS[self.dialect]
        return replace(self, conditions=()).unordered(
            ", ".join(f"max({names.quoted(column)})" for column in self.plan.watermark)
        )

    def _select(self, columns: str) -> str:
        names = _DIALECTS[self.dialect]
        order = self.order or ", ".join(f"{names.table(self.shape)}.{names.quoted(name)}" for name in self.plan.key)
        return self.unordered(columns) + (f" ORDER BY {order}" if order else "") + self.part


def select(
    options: SyncOptions,
    dialect: Dialect,
    shape: TableSchema,
    plan: SyncPlan,
    catalog: Sequence[TableSchema],
    now: datetime,
) -> Selection:
    """Turn what a person asked for into a selection; Invalid or QueryRejected says what cannot be had."""
    condition, order = _written(options, dialect, shape, catalog)
    conditions = [condition] if condition else []
    for text, sign in ((options.since, ">="), (options.until, "<")):
        if text:
            conditions.append(_compared(dialect, shape, plan.date, sign, boundary(text, now)))
    if options.range:
        column = options.range_column or (plan.key[0] if len(plan.key) == 1 else plan.date)
        for value, sign in zip(options.range, (">=", "<="), strict=True):
            if value is not None:
                conditions.append(_compared(dialect, shape, column, sign, value))
    part = ""
    if options.limit is not None or options.offset is not None:
        most = options.limit if options.limit is not None else 2**62
        part = f" LIMIT {most}" + (f" OFFSET {options.offset}" if options.offset else "")
    return Selection(dialect, shape, plan, tuple(conditions), order, part)


def _written(
    options: SyncOptions, dialect: Dialect, shape: TableSchema, catalog: Sequence[TableSchema]
) -> tuple[str, str]:
    """The condition and the order that a person wrote, checked; empty ones for none."""
    if not options.where and not options.order_by:
        return "", ""
    # The guard takes a sixth of a process's memory, and of a second: only a sync that has something to judge loads it.
    from tools.sync.filters import checked_condition, checked_order

    condition = checked_condition(options.where, shape, dialect, catalog) if options.where else ""
    return condition, checked_order(options.order_by, shape, dialect, catalog) if options.order_by else ""


def changed_since(selection: Selection, watermark: str, lag_seconds: int) -> Selection:
    """Only rows whose watermark is not before a value: ties are read again, which does no harm.

    A row whose watermark is NULL counts as changed, unless the column that stands in for it tells otherwise.
    """
    names, shape = _DIALECTS[selection.dialect], selection.shape
    main, *birth = selection.plan.watermark
    bounds = [_lagging(selection, name, watermark, lag_seconds) for name in selection.plan.watermark]
    condition = f"{names.quoted(main)} >= {bounds[0]}"
    column = shape.column(main)
    if birth:
        empty = f"{names.quoted(main)} IS NULL AND {names.quoted(birth[0])} >= {bounds[1]}"
        condition = f"({condition} OR ({empty}))"
    elif column is not None and column.nullable:
        condition = f"({condition} OR {names.quoted(main)} IS NULL)"
    return selection.and_(condition)


def _lagging(selection: Selection, name: str, watermark: str, lag_seconds: int) -> str:
    column = selection.shape.column(name)
    assert column is not None
    value: str = _DIALECTS[selection.dialect].key_value(column, watermark)
    if column.family not in ("date", "datetime"):
        return value
    if selection.dialect == "postgres":
        return f"({value} - interval '{lag_seconds:d} seconds')" if column.family == "datetime" else value
    return f"(CAST({value} AS DATETIME(6)) - INTERVAL {lag_seconds:d} SECOND)"


def _compared(dialect: Dialect, shape: TableSchema, name: str | None, sign: str, value: str) -> str:
    column = shape.column(name) if name else None
    if column is None:
        what = f"no column {name!r}" if name else "no column of dates"
        raise Invalid(f"{shape.qualified_name} has {what} to tell a period by; name one, or use a condition.")
    names = _DIALECTS[dialect]
    if column.family == "number":
        try:
            float(value)
        except ValueError:
            raise Invalid(f"{value!r} is no number, and {column.name} of {shape.qualified_name} is one.") from None
    return f"{names.quoted(column.name)} {sign} {names.key_value(column, value)}"
