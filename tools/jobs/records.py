"""Start, look up, cancel and retry jobs: what the doors ask of the job table."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, Select, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tools import audit
from tools.errors import Conflict, NotFound, StoreUnavailable
from tools.jobs.job import Job, JobEvent, State, event_of, job_of
from tools.rights import may_change, only_own
from tools.store.models import LIVE_STATES, JobEventRow, JobRow, User
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

OVER = "jobs:over"
"""Where the end of every job of every workspace is announced."""
LIVE = text("state IN ('queued', 'running', 'cancelling')")


async def start(
    box: Toolbox,
    actor: Actor,
    kind: str,
    target: str,
    *,
    database_id: UUID | None = None,
    arguments: dict[str, Any] | None = None,
) -> Job:
    """Record a job and hand it to the workers; Conflict names the live one of the same kind and target.

    With the queue down it is recorded all the same, and starts when the queue is back.
    """
    new = (
        upsert(JobRow)
        .values(
            workspace_id=actor.workspace_id,
            created_by=actor.user_id,
            kind=kind,
            target=target,
            database_id=database_id,
            arguments=arguments or {},
            max_attempts=box.settings.job_attempts,
            conversation_id=actor.conversation_id,
            schedule_id=actor.schedule_id,
            heartbeat_at=func.now(),
        )
        .on_conflict_do_nothing(index_elements=["workspace_id", "kind", "target"], index_where=LIVE)
        .returning(JobRow.id)
    )
    job: Job | None = None
    while job is None:
        async with box.store.begin(actor.workspace_id) as session:
            job_id = (await session.execute(new)).scalar()
            if job_id is None:
                await _refuse_second(session, actor, kind, target)
                continue  # it ended between the two statements: the way is free now
            begun = {"by": actor.user_name, "door": actor.door}
            await record_event(session, actor.workspace_id, job_id, "queued", begun)
            session.add(audit.noted(actor, f"start {kind}", target, detail=f"job {job_id}"))
            job = await _find(session, actor, job_id)
    await hand_over(box, job.id, kind)
    await announce(box, job.id, job.workspace_id, job.state)
    return job


async def get(box: Toolbox, actor: Actor, job_id: int) -> Job:
    """The job as it stands now; NotFound when this workspace has none of that number."""
    async with box.store.begin(actor.workspace_id) as session:
        return await _find(session, actor, job_id)


async def list_jobs(
    box: Toolbox,
    actor: Actor,
    *,
    states: Sequence[State] | None = None,
    kind: str | None = None,
    since: datetime | None = None,
    limit: int = 20,
    before: int | None = None,
) -> tuple[Job, ...]:
    """The workspace's jobs, newest first; `since` looks at when they were last finished or begun.

    `before` is the number of the last one seen: those behind it come.
    """
    query = _jobs().where(JobRow.workspace_id == actor.workspace_id).order_by(JobRow.id.desc()).limit(limit)
    if only_own(actor):
        query = query.where(JobRow.created_by == actor.user_id)
    if states:
        query = query.where(JobRow.state.in_(states))
    if kind:
        query = query.where(JobRow.kind == kind)
    if before is not None:
        query = query.where(JobRow.id < before)
    if since:
        query = query.where(func.coalesce(JobRow.finished_at, JobRow.started_at, JobRow.created_at) >= since)
    async with box.store.begin(actor.workspace_id) as session:
        return tuple(_job(row) for row in await session.execute(query))


async def events(box: Toolbox, actor: Actor, job_id: int, *, after: int = 0) -> tuple[JobEvent, ...]:
    """What happened to a job since the event numbered `after`, over all its attempts, oldest first."""
    query = select(JobEventRow).where(JobEventRow.job_id == job_id, JobEventRow.id > after).order_by(JobEventRow.id)
    async with box.store.begin(actor.workspace_id) as session:
        await _find(session, actor, job_id)
        return tuple(event_of(row) for row in await session.scalars(query))


async def cancel(box: Toolbox, actor: Actor, job_id: int) -> Job:
    """Cancel a job: a queued one at once, a running one as soon as its worker hears of it (about a second).

    Conflict when it is over already.
    """
    may_change(actor, "cancel jobs")
    async with box.store.begin(actor.workspace_id) as session:
        job = await _find(session, actor, job_id, lock=True)
        if not job.live:
            raise Conflict(f"Job {job_id} ({job.title}) is over already: {job.state}.")
        if job.state == "queued":
            await session.execute(
                update(JobRow)
                .where(JobRow.id == job_id)
                .values(state="cancelled", finished_at=func.now(), not_before=None, error=None, stage="")
            )
            await record_event(session, job.workspace_id, job_id, "cancelled", {"by": actor.user_name})
        elif job.state == "running":
            await session.execute(update(JobRow).where(JobRow.id == job_id).values(state="cancelling"))
            await record_event(session, job.workspace_id, job_id, "cancel asked", {"by": actor.user_name})
        session.add(audit.noted(actor, f"cancel {job.kind}", job.target, detail=f"job {job_id}"))
        after = await _find(session, actor, job_id)
    await announce(box, job_id, after.workspace_id, after.state)
    return after


async def retry(box: Toolbox, actor: Actor, job_id: int) -> Job:
    """Queue a job that is over once more, with a fresh set of attempts; its events are kept.

    Conflict when it is not over, or when another one of the same kind and target is live.
    """
    may_change(actor, "retry jobs")
    afresh = dict.fromkeys(("error", "claim", "not_before", "started_at", "finished_at", "told_at"))
    try:
        async with box.store.begin(actor.workspace_id) as session:
            job = await _find(session, actor, job_id, lock=True)
            if job.live:
                raise Conflict(f"Job {job_id} ({job.title}) is not over: {job.state}. Cancel it first.")
            await _refuse_second(session, actor, job.kind, job.target)
            await session.execute(
                update(JobRow)
                .where(JobRow.id == job_id)
                .values(state="queued", progress=0, stage="", counts={}, heartbeat_at=func.now(), **afresh)
                .values(max_attempts=job.attempts + box.settings.job_attempts)
            )
            await record_event(session, job.workspace_id, job_id, "queued", {"by": actor.user_name, "again": True})
            session.add(audit.noted(actor, f"retry {job.kind}", job.target, detail=f"job {job_id}"))
            after = await _find(session, actor, job_id)
    except IntegrityError:
        raise Conflict(f"{job.title} has just been started as another job. Follow or cancel that one.") from None
    await hand_over(box, job_id, job.kind)
    await announce(box, job_id, after.workspace_id, after.state)
    return after


async def retry_all(
    box: Toolbox, actor: Actor, *, kind: str | None = None, since: datetime | None = None
) -> tuple[tuple[Job, ...], tuple[str, ...]]:
    """Queue again whatever failed or ended partly and has not been done since; gives jobs, and why others were not.

    Of several failures of the same kind and target only the last is tried again: the others are the same work.
    """
    retried: list[Job] = []
    refused: list[str] = []
    for job in await failures(box, actor, kind=kind, since=since):
        try:
            retried.append(await retry(box, actor, job.id))
        except Conflict as error:
            refused.append(str(error))
    return tuple(retried), tuple(refused)


async def failures(
    box: Toolbox, actor: Actor, *, kind: str | None = None, since: datetime | None = None, limit: int = 100
) -> tuple[Job, ...]:
    """Failed and partly done work that no later job of the same kind and target has made good, newest first."""
    latest = (
        select(JobRow.id)
        .ext(distinct_on(JobRow.kind, JobRow.target))
        .where(JobRow.workspace_id == actor.workspace_id)
        .order_by(JobRow.kind, JobRow.target, JobRow.id.desc())
    )
    query = _jobs().where(JobRow.id.in_(latest.scalar_subquery()), JobRow.state.in_(("failed", "partial")))
    if kind:
        query = query.where(JobRow.kind == kind)
    if since:
        query = query.where(JobRow.finished_at >= since)
    async with box.store.begin(actor.workspace_id) as session:
        rows = await session.execute(query.order_by(JobRow.id.desc()).limit(limit))
        return tuple(_job(row) for row in rows)


async def record_failure(
    box: Toolbox,
    actor: Actor,
    kind: str,
    target: str,
    reason: str,
    *,
    database_id: UUID | None = None,
    arguments: dict[str, Any] | None = None,
) -> Job:
    """Record work that could not even be started as a failed job, so that it is found where failures are."""
    new = insert(JobRow).values(
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        kind=kind,
        target=target,
        database_id=database_id,
        arguments=arguments or {},
        state="failed",
        error=reason,
        max_attempts=box.settings.job_attempts,
        conversation_id=actor.conversation_id,
        schedule_id=actor.schedule_id,
        finished_at=func.now(),
    )
    async with box.store.begin(actor.workspace_id) as session:
        job_id = (await session.execute(new.returning(JobRow.id))).scalar_one()
        await record_event(session, actor.workspace_id, job_id, "failed", {"reason": reason})
        job = await _find(session, actor, job_id)
    await announce(box, job.id, job.workspace_id, job.state)
    return job


async def record_event(
    session: AsyncSession, workspace_id: UUID, job_id: int, kind: str, data: dict[str, Any] | None = None
) -> None:
    """Keep one event, in the transaction of the change it tells of."""
    await session.execute(
        insert(JobEventRow).values(workspace_id=workspace_id, job_id=job_id, type=kind, data=data or {})
    )


async def announce(box: Toolbox, job_id: int, workspace_id: UUID, state: str) -> None:
    """Tell followers to look again; a queue that is down costs them a poll, not the truth."""
    message = json.dumps({"job_id": job_id, "state": state})
    over = [] if state in LIVE_STATES else [OVER]
    try:
        for channel in (job_channel(job_id), workspace_channel(workspace_id), *over):
            await box.queue.publish(channel, message)
    except StoreUnavailable as error:
        log.warning("job change not announced", job_id=job_id, state=state, reason=str(error))


async def hand_over(box: Toolbox, job_id: int, kind: str) -> None:
    """Give a recorded job to the queue; when that is down, the sweep does it later."""
    try:
        await box.queue.enqueue(job_id, kind)
    except StoreUnavailable as error:
        log.warning("job recorded but not queued yet", job_id=job_id, reason=str(error))


def job_channel(job_id: int) -> str:
    """Where changes of one job are announced."""
    return f"job:{job_id}"


def workspace_channel(workspace_id: UUID) -> str:
    """Where changes of all jobs of a workspace are announced."""
    return f"workspace:{workspace_id}:jobs"


def _jobs() -> Select[JobRow, str]:
    return select(JobRow, User.name).outerjoin(User, User.id == JobRow.created_by)


def _job(row: Row[JobRow, str]) -> Job:
    return job_of(row[0], row[1])


async def _find(session: AsyncSession, actor: Actor, job_id: int, *, lock: bool = False) -> Job:
    query = _jobs().where(JobRow.id == job_id, JobRow.workspace_id == actor.workspace_id)
    if only_own(actor):
        query = query.where(JobRow.created_by == actor.user_id)
    if lock:
        query = query.with_for_update(of=JobRow)
    row = (await session.execute(query.execution_options(populate_existing=True))).first()
    if row is None:
        raise NotFound(f"No job {job_id!r} in this workspace. List the jobs to see their numbers.")
    return _job(row)


async def _refuse_second(session: AsyncSession, actor: Actor, kind: str, target: str) -> None:
    query = _jobs().where(
        JobRow.workspace_id == actor.workspace_id,
        JobRow.kind == kind,
        JobRow.target == target,
        JobRow.state.in_(LIVE_STATES),
    )
    row = (await session.execute(query)).first()
    if row is not None:
        live = _job(row)
        raise Conflict(f"{live.title} is already under way as job {live.id} ({live.state}). Follow or cancel that one.")
