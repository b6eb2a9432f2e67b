"""What a result answers, and the words for what its rows and columns are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from assistant.offline.counting import dated, quantity
from assistant.offline.describe import said_date, spoken
from assistant.offline.figures import number_of, written
from assistant.offline.forms import Expr, Form, tables_of
from assistant.offline.plurals import plural, singular
from assistant.offline.spans import Span, the_span
from tools.connectors.base import ResultColumn
from tools.vocabulary import split_name

NAMES = frozenset({"id", "name", "title", "first", "last", "full", "surname", "forename"})
"""Words of columns that name a row of their table."""


@dataclass(frozen=True)
class Asked:
    """What a result answers."""

    question: str
    columns: Sequence[ResultColumn]
    rows: Sequence[Sequence[Any]]
    truncated: bool = False
    form: Form | None = None
    today: date | None = None
    whole: bool = True
    """Every word of the question was understood, so that its words may be taken up."""
    earlier: Decimal | None = None
    """The same number of the stretch of time before."""

    @property
    def plain(self) -> str:
        """The question without its mark, with relative periods written out."""
        text = self.question.strip().rstrip("?!. ").strip()
        return dated(text, self.today) if self.today else text

    @property
    def span(self) -> Span | None:
        """The stretch of time that it is kept to."""
        return the_span(self.form) if self.form is not None else None

    @property
    def running(self) -> bool:
        """True when that stretch is not over yet."""
        span = self.span
        return span is not None and self.today is not None and span.start <= self.today < span.end

    def cell(self, row: Sequence[Any], place: int) -> str:
        """A cell in words."""
        column = self.columns[place]
        return written(row[place], column.name, self.bucket(place), column.family == "number")

    def name(self, row: Sequence[Any], place: int) -> str:
        """A cell that names its row: a number is an id there, no amount."""
        number = number_of(row[place])
        whole = number is not None and number == number.to_integral_value()
        return str(row[place]) if whole and not self.bucket(place) else self.cell(row, place)

    def bucket(self, place: int) -> str:
        """The stretch of time that a result column counts by."""
        expr = self.expr(place)
        return expr.bucket if expr is not None else ""

    def expr(self, place: int) -> Expr | None:
        """What a result column shows, where that is known."""
        if self.form is None or place >= len(self.form.select):
            return None
        return self.form.select[place]

    def label(self, place: int) -> str:
        """What a column is called, in words."""
        expr = self.expr(place)
        if expr is not None and (expr.agg or expr.label) and expr.share is None:
            return expression_words(expr)
        return self.columns[place].name.replace("_", " ").lower()

    @property
    def measure(self) -> int | None:
        """The column that holds the amount: the only number, or the form's aggregate."""
        if self.form is not None and len(self.form.select) == len(self.columns):
            found = [place for place, expr in enumerate(self.form.select) if expr.agg or expr.share]
            if len(found) == 1:
                return found[0]
        found = [place for place, column in enumerate(self.columns) if column.family == "number"]
        found = [place for place in found if not re.search(r"(^|[_ ])(id|year)$", self.columns[place].name.lower())]
        return found[0] if len(found) == 1 else None

    @property
    def noun(self) -> str:
        """What the rows are, in the plural: the groups, the single column asked for, or the table's word."""
        form = self.form
        if form is None:
            return "rows"
        if form.group and not (len(form.group) == 1 and form.group[0].bucket):
            return self._groups(form)
        if form.group:
            return plural(form.group[0].bucket)
        if form.distinct and len(form.select) == 1 and form.select[0].ref:
            return column_words(form.select[0].ref.column, form.select[0].ref.table)
        tables = tables_of(form)
        return table_words(tables[0]) if tables else "rows"

    def _groups(self, form: Form) -> str:
        keys = [expr for expr in form.group if expr.ref is not None]
        if len(keys) != len(form.group) or (self.rows and any(isinstance(cell, bool) for cell in self.rows[0])):
            return "groups"
        if len(keys) == 1 and (ref := keys[0].ref) is not None:
            return column_words(ref.column, ref.table)
        named = [expr for expr in keys if expr.ref is not None and NAMES & set(split_name(expr.ref.column))]
        if named and len({expr.table for expr in keys}) == 1 and len(named) >= len(keys) - 1:
            return table_words(keys[0].table)
        return f"combinations of {' and '.join(expr.bucket or _of(expr) for expr in keys)}"


def measured(asked: Asked, place: int, row: Sequence[Any]) -> str:
    """An amount with what it is: `121 orders`, `a revenue of 14,882.31`."""
    cell, expr = asked.cell(row, place), asked.expr(place)
    if expr is not None and expr.share is None and (counted := counted_words(expr)):
        number = number_of(row[place])
        return quantity(number, counted) if number is not None else f"{cell} {counted}"
    label = asked.label(place)
    if expr is None or expr.share is not None:
        return f"{label} {cell}"
    if not expr.agg and expr.ref is not None:
        label = said_date(expr.ref.column) if asked.columns[place].family in {"date", "datetime"} else label
    return f"{'an' if label[:1] in 'aeiou' else 'a'} {label} of {cell}"


def extreme(asked: Asked, place: int, *, lowest: bool = False) -> str:
    """How the largest or smallest amount is called: `the most orders`, `the lowest price`."""
    expr, label = asked.expr(place), asked.label(place)
    if expr is not None and expr.share is None and (counted := counted_words(expr)):
        return f"the {'fewest' if lowest else 'most'} {counted}"
    if asked.columns[place].family in {"date", "datetime"}:
        return f"the {'earliest' if lowest else 'latest'} {label}"
    return f"the {'lowest' if lowest else 'highest'} {label}"


def counted_words(expr: Expr) -> str:
    """What an expression counts, in the plural; nothing when it counts nothing."""
    if expr.label:
        words = expr.label.replace("_", " ").split()
        many = bool(words) and expr.agg in ("sum", "count", "") and plural(words[0]) == words[0] != singular(words[0])
        return " ".join(words) if many and len(words) > 1 else ""
    if expr.agg != "count":
        return ""
    if expr.ref is None or not expr.distinct:
        return table_words(expr.table)
    return f"different {column_words(expr.ref.column, expr.ref.table)}"


def expression_words(expr: Expr) -> str:
    """An expression of a form in words: `average unit price`."""
    if expr.label:
        kinds = {"avg": "average ", "min": "lowest ", "max": "highest "}
        label = expr.label.replace("_", " ")
        return label if label.startswith(kinds.get(expr.agg, "").strip() or " ") else kinds.get(expr.agg, "") + label
    names = {"avg": "average", "sum": "total", "min": "lowest", "max": "highest", "count": "number of", "": ""}
    word = names[expr.agg]
    if expr.since is not None and expr.ref is not None:
        return f"{word} days from {said_date(expr.since.column)} to {said_date(expr.ref.column)}"
    noun = " ".join(split_name(expr.ref.column)) if expr.ref else table_words(expr.table)
    return (noun if word in noun.split() else f"{word} {noun}").strip()


def column_words(column: str, table: str) -> str:
    """What a column's values are, in the plural; the table's word for the column that names its rows."""
    words = [word for word in split_name(column) if word not in {"id", "name", "title"}]
    if not words or (len(words) == 1 and words[0] in {"first", "last", "full"}):
        return table_words(table)
    return " ".join([*words[:-1], plural(words[-1])])


def table_words(table: str) -> str:
    """A table in words, in the plural."""
    words = [singular(word) for word in spoken(table)]
    return " ".join([*words[:-1], plural(words[-1])]) if words else "rows"


def _of(expr: Expr) -> str:
    return " ".join(split_name(expr.ref.column)) if expr.ref else "rows"
