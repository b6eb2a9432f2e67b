"""Cells as people write them: thousands parted, dates in words, nothing invented."""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tools.vocabulary import split_name

PLAIN = re.compile(r"(^|_|\s)(id|year|code|number|no|zip|postcode|isbn|phone|postal)($|_|\s)")
"""Labels whose whole numbers are names rather than amounts."""
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
MONTH, WEEK, QUARTER = re.compile(r"(\d{4})-(\d{2})"), re.compile(r"(\d{4})-?W(\d{2})"), re.compile(r"(\d{4})-?Q(\d)")
"""Stretches of time as queries label them: `2026-10`, `2026-W41`, `2026-Q4`."""
MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?.*")


def number_of(value: Any) -> Decimal | None:
    """The number a cell holds; None for text, dates, nothing."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    try:
        found = Decimal(value) if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    except InvalidOperation:
        return None
    return found


def amount(value: Decimal, label: str = "") -> str:
    """A number with its thousands parted and at most two decimals (four figures below one)."""
    if value == value.to_integral_value():
        whole = int(value)
        return str(whole) if PLAIN.search(" ".join(split_name(label))) else f"{whole:,}"
    if abs(value) < 1:
        return f"{float(value):.4g}"
    return f"{value:,.2f}"


def written(value: Any, label: str = "", bucket: str = "", numeric: bool = True) -> str:
    """A cell in words; `bucket` is the stretch of time it stands for."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = number_of(value) if numeric or not isinstance(value, str) else None
    if number is not None:
        return str(int(number)) if bucket == "year" and number == int(number) else amount(number, label)
    return _moment(str(value), bucket)


def _moment(text: str, bucket: str) -> str:
    if bucket == "month" and (month := MONTH.fullmatch(text)):
        return f"{date(int(month.group(1)), int(month.group(2)), 1):%B %Y}"
    if bucket == "week" and (week := WEEK.fullmatch(text)):
        return f"the week of {in_words(date.fromisocalendar(int(week.group(1)), int(week.group(2)), 1))}"
    if bucket == "quarter" and (quarter := QUARTER.fullmatch(text)):
        return f"Q{quarter.group(2)} {quarter.group(1)}"
    moment = MOMENT.fullmatch(text)
    day_text = moment.group(1) if moment else text
    if not DAY.fullmatch(day_text):
        return text
    try:
        day = date.fromisoformat(day_text)
    except ValueError:
        return text
    match bucket:
        case "year":
            return str(day.year)
        case "quarter":
            return f"Q{(day.month + 2) // 3} {day.year}"
        case "month":
            return f"{day:%B} {day.year}"
        case "week":
            return f"the week of {in_words(day)}"
    clock = moment.group(2) if moment else "00:00"
    return in_words(day) if clock == "00:00" else f"{in_words(day)} at {clock}"


def in_words(day: date | datetime) -> str:
    """A day as people write it: `1 October 2026`."""
    return f"{day.day} {day:%B} {day.year}"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
