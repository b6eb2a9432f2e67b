"""A sentence from a result: the number first, in the words of the question where they allow it."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from assistant.offline.asked import Asked, column_words, counted_words, extreme, measured, table_words
from assistant.offline.counting import capital, how_many, quantity, turned
from assistant.offline.figures import amount, number_of
from assistant.offline.forms import tables_of
from assistant.offline.many import counted, existing, listing, ranking, series
from assistant.offline.plurals import singular
from assistant.offline.spans import span_of

WHAT_IS = re.compile(
    r"^(?:and |so )?(?:tell me |show me |can you tell me )?(?:what|which|who|how much)"
    r"(?:'s| (is|was|are|were)) (?!there\b)(.+)$",
    re.IGNORECASE,
)
YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|has|have|had|can) (?!you\b)", re.IGNORECASE)

COMPUTED = frozenset({"average", "total", "lowest", "highest", "number", "sum", "share"})

READ_OUT = 4
"""Fields of a row that the sentence tells."""


def sentence(asked: Asked) -> str:
    """Say what a result answers in one sentence or two; the table beside it shows the rest."""
    if not asked.rows or not asked.columns:
        return _nothing(asked)
    if YES_NO.match(asked.question.strip()) and (len(asked.rows) > 1 or len(asked.columns) > 1):
        return f"Yes: {counted(asked)}."
    if len(asked.rows) == 1 and len(asked.columns) == 1:
        return _single(asked)
    if len(asked.rows) == 1:
        return _one_row(asked)
    if len(asked.columns) == 1:
        return listing(asked)
    measure = asked.measure
    if measure is None:
        return listing(asked)
    if len(asked.columns) == 2 and asked.bucket(1 - measure):
        return series(asked, 1 - measure, measure)
    return ranking(asked, measure)


# ---------------------------------------------------------------- nothing, one value


def _nothing(asked: Asked) -> str:
    if YES_NO.match(asked.question.strip()):
        return "No: nothing matches."
    tables = tables_of(asked.form) if asked.form is not None else ()
    return f"No {table_words(tables[0])} match." if tables else "Nothing matches."


def _single(asked: Asked) -> str:
    row, column = asked.rows[0], asked.columns[0]
    number = number_of(row[0]) if column.family == "number" else None
    if YES_NO.match(asked.question.strip()) and (said := _yes(asked, row[0], number)):
        return said
    if row[0] is None:
        return "There is no value to tell: nothing matches, or what matches holds none."
    if number is None:
        return _name(asked)
    return _compared(asked, _number(asked, number), number)


def _yes(asked: Asked, value: Any, number: Decimal | None) -> str:
    if isinstance(value, bool):
        return "Yes." if value else "No."
    if number is not None and _is_count(asked):
        return f"Yes, {amount(number)}." if number else "No, none."
    return ""


def _number(asked: Asked, number: Decimal) -> str:
    """One number in a sentence of its question, or of what it was computed from and when."""
    shown = asked.cell(asked.rows[0], 0)
    if asked.whole and _counts_what_is_asked(asked) and (said := how_many(asked.plain, number)):
        return said
    if asked.whole and (what_is := WHAT_IS.match(asked.plain)):
        return f"{capital(turned(what_is.group(2)))} {(what_is.group(1) or 'is').lower()} {shown}."
    when = f" {asked.span.phrase}{' so far' if asked.running else ''}" if asked.span else ""
    if (expr := asked.expr(0)) is not None and expr.agg == "count":
        return f"{capital(quantity(number, counted_words(expr) or asked.noun))}{when}."
    label = _the(asked.label(0))
    if when and not asked.running and _only_when(asked):
        return f"{label}{when} was {shown}."
    return f"{label}{when} is {shown}." if _only_when(asked) else f"{label}{when}: {shown}."


def _counts_what_is_asked(asked: Asked) -> bool:
    """False where values of a column are counted that the question does not count: orders are not their coupons."""
    expr = asked.expr(0)
    if expr is None or expr.ref is None or not expr.distinct:
        return True
    noun = {singular(word) for word in asked.plain.lower().split()[:5]}
    return bool(noun & {singular(word) for word in column_words(expr.ref.column, expr.ref.table).split()})


def _the(label: str) -> str:
    """A label as a sentence begins with it: what was computed is `the`."""
    return f"The {label}" if label.split(" ", maxsplit=1)[0] in COMPUTED else capital(label)


def _only_when(asked: Asked) -> bool:
    """True when nothing but a stretch of time limits the rows: what else does would have to be said, too."""
    if asked.form is None:
        return False
    return not asked.form.having and all(span_of(condition) is not None for condition in asked.form.where)


def _name(asked: Asked) -> str:
    """One value that is no number: who or what it is."""
    shown = asked.cell(asked.rows[0], 0)
    if asked.whole and (what_is := WHAT_IS.match(asked.plain)):
        return f"{capital(turned(what_is.group(2)))} {(what_is.group(1) or 'is').lower()} {shown}."
    expr = asked.expr(0)
    if asked.form is not None and asked.form.limit == 1 and expr is not None:
        return f"It is {shown}."
    return f"{capital(asked.label(0))}: {shown}."


def _compared(asked: Asked, said: str, number: Decimal) -> str:
    """What is said of a number, beside the same number of the stretch of time before."""
    span, earlier = asked.span, asked.earlier
    if span is None or span.before is None or earlier is None or earlier <= 0 or number < 0:
        return said
    name, change = span.before.beside(span), round((number - earlier) / earlier * 100)
    then = amount(earlier)
    expr = asked.expr(0)
    more, less = ("more", "fewer") if _is_count(asked) else ("more", "less")
    if expr is not None and expr.agg in ("avg", "min", "max"):
        more, less = "higher", "lower"
    where = name if name.startswith("the ") else f"in {name}"
    if change == 0:
        return f"{said[:-1]}, about the same as {where} ({then})."
    return f"{said[:-1]}, {abs(change):,} % {more if change > 0 else less} than {where} ({then})."


def _is_count(asked: Asked) -> bool:
    expr = asked.expr(0)
    if expr is None:
        return bool(re.search(r"count|number of|^n$", asked.columns[0].name.lower()))
    return expr.agg == "count"


# ---------------------------------------------------------------- one row


def _one_row(asked: Asked) -> str:
    row = asked.rows[0]
    head = next((place for place, column in enumerate(asked.columns) if column.family == "text"), None)
    form, measure = asked.form, asked.measure
    if form is not None and form.limit == 1 and form.order and measure is None:
        measure = next((at for at, expr in enumerate(form.select) if expr == form.order[0].expr), None)
    if form is not None and form.star:
        return _record(asked, row)
    if head is None:
        first, *others = [(asked.label(at), asked.cell(row, at)) for at in range(len(row))]
        return "; ".join([f"{_the(first[0])} is {first[1]}", *(f"{label} {cell}" for label, cell in others)]) + "."
    if form is not None and form.limit == 1 and form.order and measure not in (None, head):
        assert measure is not None
        if asked.whole and (what_is := WHAT_IS.match(asked.plain)):
            verb = (what_is.group(1) or "is").lower()
            subject = capital(turned(what_is.group(2)))
            return f"{subject} {verb} {asked.name(row, head)}, with {measured(asked, measure, row)}."
        least = not form.order[0].descending
        return f"{asked.name(row, head)} has {extreme(asked, measure, lowest=least)} ({asked.cell(row, measure)})."
    rest = [place for place in range(len(row)) if place != head]
    return f"{asked.cell(row, head)}: {_fields(asked, row, rest)}."


def _record(asked: Asked, row: Sequence[Any]) -> str:
    """A whole row, by its key: `Order 17: status paid, total 9.50`."""
    keys = [place for place, column in enumerate(asked.columns) if re.search(r"(^|_)id$", column.name.lower())]
    rest = [place for place in range(len(row)) if place not in keys and row[place] is not None]
    named = asked.noun.split()
    noun = " ".join([*named[:-1], singular(named[-1])])
    if asked.form is not None and asked.form.limit is None and (there := existing(asked)):
        return f"{there}: {noun} {row[keys[0]] if keys else ''}, {_fields(asked, row, rest)}."
    return f"{capital(noun)} {row[keys[0]] if keys else ''}: {_fields(asked, row, rest)}."


def _fields(asked: Asked, row: Sequence[Any], places: Sequence[int]) -> str:
    """The first fields of a row, and whether there are more."""
    told = [f"{asked.label(place)} {asked.cell(row, place)}" for place in places[:READ_OUT]]
    return f"{', '.join(told)}{', and more in the table' if len(places) > READ_OUT else ''}"
