"""When a schedule runs: cron expressions checked, told in words, and counted forward through changes of the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tools.errors import Invalid

# Each library is loaded by what first needs it: a job that only runs needs none.

FIELDS = 5
"""minute, hour, day of month, month, day of week; seconds are not for work that takes minutes."""


def check(cron: str) -> str:
    """Give a cron expression with its blanks in order; Invalid when it is none, or one whose day never comes."""
    from croniter import croniter
    from croniter.croniter import CroniterBadDateError

    plain = " ".join(cron.split())
    if len(plain.split()) != FIELDS or not croniter.is_valid(plain):
        raise Invalid(
            f"{cron!r} is no cron expression; its five fields are minute, hour, day of month, month and day of week: "
            "`0 2 * * *` is every night at 2."
        )
    try:
        croniter(plain, datetime(2026, 1, 1, tzinfo=UTC)).get_next(datetime)
    except CroniterBadDateError:
        raise Invalid(f"{cron!r} never comes: no month has such a day.") from None
    return plain


def check_zone(name: str) -> str:
    """Give the name of a time zone; Invalid when there is none of that name."""
    zone(name)
    return name


def local_zone() -> str:
    """The name of the zone this machine's clock shows; UTC when it does not say."""
    from tzlocal import get_localzone_name

    name = get_localzone_name() or "UTC"
    return "UTC" if name in ("Etc/UTC", "Etc/GMT") else name


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """The first time after `after`, in UTC."""
    return next(times(cron, timezone, after))


def next_runs(cron: str, timezone: str, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next `count` times, in the zone of the schedule."""
    there, found = zone(timezone), times(cron, timezone, after)
    return tuple(next(found).astimezone(there) for _ in range(count))


def times(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Every time after `after`, in UTC and without end.

    Where the clock jumps forward over a time, it comes when the jump is over. Where an hour comes twice, an expression
    that names its hours comes in the first one only; one that runs each hour runs in both.
    """
    from croniter import croniter

    walk = croniter(cron, after.astimezone(zone(timezone)))
    named_hours = "*" not in cron.split()[1]
    while True:
        found: datetime = walk.get_next(datetime)
        if not (named_hours and found.fold):
            yield found.astimezone(UTC)


@lru_cache(maxsize=256)
def in_words(cron: str) -> str:
    """Say a cron expression as people do: `every day at 02:00`, `at 07:30, Monday through Friday`."""
    from cron_descriptor import ExpressionDescriptor, Options

    options = Options()
    options.use_24hour_time_format = True
    options.verbose = False
    told = str(ExpressionDescriptor(cron, options).get_description())
    told = told.replace("only on ", "on ").replace("only in ", "in ")
    told = told.replace("At 0 minutes past the hour", "Every hour")
    if told.startswith("At ") and "," not in told and "past" not in told:
        return f"every day at {told.removeprefix('At ')}"
    if told.startswith("At ") and told.endswith("past the hour"):
        return f"every hour at {told.removeprefix('At ')}"
    return told[0].lower() + told[1:]


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"No time zone {name!r}; say it as in `Europe/Berlin`, `America/New_York` or `UTC`.") from None
