"""The broom: takes over jobs whose worker died, queues retries that are due and ids that Redis lost."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import case, func, select, update

from tools.connectors.base import Frozen
from tools.jobs.records import announce, hand_over, record_event
from tools.settings import Settings
from tools.store.models import JobRow
from tools.toolbox import Toolbox

log = structlog.get_logger(__name__)

SILENT_HEARTBEATS = 4
LOST_SECONDS = 10
"""A queued job that Redis does not know of is queued again after so long; a second message does no harm."""
BATCH = 500


class Swept(Frozen):
    """What one sweep did, as job ids."""

    taken_over: tuple[int, ...] = ()
    given_up: tuple[int, ...] = ()
    queued_again: tuple[int, ...] = ()


def silence(settings: Settings) -> timedelta:
    """How long a worker may be silent before its job is taken over."""
    return timedelta(seconds=SILENT_HEARTBEATS * settings.heartbeat_seconds)


async def sweep(box: Toolbox, *, take_over: bool = True) -> Swept:
    """Set right what a dead worker or a lost message left behind, in all workspaces.

    Any number of workers may sweep at the same time. StoreUnavailable when store or queue is down: nothing is lost,
    the next sweep does it. After such a failure give workers the time to report before you let it take over again:
    they could not either.
    """
    taken_over, given_up = await _take_over(box) if take_over else ([], [])
    queued = await _queue_again(box)
    if taken_over or given_up or queued:
        log.info("swept", taken_over=taken_over, given_up=given_up, queued_again=queued)
    return Swept(taken_over=tuple(taken_over), given_up=tuple(given_up), queued_again=tuple(queued))


async def _take_over(box: Toolbox) -> tuple[list[int], list[int]]:
    """Fence every running job whose worker is silent; queue it anew, or fail it when its attempts are used up."""
    long_ago = func.now() - silence(box.settings)
    cancelling = JobRow.state == "cancelling"
    left = JobRow.attempts < JobRow.max_attempts
    reason = func.format(
        "Its worker stopped without a word %s times (killed, out of memory or cut off), last at: %s. "
        "Look at the worker's log, then retry.",
        JobRow.attempts,
        func.coalesce(func.nullif(JobRow.stage, ""), "the start"),
    )
    silent = (
        select(JobRow.id)
        .where(JobRow.state.in_(("running", "cancelling")), JobRow.heartbeat_at < long_ago)
        # Nobody could report while the store was down: after its start each worker gets the time to.
        .where(func.pg_postmaster_start_time() < long_ago)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(JobRow)
        .where(JobRow.id.in_(silent.scalar_subquery()))
        .values(
            state=case((cancelling, "cancelled"), (left, "queued"), else_="failed"),
            error=case((cancelling | left, None), else_=reason),
            finished_at=case((~cancelling & left, None), else_=func.now()),
            # Due now: the same sweep queues it below.
            not_before=case((~cancelling & left, func.now()), else_=None),
            claim=None,
            heartbeat_at=func.now(),
        )
        .returning(JobRow.id, JobRow.workspace_id, JobRow.state, JobRow.error)
        .execution_options(synchronize_session=False)
    )
    async with box.store.begin_for_all() as session:
        rows = (await session.execute(taken)).all()
        for row in rows:
            event = "taken over" if row.state == "queued" else row.state
            await record_event(session, row.workspace_id, row.id, event, {"reason": row.error or "worker silent"})
    for row in rows:
        await announce(box, row.id, row.workspace_id, row.state)
    again = [row.id for row in rows if row.state == "queued"]
    return again, [row.id for row in rows if row.state != "queued"]


async def _queue_again(box: Toolbox) -> list[int]:
    """Queue retries that are due, and queued jobs that lie in no queue."""
    due = select(JobRow.id, JobRow.kind).where(JobRow.state == "queued", JobRow.not_before <= func.now())
    idle = select(JobRow.id, JobRow.kind).where(
        JobRow.state == "queued",
        JobRow.not_before.is_(None),
        func.coalesce(JobRow.heartbeat_at, JobRow.created_at) < func.now() - timedelta(seconds=LOST_SECONDS),
    )
    async with box.store.begin_for_all() as session:
        retries = (await session.execute(due.order_by(JobRow.id).limit(BATCH))).all()
        waiting = (await session.execute(idle.order_by(JobRow.id).limit(BATCH))).all()
    known = await box.queue.waiting() if retries or waiting else frozenset()
    lost = [row for row in (*retries, *waiting) if row.id not in known]
    for row in lost:
        await hand_over(box, row.id, row.kind)
    await _mark_queued(box, [row.id for row in (*retries, *waiting)])
    return [row.id for row in lost]


async def _mark_queued(box: Toolbox, job_ids: Sequence[int]) -> None:
    if not job_ids:
        return
    marked = update(JobRow).where(JobRow.id.in_(job_ids), JobRow.state == "queued")
    async with box.store.begin_for_all() as session:
        await session.execute(marked.values(heartbeat_at=func.now(), not_before=None))
