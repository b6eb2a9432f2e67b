"""A worker's claim on a job: the only right to report on it, kept by a heartbeat and lost when another takes over."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from tools.errors import NotFound
from tools.jobs.job import ClaimLost, Job, JobCancelled, Outcome, job_of
from tools.jobs.patience import end, patiently, store_away
from tools.jobs.people import person_for
from tools.jobs.records import announce, hand_over, job_channel, record_event
from tools.store.models import DatabaseRow, JobRow, User
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

WRITES_A_SECOND = 4
EVENT_STEP = 5
"""A progress event is kept each time another so many percent are reached."""
SETTLE_SECONDS = 1.0
"""From the moment a runner can see that it must stop until its task is cancelled."""


class Claim:
    """The right to work on one job.

    Runners use `job`, `actor`, `progress` and `hold`; the rest belongs to tools.jobs.attempt.
    Every write is conditional on the claim's token, so an orphan that was taken over changes nothing.
    """

    def __init__(self, box: Toolbox, job: Job, actor: Actor, token: UUID) -> None:
        """Made by `take`."""
        self.job = job
        self.actor = actor
        """The person the job works for, at the door "worker"."""
        self.cancelled = False
        """A person asked for the job to be cancelled."""
        self.lost = False
        """Another worker has taken over."""
        self._box = box
        self._token = token
        self._pending: dict[str, Any] = {}
        self._percent = 0.0
        self._event_percent = 0.0
        self._written = 0.0
        self._writing = asyncio.Lock()
        self._look = asyncio.Event()

    async def progress(self, percent: float, stage: str, **counts: Any) -> None:
        """Report how far the work is (0-100), what is being done now, and the counts so far.

        Cheap to call often: at most four writes a second reach the store, the last one always does.
        Raises JobCancelled when a person cancelled, ClaimLost when another worker has taken over.
        """
        self._percent = max(self._percent, min(100.0, max(0.0, percent)))
        self._pending = {
            "progress": self._percent,
            "stage": stage,
            "counts": {**self._pending.get("counts", {}), **counts},
        }
        if asyncio.get_running_loop().time() - self._written >= 1 / WRITES_A_SECOND:
            await self._beat()
        else:
            self._look.set()
            await asyncio.sleep(0)
        self.check()

    def check(self) -> None:
        """Raise JobCancelled or ClaimLost when the work must stop; for loops that have nothing to report."""
        if self.lost:
            raise ClaimLost(f"Job {self.job.id} has been taken over by another worker.")
        if self.cancelled:
            raise JobCancelled

    async def hold(self, session: AsyncSession) -> None:
        """Make sure, as the last statement of a transaction, that its writes are still ours to make.

        ClaimLost when not: the transaction is then rolled back.
        """
        owned = select(JobRow.id).where(JobRow.id == self.job.id, JobRow.claim == self._token)
        if (await session.execute(owned.with_for_update(read=True))).first() is None:
            self.lost = True
            self.check()

    async def hold_database(self, session: AsyncSession) -> None:
        """Make sure, as the first statement of a transaction, that the job's database stays until its end.

        Whoever forgets the database waits for the transaction, before he holds anything that it would wait for.
        NotFound when it is gone.
        """
        there = select(DatabaseRow.id).where(DatabaseRow.id == self.job.database_id)
        if (await session.execute(there.with_for_update(read=True, key_share=True))).first() is None:
            raise NotFound("The database of this job is no longer registered.")

    # What follows is for tools.jobs.attempt

    @asynccontextmanager
    async def kept_alive(self, work: "asyncio.Task[Any]") -> AsyncIterator[None]:
        """Beat and listen while the block runs; stop `work` when it is cancelled or taken over."""
        tasks = [asyncio.create_task(self._pulse(work)), asyncio.create_task(self._listen())]
        try:
            yield
        finally:
            await end(*tasks)

    async def finish(self, outcome: Outcome) -> None:
        """Write how it ended; 100 % where it succeeded."""
        progress: dict[str, Any] = {"progress": 100.0} if outcome.state in ("succeeded", "empty") else {}
        values = {"state": outcome.state, "stage": outcome.message, "error": None, **progress}
        if outcome.state == "partial":
            values["error"] = outcome.message or None
        await self._end(values, "finished", outcome.counts, {"state": outcome.state, "message": outcome.message})

    async def cancel(self) -> None:
        """Write that it was cancelled; what was committed stays."""
        await self._end({"state": "cancelled", "error": None}, "cancelled", {}, {})

    async def fail(self, reason: str) -> None:
        """Write that it failed, and why in words a person can act on."""
        await self._end({"state": "failed", "error": reason}, "failed", {}, {"reason": reason})

    async def postpone(self, reason: str, seconds: float) -> None:
        """Give it back for another attempt in `seconds`; the sweep queues it then."""
        values = {"state": "queued", "error": reason, "not_before": func.now() + timedelta(seconds=seconds)}
        await self._end(values, "retrying", {}, {"reason": reason, "seconds": round(seconds, 1)})

    async def release(self) -> None:
        """Give it back at once, without counting the attempt: this worker is asked to stop."""
        await self._end({"state": "queued", "attempts": JobRow.attempts - 1}, "handed back", {}, {})
        if not self.lost:
            await hand_over(self._box, self.job.id, self.job.kind)

    async def _end(self, values: dict[str, Any], event: str, counts: dict[str, Any], data: dict[str, Any]) -> None:
        pending = self._pending
        state = values["state"]
        changes = {"stage": pending.get("stage", JobRow.stage), **values, "heartbeat_at": func.now()}
        changes["counts"] = JobRow.counts.op("||")(literal({**pending.get("counts", {}), **counts}, JSONB))
        if state != "queued":
            changes["finished_at"] = func.now()
            changes.setdefault("progress", self._percent)

        async def write() -> None:
            async with self._box.store.begin(self.job.workspace_id) as session:
                if await self._update(session, changes) is not None:
                    await record_event(session, self.job.workspace_id, self.job.id, event, data)
                elif not await self._written_before(session, state):
                    self.lost = True

        async with self._writing:
            await patiently(write)
        if self.lost:
            log.warning("not reported: the job was taken over", job_id=self.job.id, state=state)
        else:
            level = logging.WARNING if state == "failed" else logging.INFO
            log.log(level, "job over", how=event, job_id=self.job.id, target=self.job.target, **data)
            await announce(self._box, self.job.id, self.job.workspace_id, state)

    async def _written_before(self, session: AsyncSession, state: str) -> bool:
        """True when the line broke after the commit and before its answer: then it is ours and done."""
        mine = select(JobRow.state).where(JobRow.id == self.job.id, JobRow.claim == self._token)
        return (await session.execute(mine)).scalar() == state

    async def _update(self, session: AsyncSession, values: dict[str, Any]) -> str | None:
        """Write to the row and give its state; None, and nothing written, when the claim is no longer ours."""
        owned = (
            update(JobRow)
            .where(JobRow.id == self.job.id, JobRow.claim == self._token, JobRow.state.in_(("running", "cancelling")))
            .values(values)
            .returning(JobRow.state)
        )
        return (await session.execute(owned)).scalar()

    async def _beat(self) -> None:
        """Write heartbeat and pending progress; learn whether to stop."""
        async with self._writing:
            self._look.clear()
            pending, self._pending = self._pending, {}
            self._written = asyncio.get_running_loop().time()
            try:
                state = await patiently(lambda: self._write_progress(pending))
            except BaseException:
                self._pending = {**pending, **self._pending}
                raise
            self.lost = self.lost or state is None
            self.cancelled = self.cancelled or state == "cancelling"
        if pending and state is not None:
            await announce(self._box, self.job.id, self.job.workspace_id, state)

    async def _write_progress(self, pending: dict[str, Any]) -> str | None:
        values: dict[str, Any] = {"heartbeat_at": func.now()}
        if pending:
            values |= {"progress": pending["progress"], "stage": pending["stage"]}
            values["counts"] = JobRow.counts.op("||")(literal(pending["counts"], JSONB))
        async with self._box.store.begin(self.job.workspace_id) as session:
            state = await self._update(session, values)
            if state is not None and pending and pending["progress"] - self._event_percent >= EVENT_STEP:
                self._event_percent = pending["progress"]
                await record_event(session, self.job.workspace_id, self.job.id, "progress", pending)
            return state

    async def _pulse(self, work: "asyncio.Task[Any]") -> None:
        """Beat each heartbeat, or sooner for progress that waits or for news of a cancel."""
        while not (self.cancelled or self.lost):
            try:
                async with asyncio.timeout(self._box.settings.heartbeat_seconds):
                    await self._look.wait()
                    await asyncio.sleep(1 / WRITES_A_SECOND)
            except TimeoutError:
                pass  # nothing new: the heartbeat is due
            try:
                await self._beat()
            except Exception as error:
                if not store_away(error):
                    raise
                # Still away: whoever takes over meanwhile is seen at the first beat after it is back.
                log.warning("heartbeat not written", job_id=self.job.id, reason=str(error).partition("\n")[0])
        await asyncio.wait({work}, timeout=0 if self.lost else SETTLE_SECONDS)
        while not work.done():  # a single cancel can get lost in a library
            work.cancel()
            await asyncio.wait({work}, timeout=SETTLE_SECONDS)

    async def _listen(self) -> None:
        async with aclosing(self._box.queue.subscribe(job_channel(self.job.id))) as messages:
            async for message in messages:
                if not message or json.loads(message).get("state") == "cancelling":
                    self._look.set()


async def take(box: Toolbox, job_id: int) -> Claim | None:
    """Claim a queued job; None when it is not there to be claimed (cancelled, taken, not due yet)."""
    token = uuid4()
    job = await patiently(lambda: _take(box, job_id, token))
    if job is None:
        return None
    await announce(box, job.id, job.workspace_id, job.state)
    return Claim(box, job, await patiently(lambda: _person(box, job)), token)


async def _take(box: Toolbox, job_id: int, token: UUID) -> Job | None:
    claimed = (
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state == "queued")
        .where(func.coalesce(JobRow.not_before, func.now()) <= func.now())
        .values(
            state="running",
            claim=token,
            attempts=JobRow.attempts + 1,
            progress=0,
            stage="",
            counts={},
            error=None,
            not_before=None,
            heartbeat_at=func.now(),
            started_at=func.now(),
            finished_at=None,
        )
    )
    mine = select(JobRow, User.name).outerjoin(User, User.id == JobRow.created_by)
    async with box.store.begin_for_all() as session:
        first = (await session.execute(claimed.returning(JobRow.id))).scalar() is not None
        row = (await session.execute(mine.where(JobRow.id == job_id, JobRow.claim == token))).first()
        if row is None:
            return None
        job = job_of(row[0], row[1])
        if first:  # not so when this repeats a claim whose answer was lost
            await record_event(session, job.workspace_id, job.id, "started", {"attempt": job.attempts})
        return job


async def _person(box: Toolbox, job: Job) -> Actor:
    return await person_for(box, job.workspace_id, job.created_by, job.conversation_id, f"job {job.id}")
