"""How a sync is to run: what travels in the arguments of its job, and windows of time in words."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from tools.connectors.base import Frozen
from tools.errors import Invalid

Mode = Literal["auto", "full", "incremental"]
Deletes = Literal["soft", "hard", "off"]
DriftPolicy = Literal["evolve", "freeze", "stop"]

_WINDOW = re.compile(r"(?:the\s+)?(?:last|past)?\s*(\d+|a|an|one)?\s*(day|week|month|quarter|year)s?", re.IGNORECASE)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class SyncOptions(Frozen):
    """What a person may ask of a sync beyond naming tables."""

    mode: Mode = "auto"
    """`auto`: full the first time and where nothing tells what has changed, incremental otherwise."""
    where: str | None = None
    """A condition in SQL on the table's columns; the guard checks it."""
    order_by: str | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    offset: Annotated[int, Field(ge=0)] | None = None
    since: str | None = None
    """Only rows whose main date is not before: an ISO date, or a window such as `18 months`, counted when it runs."""
    until: str | None = None
    """Only rows whose main date is before it."""
    range_column: str | None = None
    """The column of `range`; the key, or the main date, when left out."""
    range: tuple[str | None, str | None] | None = None
    """Backfill: only rows from the first value to the second, both included."""
    deletes: Deletes = "soft"
    """Rows gone at the source: `soft` marks their documents, `hard` removes them, `off` does not look."""
    drift: DriftPolicy = "evolve"
    """A table that has changed: `evolve` takes its new shape, `freeze` keeps to the known columns, `stop` fails."""
    watermark: str | None = None
    """The column that tells what has changed; found by its name when left out."""
    lag_seconds: Annotated[int, Field(ge=0)] = 10
    """An incremental run looks back so far behind the watermark, for transactions that were still open."""
    dry_run: bool = False
    """Only tell what would be read."""

    @property
    def only(self) -> str:
        """Which part of a table is asked for, in words: `only the last 18 months`; empty for all of it."""
        parts = []
        if self.since is not None:
            window = _WINDOW.fullmatch(self.since.strip().lower())
            plain = re.sub(r"^(?:the\s+)?(?:last|past)?\s*", "", self.since.strip().lower())
            parts.append(f"the last {plain}" if window else f"since {self.since}")
        parts += [f"before {self.until}"] if self.until is not None else []
        parts += [f"where {self.where}"] if self.where is not None else []
        if self.range is not None:
            first, last = self.range
            parts.append(f"{self.range_column or 'the key'} from {first or 'the first'} to {last or 'the last'}")
        parts += [f"at most {self.limit:,} rows of each table"] if self.limit is not None else []
        return f"only {', '.join(parts)}" if parts else ""

    @property
    def filtered(self) -> bool:
        """True when only part of a table is asked for."""
        parts = (self.where, self.limit, self.offset, self.since, self.until, self.range)
        return any(part is not None for part in parts)


def boundary(text: str, now: datetime) -> str:
    """Give the day that `since` or `until` means at `now`, as an ISO date or date and time; Invalid says how to put it.

    Takes ISO dates, `today`, `yesterday`, and windows that end now: `18 months`, `last 2 weeks`.
    """
    plain = text.strip().lower()
    if plain in ("today", "yesterday"):
        return (now.date() - timedelta(days=plain == "yesterday")).isoformat()
    try:
        return (
            datetime.fromisoformat(text.strip()).isoformat() if ":" in plain else date.fromisoformat(plain).isoformat()
        )
    except ValueError:
        pass  # not a date: perhaps a window
    found = _WINDOW.fullmatch(plain)
    if found is None:
        raise Invalid(f"{text!r} is no date and no window of time; write 2025-06-01, or 18 months.")
    number = int(found[1]) if found[1] and found[1].isdigit() else 1
    unit = found[2].lower()
    if unit in _MONTHS:
        return _months_before(now.date(), number * _MONTHS[unit]).isoformat()
    return (now.date() - timedelta(days=number * (7 if unit == "week" else 1))).isoformat()


def _months_before(day: date, months: int) -> date:
    total = day.year * 12 + day.month - 1 - months
    if total < 12:
        raise Invalid("That window reaches back before the year 1.")
    year, month = divmod(total, 12)
    first_after = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (first_after - timedelta(days=1)).day))
