"""A job as others see it: its record, its events, its outcome, and what may end it early."""

from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic import Field

from tools.connectors.base import Frozen
from tools.errors import AssistantError, Conflict, Invalid
from tools.store.models import LIVE_STATES, JobEventRow, JobRow

State = Literal["queued", "running", "cancelling", "succeeded", "partial", "empty", "failed", "cancelled"]

STATES: tuple[State, ...] = get_args(State)

LABELS = {"train": "Training", "sync": "Sync", "index": "Indexing", "embed": "Embedding", "query": "Query of"}
"""Kind of job -> how it is called in a sentence; a kind not named here is called by its own name."""


class Job(Frozen):
    """One recorded piece of background work, as it stood when it was read."""

    id: int
    workspace_id: UUID
    kind: str
    target: str
    database_id: UUID | None
    arguments: dict[str, Any]
    state: State
    progress: float
    """0 to 100."""
    stage: str
    counts: dict[str, Any]
    error: str | None
    """Why it failed; on a queued job, why its last attempt did."""
    attempts: int
    max_attempts: int
    created_at: datetime
    created_by: UUID | None
    created_by_name: str | None
    not_before: datetime | None
    """When a retry is due; None when nothing is waited for."""
    heartbeat_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    conversation_id: str | None
    schedule_id: int | None = None
    """The schedule that started it."""

    @property
    def live(self) -> bool:
        """True while it is not over."""
        return self.state in LIVE_STATES

    @property
    def percent(self) -> int:
        """How far it is, in whole percent."""
        return int(self.progress)

    @property
    def title(self) -> str:
        """What it is, as a person says it: `Training shop`."""
        return f"{LABELS.get(self.kind, self.kind.capitalize())} {self.target}"

    def __str__(self) -> str:
        """One line that tells how it stands."""
        parts = [f"Job {self.id}, {self.title}: {self.state}"]
        if self.state in ("running", "cancelling"):
            parts.append(f"{self.progress:.0f} %")
        if self.stage and self.stage != self.error:
            parts.append(self.stage)
        parts += [f"{name.replace('_', ' ')} {count}" for name, count in self.counts.items() if isinstance(count, int)]
        if self.error:
            parts.append(self.error if not self.live else f"will be tried again: {self.error}")
        return ", ".join(parts).rstrip(".") + "."

    @property
    def seconds(self) -> float | None:
        """How long the last attempt ran, or has run; None before it started."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.finished_at or datetime.now(UTC)) - self.started_at).total_seconds())

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None when there is no pace to tell it from."""
        if self.state != "running" or self.seconds is None or self.progress < 1:
            return None
        pace, rows = self.counts.get("rows_per_second"), self.counts.get("rows_expected")
        if pace and rows:  # of this attempt, whatever one before it has read
            return max(0.0, float((rows - self.counts.get("read", 0)) / pace))
        return self.seconds * (100 - self.progress) / self.progress


class JobEvent(Frozen):
    """One thing that happened to a job."""

    id: int
    job_id: int
    at: datetime
    type: str
    data: dict[str, Any]


class Outcome(Frozen):
    """What a runner says at its end; `failed` and `cancelled` are told by raising instead."""

    state: Literal["succeeded", "partial", "empty"]
    counts: dict[str, Any] = Field(default_factory=dict)
    message: str = ""
    """The last line of the card; for partial and empty, the reason."""


class JobCancelled(Exception):
    """Raised in a runner whose job a person has cancelled: tidy up and let it pass."""


class ClaimLost(Conflict):
    """Another worker has taken this job over; this one may no longer write anything."""


def check_state(word: str) -> State:
    """Give a state of jobs by its name; Invalid lists those there are."""
    if word not in STATES:
        raise Invalid(f"No job is ever {word!r}; there are: {', '.join(STATES)}.")
    return word


def job_of(row: JobRow, created_by_name: str | None) -> Job:
    """The record of a row."""
    shared = Job.model_fields.keys() - {"created_by_name"}
    return Job(**{name: getattr(row, name) for name in shared}, created_by_name=created_by_name)


def event_of(row: JobEventRow) -> JobEvent:
    """The event of a row."""
    return JobEvent(**{name: getattr(row, name) for name in JobEvent.model_fields})


def reason_of(error: BaseException) -> str:
    """What to tell a person: the message of an error raised on purpose, a plain line for any other."""
    if isinstance(error, AssistantError):
        return str(error)
    return "Something unexpected went wrong inside Tabletalk; the worker's log has the details. Retry may help."
