"""Questions that a person could ask, first or next: made from the schema, kept when the parser reads them surely."""

from collections.abc import Iterator, Sequence
from datetime import date

from assistant.offline.forms import Form, refs_of, tables_of
from assistant.offline.parser import read
from assistant.offline.plurals import plural
from assistant.offline.sources import Source
from assistant.offline.understanding import Understanding
from tools.connectors.base import Column
from tools.schemas.catalog import TrainedTable
from tools.vocabulary import split_name

SURE = 0.5
"""A suggestion that is read with less confidence is not made."""
TRIED = 24


def suggestions(source: Source, today: date, count: int = 5) -> list[str]:
    """Concrete questions this database can answer, of different kinds, the busiest tables first."""
    found: list[str] = []
    for question in _mixed([list(_questions(table, source)) for table in _busiest(source.tables)[:6]])[:TRIED]:
        best = read(question, source.tables, source.dialect, today).best
        if best is not None and best.confidence >= SURE:
            found.append(question)
        if len(found) == count:
            break
    return found


def follow_ups(source: Source, understood: Understanding, today: date, count: int = 3) -> tuple[str, ...]:
    """What one may ask next of an answer: a split, a course over time, its head; each read surely before it is told."""
    best = understood.best
    if best is None:
        return ()
    found: list[str] = []
    for question in _next_questions(best.form, source):
        after = read(question, source.tables, source.dialect, today, understood).best
        if after is not None and after.confidence >= SURE and after.sql != best.sql:
            found.append(question)
        if len(found) == count:
            break
    return tuple(found)


def _next_questions(form: Form, source: Source) -> Iterator[str]:
    main = next((t for t in source.tables if t.shape.qualified_name == next(iter(tables_of(form)), "")), None)
    if main is None:
        return
    if form.group:
        if form.limit is None:
            yield "the top 5 of those"
        return
    if not any(expr.agg for expr in form.select):
        yield "how many are there?"
        return
    parents = [t for key in main.shape.foreign_keys for t in source.tables if t.shape.name == key.target_table]
    named = {ref.column for ref in refs_of(form)}
    kinds = [c.name for table in (main, *parents) for c in table.shape.columns if _is_category(c, table)]
    yield from (f"and by {_words(name)}?" for name in dict.fromkeys(kinds) if name not in named)
    if any(column.family in {"date", "datetime"} for column in main.shape.columns):
        yield "per month"


def subjects(source: Source, count: int = 8) -> list[str]:
    """What a database is about, in words: its busiest tables."""
    return [_many(table) for table in _busiest(source.tables)[:count]]


def _busiest(tables: Sequence[TrainedTable]) -> list[TrainedTable]:
    """Tables with columns of their own that many others refer to, or that hold much; bridges last."""
    referred: dict[str, int] = {}
    for table in tables:
        for key in table.shape.foreign_keys:
            name = f"{key.target_schema}.{key.target_table}"
            referred[name] = referred.get(name, 0) + 1

    def weight(table: TrainedTable) -> tuple[bool, int, int]:
        keys = {name for key in table.shape.foreign_keys for name in key.columns} | set(table.shape.primary_key)
        own = [column for column in table.shape.columns if column.name not in keys]
        return len(own) >= 2, referred.get(table.shape.qualified_name, 0), table.shape.row_estimate or 0

    return sorted(tables, key=weight, reverse=True)


def _mixed(lists: list[list[str]]) -> list[str]:
    """One of each table, then the next of each: neighbours differ in table and kind."""
    longest = max((len(each) for each in lists), default=0)
    mixed = (each[(turn + place) % len(each)] for turn in range(longest) for place, each in enumerate(lists) if each)
    return list(dict.fromkeys(mixed))


def _questions(table: TrainedTable, source: Source) -> Iterator[str]:
    many = _many(table)
    keys = {name for key in table.shape.foreign_keys for name in key.columns} | set(table.shape.primary_key)
    own = [column for column in table.shape.columns if column.name not in keys]
    when = next((column for column in own if column.family in {"date", "datetime"}), None)
    kind = next((column for column in own if _is_category(column, table)), None)
    measure = next((c for c in own if c.family == "number" and not c.name.lower().endswith(("id", "year"))), None)
    yield f"How many {many} are there?"
    for key in table.shape.foreign_keys[:1]:
        target = next((t for t in source.tables if t.shape.name == key.target_table), None)
        if target is not None and target is not table:
            yield f"Top 5 {_many(target)} by number of {many}"
    if kind is not None:
        yield f"How many {many} are there per {_words(kind.name)}?"
    if when is not None:
        yield f"{many.capitalize()} per month this year"
    if measure is not None:
        per = f" per {_words(kind.name)}" if kind is not None else ""
        yield f"What is the average {_words(measure.name)} of {many}{per}?"


def _is_category(column: Column, table: TrainedTable) -> bool:
    values = table.values.get(column.name, ())
    return column.family == "text" and 2 <= len(values) <= 30 and not column.name.lower().endswith("name")


def _many(table: TrainedTable) -> str:
    words = list(split_name(table.shape.name))
    return " ".join([*words[:-1], plural(words[-1])]) if words else table.shape.name


def _words(name: str) -> str:
    return " ".join(split_name(name))
