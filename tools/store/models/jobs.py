"""Background work, what happened to it, and when it comes by itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    String,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tools.store.models.base import Owned, Row, Workspace
from tools.store.models.databases import DatabaseRow

LIVE_STATES = ("queued", "running", "cancelling")
"""States of a job that is not over."""


class JobRow(Owned, Row):
    """One recorded piece of background work; Postgres holds the truth, RQ carries the id."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_live",
            "workspace_id",
            "kind",
            "target",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running', 'cancelling')"),
        ),
        Index("ix_jobs_recent", "workspace_id", text("id DESC")),
        Index(
            "ix_jobs_untold",
            "finished_at",
            postgresql_where=text("told_at IS NULL AND conversation_id IS NOT NULL AND finished_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1), primary_key=True)
    kind: Mapped[str] = mapped_column(String)
    target: Mapped[str]
    """What it works on, in words a person knows: `shop`, `warehouse.orders`."""
    database_id: Mapped[UUID | None] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="SET NULL"))
    arguments: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="queued")
    """queued, running, cancelling; then succeeded, partial, empty, failed or cancelled."""
    progress: Mapped[float] = mapped_column(server_default="0")
    """0 to 100."""
    stage: Mapped[str] = mapped_column(server_default="")
    """What is being done now, in words: `analysed orders`."""
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Numbers of the outcome: tables, trained, failed, left_out ...; per kind."""
    error: Mapped[str | None]
    """Why it failed, in words a person can act on."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int] = mapped_column(server_default="3")
    claim: Mapped[UUID | None]
    """Who may write: an orphan whose claim was taken over can no longer report."""
    heartbeat_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """A retry waits until then."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    conversation_id: Mapped[str | None]
    """The conversation that shows its card."""
    schedule_id: Mapped[int | None] = mapped_column(
        ForeignKey("tabletalk.schedules.id", ondelete="SET NULL", use_alter=True, name="fk_jobs_schedule_id")
    )
    """The schedule that started it."""
    told_at: Mapped[datetime | None]
    """When its conversation was told of its end, or was seen to show it; None while nobody has seen to that."""


class ScheduleRow(Owned, Row):
    """Work that starts by itself: when it comes, what it does, and what came of the last time."""

    __tablename__ = "schedules"
    __table_args__ = (Index("ix_schedules_due", "next_run", postgresql_where=text("NOT paused")),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1), primary_key=True)
    kind: Mapped[str]
    """The kind of job it starts."""
    target: Mapped[str]
    """What that works on, in words a person knows: `shop`, `shop: orders, stock`."""
    database_id: Mapped[UUID | None] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), index=True)
    arguments: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Of the function that starts it, as they were said: `18 months` is counted from each run."""
    cron: Mapped[str]
    timezone: Mapped[str]
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    next_run: Mapped[datetime | None]
    """None while it is paused."""
    last_run: Mapped[datetime | None]
    last_job_id: Mapped[int | None] = mapped_column(ForeignKey(JobRow.id, ondelete="SET NULL"))
    last_word: Mapped[str | None]
    """Why the last time started nothing; None when it started a job."""
    conversation_id: Mapped[str | None]
    """The conversation it was made in, which is told of what happens."""


class JobEventRow(Row):
    """One thing that happened to a job, kept so that a late reader misses nothing."""

    __tablename__ = "job_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id, ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    type: Mapped[str] = mapped_column(String)
    """queued, started, progress, retrying, finished, cancel asked ..."""
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
