"""A job in words: what its card says beside the bar."""

from datetime import UTC, datetime
from typing import Any

from tools.jobs import Job

STATES = {
    "queued": "waiting for a worker",
    "running": "running",
    "cancelling": "being cancelled",
    "succeeded": "done",
    "partial": "partly done",
    "empty": "nothing to do",
    "failed": "failed",
    "cancelled": "cancelled",
}

RETRIED = {"failed", "partial", "cancelled"}
"""States from which one may want to try again."""


def props(job: Job) -> dict[str, Any]:
    """Give what public/elements/Job.jsx lays out for `job`; the percentage is 0 to 100."""
    at = job.finished_at or job.started_at or job.created_at
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state,
        "state_words": _state(job),
        "live": job.live,
        "percent": round(job.progress, 1),
        "amount": _amount(job),
        "stage": job.stage if job.stage != job.error else "",
        "counts": _counts(job),
        "reason": job.error,
        "at": at.isoformat(),
        "exact": f"{at.astimezone():%d %B %Y, %H:%M:%S %Z}",
        "can_cancel": job.state in ("queued", "running"),
        "can_retry": job.state in RETRIED,
    }


def _state(job: Job) -> str:
    if job.state == "queued" and job.not_before and job.not_before > datetime.now(UTC):
        wait = (job.not_before - datetime.now(UTC)).total_seconds()
        return f"attempt {job.attempts + 1} of {job.max_attempts} in {duration(wait)}"
    if job.state == "running" and job.attempts > 1:
        return f"running, attempt {job.attempts} of {job.max_attempts}"
    took = f" in {duration(job.seconds)}" if not job.live and job.finished_at and job.seconds is not None else ""
    return STATES[job.state] + took


def _amount(job: Job) -> str:
    """`27 of 42 tables · 4 s left`, as far as the job tells."""
    parts = []
    done, total = job.counts.get("done"), job.counts.get("total") or job.counts.get("tables")
    if isinstance(done, int) and isinstance(total, int):
        parts.append(f"{done:,} of {total:,} {job.counts.get('unit', 'tables')}")
    if job.seconds_left is not None:
        parts.append(f"{duration(job.seconds_left)} left")
    return " · ".join(parts)


def _counts(job: Job) -> str:
    """`trained 12 · left out 3`: every number of the outcome that is not zero, by its name."""
    shown = {
        name: value
        for name, value in job.counts.items()
        if isinstance(value, int) and not isinstance(value, bool) and value and name not in ("done", "total")
    }
    if job.live and "done" in job.counts:
        shown.pop("tables", None)
    return " · ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in shown.items())


def duration(seconds: float) -> str:
    """Say a length of time as people do: `less than a second`, `4 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 1:
        return "less than a second"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
