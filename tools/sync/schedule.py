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
"""Lines of a plan, at most."""
NAMED = 4
"""Tables that a line names, at most."""


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
        "only": options.only,
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
    """Say what the first run will do, tables alike in one line, and how much it is together."""
    alike: dict[str, list[str]] = {}
    for table in planned.tables:
        alike.setdefault(_how(table), []).append(table.table.rpartition(".")[2])
    lines = [f"{_listed(names)}: {how}" for how, names in alike.items()]
    lines += [
        f"{table.table.rpartition('.')[2]}: left out {', '.join(table.left_out)} (look secret)."
        for table in planned.tables
        if table.left_out
    ]
    if len(lines) > TOLD:
        lines = [*lines[:TOLD], f"and {len(lines) - TOLD} more."]
    return (*lines, f"About {planned.rows:,} rows at first.") if planned.rows else tuple(lines)


def _how(table: TablePreview) -> str:
    if table.error:
        return f"cannot be synced: {table.error}"
    if table.mode == "incremental":
        return f"incremental by {table.watermark}."
    if table.watermark:
        return f"full at first, then incremental by {table.watermark}."
    return "no column tells what has changed, so full each time."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
