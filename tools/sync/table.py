"""Syncing one table: chunks are written two at a time and committed in order, each with where to go on behind it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.errors import QueryTimedOut, StoreUnavailable
from tools.jobs import Claim
from tools.jobs.patience import end, patiently
from tools.sync import deletes
from tools.sync.load import Counts, Destination, counts_of, write
from tools.sync.options import SyncOptions
from tools.sync.outcome import Report
from tools.sync.planning import Source, Task
from tools.sync.read import Chunk, chunks
from tools.sync.reconcile import Compared, Doubt, compare, settle, summed
from tools.sync.selection import Selection
from tools.sync.spool import Spool
from tools.sync.state import Resume, finished, read_states, write_state
from tools.toolbox import Toolbox

ANY = text("SELECT EXISTS (SELECT FROM tabletalk.documents WHERE database_id = :database AND table_name = :table)")
FORGET_SUMS = text("""
UPDATE tabletalk.sync_states SET counts = counts - 'keys' WHERE database_id = :database AND table_name = :table
""")
"""That documents and source hold the same keys is known only after a run that came to its end."""
FORGET_REJECTS = text("DELETE FROM tabletalk.sync_rejects WHERE database_id = :database AND table_name = :table")
REACHED = text("""
SELECT CAST(resume ->> 'job' AS bigint), CAST(resume ->> 'chunk' AS bigint) FROM tabletalk.sync_states
WHERE database_id = :database AND table_name = :table
""")
AT_ONCE = 2
"""Chunks that are written at the same time."""
DONE_PERCENT = 98.0
"""What is left is for the end: documents of rows that are gone, the outcome."""


@dataclass
class Run:
    """One attempt at a sync job."""

    box: Toolbox
    claim: Claim
    source: Source
    options: SyncOptions
    report: Report
    expected: int = 0
    """Rows of all tables together, about."""
    read: int = 0
    """Rows of this attempt, for the pace."""
    started: float = field(default_factory=time.monotonic)

    @property
    def job(self) -> int:
        """The job's number."""
        return self.claim.job.id

    async def tell(self, name: str, counts: Counts, stage: str = "") -> None:
        """Report how far it is; raises when the job is cancelled or taken over."""
        seconds = max(time.monotonic() - self.started, 0.001)
        rows = self.report.sum.read + counts.read
        expected = max(self.expected, rows)
        await self.claim.progress(
            min(DONE_PERCENT, 1 + (DONE_PERCENT - 1) * rows / expected if expected else 1),
            stage or f"{name}: {rows:,} of about {expected:,} rows",
            **self.report.counts({name: counts} if name else None),
            table=name,
            rows_expected=expected,
            rows_per_second=round(self.read / seconds),
        )


async def sync_table(run: Run, task: Task) -> None:
    """Bring one table up to date, from where an earlier attempt of the same job left off; the report says what came."""
    state = run.source.states.get(task.name)
    resume = state.resume if state and state.resume and state.resume.job == run.job else None
    rejected = bool(resume and resume.done and resume.counts.get("rejected"))
    if resume and resume.done and not rejected:
        run.report.done[task.name] = counts_of(resume.counts)
        run.report.told[task.name] = resume.told
        return
    run.report.told[task.name] = task.told
    run.report.modes[task.name] = task.mode
    if task.drift:
        run.report.drift.append(task.drift)
    if task.frozen:
        run.report.remarks.append(f"{task.name}: new columns are left out (freeze).")
    if task.full and task.estimate:
        run.report.expected[task.name] = task.estimate
    if rejected:  # retried by hand: they lie behind the watermark, so all is read again
        task, resume = replace(task, reading=task.selection, full=True), None
    where = await _destination(run, task)
    going = resume or Resume(job=run.job, full=task.full, watermark=task.watermark)
    reading = (task.selection if going.full else task.reading) if resume else task.reading
    if resume and reading.by_key and resume.key:
        reading = reading.behind(resume.key)
    elif resume:
        going = going.model_copy(update={"counts": {}})
    if where.keyed or where.first or run.options.deletes == "off" or run.options.filtered:
        await _read(run, task, where, going, reading)
        return
    with closing(Spool()) as seen:  # equal rows are one document: only the rows themselves tell which are left
        await _read(run, task, replace(where, seen=seen), going, reading)


async def _read(run: Run, task: Task, where: Destination, going: Resume, reading: Selection) -> None:
    async def keys() -> tuple[int, str] | None:
        return await summed(run.box, run.source.connector, task.selection)

    before = await keys() if _whole(run, task, where) and not going.chunk else None
    async with (
        chunks(run.source.connector, reading.documents(run.box.settings.job_seconds), going.chunk + 1) as some,
        _writing(run, task, where, going) as writers,
    ):
        async for chunk in some:
            await writers.take(chunk)
        after = asyncio.create_task(keys()) if before else None  # while the last chunks are written
        try:
            going = await writers.end()
            same = before if after and await after == before else None
        finally:
            if after:
                await end(after)
    await _finish(run, task, where, going, same)


def _whole(run: Run, task: Task, where: Destination) -> bool:
    """True when the keys of the table after this run are those of all its rows."""
    return task.full and where.keyed and run.options.deletes != "off" and not run.options.filtered


class _Writers:
    """Writes chunks at the same time, for that is what takes longest, and has them committed in their order."""

    def __init__(self, run: Run, task: Task, where: Destination, going: Resume) -> None:
        self._run, self._task, self._where = run, task, where
        self._going = going
        self._flying: deque[tuple[asyncio.Task[Resume], Chunk]] = deque()

    async def take(self, chunk: Chunk) -> None:
        """Begin to write a chunk; returns when another one could be."""
        before = self._flying[-1][0] if self._flying else self._going
        self._flying.append((asyncio.create_task(_commit(self._run, self._task, self._where, before, chunk)), chunk))
        while len(self._flying) >= AT_ONCE:
            await self._land()

    async def end(self) -> Resume:
        """Wait for all; gives where the last one leaves off."""
        while self._flying:
            await self._land()
        return self._going

    async def _land(self) -> None:
        writing, chunk = self._flying[0]
        self._going = await writing
        self._flying.popleft()
        self._run.read += chunk.rows
        await self._run.tell(self._task.name, counts_of(self._going.counts))

    async def stop(self) -> None:
        """Leave what is not committed."""
        left = {writing for writing, _ in self._flying if not writing.done()}
        while left:
            for writing in left:
                writing.cancel()
            _, left = await asyncio.wait(left, timeout=0.2)
        for writing, _ in self._flying:
            if not writing.cancelled():
                writing.exception()  # told by the first that failed


@asynccontextmanager
async def _writing(run: Run, task: Task, where: Destination, going: Resume) -> AsyncIterator[_Writers]:
    writers = _Writers(run, task, where, going)
    try:
        yield writers
    finally:
        await writers.stop()


async def _destination(run: Run, task: Task) -> Destination:
    workspace, database = run.claim.actor.workspace_id, run.source.database.id

    async def ask() -> bool:
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            await session.execute(FORGET_REJECTS, {"database": database, "table": task.name})
            await session.execute(FORGET_SUMS, {"database": database, "table": task.name})
            return bool((await session.execute(ANY, {"database": database, "table": task.name})).scalar())

    return Destination(
        workspace=workspace,
        database=database,
        table=task.name,
        entity=task.plan.entity,
        job=run.job,
        keyed=bool(task.plan.key),
        first=not await patiently(ask),
    )


async def _commit(
    run: Run, task: Task, where: Destination, before: "Resume | asyncio.Task[Resume]", chunk: Chunk
) -> Resume:
    """Write one chunk and where to go on behind it, in one transaction that only the owner of the claim may end.

    The transaction ends after that of the chunk before.
    """
    repeated = False

    async def once() -> Resume:
        nonlocal repeated
        async with run.box.store.begin(where.workspace) as session:
            if repeated:  # the line may have broken between the commit and its answer
                state = (await read_states(session, where.workspace, where.database)).get(task.name)
                if state and state.resume and state.resume.job == run.job and state.resume.chunk >= chunk.number:
                    return state.resume
            repeated = True
            await run.claim.hold_database(session)
            written = await write(session, where, chunk.data, chunk.rows)
            if isinstance(before, asyncio.Task):
                await asyncio.wait({before})  # not awaited itself: it is not this one's to cancel
            going = before.result() if isinstance(before, asyncio.Task) else before
            await _still_there(session, where, going)
            key = chunk.last_key if task.reading.by_key else ""
            counts = (counts_of(going.counts) + written).as_dict()
            after = going.model_copy(update={"chunk": chunk.number, "key": key, "counts": counts})
            values = {"resume": after.model_dump(mode="json")}
            await write_state(session, where.workspace, where.database, task.name, **values)
            await run.claim.hold(session)
            return after

    with _telling_of_loss():
        return await patiently(once)


class _Lost(Exception):
    """What was committed before is not in the store any more."""


async def _still_there(session: AsyncSession, where: Destination, going: Resume) -> None:
    """Make sure that the store has the chunk before: it need not have been on the disk when the store was killed."""
    if not going.chunk:
        return
    there = (await session.execute(REACHED, {"database": where.database, "table": where.table})).first()
    if there is None or tuple(there) != (going.job, going.chunk):
        raise _Lost


@contextmanager
def _telling_of_loss() -> Iterator[None]:
    """Have the next attempt go on behind the last chunk that is there; raised once nobody waits for the store."""
    try:
        yield
    except _Lost:
        raise StoreUnavailable(
            "Tabletalk's own store was killed, and came back without the rows it had just taken; they are read again."
        ) from None


async def _finish(run: Run, task: Task, where: Destination, going: Resume, same: tuple[int, str] | None) -> None:
    """Look for rows that are gone, and for such as came unseen, and write that the table is done.

    `same` are the number of rows at the source and the sums of their keys, where they were the same before and after.
    """
    counts = counts_of(going.counts)
    if _whole(run, task, where):
        found = await _all_read(run, where, counts, same)
    else:
        found = await _compared(run, task, where, counts)

    async def once() -> Counts:
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            await run.claim.hold_database(session)
            await _still_there(session, where, going)
            total = counts
            if found.doubt or where.seen:
                await run.tell(task.name, counts, f"{task.name}: looking for rows that are gone")
                total += await _settled(run, session, task, where, found.doubt)
            done = going.model_copy(
                update={"done": True, "counts": total.as_dict(), "told": run.report.told[task.name]}
            )
            shape = run.source.states[task.name].shape if _partial(run) and task.name in run.source.states else None
            values = finished(done, "backfill" if _partial(run) else task.mode, shape or task.shape, task.stamp)
            if found.sums:
                values["counts"] = {**values["counts"], "keys": _sums(run, found.sums)}
            if _partial(run):
                values = {name: values[name] for name in ("resume", "counts", "job_id", "synced_at", "error")}
            await write_state(session, where.workspace, where.database, task.name, **values)
            await run.claim.hold(session)
            return total

    with _telling_of_loss():
        run.report.done[task.name] = await patiently(once)
    await run.tell("", Counts(), f"{task.name} done")


async def _all_read(run: Run, where: Destination, counts: Counts, same: tuple[int, str] | None) -> Compared:
    """Tell the same after all rows have been read: as many documents then means the same documents.

    Where the source had the same keys before and after, and as many, the next run need not compare them anew.
    """
    live = counts.new
    if not where.first:
        async with run.box.store.begin(where.workspace) as session:
            live = await deletes.count_live(session, where)
    if live != counts.read or counts.rejected:
        return Compared(None if where.first else Doubt())
    return Compared(sums=same[1] if same and same[0] == live else None)


async def _compared(run: Run, task: Task, where: Destination, counts: Counts) -> Compared:
    """Tell in which keys documents and source may differ."""
    filtered = run.options.filtered
    if run.options.deletes == "off" or where.first or not where.keyed:
        return Compared()
    state = run.source.states.get(task.name)
    before = state.counts.get("keys") if state and not task.full and not counts.new and not counts.restored else None
    try:
        return await compare(
            run.box, run.source.connector, where, task.selection, _sums_before(run, before), some=filtered
        )
    except QueryTimedOut:
        said = "was not searched for rows that are gone: counting it takes too long (a full sync does)"
        run.report.told[task.name] = ", and ".join(filter(None, (task.told, said)))
        return Compared()


def _sums(run: Run, sums: str) -> str:
    """What is kept of the sums: of a part of a table only that no document had lost its row."""
    return f"{'some' if run.options.filtered else 'all'} {sums}"


def _sums_before(run: Run, kept: str | None) -> str | None:
    kind, _, sums = (kept or "").partition(" ")
    return sums if kind == _sums(run, "").strip() else None


async def _settled(run: Run, session: AsyncSession, task: Task, where: Destination, doubt: Doubt | None) -> Counts:
    hard = run.options.deletes == "hard"
    if where.seen:
        await deletes.take_seen(session, where.seen)
        return Counts(deleted=await deletes.remove_missing(session, where, hard=hard))
    assert doubt is not None
    return await settle(
        session, where, run.source.connector, task.selection, doubt, run.box.settings.job_seconds, hard=hard
    )


def _partial(run: Run) -> bool:
    """True for a backfill and the like: it tells nothing of how far the table as a whole is."""
    options = run.options
    return bool(options.range or options.limit or options.offset or options.order_by)
