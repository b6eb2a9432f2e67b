"""Starting what is due: each schedule by one worker only, a missed time once, and never beside its own last job."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import func, or_, select

from tools.errors import AssistantError, Conflict, Invalid, TooMany
from tools.jobs import cron
from tools.jobs.job import Job
from tools.jobs.people import person_for
from tools.jobs.records import record_failure
from tools.jobs.schedules import Schedule, get
from tools.store.models import LIVE_STATES, JobRow, ScheduleRow
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

Start = Callable[[Toolbox, Actor, Schedule], Awaitable[Job]]
"""What starts the job of a schedule, by its kind; it raises why it cannot."""

BATCH = 100
AHEAD = timedelta(minutes=1)
"""A last run that lies further in the future tells of a clock that was set back."""


async def claim_due(box: Toolbox, start: Start, now: datetime | None = None) -> tuple[int, ...]:
    """Start the jobs of all schedules that are due, in all workspaces, and give the numbers of those schedules.

    Any number of workers may do so at once: each schedule is locked while it is started, and others pass it by. A time
    that was missed, by hours or by days, starts one job. `now` is the store's clock unless it is given.
    """
    claimed: list[int] = []
    while len(claimed) < BATCH:
        found = await _claim_one(box, start, now)
        if found is None:
            break
        claimed += [found.id] if found.came else []
    return tuple(claimed)


async def reset_clocks(box: Toolbox, now: datetime | None = None) -> int:
    """Count anew from now where a clock was set back: without it a schedule would wait for a time long gone."""
    async with box.store.begin_for_all() as session:
        now = now or await session.scalar(select(func.now())) or datetime.now(UTC)
        query = select(ScheduleRow).where(
            ~ScheduleRow.paused, or_(ScheduleRow.last_run > now + AHEAD, ScheduleRow.next_run.is_(None))
        )
        rows = (await session.scalars(query.limit(BATCH).with_for_update(skip_locked=True))).all()
        for row in rows:
            row.last_run = min(row.last_run, now) if row.last_run else None
            _go_on(row, now)
    return len(rows)


async def start_now(box: Toolbox, actor: Actor, schedule_id: int, start: Start) -> Job:
    """Start a schedule's job beside its times; Conflict names the one that is at it."""
    schedule = await get(box, actor, schedule_id)
    return await start(box, _acting_by(schedule, actor), schedule)


class _Claimed(NamedTuple):
    id: int
    came: bool
    """False when it has to wait for its turn: so many may start in a minute."""


async def _claim_one(box: Toolbox, start: Start, now: datetime | None) -> _Claimed | None:
    async with box.store.begin_for_all() as session:
        at = now or await session.scalar(select(func.now())) or datetime.now(UTC)
        due = (
            select(ScheduleRow)
            .where(~ScheduleRow.paused, ScheduleRow.next_run <= at)
            .order_by(ScheduleRow.next_run)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)  # the job may refer to the row meanwhile
        )
        row = await session.scalar(due)
        if row is None:
            return None
        # The lock is kept until the job stands: a worker that dies in between leaves the time for the next one.
        try:
            job, word = await _start(box, start, row)
        except TooMany as error:
            row.next_run = at + timedelta(seconds=error.seconds)
            return _Claimed(row.id, came=False)
        row.last_run, row.last_word = at, word
        _go_on(row, at)
        row.last_job_id = job.id if job is not None else row.last_job_id
        log.info("schedule came", schedule_id=row.id, job_id=job.id if job else None, word=word)
        return _Claimed(row.id, came=True)


def _go_on(row: ScheduleRow, at: datetime) -> None:
    """Count the next time; one that can be counted no more (a time zone that was given up) rests, and says why."""
    try:
        row.next_run = cron.next_run(cron.check(row.cron), row.timezone, at)
    except Invalid as error:
        row.paused, row.next_run, row.last_word = True, None, f"paused: {error}"


async def _start(box: Toolbox, start: Start, row: ScheduleRow) -> tuple[Job | None, str | None]:
    """The job, or why there is none; a failure to start is recorded as a failed job, where failures are looked for."""
    what = f"schedule {row.id}"
    try:
        person = await person_for(box, row.workspace_id, row.created_by, row.conversation_id, what)
    except AssistantError as error:
        return None, str(error)
    schedule = await get(box, person, row.id)
    person = _acting_by(schedule, person)
    if (live := await _live(box, schedule)) is not None:
        return None, f"not started: job {live} of its last time was still at it"
    try:
        return await start(box, person, schedule), None
    except Conflict as error:
        return None, f"not started: {error}"
    except TooMany:
        raise
    except AssistantError as error:
        why = str(error)
        return await record_failure(
            box, person, row.kind, row.target, why, database_id=row.database_id, arguments=row.arguments
        ), None


async def _live(box: Toolbox, schedule: Schedule) -> int | None:
    query = select(JobRow.id).where(JobRow.schedule_id == schedule.id, JobRow.state.in_(LIVE_STATES)).limit(1)
    async with box.store.begin(schedule.workspace_id) as session:
        return await session.scalar(query)


def _acting_by(schedule: Schedule, actor: Actor) -> Actor:
    return actor.model_copy(update={"schedule_id": schedule.id})
