"""Times in words, cron in words, and the clock: what a schedule says is when it comes."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from tools.errors import Invalid
from tools.jobs import cron
from tools.jobs.times import find_when, read_when

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("every night at 2", "0 2 * * *"),
        ("nightly", "0 2 * * *"),
        ("nightly at 3:30", "30 3 * * *"),
        ("at 2 every night", "0 2 * * *"),
        ("Every Night At 2.", "0 2 * * *"),
        ("every night at 11", "0 23 * * *"),
        ("every night at half past two", "30 2 * * *"),
        ("every night at quarter to three", "45 2 * * *"),
        ("daily at 2 am", "0 2 * * *"),
        ("daily 02:00", "0 2 * * *"),
        ("every morning", "0 7 * * *"),
        ("every evening at 7", "0 19 * * *"),
        ("every day at 3 in the afternoon", "0 15 * * *"),
        ("every day at 12 am", "0 0 * * *"),
        ("every day at 12 pm", "0 12 * * *"),
        ("every day at 7 and 19", "0 7,19 * * *"),
        ("at 2", "0 2 * * *"),
        ("weekdays at 7:30", "30 7 * * 1-5"),
        ("every weekday at 7", "0 7 * * 1-5"),
        ("every working day at 6 in the morning", "0 6 * * 1-5"),
        ("monday to friday at 8", "0 8 * * 1-5"),
        ("mon-fri at 8", "0 8 * * 1-5"),
        ("friday to monday at 8", "0 8 * * 0,1,5,6"),
        ("weekends at 10", "0 10 * * 0,6"),
        ("mondays and thursdays at noon", "0 12 * * 1,4"),
        ("every monday, wednesday and friday at 6pm", "0 18 * * 1,3,5"),
        ("every week on tuesday at 4", "0 4 * * 2"),
        ("weekly", "0 2 * * 1"),
        ("once a week", "0 2 * * 1"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every fifteen minutes", "*/15 * * * *"),
        ("every quarter of an hour", "*/15 * * * *"),
        ("every half an hour", "*/30 * * * *"),
        ("every 15 minutes between 9 and 17 on weekdays", "*/15 9-16 * * 1-5"),
        ("every 120 minutes", "0 */2 * * *"),
        ("every minute", "* * * * *"),
        ("4 times an hour", "*/15 * * * *"),
        ("hourly", "0 * * * *"),
        ("every hour at :10", "10 * * * *"),
        ("every hour at 10 past", "10 * * * *"),
        ("every 2 hours", "0 */2 * * *"),
        ("every hour from 8 to 18", "0 8-18 * * *"),
        ("every hour from 9 to 5", "0 9-17 * * *"),
        ("twice a day", "0 */12 * * *"),
        ("every other day at 3", "0 3 */2 * *"),
        ("first of the month", "0 2 1 * *"),
        ("on the first of every month at 4", "0 4 1 * *"),
        ("every month on the 3rd at 5", "0 5 3 * *"),
        ("the 1st and 15th at 6", "0 6 1,15 * *"),
        ("day 10 of the month", "0 2 10 * *"),
        ("last day of the month at 23:30", "30 23 L * *"),
        ("first monday of the month at 9", "0 9 * * 1#1"),
        ("every last friday of the month", "0 2 * * L5"),
        ("every quarter", "0 2 1 */3 *"),
        ("every 3 months", "0 2 1 */3 *"),
        ("january 1st at 5", "0 5 1 1 *"),
        ("yearly", "0 2 1 1 *"),
        ("0 2 * * *", "0 2 * * *"),
        ("`*/10  8-18 * * 1-5`", "*/10 8-18 * * 1-5"),
    ],
)
def test_times_in_words(words: str, expected: str) -> None:
    assert read_when(words).cron == expected


@pytest.mark.parametrize(
    ("words", "zone"),
    [
        ("every night at 2 Europe/Berlin", BERLIN),
        ("every night at 2 in europe/berlin time", BERLIN),
        ("weekdays at 7:30 utc", "UTC"),
        ("nightly", None),
    ],
)
def test_a_zone_is_taken_with_the_time(words: str, zone: str | None) -> None:
    assert read_when(words).timezone == zone


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("banana", "every night at 2"),
        ("every day in summer", "Cannot tell"),
        ("every third tuesday", "Cannot tell"),
        ("every 45 minutes", "divide an hour"),
        ("every 5 hours", "divide a day"),
        ("every 2 weeks", "every week"),
        ("five times a day and 7 times a day", "not even"),
        ("every day at 7:30 and 19:00", "one schedule for each"),
        ("0 2 30 2 *", "never comes"),
        ("0 2 * *", "Cannot tell"),
        ("61 2 * * *", "no cron expression"),
        ("0 0 2 * * *", "Cannot tell"),
        ("", "Cannot tell"),
    ],
)
def test_what_no_calendar_rule_can_keep_is_told(words: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        read_when(words)


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("every night at 2, only the last 18 months", 16, "0 2 * * *"),
        ("weekdays at 7:30 from shop", 16, "30 7 * * 1-5"),
        ("nightly, 12 rows", 7, "0 2 * * *"),
        ("0 2 * * 1 from shop", 9, "0 2 * * 1"),
    ],
)
def test_a_time_is_found_at_the_beginning_of_a_text(text: str, end: int, expected: str) -> None:
    found = find_when(text)
    assert found is not None and (found[0], found[1].cron) == (end, expected)


@pytest.mark.parametrize(
    "text", ["at 2 please", "every order", "in 2025", "first", "12 customers", "orders every night"]
)
def test_what_does_not_recur_is_not_found(text: str) -> None:
    assert find_when(text) is None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 2 * * *", "every day at 02:00"),
        ("0 7,19 * * *", "every day at 07:00 and 19:00"),
        ("30 7 * * 1-5", "at 07:30, Monday through Friday"),
        ("0 12 * * 1,4", "at 12:00, on Monday and Thursday"),
        ("*/15 * * * *", "every 15 minutes"),
        ("10 * * * *", "every hour at 10 minutes past the hour"),
        ("0 2 1 * *", "at 02:00, on day 1 of the month"),
        ("0 8-18 * * *", "every hour, between 08:00 and 18:59"),
    ],
)
def test_cron_in_words(expression: str, words: str) -> None:
    assert cron.in_words(expression) == words


def hours(expression: str, after: datetime, count: int) -> list[str]:
    return [
        f"{at.astimezone(ZoneInfo(BERLIN)):%d %H:%M %z}" for at in islice(cron.times(expression, BERLIN, after), count)
    ]


def test_an_hour_that_is_skipped_is_made_up_for_when_the_clock_has_jumped() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert hours("30 2 * * *", before, 2) == ["29 03:00 +0200", "30 02:30 +0200"]


def test_an_hour_that_comes_twice_counts_once_for_a_named_hour_and_twice_for_each_hour() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert hours("30 2 * * *", before, 2) == ["25 02:30 +0200", "26 02:30 +0100"]
    midnight = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    assert hours("0 * * * *", midnight, 3) == ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]


def test_a_zone_that_is_none_is_told() -> None:
    with pytest.raises(Invalid, match="Europe/Berlin"):
        cron.check_zone("Berlin")
    assert cron.check_zone(cron.local_zone())
