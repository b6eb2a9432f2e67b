"""The runner of sync jobs: each table in turn, chunk by chunk, so that what is committed stays and is built on."""

import re
from dataclasses import replace

import structlog

from tools import databases, documents, schemas
from tools.connectors.base import bare_names
from tools.errors import AssistantError, Conflict, DatabaseUnreachable, QueryFailed, StoreUnavailable
from tools.jobs import Claim, ClaimLost, Outcome
from tools.jobs.patience import patiently
from tools.schemas.matching import is_everything, patterns
from tools.sync import deletes
from tools.sync.load import Counts, Destination
from tools.sync.options import SyncOptions
from tools.sync.outcome import Report
from tools.sync.planning import Task, look, plan_task
from tools.sync.preview import seen
from tools.sync.state import write_state
from tools.sync.table import Run, sync_table
from tools.toolbox import Toolbox

log = structlog.get_logger(__name__)

DENIED = re.compile(r"permission denied for |command denied to user", re.IGNORECASE)
"""How both dialects say that an account may not read a table."""


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
    source = replace(await look(box, actor, name), expected=tuple(arguments.get("names", ())))
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
        await sync_table(run, task)
    except (DatabaseUnreachable, StoreUnavailable, ClaimLost):
        raise
    except AssistantError as error:
        await _failed(run, task.name, error)


async def _failed(run: Run, name: str, error: AssistantError) -> None:
    run.report.failed[name] = _with_advice(str(error))
    await _note(run, name, run.report.failed[name])


async def _note(run: Run, name: str, reason: str) -> None:
    """Keep with the table why it was not synced."""
    source, workspace = run.source.database.id, run.claim.actor.workspace_id

    async def note() -> None:
        async with run.box.store.begin(workspace) as session:
            await run.claim.hold_database(session)
            await write_state(session, workspace, source, name, error=reason)
            await run.claim.hold(session)

    await patiently(note)


def _with_advice(reason: str) -> str:
    """Say what helps where a right is missing."""
    if not DENIED.search(reason):
        return reason
    return f"{reason.rstrip('.')}. Grant SELECT on it to the account and retry."


async def _gone(run: Run, wanted: str) -> None:
    """Deal with tables that are not to be seen any more.

    The documents of one that is gone are marked; those of one that the account may not read are kept, and it failed.
    One that was asked for by name and never synced has failed in either case.
    """
    for name in run.source.missing(wanted):
        schema, _, table = name.partition(".")
        if reason := await run.source.connector.withheld(schema, table):
            await _failed(run, name, QueryFailed(reason))
        elif not run.source.synced(name):
            if not is_everything(patterns(wanted)):
                await _failed(run, name, QueryFailed("It was there when the sync was asked for, and is not any more."))
        elif run.options.deletes == "off":
            await _keep_gone(run, name)
        else:
            await _mark_gone(run, name)


async def _keep_gone(run: Run, name: str) -> None:
    """Tell once that a table is gone, where its documents are to stay."""
    said = f"{name} is gone at the source; its documents are kept."
    if run.source.states[name].error != said:
        run.report.gone.append(name)
        run.report.remarks.append("Its documents are kept.")
        await _note(run, name, said)


async def _mark_gone(run: Run, name: str) -> None:
    workspace, database = run.claim.actor.workspace_id, run.source.database.id
    where = Destination(workspace, database, name, "", run.job, keyed=True)
    async with run.box.store.begin(run.claim.actor.workspace_id) as session:
        await run.claim.hold_database(session)
        number = await deletes.remove_all(session, where, hard=run.options.deletes == "hard")
        await run.claim.hold(session)
    if number:
        run.report.done[name] = Counts(deleted=number)
        run.report.gone.append(name)


async def _train_again(run: Run, changed: list[str]) -> None:
    """Have tables that changed trained again; a training under way will see the change by itself."""
    if not changed:
        return
    try:
        names = bare_names(shape.qualified_name for shape in run.source.catalog)
        await schemas.start_training(
            run.box, run.claim.actor, run.source.database.name, [names[name] for name in changed]
        )
    except Conflict as error:
        log.info("not trained again", tables=changed, reason=str(error))


async def _ended(run: Run, tasks: list[Task]) -> Outcome:
    outcome = run.report.outcome()
    # Words find the documents from now on; quicker once this job has followed, and by meaning after the next.
    if run.report.sum.new or run.report.sum.changed:
        await documents.start_indexing(run.box, run.claim.actor, run.source.database.name)
    if outcome.state == "succeeded":  # of a partial one the failed tables alone are tried again
        async with run.box.store.begin(run.claim.actor.workspace_id) as session:
            await run.claim.hold_database(session)
            for task in tasks:
                await write_state(session, run.claim.actor.workspace_id, run.source.database.id, task.name, resume=None)
            await run.claim.hold(session)
    return outcome
