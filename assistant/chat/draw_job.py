"""A job in words: what its card says beside the bar."""

from typing import Any

from tools.jobs import Job, words


def props(job: Job) -> dict[str, Any]:
    """Give what public/elements/Job.jsx lays out for `job`; the percentage is 0 to 100."""
    at = job.finished_at or job.started_at or job.created_at
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state,
        "state_words": words.state(job),
        "mode": words.mode(job),
        "live": job.live,
        "percent": round(job.progress, 1),
        "amount": words.amount(job),
        "stage": words.stage(job),
        "counts": words.counts(job),
        "tables": [table.model_dump() for table in words.tables(job)],
        "reason": words.reason(job),
        "at": at.isoformat(),
        "exact": f"{at.astimezone():%d %B %Y, %H:%M:%S %Z}",
        "can_cancel": job.state in ("queued", "running"),
        "can_retry": job.state in words.RETRIED,
    }


def gone(job_id: int) -> dict[str, Any]:
    """Give what is laid out for a job that the history no longer holds."""
    return {"id": job_id, "gone": f"Job #{job_id} is no longer in the history.", "state": "gone", "live": False}
