"""Reads dates and stretches of time: `last month`, `Q2 2025`, `the past 90 days`, `5 March 2020`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from assistant.offline.grammar import grammar
from assistant.offline.tokens import Token


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of days from `start` up to and without `end`."""

    start: date
    end: date
    label: str


def period_at(tokens: Sequence[Token], at: int, today: date) -> tuple[int, Period] | None:
    """The longest period that begins at a token, with the index after it; None when there is none."""
    found = [
        hit
        for hit in (
            _explicit(tokens, at),
            _month(tokens, at, today),
            _quarter(tokens, at, today),
            _half(tokens, at, today),
            _relative(tokens, at, today),
            _day_word(tokens, at, today),
        )
        if hit
    ]
    return max(found, key=lambda hit: hit[0], default=None)


def of_year(year: int) -> Period:
    """A calendar year."""
    return Period(date(year, 1, 1), date(year + 1, 1, 1), str(year))


def unit_around(day: date, unit: str) -> Period:
    """The calendar unit a day lies in."""
    if unit == "day":
        return Period(day, day + timedelta(1), day.isoformat())
    if unit == "week":
        start = day - timedelta(day.weekday())
        return Period(start, start + timedelta(7), f"week of {start.isoformat()}")
    if unit == "month":
        start = day.replace(day=1)
        return Period(start, add_months(start, 1), f"{start:%B %Y}")
    if unit == "quarter":
        start = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
        return Period(start, add_months(start, 3), f"Q{(day.month - 1) // 3 + 1} {day.year}")
    return of_year(day.year)


def add_months(day: date, months: int) -> date:
    """The same day of another month; the last day where that month is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(1)).day
    return date(year, month + 1, min(day.day, last))


def _word(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].lower if 0 <= at < len(tokens) else ""


def _whole(tokens: Sequence[Token], at: int, low: int, high: int) -> int | None:
    if not 0 <= at < len(tokens):
        return None
    token = tokens[at]
    if (
        token.kind == "number"
        and isinstance(token.value, int)
        and low <= token.value <= high
        and token.text.isdecimal()
    ):
        return token.value
    bare = token.lower.removesuffix("st").removesuffix("nd").removesuffix("rd").removesuffix("th")
    return int(bare) if bare.isdecimal() and bare != token.lower and low <= int(bare) <= high else None


def _explicit(tokens: Sequence[Token], at: int) -> tuple[int, Period] | None:
    token = tokens[at]
    if token.kind == "date" and isinstance(token.value, date):
        return at + 1, unit_around(token.value, "day")
    return None


def _month_number(word: str) -> int:
    words = grammar().period
    for names in (words["months"], words["months_short"]):
        if word.rstrip(".") in names:
            return int(names.index(word.rstrip(".")) + 1)
    return 0


def _month(tokens: Sequence[Token], at: int, today: date) -> tuple[int, Period] | None:
    day = _whole(tokens, at, 1, 31)
    spot = at + 1 + (_word(tokens, at + 1) == "of") if day else at
    month = _month_number(_word(tokens, spot))
    if not month:
        return None
    after = spot + 1
    if day is None and (day := _whole(tokens, after, 1, 31)):
        after += 1
    if _word(tokens, after) in (",", "of"):
        after += 1
    year = _whole(tokens, after, 1000, 2999)
    if year:
        after += 1
    else:
        after = spot + 1 + (day is not None and spot == at)
        if not tokens[spot].capital and _word(tokens, at - 1) not in (
            "in",
            "since",
            "last",
            "during",
            "before",
            "after",
            "until",
            "of",
        ):
            return None
        year = today.year if (month, day or 1) <= (today.month, today.day) else today.year - 1
    try:
        first = date(year, month, day or 1)
    except ValueError:
        return None
    return after, unit_around(first, "day" if day else "month")


def _quarter(tokens: Sequence[Token], at: int, today: date) -> tuple[int, Period] | None:
    word = _word(tokens, at)
    if len(word) == 2 and word[0] == "q" and word[1] in "1234":
        number, after = int(word[1]), at + 1
    elif word in ("first", "second", "third", "fourth") and _word(tokens, at + 1) == "quarter":
        number, after = ("first", "second", "third", "fourth").index(word) + 1, at + 2
    else:
        return None
    if _word(tokens, after) == "of":
        after += 1
    year = _whole(tokens, after, 1900, 2999)
    after += year is not None
    year = year or (today.year if 3 * number - 2 <= today.month else today.year - 1)
    return after, unit_around(date(year, 3 * number - 2, 1), "quarter")


def _half(tokens: Sequence[Token], at: int, today: date) -> tuple[int, Period] | None:
    """`the first half of 2023`, `H2 2024`."""
    word = _word(tokens, at)
    if word in ("first", "second") and _word(tokens, at + 1) == "half":
        number, after = ("first", "second").index(word), at + 2
    elif word in ("h1", "h2"):
        number, after = int(word[1]) - 1, at + 1
    else:
        return None
    if _word(tokens, after) == "of":
        after += 1
    year = _whole(tokens, after, 1900, 2999)
    after += year is not None
    year = year or (today.year if 6 * number + 1 <= today.month else today.year - 1)
    start = date(year, 6 * number + 1, 1)
    return after, Period(start, add_months(start, 6), f"H{number + 1} {year}")


def _relative(tokens: Sequence[Token], at: int, today: date) -> tuple[int, Period] | None:
    words = grammar().period
    spot = at + (_word(tokens, at) == "the")
    head, units = _word(tokens, spot), words["units"]
    count = _whole(tokens, spot + 1, 1, 10_000) or grammar().numbers.get(_word(tokens, spot + 1))
    unit = units.get(_word(tokens, spot + 2)) if count else None
    if head in (*words["past"], *words["last"]) and count and unit:
        start = (
            add_months(today, -count * {"month": 1, "quarter": 3, "year": 12}[unit])
            if unit not in ("day", "week")
            else today - timedelta(count * (7 if unit == "week" else 1))
        )
        return spot + 3, Period(start, today + timedelta(1), f"the past {count} {unit}{'s' * (count > 1)}")
    unit = units.get(_word(tokens, spot + 1))
    if not unit:
        return None
    if head in words["this"]:
        return spot + 2, unit_around(today, unit)
    if head in words["last"] or head in words["past"]:
        return spot + 2, unit_around(unit_around(today, unit).start - timedelta(1), unit)
    if head in words["next"]:
        return spot + 2, unit_around(unit_around(today, unit).end, unit)
    return None


def _day_word(tokens: Sequence[Token], at: int, today: date) -> tuple[int, Period] | None:
    shift = grammar().period["days"].get(_word(tokens, at))
    return None if shift is None else (at + 1, unit_around(today + timedelta(shift), "day"))
