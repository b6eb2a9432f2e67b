"""How far back a period reaches."""

from datetime import UTC, datetime

import pytest

from tools.errors import Invalid
from tools.jobs.periods import since

NOW = datetime(2026, 3, 11, 15, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("period", "begins"),
    [
        ("today", "2026-03-11"),
        ("Yesterday", "2026-03-10"),
        ("this week", "2026-03-09"),
        ("previous week", "2026-03-02"),
        ("last month", "2026-02-01"),
        ("last year", "2025-01-01"),
        ("last 3 days", "2026-03-08T15:30"),
        ("past hour", "2026-03-11T14:30"),
        ("the last 2 weeks", "2026-02-25T15:30"),
        ("lately", "2026-03-04"),
        ("2026-01-05", "2026-01-05"),
        ("2026-01-05T06:00:00+00:00", "2026-01-05T06:00"),
    ],
)
def test_when_a_period_begins(period: str, begins: str) -> None:
    assert since(period, NOW) == datetime.fromisoformat(begins).replace(tzinfo=UTC)


def test_what_is_no_period_is_said() -> None:
    with pytest.raises(Invalid, match="moon"):
        since("next moon", NOW)
