"""A sentence from a result: the number first, in the words of the question where they allow it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from assistant.offline.describe import spoken
from assistant.offline.figures import amount, in_words, listed, number_of, written
from assistant.offline.forms import Expr, Form, tables_of
from assistant.offline.plurals import irregular, past, plural, singular
from tools.connectors.base import ResultColumn
from tools.vocabulary import split_name

NAMED = 5
"""Values of a list that the sentence still names."""

TURNED = {"we": "We", "i": "You", "you": "I", "they": "They", "people": "People"}
HOW_MANY = re.compile(
    r"^(?:and |so |then |but )?(?:tell me |show me |do you know )?how (?:many|much) (.+)$", re.IGNORECASE
)
WHAT_IS = re.compile(
    r"^(?:and |so )?(?:tell me |show me |can you tell me )?(?:what|which|how much)"
    r"(?:'s| (is|was|are|were)) (?!there\b)(.+)$",
    re.IGNORECASE,
)
YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|has|have|had|can) (?!you\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What a result answers."""

    question: str
    columns: Sequence[ResultColumn]
    rows: Sequence[Sequence[Any]]
    truncated: bool = False
    form: Form | None = None
    today: date | None = None

    @property
    def plain(self) -> str:
        """The question without its mark, with relative periods written out."""
        text = self.question.strip().rstrip("?!. ").strip()
        return dated(text, self.today) if self.today else text

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
        if self.form is None or place >= len(self.form.select):
            return ""
        return self.form.select[place].bucket

    def label(self, place: int) -> str:
        """What a column is called, in words."""
        return self.columns[place].name.replace("_", " ").lower()


def sentence(asked: Asked) -> str:
    """Say what a result answers in one sentence or two; the table beside it shows the rest."""
    if not asked.rows or not asked.columns:
        return _nothing(asked)
    if len(asked.rows) == 1 and len(asked.columns) == 1:
        return _single(asked)
    if len(asked.rows) == 1:
        return _one_row(asked)
    if len(asked.columns) == 1:
        return _list(asked)
    measure = _measure(asked)
    if measure is not None and len(asked.columns) == 2:
        return _series(asked, 1 - measure, measure) if asked.bucket(1 - measure) else _ranking(asked, measure)
    return f"{_counted(asked)}."


# ---------------------------------------------------------------- nothing, one number, one row


def _nothing(asked: Asked) -> str:
    if YES_NO.match(asked.question.strip()):
        return "No: nothing matches."
    tables = tables_of(asked.form) if asked.form is not None else ()
    return f"No {_table_words(tables[0])} match." if tables else "Nothing matches."


def _single(asked: Asked) -> str:
    value = asked.rows[0][0]
    column = asked.columns[0]
    number = number_of(value) if column.family == "number" else None
    if YES_NO.match(asked.question.strip()):
        if isinstance(value, bool):
            return "Yes." if value else "No."
        if number is not None and _is_count(asked):
            return f"Yes, {amount(number)}." if number else "No, none."
    if value is None:
        return "There is no value to tell: nothing matches, or what matches holds none."
    how_many = HOW_MANY.match(asked.plain)
    if (
        number is not None
        and how_many
        and "(" not in how_many.group(1)
        and (told := _how_many(how_many.group(1), number))
    ):
        return told
    shown = asked.cell(asked.rows[0], 0)
    what_is = WHAT_IS.match(asked.plain)
    if what_is:
        return f"{_capital(_turned(what_is.group(2)))} {(what_is.group(1) or 'is').lower()} {shown}."
    if number is not None and _is_count(asked):
        return f"{_capital(_quantity(number, _noun(asked)))}."
    return f"{_capital(_expression(asked, 0))}: {shown}."


def _how_many(rest: str, number: Decimal) -> str | None:
    """The question turned into its answer: `orders did we ship in May` gives `We shipped 12 orders in May`."""
    auxiliary = irregular().auxiliary
    words = rest.split()
    lowered = [word.lower() for word in words]
    for at in range(len(words)):
        pair = " ".join(lowered[at : at + 2])
        verb = pair if pair in auxiliary else lowered[at] if lowered[at] in auxiliary else None
        if verb is None or at == 0:
            continue
        noun, tail = " ".join(words[:at]), words[at + len(verb.split()) :]
        return _turn(noun, verb, tail, number)
    # The verb after a noun without an auxiliary is not known, so it cannot be made to agree with one.
    return "Exactly one." if number == 1 else f"{_capital(_quantity(number, rest))}."


def _turn(noun: str, verb: str, tail: list[str], number: Decimal) -> str | None:
    counted = _quantity(number, noun)
    if verb.endswith("there") or verb == "exist":
        return _spaced(
            f"There {_agreeing('are' if verb == 'exist' else verb.split(maxsplit=1)[0], number)} {counted}", tail
        )
    if verb in {"did", "do", "does"}:
        return _acting(counted, verb, tail)
    return _spaced(f"{_capital(counted)} {_agreeing(verb, number)}", tail)


def _acting(counted: str, verb: str, tail: list[str]) -> str | None:
    """`did` + `we ship in May` gives `We shipped ... in May.`; None when the verb cannot be told from its subject."""
    if len(tail) < 2:
        return None
    ends = irregular().ends
    if tail[0].lower() in TURNED:
        subject, at = TURNED[tail[0].lower()], 1
    else:
        at = next((place for place in range(1, len(tail)) if tail[place].lower() in ends), len(tail)) - 1
        subject = _capital(_turned(" ".join(tail[:at])))
    if at < 1 or tail[at].lower() in ends:
        return None
    action = tail[at].lower()
    if verb == "did":
        action = past(action)
    elif verb == "does" and subject not in {"You", "I"}:
        action = (
            "has" if action == "have" else f"{action}es" if action.endswith(("s", "sh", "ch", "x")) else f"{action}s"
        )
    return _spaced(f"{subject} {action} {counted}", tail[at + 1 :])


def _quantity(number: Decimal, noun: str) -> str:
    """`1 order`, `no orders`, `1,284 orders`."""
    if noun.startswith("of "):
        return f"{amount(number) if number else 'none'} {noun}"
    if number == 1:
        first, *rest = re.split(r"(?=\s(?:of|with|that|who|which|in|from|without|for)\b)", noun, maxsplit=1)
        words = first.split()
        one = " ".join([*words[:-1], singular(words[-1])]) if words else first
        return f"1 {one}{''.join(rest)}"
    return f"{amount(number) if number else 'no'} {noun}"


def _agreeing(verb: str, number: Decimal) -> str:
    one = {"are": "is", "were": "was", "have": "has"}
    many = {"is": "are", "was": "were", "has": "have"}
    return one.get(verb, verb) if number == 1 else many.get(verb, verb)


def _one_row(asked: Asked) -> str:
    row = asked.rows[0]
    head = next((place for place, column in enumerate(asked.columns) if column.family == "text"), None)
    if head is None:
        return _capital(", ".join(f"{asked.label(i)} {asked.cell(row, i)}" for i in range(len(row)))) + "."
    rest = [f"{asked.label(place)} {asked.cell(row, place)}" for place in range(len(row)) if place != head]
    shown = f"{asked.cell(row, head)}: {', '.join(rest[:4])}"
    return f"{shown}{', and more in the table' if len(rest) > 4 else ''}."


# ---------------------------------------------------------------- many rows


def _list(asked: Asked) -> str:
    if len(asked.rows) > NAMED or asked.truncated:
        return f"{_counted(asked)}."
    return f"{_counted(asked)}: {listed([asked.cell(row, 0) for row in asked.rows])}."


def _measure(asked: Asked) -> int | None:
    """The column that holds the amount: the only number, or the form's aggregate."""
    if asked.form is not None and len(asked.form.select) == len(asked.columns):
        found = [place for place, expr in enumerate(asked.form.select) if expr.agg or expr.share]
        if len(found) == 1:
            return found[0]
    found = [place for place, column in enumerate(asked.columns) if column.family == "number"]
    found = [place for place in found if not re.search(r"(^|[_ ])(id|year)$", asked.columns[place].name.lower())]
    return found[0] if len(found) == 1 else None


def _ranking(asked: Asked, measure: int) -> str:
    known = [row for row in asked.rows if number_of(row[measure]) is not None]
    if not known:
        return f"{_counted(asked)}."
    amounts = [number_of(row[measure]) or Decimal(0) for row in known]
    said = [f"{asked.name(row, 1 - measure)} ({asked.cell(row, measure)})" for row in known]
    if amounts == sorted(amounts, reverse=True) and amounts[0] != amounts[-1]:
        return f"{_counted(asked)}: {listed(said[:3])}{' lead' if len(known) > 3 else ''}."
    if amounts == sorted(amounts) and amounts[0] != amounts[-1]:
        return f"{_counted(asked)}, lowest first: {listed(said[:3])}{' ...' if len(known) > 3 else ''}."
    best, worst = said[amounts.index(max(amounts))], said[amounts.index(min(amounts))]
    return f"{_counted(asked)}; the highest is {best}, the lowest {worst}."


def _series(asked: Asked, when: int, measure: int) -> str:
    known = [row for row in asked.rows if number_of(row[measure]) is not None and row[when] is not None]
    if len(known) < 2:
        return f"{_counted(asked)}."
    first, last = sorted((known[0], known[-1]), key=lambda row: str(row[when]))
    best = max(known, key=lambda row: number_of(row[measure]) or Decimal(0))
    unit = plural(asked.bucket(when))
    told = f"{len(asked.rows):,} {unit}: from {asked.cell(first, measure)} in {asked.cell(first, when)} to "
    told += f"{asked.cell(last, measure)} in {asked.cell(last, when)}"
    if best not in (first, last):
        told += f", highest in {asked.cell(best, when)} with {asked.cell(best, measure)}"
    return told + "."


def _counted(asked: Asked) -> str:
    if asked.truncated:
        return f"The first {len(asked.rows):,} {_noun(asked)}; there are more"
    return _capital(_quantity(Decimal(len(asked.rows)), _noun(asked)))


# ---------------------------------------------------------------- words


def _noun(asked: Asked) -> str:
    """What the rows are, in the plural: the groups, the single column asked for, or the table's word."""
    form = asked.form
    if form is None:
        return "rows"
    if form.group and not (len(form.group) == 1 and form.group[0].bucket):
        ref = form.group[0].ref
        if asked.rows and any(isinstance(cell, bool) for cell in asked.rows[0]):
            return "groups"
        if ref is not None and len({expr.table for expr in form.group}) == 1 < len(form.group):
            return _table_words(ref.table)
        return _words(ref.column, ref.table) if ref else "groups"
    if form.group:
        return plural(form.group[0].bucket)
    if form.distinct and len(form.select) == 1 and form.select[0].ref:
        return _words(form.select[0].ref.column, form.select[0].ref.table)
    tables = tables_of(form)
    return _table_words(tables[0]) if tables else "rows"


def _words(column: str, table: str) -> str:
    words = [word for word in split_name(column) if word not in {"id", "name", "title"}]
    if not words or (len(words) == 1 and words[0] in {"first", "last", "full"}):
        return _table_words(table)
    return " ".join([*words[:-1], plural(words[-1])])


def _table_words(table: str) -> str:
    words = [singular(word) for word in spoken(table)]
    return " ".join([*words[:-1], plural(words[-1])]) if words else "rows"


def _is_count(asked: Asked) -> bool:
    if asked.form is None or not asked.form.select:
        return bool(re.search(r"count|number of|^n$", asked.columns[0].name.lower()))
    return asked.form.select[0].agg == "count"


def _expression(asked: Asked, place: int) -> str:
    if asked.form is None or place >= len(asked.form.select):
        return asked.label(place)
    return expression_words(asked.form.select[place])


def expression_words(expr: Expr) -> str:
    """An expression of a form in words: `average unit price`."""
    if expr.label:
        kinds = {"avg": "average ", "min": "lowest ", "max": "highest "}
        return kinds.get(expr.agg, "") + expr.label.replace("_", " ")
    names = {"avg": "average", "sum": "total", "min": "lowest", "max": "highest", "count": "number of", "": ""}
    word = names[expr.agg]
    if expr.since is not None and expr.ref is not None:
        return f"{word} days to {' '.join(split_name(expr.ref.column))}"
    noun = " ".join(split_name(expr.ref.column)) if expr.ref else _table_words(expr.table)
    return f"{word} {noun}".strip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _turned(text: str) -> str:
    """The asker's `my` is the answer's `your`."""
    return re.sub(r"\bmy\b", "your", text, flags=re.IGNORECASE)


def _spaced(start: str, tail: list[str]) -> str:
    return f"{' '.join([start, *tail])}."


def dated(text: str, today: date) -> str:
    """Write out relative periods: `last month` becomes `in October 2026`."""

    def of(found: re.Match[str]) -> str:
        which, unit = found.group(1).lower(), found.group(2).lower()
        back = 0 if which == "this" else 1
        if unit == "year":
            return f"in {today.year - back}"
        if unit == "quarter":
            at = today.year * 4 + (today.month - 1) // 3 - back
            return f"in Q{at % 4 + 1} {at // 4}"
        at = today.year * 12 + today.month - 1 - back
        return f"in {date(at // 12, at % 12 + 1, 1):%B %Y}"

    text = re.sub(
        r"\b(?:in |during |over )?(?:the )?(last|this|previous) (month|quarter|year)\b", of, text, flags=re.IGNORECASE
    )
    text = re.sub(r"\byesterday\b", f"on {in_words(today - timedelta(1))}", text, flags=re.IGNORECASE)
    return re.sub(r"(?<!as of )\btoday\b", f"on {in_words(today)}", text, flags=re.IGNORECASE)
