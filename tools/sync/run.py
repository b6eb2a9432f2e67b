"""The runner of sync jobs: each table in turn, chunk by chunk, so that what is committed stays and is built on."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy import text

from tools import databases, documents, schemas
from tools.errors import AssistantError, Conflict, DatabaseUnreachable, StoreUnavailable
from tools.jobs import Claim, ClaimLost, Outcome
from tools.jobs.patience import patiently
from tools.schemas.matching import is_everything, patterns
from tools.sync import deletes
from tools.sync.load import Counts, Destination, counts_of, write
from tools.sync.options import SyncOptions
from tools.sync.outcome import Report
from tools.sync.planning import Source, Task, count_rows, look, plan_task
from tools.sync.preview import seen
from tools.sync.read import Chunk, chunks
from tools.sync.state import Resume, finished, read_states, write_state
from tools.toolbox import Toolbox

log = structlog.get_logger(__name__)

ANY = text("SELECT EXISTS (SELECT FROM tabletalk.documents WHERE database_id = :database AND table_name = :table)")
FORGET_REJECTS = text("DELETE FROM tabletalk.sync_rejects WHERE database_id = :database AND table_name = :table")
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


async def run_sync(box: Toolbox, claim: Claim) -> Outcome:
    """Sync the tables of a job's arguments into documents.

    A table that cannot be read is named in the outcome and the others go on. When the database or the store does not
    answer, the error passes to the job, whose next attempt goes on behind the last chunk that was committed.
    """
    actor, arguments = claim.actor, claim.job.arguments
    options = SyncOptions.model_validate(arguments.get("options") or {})
    name = await databases.name_of(box, actor, claim.job.database_id)
    await claim.progress(0, f"looking at {name}")
    await schemas.refresh(box, actor, name)
    source = await look(box, actor, name)
    run = Run(box, claim, source, options, Report(name))
    wanted = arguments.get("tables", "*")
    tasks = await _tasks(run, wanted)
    if options.dry_run:
        return seen(name, tasks, run.report.failed)
    run.expected = sum(task.estimate or 0 for task in tasks)
    for task in tasks:
        await _guarded(run, task)
    await _gone(run, wanted)
    await _train_again(run, [task.name for task in tasks if task.drift])
    return await _ended(run, tasks)


async def _tasks(run: Run, wanted: str) -> list[Task]:
    """Plan every table; one that cannot be planned has failed."""
    tasks = []
    for table in run.source.asked(wanted):
        try:
            tasks.append(await plan_task(run.box.settings, run.source, table, run.options))
        except (DatabaseUnreachable, StoreUnavailable):
            raise
        except AssistantError as error:
            await _failed(run, table.shape.qualified_name, error)
        run.claim.check()
    return tasks


async def _guarded(run: Run, task: Task) -> None:
    """Sync one table; what is wrong with it alone does not stop the others."""
    try:
        await _table(run, task)
    except (DatabaseUnreachable, StoreUnavailable, ClaimLost):
        raise
    except AssistantError as error:
        await _failed(run, task.name, error)


async def _failed(run: Run, name: str, error: AssistantError) -> None:
    run.report.failed[name] = str(error)
    source, workspace = run.source.database.id, run.claim.actor.workspace_id

    async def note() -> None:
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            await write_state(session, workspace, source, name, error=str(error))
            await run.claim.hold(session)

    await patiently(note)


async def _table(run: Run, task: Task) -> None:
    state = run.source.states.get(task.name)
    resume = state.resume if state and state.resume and state.resume.job == run.job else None
    if resume and resume.done:
        run.report.done[task.name] = counts_of(resume.counts)
        run.report.told[task.name] = resume.told
        return
    run.report.told[task.name] = task.told
    if task.drift:
        run.report.drift.append(task.drift)
    if task.full and task.estimate:
        run.report.expected[task.name] = task.estimate
    where = await _destination(run, task)
    going = resume or Resume(job=run.job, full=task.full, watermark=task.watermark)
    reading = (task.selection if going.full else task.reading) if resume else task.reading
    if resume and reading.by_key and resume.key:
        reading = reading.behind(resume.key)
    elif resume:
        going = going.model_copy(update={"counts": {}})
    async with chunks(run.source.connector, reading.documents(run.box.settings.job_seconds), going.chunk + 1) as some:
        async for chunk in some:
            going = await _commit(run, task, where, going, chunk)
            run.read += chunk.rows
            await run.tell(task.name, counts_of(going.counts))
    await _finish(run, task, where, going)


async def _destination(run: Run, task: Task) -> Destination:
    workspace, database = run.claim.actor.workspace_id, run.source.database.id

    async def ask() -> bool:
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            await session.execute(FORGET_REJECTS, {"database": database, "table": task.name})
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


async def _commit(run: Run, task: Task, where: Destination, going: Resume, chunk: Chunk) -> Resume:
    """Write one chunk and where to go on behind it, in one transaction that only the owner of the claim may end."""
    repeated = False

    async def once() -> Resume:
        nonlocal repeated
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            if repeated:  # the line may have broken between the commit and its answer
                before = (await read_states(session, where.workspace, where.database)).get(task.name)
                if before and before.resume and before.resume.job == run.job and before.resume.chunk >= chunk.number:
                    return before.resume
            repeated = True
            counts = counts_of(going.counts) + await write(session, where, chunk.data, chunk.rows)
            key = chunk.last_key if task.reading.by_key else ""
            after = going.model_copy(update={"chunk": chunk.number, "key": key, "counts": counts.as_dict()})
            values = {"resume": after.model_dump(mode="json")}
            await write_state(session, where.workspace, where.database, task.name, **values)
            await run.claim.hold(session)
            return after

    return await patiently(once)


async def _finish(run: Run, task: Task, where: Destination, going: Resume) -> None:
    """Look for rows that are gone, and write that the table is done."""
    counts = counts_of(going.counts)
    whole = await _missing(run, task, where, counts)

    async def once() -> Counts:
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            gone = 0
            if whole:
                await run.tell(task.name, counts, f"{task.name}: looking for rows that are gone")
                keys = task.selection.keys(run.box.settings.job_seconds) if where.keyed else _everything(run, task)
                hard = run.options.deletes == "hard"
                gone = await deletes.remove_missing(session, where, run.source.connector, keys, hard=hard)
            total = counts + Counts(deleted=gone)
            done = going.model_copy(update={"done": True, "counts": total.as_dict(), "told": task.told})
            shape = run.source.states[task.name].shape if _partial(run) and task.name in run.source.states else None
            values = finished(done, "backfill" if _partial(run) else task.mode, shape or task.shape, task.stamp)
            if _partial(run):
                values = {name: values[name] for name in ("resume", "counts", "job_id", "synced_at", "error")}
            await write_state(session, where.workspace, where.database, task.name, **values)
            await run.claim.hold(session)
            return total

    run.report.done[task.name] = await patiently(once)
    await run.tell("", Counts(), f"{task.name} done")


async def _missing(run: Run, task: Task, where: Destination, counts: Counts) -> bool:
    """True when documents may have outlived their rows: then keys are compared."""
    if run.options.deletes == "off" or where.first:
        return False
    if not where.keyed:  # equal rows are one document: counting tells nothing
        return not run.options.filtered
    async with run.box.store.begin(run.claim.actor.workspace_id) as session:
        live = await deletes.count_live(session, where)
    if task.full and not run.options.filtered:
        # All rows have just been read, so as many documents means the same documents.
        return live != counts.read or bool(counts.rejected)
    return live != await count_rows(run.box.settings, run.source.connector, task.selection)


def _partial(run: Run) -> bool:
    """True for a backfill and the like: it tells nothing of how far the table as a whole is."""
    options = run.options
    return bool(options.range or options.limit or options.offset or options.order_by)


def _everything(run: Run, task: Task) -> Any:
    whole = replace(task.selection, conditions=(), order="", part="")
    return whole.documents(run.box.settings.job_seconds)


async def _gone(run: Run, wanted: str) -> None:
    """Mark the documents of synced tables that the source does not have any more."""
    names = patterns(wanted)
    there = {table.shape.qualified_name for table in run.source.tables}
    for name, state in run.source.states.items():
        covered = is_everything(names) or name in names or name.partition(".")[2] in names
        if name in there or not covered or state.synced_at is None or run.options.deletes == "off":
            continue
        workspace, database = run.claim.actor.workspace_id, run.source.database.id
        where = Destination(workspace, database, name, "", run.job, keyed=True)
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            number = await deletes.remove_all(session, where, hard=run.options.deletes == "hard")
            await run.claim.hold(session)
        if number:
            run.report.done[name] = Counts(deleted=number)
            run.report.drift.append(f"{name} is gone at the source.")


async def _train_again(run: Run, changed: list[str]) -> None:
    """Have tables that changed trained again; a training under way will see the change by itself."""
    if not changed:
        return
    try:
        await schemas.start_training(run.box, run.claim.actor, run.source.database.name, changed)
    except Conflict as error:
        log.info("not trained again", tables=changed, reason=str(error))


async def _ended(run: Run, tasks: list[Task]) -> Outcome:
    outcome = run.report.outcome()
    if outcome.state == "succeeded":  # of a partial one the failed tables alone are tried again
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            for task in tasks:
                await write_state(session, run.claim.actor.workspace_id, run.source.database.id, task.name, resume=None)
            await run.claim.hold(session)
    # Words find the documents from now on; meaning does once this job has followed.
    await documents.start_embedding(run.box, run.claim.actor, run.source.database.name)
    return outcome
