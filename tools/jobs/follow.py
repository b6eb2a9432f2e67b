"""Following a job from its present state to its end, and the numbers of the queue."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from tools.connectors.base import Frozen
from tools.errors import StoreUnavailable
from tools.jobs.job import Job, JobEvent, event_of
from tools.jobs.patience import end, patiently
from tools.jobs.records import events, get, job_channel
from tools.queue import QueueStats
from tools.rights import only_own
from tools.store.models import JobEventRow, JobRow
from tools.toolbox import Actor, Toolbox

UPDATES_A_SECOND = 4
POLL_SECONDS = 2.0
"""How late a change is seen when its message was lost."""
SETTLED_SECONDS = 1.0
"""So long an event waits to be told among those of all jobs."""
LOOK_SECONDS = 1.0
"""How often one looks what happened to any job."""
FAILED_DAYS = 7


class JobStats(Frozen):
    """The workspace's jobs in numbers, and what the queue says of its workers."""

    queued: int
    running: int
    """Including those being cancelled."""
    failed: int
    """In the last seven days."""
    queue: QueueStats | None
    queue_error: str | None
    """Why `queue` is missing: Redis does not answer."""

    def __str__(self) -> str:
        """Two sentences: the jobs, the workers."""
        told = f"{self.queued} jobs wait, {self.running} run, {self.failed} failed in the last {FAILED_DAYS} days."
        if self.queue is None:
            return f"{told} {self.queue_error}"
        alive = len(self.queue.workers)
        if not alive:
            return f"{told} No worker is alive: jobs wait until one is started (`tabletalk worker`)."
        busy = sum(worker.state == "busy" for worker in self.queue.workers)
        return f"{told} {alive} workers are alive, {busy} of them busy."


async def follow(box: Toolbox, actor: Actor, job_id: int) -> AsyncGenerator[Job, None]:
    """Yield the job as it stands, then after each change (four a second at most), until it is over.

    Messages only say when to look; without them (Redis down) the row is read every two seconds. A store that
    restarts is waited for. Close the generator when leaving early.
    """
    news = asyncio.Event()
    listening = asyncio.create_task(_listen(box, job_id, news))
    shown: Job | None = None
    try:
        while shown is None or shown.live:
            news.clear()
            job = await patiently(lambda: get(box, actor, job_id))
            if shown is None or _face(job) != _face(shown):
                shown = job
                yield job
                if not job.live:
                    return
            await asyncio.sleep(1 / UPDATES_A_SECOND)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await news.wait()
            except TimeoutError:
                pass  # no message came: look all the same
    finally:
        await end(listening)


async def follow_events(box: Toolbox, actor: Actor, job_id: int, after: int = 0) -> AsyncGenerator[JobEvent, None]:
    """Yield what happened to a job since the event numbered `after`, then what happens, until it is over.

    A reader that was cut off goes on where it was: events are kept, and their numbers grow. Close the generator when
    leaving early.
    """
    async with aclosing(follow(box, actor, job_id)) as states:
        async for job in states:
            # The event of a change is committed with it: what a state shows, its events tell.
            for event in await patiently(lambda: events(box, actor, job.id, after=after)):  # noqa: B023  # awaited here
                after = event.id
                yield event


async def happened(box: Toolbox, actor: Actor, after: int | None = None, limit: int = 200) -> tuple[JobEvent, ...]:
    """What happened to the workspace's jobs since the event numbered `after`, oldest first; None: the latest ones.

    Events of the last second come with the next look: one that was numbered first may be committed last.
    """
    settled = func.now() - timedelta(seconds=SETTLED_SECONDS)
    query = select(JobEventRow).where(JobEventRow.workspace_id == actor.workspace_id, JobEventRow.at < settled)
    if only_own(actor):
        mine = select(JobRow.id).where(JobRow.created_by == actor.user_id)
        query = query.where(JobEventRow.job_id.in_(mine))
    if after is not None:
        query = query.where(JobEventRow.id > after).order_by(JobEventRow.id)
    else:
        query = query.order_by(JobEventRow.id.desc())
    async with box.store.begin(actor.workspace_id) as session:
        found = [event_of(row) for row in await session.scalars(query.limit(limit))]
    return tuple(sorted(found, key=lambda event: event.id))


async def follow_all(
    box: Toolbox, actor: Actor, after: int | None = None, *, seconds: float = math.inf
) -> AsyncGenerator[JobEvent, None]:
    """Yield what happens to a workspace's jobs for so many seconds; with `after` first what happened since that event.

    A reader that was cut off goes on where it was. Close the generator when leaving.
    """
    if after is None:
        latest = await patiently(lambda: happened(box, actor, limit=1))
        after = latest[-1].id if latest else 0
    clock = asyncio.get_running_loop().time
    over = clock() + seconds
    while clock() < over:
        found = await patiently(lambda: happened(box, actor, after))  # noqa: B023  # awaited here
        for event in found:
            after = event.id
            yield event
        if not found:
            await asyncio.sleep(LOOK_SECONDS)


async def queue_stats(box: Toolbox, actor: Actor) -> JobStats:
    """Count the workspace's live and lately failed jobs; with Redis down the workers are not known, and it says so."""
    week_ago = datetime.now(UTC) - timedelta(days=FAILED_DAYS)
    states = JobRow.state
    query = select(
        func.count().filter(states == "queued"),
        func.count().filter(states.in_(("running", "cancelling"))),
        func.count().filter(states == "failed", JobRow.finished_at >= week_ago),
    ).where(JobRow.workspace_id == actor.workspace_id)
    async with box.store.begin(actor.workspace_id) as session:
        queued, running, failed = (await session.execute(query)).one()
    try:
        queue, queue_error = await box.queue.stats(), None
    except StoreUnavailable as error:
        queue, queue_error = None, str(error)
    return JobStats(queued=queued, running=running, failed=failed, queue=queue, queue_error=queue_error)


async def _listen(box: Toolbox, job_id: int, news: asyncio.Event) -> None:
    async with aclosing(box.queue.subscribe(job_channel(job_id))) as messages:
        async for _ in messages:
            news.set()


def _face(job: Job) -> dict[str, object]:
    """What of a job a follower sees: all but its heartbeat."""
    return job.model_dump(exclude={"heartbeat_at"})
