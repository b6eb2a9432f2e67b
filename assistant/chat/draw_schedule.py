"""A schedule in words: what it does, when, when next, and what came of the last time."""

from datetime import datetime
from typing import Any

from tools.jobs import Schedule
from tools.jobs.schedules import local
from tools.jobs.words import STATES

NEXT = 3
"""Times to come that the card tells."""


def props(schedule: Schedule) -> dict[str, Any]:
    """Give what public/elements/Job.jsx lays out for a schedule."""
    return {
        "id": schedule.id,
        "title": schedule.title,
        "when": schedule.when,
        "only": schedule.only,
        "cron": f"cron {schedule.cron}",
        "paused": schedule.paused,
        "next": [_time(at, schedule.timezone) for at in schedule.next_runs(NEXT)],
        "last": _time(schedule.last_run, schedule.timezone) if schedule.last_run else None,
        "last_words": _last(schedule),
        "last_bad": bool(schedule.last_word) or schedule.last_state in ("failed", "partial"),
    }


def _time(at: datetime, timezone: str) -> dict[str, str]:
    return {"at": at.isoformat(), "words": local(at, timezone)}


def _last(schedule: Schedule) -> str:
    if schedule.last_word:
        return schedule.last_word
    if schedule.last_job_id is None or schedule.last_state is None:
        return ""
    return f"job #{schedule.last_job_id} {STATES[schedule.last_state]}"
