"""Starting a sync: who may, what is already under way, and how often."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, text

from tools import jobs, schemas
from tools.connectors.base import bare_names
from tools.databases import Target
from tools.errors import Conflict, TooMany
from tools.jobs import Job
from tools.rights import may_change
from tools.schemas.matching import any_matches, is_everything, patterns
from tools.store.models import LIVE_STATES, JobRow
from tools.sync.options import SyncOptions
from tools.sync.planning import look
from tools.toolbox import Actor, Toolbox

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(cast(:database AS text), 4))")


async def start_sync(
    box: Toolbox,
    actor: Actor,
    database: str,
    tables: str | Sequence[str] = "*",
    options: SyncOptions | None = None,
) -> Job:
    """Start a job that brings tables of a database up to date as documents: names or patterns, parted by commas.

    Conflict names the live job that syncs one of the same tables; TooMany says when the next may be started; NotFound
    names near tables.
    """
    may_change(actor, "sync")
    wanted = patterns(tables)
    known = await schemas.catalog(box, actor, database)
    if not known or (not is_everything(wanted) and not all(any_matches(pattern, known) for pattern in wanted)):
        await schemas.refresh(box, actor, database)  # it may have been created since we last looked
    source = await look(box, actor, database)
    for table in source.asked(wanted):
        source.check_parts(table.shape, options or SyncOptions())
    names = sorted([*(table.shape.qualified_name for table in source.asked(wanted)), *source.missing(wanted)])
    bare = {full.lower(): name for full, name in bare_names(one.qualified_name for one in source.catalog).items()}
    shown = [bare.get(pattern, pattern) for pattern in wanted]
    arguments = {
        "tables": list(wanted),
        "names": names,
        "options": (options or SyncOptions()).model_dump(mode="json", exclude_defaults=True),
    }
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(ONE_AT_A_TIME, {"database": str(source.database.id)})
        await _check_free(box, actor, source.database, names)
        return await jobs.start(
            box, actor, "sync", target_of(database, shown), database_id=source.database.id, arguments=arguments
        )


def target_of(database: str, wanted: Sequence[str]) -> str:
    """What a sync works on, in words a person knows: `shop`, `shop.orders`, `shop: orders, stock`."""
    if is_everything(wanted):
        return database
    return f"{database}.{wanted[0]}" if len(wanted) == 1 else f"{database}: {', '.join(wanted)}"


async def _check_free(box: Toolbox, actor: Actor, database: Target, names: Sequence[str]) -> None:
    mine = select(JobRow).where(JobRow.workspace_id == actor.workspace_id, JobRow.kind == "sync")
    mine = mine.where(JobRow.database_id == database.id)
    recent = (
        select(func.count(), func.extract("epoch", func.min(JobRow.created_at) - func.now()) + 60)
        .where(JobRow.workspace_id == actor.workspace_id, JobRow.kind == "sync")
        .where(JobRow.created_at > func.now() - timedelta(minutes=1))
    )
    async with box.store.begin(actor.workspace_id) as session:
        live = list(await session.scalars(mine.where(JobRow.state.in_(LIVE_STATES))))
        started, seconds = (await session.execute(recent)).one()
    for job in live:
        both = sorted(set(names) & set(job.arguments.get("names", ())))
        if both:
            more = f" and {len(both) - 1} more tables" if len(both) > 1 else ""
            raise Conflict(
                f"{both[0]}{more} of {database.name} is being synced already by job {job.id} "
                f"({job.target}, {job.state}). Follow or cancel that one."
            )
    most = box.settings.sync_starts_a_minute
    if most and started >= most:
        wait = max(1, round(seconds))
        raise TooMany(
            f"{started} syncs were started within a minute; {most} are allowed (TABLETALK_SYNC_STARTS_A_MINUTE). "
            f"Try again in {wait} s.",
            wait,
        )
