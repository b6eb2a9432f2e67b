"""How a job is told: its state, its pace, its counts and its tables, in the words of every door."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from tools.connectors.base import Frozen, bare_names
from tools.jobs.job import LABELS, Job

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


class TableWords(Frozen):
    """One table of a job."""

    name: str
    label: str
    """The name without its schema, where that is the same for all."""
    state: str
    """`failed`, or empty."""
    words: str
    """`read 12 · new 2`."""
    told: str
    """How it was read, where that is worth saying."""
    reason: str | None
    """Why it failed."""
    can_retry: bool


def state(job: Job) -> str:
    """`done in 4 s`, `done in 4 s at attempt 2`, `running, attempt 2 of 3`, `attempt 2 of 3 in 30 s`."""
    if job.state == "queued" and job.not_before and job.not_before > datetime.now(UTC):
        wait = (job.not_before - datetime.now(UTC)).total_seconds()
        return f"attempt {job.attempts + 1} of {job.max_attempts} in {duration(wait)}"
    if job.state == "running" and job.attempts > 1:
        return f"running, attempt {job.attempts} of {job.max_attempts}"
    if job.live or not job.finished_at or job.seconds is None:
        return STATES[job.state]
    which = f" at attempt {job.attempts}" if job.attempts > 1 else ""
    return f"{STATES[job.state]} in {duration(job.seconds)}{which}"


def nothing(states: Collection[str], kind: str | None, period: str | None) -> str:
    """What to say of an empty list of jobs: `Nothing failed this week`, `No sync runs or waits`."""
    happened = "ran"
    for some, verb in _HAPPENED:
        if states and set(states) <= some:
            happened = verb
            break
    when = (period or "").strip().lower()
    if re.fullmatch(r"(last|past) \d+ \w+", when):
        when = f"in the {when}"
    elif when[:1].isdigit():
        when = f"since {when}"
    what = f"No {LABELS.get(kind, kind).lower()}" if kind else "Nothing"
    return f"{' '.join(part for part in (what, happened, when) if part)}."


_HAPPENED: tuple[tuple[set[str], str], ...] = (
    ({"failed", "partial"}, "failed"),
    ({"queued", "running", "cancelling"}, "runs or waits"),
    ({"cancelled"}, "was cancelled"),
    ({"succeeded"}, "was done"),
    ({"empty"}, "found nothing to do"),
)


def stage(job: Job) -> str:
    """What is being done now, or what came of it; empty where another line says it."""
    table = job.counts.get("table")
    if job.live and table and job.stage.startswith(f"{table}:"):
        return f"reading {_labels(job).get(table, table)}"  # how many rows of it stands beside the bar
    if job.kind == "sync" and job.state == "cancelled" and isinstance(read := job.counts.get("read"), int):
        return f"{read:,} rows already committed are kept." if read else ""
    return job.stage if job.stage != job.error else ""


def mode(job: Job) -> str:
    """`incremental`, `full`, or `full and incremental`, of a sync that has begun to read."""
    tables = job.counts.get("tables")
    if job.kind != "sync" or not isinstance(tables, dict):
        return ""
    found = {one["mode"] for one in tables.values() if isinstance(one, dict) and one.get("mode")}
    return " and ".join(sorted(found))


def _labels(job: Job) -> dict[str, str]:
    """The names of the job's tables as people are told them."""
    tables = job.counts.get("tables")
    names = list(tables) if isinstance(tables, dict) else list(job.counts.get("failures") or ())
    return bare_names([*names, *([job.counts["table"]] if job.counts.get("table") else [])])


def reason(job: Job) -> str | None:
    """Why it did not go well, but for what the lines of its tables say."""
    said = job.error
    for line in tables(job):
        if said and line.reason:
            said = re.sub(rf"{re.escape(f'{line.label} failed: {line.reason}')}\.? ?", "", said)
    return said.strip() or None if said else None


def amount(job: Job) -> str:
    """`27 of 42 tables · 4 s left`, `190,112 of 311,000 rows · 48,300 rows/s · 3 s left`, as far as the job tells."""
    parts = []
    done, total = job.counts.get("done"), job.counts.get("total") or job.counts.get("tables")
    unit = job.counts.get("unit", "tables")
    if job.kind == "sync":
        done, total, unit = job.counts.get("read"), job.counts.get("rows_expected"), "rows"
    # An estimate that the table has outgrown says nothing of what is left.
    outgrown = (
        job.kind == "sync" and job.live and isinstance(done, int) and isinstance(total, int) and 0 < total <= done
    )
    if isinstance(done, int) and isinstance(total, int) and done <= total and not outgrown:
        parts.append(f"{done:,} of {total:,} {unit}")
    elif job.kind == "sync" and isinstance(done, int):
        parts.append(f"{done:,} rows")
    if job.live and (rate := job.counts.get("rows_per_second")):
        parts.append(f"{round(rate):,} rows/s")
    if job.seconds_left is not None and not outgrown:
        parts.append(f"{duration(job.seconds_left)} left")
    return " · ".join(parts)


def counts(job: Job) -> str:
    """`trained 12 · left out 3`: every number of the outcome that is not zero, by its name; of a sync all five."""
    if job.kind == "sync":
        return outcome(job.counts)
    shown = {
        name: value
        for name, value in job.counts.items()
        if isinstance(value, int) and not isinstance(value, bool) and value and name not in ("done", "total")
    }
    if job.live and "done" in job.counts:
        shown.pop("tables", None)
    return " · ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in shown.items())


def outcome(counts: Mapping[str, Any]) -> str:
    """`new 188,002 · changed 2,110 · unchanged 0 · deleted 0 · rejected 0`; empty before anything was counted."""
    names = ("new", "changed", "unchanged", "deleted", "rejected")
    if not any(isinstance(counts.get(name), int) for name in names):
        return ""
    return " · ".join(f"{name} {counts.get(name, 0):,}" for name in names)


def tables(job: Job) -> tuple[TableWords, ...]:
    """One line for each table of the job, where it has several or one of them did not end well."""
    found = job.counts.get("tables")
    told = found if isinstance(found, dict) else {}
    if not told and isinstance(failures := job.counts.get("failures"), dict):
        told = {name: {"error": reason} for name, reason in failures.items()}
    lines = tuple(_table(name, one, job) for name, one in told.items() if isinstance(one, dict))
    if len({line.told for line in lines}) == 1 and len(lines) > 1:  # the line above says it of all
        lines = tuple(line.model_copy(update={"told": ""}) for line in lines)
    return lines if len(lines) > 1 or any(line.reason for line in lines) else ()


def _table(name: str, told: Mapping[str, Any], job: Job) -> TableWords:
    counts = {key: value for key, value in told.items() if isinstance(value, int) and value}
    shown = [f"{key} {counts[key]:,}" for key in ("read", "new", "changed", "deleted", "rejected") if key in counts]
    failed = bool(told.get("error"))
    return TableWords(
        name=name,
        label=_labels(job).get(name, name),
        state="failed" if failed else "",
        words=" · ".join(shown) or ("" if failed else "nothing new"),
        told=str(told.get("told") or ""),
        reason=told.get("error"),
        can_retry=failed and not job.live,
    )


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
