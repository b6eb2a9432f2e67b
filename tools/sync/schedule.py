"""Syncs that start by themselves: checked and planned once when they are made, and anew at each run."""

from collections.abc import Sequence

from tools import databases, jobs
from tools.errors import Invalid
from tools.jobs import Schedule
from tools.rights import may_change
from tools.schemas.matching import patterns
from tools.sync.options import SyncOptions
from tools.sync.preview import SyncPreview, TablePreview, preview
from tools.sync.start import target_of
from tools.toolbox import Actor, Toolbox

TOLD = 8
"""Tables that are told of one by one, at most."""


async def schedule_sync(
    box: Toolbox,
    actor: Actor,
    database: str,
    tables: str | Sequence[str] = "*",
    options: SyncOptions | None = None,
    *,
    when: str,
    timezone: str | None = None,
) -> tuple[Schedule, SyncPreview]:
    """Sync tables of a database again and again, at the times `when` says in words or as cron.

    A window such as `18 months` is counted from each run. Gives what the first run would read, too. Invalid when no
    table could be synced; Conflict names a schedule that does the same.
    """
    may_change(actor, "schedule syncs")
    options = options or SyncOptions()
    wanted = patterns(tables)
    jobs.times.read_when(when)  # before the source is asked
    planned = await preview(box, actor, database, tables, options)
    if planned.tables and all(table.error for table in planned.tables):
        raise Invalid(f"{planned.tables[0].table} cannot be synced: {planned.tables[0].error}")
    arguments = {
        "tables": list(wanted),
        "options": options.model_dump(mode="json", exclude_defaults=True),
    }
    made = await jobs.schedules.create(
        box,
        actor,
        "sync",
        target_of(database, wanted),
        when,
        database_id=(await databases.get(box, actor, database)).id,
        arguments=arguments,
        timezone=timezone,
    )
    return made, planned


def plan_lines(planned: SyncPreview) -> tuple[str, ...]:
    """Say table by table what the first run will do, and how much it is together."""
    lines = [_line(table) for table in planned.tables[:TOLD]]
    if len(planned.tables) > TOLD:
        lines.append(f"and {len(planned.tables) - TOLD} more tables.")
    return (*lines, f"About {planned.rows:,} rows at first.") if planned.rows else tuple(lines)


def _line(table: TablePreview) -> str:
    name = table.table.rpartition(".")[2]
    if table.error:
        return f"{name}: cannot be synced: {table.error}"
    if table.mode == "incremental":
        how = f"incremental by {table.watermark}"
    elif table.watermark:
        how = f"full at first, then incremental by {table.watermark}"
    else:
        how = "no column tells what has changed, so full each time"
    left_out = f" Left out: {', '.join(table.left_out)} (look secret)." if table.left_out else ""
    return f"{name}: {how}.{left_out}"
