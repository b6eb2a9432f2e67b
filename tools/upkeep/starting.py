"""How the job of each kind is started from what was kept of it: by a schedule, or again for one table."""

from collections.abc import Awaitable, Callable
from typing import Any

from tools import databases, jobs, schemas, sync
from tools.errors import Invalid, NotFound
from tools.jobs import Job, Schedule
from tools.sync import SyncOptions
from tools.toolbox import Actor, Toolbox

Starter = Callable[[Toolbox, Actor, str, dict[str, Any]], Awaitable[Job]]


async def _train(box: Toolbox, actor: Actor, database: str, arguments: dict[str, Any]) -> Job:
    return await schemas.start_training(
        box, actor, database, arguments.get("tables", "*"), force=bool(arguments.get("force"))
    )


async def _sync(box: Toolbox, actor: Actor, database: str, arguments: dict[str, Any]) -> Job:
    options = SyncOptions.model_validate(arguments.get("options") or {})
    return await sync.start_sync(box, actor, database, arguments.get("tables", "*"), options)


STARTERS: dict[str, Starter] = {"train": _train, "sync": _sync}
"""Kind of job -> what starts it over a database, with the arguments that were kept."""


async def start_scheduled(box: Toolbox, actor: Actor, schedule: Schedule) -> Job:
    """Start the job of a schedule, as a person would start it now."""
    return await _starter(schedule.kind)(box, actor, _named(schedule.database, schedule.title), schedule.arguments)


async def start_part(box: Toolbox, actor: Actor, job_id: int, table: str) -> Job:
    """Start the work of a job once more for one of its tables; Conflict names a job that is at it."""
    job = await jobs.get(box, actor, job_id)
    database = await databases.name_of(box, actor, job.database_id)
    return await _starter(job.kind)(box, actor, database, {**job.arguments, "tables": [table]})


def _starter(kind: str) -> Starter:
    if kind not in STARTERS:
        raise Invalid(f"Work of kind {kind!r} does not start by itself; {', '.join(STARTERS)} does.")
    return STARTERS[kind]


def _named(database: str | None, title: str) -> str:
    if database is None:
        raise NotFound(f"The database of {title} is no longer registered.")
    return database
