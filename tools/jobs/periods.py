"""How far back `this week` or `2026-11-01` reaches, for lists of jobs."""

import re
from datetime import UTC, datetime, timedelta

from tools.errors import Invalid

UNITS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}


def since(period: str, now: datetime | None = None) -> datetime:
    """Give the beginning of a period that reaches to now, in the server's time zone.

    Knows `today`, `yesterday`, `this week`, `last week`, `this month`, `last month`, `this year`, `last 3 days`,
    `last 24 hours`, and dates and times in ISO 8601; Invalid for anything else.
    """
    now = now or datetime.now(UTC).astimezone()
    words = re.sub(r"^(?:the )?(?:past|previous)\b", "last", period.strip().lower())
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    first = midnight.replace(day=1)
    named = {
        "today": midnight,
        "yesterday": midnight - timedelta(days=1),
        "this week": monday,
        "last week": monday - timedelta(days=7),
        "this month": first,
        "last month": (first - timedelta(days=1)).replace(day=1),
        "this year": first.replace(month=1),
        "last year": first.replace(year=first.year - 1, month=1),
        "this day": midnight,
        "last night": midnight - timedelta(hours=6),
        "this night": midnight - timedelta(hours=6),
        "lately": midnight - timedelta(days=7),
        "recently": midnight - timedelta(days=7),
    }
    if words in named:
        return named[words]
    count = re.fullmatch(r"(?:the )?(?:last|this) (\d{0,4}) ?(minute|hour|day|week|month|year)s?", words)
    if count:
        return now - timedelta(seconds=int(count[1] or 1) * UNITS[count[2]])
    try:
        read = datetime.fromisoformat(words)
    except ValueError:
        raise Invalid(f"Cannot tell when {period!r} begins; say `this week`, `last 3 days` or `2026-11-01`.") from None
    return read if read.tzinfo else read.replace(tzinfo=now.tzinfo)
