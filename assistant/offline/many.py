"""Many rows in a sentence: how many, who leads, how it went over time."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from assistant.offline.asked import Asked, extreme, measured
from assistant.offline.counting import capital, quantity
from assistant.offline.figures import amount, listed, number_of
from assistant.offline.forms import Expr
from assistant.offline.periods import unit_around
from assistant.offline.plurals import plural, singular
from assistant.offline.spans import Span

NAMED = 5
"""Values of a list that the sentence still names."""
FOREWORD = re.compile(r"^(?:(?:please|list|show|give|find|get|me|us|all|the|which|what|our)\s+)+", re.IGNORECASE)


def counted(asked: Asked) -> str:
    """How many rows there are of what."""
    if asked.truncated:
        return f"more than {len(asked.rows):,} {asked.noun}, of which the first {len(asked.rows):,} are shown"
    return quantity(Decimal(len(asked.rows)), asked.noun)


def listing(asked: Asked) -> str:
    """Rows that are only counted; a few are named."""
    said = counted(asked)
    if len(asked.columns) == 1 and len(asked.rows) <= NAMED and not asked.truncated:
        return f"{capital(said)}: {listed([asked.name(row, 0) for row in asked.rows])}."
    if asked.form is not None and asked.form.limit and asked.form.order and len(asked.rows) <= asked.form.limit:
        place = next((at for at, expr in enumerate(asked.form.select) if expr == asked.form.order[0].expr), None)
        which = f"those with {extreme(asked, place, lowest=not asked.form.order[0].descending)}" if place else ""
        return f"{capital(said)}{', ' + which if which else ''}."
    rest = existing(asked)
    return f"{rest or capital(said) + ' match'}."


def existing(asked: Asked) -> str:
    """`There are 119 customers in Berlin`; nothing where the question's words do not say which they are."""
    rest = _rest(asked)
    if not rest and asked.form is not None and (asked.form.where or asked.form.having):
        return ""
    over = asked.span is not None and asked.today is not None and asked.span.end <= asked.today
    one = len(asked.rows) == 1 and not asked.truncated
    be = ("was" if over else "is") if one else ("were" if over else "are")
    return f"There {be} {counted(asked)}{'' if asked.truncated else rest}"


def _rest(asked: Asked) -> str:
    """What the question says of its rows behind their name: ` in Berlin` of `customers in Berlin`."""
    if not asked.whole:
        return ""
    phrase = FOREWORD.sub("", asked.plain)
    if not phrase.lower().startswith(asked.noun + " "):
        return ""
    rest = phrase[len(asked.noun) + 1 :]
    # Only what belongs to a noun: a verb of its own would need another sentence.
    return (
        f" {rest}" if re.match(r"(?:in|of|from|with|without|who|that|which|over|under|above|below|on)\b", rest) else ""
    )


# ---------------------------------------------------------------- who leads


def ranking(asked: Asked, measure: int) -> str:
    """Groups with an amount each: who leads, or who is at either end."""
    known = [row for row in asked.rows if number_of(row[measure]) is not None]
    if len(known) < 2:
        return f"{capital(counted(asked))}."
    amounts = [number_of(row[measure]) or Decimal(0) for row in known]
    among = f"Of {'the first ' if asked.truncated else ''}{len(asked.rows):,} {asked.noun}, "
    among = among if asked.truncated or _all_of(asked) else ""
    first = _named(asked, known[0], measure)
    rest = [f"{_named(asked, row, measure)} ({asked.cell(row, measure)})" for row in known[1:3]]
    if amounts[0] == amounts[-1] == max(amounts):
        if len(known) > NAMED:
            return f"{capital(counted(asked))}, each with {measured(asked, measure, known[0])}."
        return (
            f"{listed([_named(asked, row, measure) for row in known])} each have {measured(asked, measure, known[0])}."
        )
    if amounts == sorted(amounts, reverse=True):
        share = _share(asked, measure, amounts[0], amounts)
        lead = f"{among}{first} leads with {measured(asked, measure, known[0])}{share and f' ({share})'}"
        return f"{lead}, ahead of {listed(rest)}."
    if amounts == sorted(amounts):
        least = f"{extreme(asked, measure, lowest=True)} ({asked.cell(known[0], measure)})"
        return f"{among}{first} has {least}, then {listed(rest)}."
    best, worst = known[amounts.index(max(amounts))], known[amounts.index(min(amounts))]
    share = _share(asked, measure, max(amounts), amounts)
    top = f"{_named(asked, best, measure)} has {extreme(asked, measure)}"
    low = f"{_named(asked, worst, measure)} {extreme(asked, measure, lowest=True)}"
    low = low.removesuffix(f" {_tail(extreme(asked, measure))}")
    return (
        f"{among}{top} ({asked.cell(best, measure)}{share and f', {share}'}) and {low} ({asked.cell(worst, measure)})."
    )


def _tail(words: str) -> str:
    """`orders` of `the most orders`: said once for both ends."""
    return words.split(" ", 2)[-1]


def _all_of(asked: Asked) -> bool:
    """True where the rows are all there are, and not a head that was asked for."""
    return not asked.truncated and (asked.form is None or asked.form.limit is None)


def _share(asked: Asked, measure: int, part: Decimal, amounts: Sequence[Decimal]) -> str:
    """How much of all rows together the first has; nothing where they do not add up to a whole."""
    expr = asked.expr(measure)
    sums = expr is not None and expr.agg in ("count", "sum") and not expr.distinct and expr.share is None
    if not sums or not _all_of(asked) or min(amounts) < 0 or len(amounts) < len(asked.rows):
        return ""
    return f"{amount(Decimal(round(part / sum(amounts) * 100)))} %"


def _named(asked: Asked, row: Sequence[Any], measure: int) -> str:
    """What a row is of: its cells but for the amount."""
    return " / ".join(
        "none" if row[place] is None else asked.name(row, place) for place in range(len(row)) if place != measure
    )


# ---------------------------------------------------------------- over time


def series(asked: Asked, when: int, measure: int) -> str:
    """A course over time: its ends, its peak, and what is not over yet."""
    rows = sorted(
        (row for row in asked.rows if number_of(row[measure]) is not None and row[when] is not None),
        key=lambda row: str(row[when]),
    )
    unit = asked.bucket(when)
    running = rows[-1] if rows and _runs(asked, asked.cell(rows[-1], when), unit) else None
    done = rows[:-1] if running is not None else rows
    if len(done) < 2:
        return f"{capital(counted(asked))}."
    first, last = done[0], done[-1]
    best = max(done, key=lambda row: number_of(row[measure]) or Decimal(0))
    count = f"{len(asked.rows):,} {plural(unit) if len(asked.rows) != 1 else singular(unit)}"
    told = f"{count}: from {measured(asked, measure, first)} {_when(asked, first, when)}"
    told += f" to {asked.cell(last, measure)} {_when(asked, last, when)}"
    words = "the most" if extreme(asked, measure).startswith("the most") else "the highest"
    if best is last:
        told += f", {words}"
    elif best is not first:
        told += f"; {words}, {asked.cell(best, measure)}, {_when(asked, best, when)}"
    if running is not None:
        told += f"; {asked.cell(running, measure)} so far {_when(asked, running, when)}"
    return told + "."


def _when(asked: Asked, row: Sequence[Any], place: int) -> str:
    return f"{'on' if asked.bucket(place) == 'day' else 'in'} {asked.cell(row, place)}"


def _runs(asked: Asked, written: str, unit: str) -> bool:
    """True for the stretch of time that today lies in, as it is written."""
    if asked.today is None or not unit:
        return False
    around = unit_around(asked.today, unit)
    return written == Span(Expr(""), around.start, around.end).name
