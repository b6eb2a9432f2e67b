"""What the model may call about syncs."""

from typing import Literal

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools import sync
from tools.cards import Card, JobCard, ScheduleCard, TableCard
from tools.databases.meant import database_meant
from tools.desk import Desk
from tools.sync import PlanChanges, SyncOptions, SyncPlan

toolset = FunctionToolset[Desk]()


@toolset.tool
async def sync_tables(
    ctx: RunContext[Desk],
    database: str | None = None,
    tables: str = "*",
    *,
    mode: Literal["auto", "full", "incremental"] = "auto",
    since: str | None = None,
    until: str | None = None,
    where: str | None = None,
    order_by: str | None = None,
    limit: int | None = None,
    offset: int | None = None,
    first: str | None = None,
    last: str | None = None,
    range_column: str | None = None,
    deletes: Literal["soft", "hard", "off"] = "soft",
    drift: Literal["evolve", "freeze", "stop"] = "evolve",
    watermark: str | None = None,
    lag_seconds: int = 10,
    dry_run: bool = False,
) -> ToolReturn[str]:
    """Start bringing rows of a database into searchable documents, in the background.

    Args:
        database: The database's name; the one in hand when left out.
        tables: Names or patterns parted by commas, such as `orders, stock_*`; `*` for all.
        mode: `auto` reads all rows first and from then on what changed; `full` reads all; `incremental` what changed.
        since: Only rows from then on: an ISO date, or a window such as `18 months`.
        until: Only rows before then.
        where: A condition in SQL on the table's columns, such as `status = 'paid'`.
        order_by: Columns in SQL, such as `created_at DESC`; with `limit`.
        limit: At most so many rows of each table.
        offset: So many rows are left out first.
        first: Backfill: the lowest value of `range_column` to read.
        last: Backfill: the highest value to read.
        range_column: The column of the backfill; the key when left out.
        deletes: What happens to documents whose rows are gone: marked (`soft`), removed (`hard`), or not looked for.
        drift: When a table changed: take its new shape, `freeze` to the known columns, or `stop`.
        watermark: The column that tells what has changed, where it is not found by its name.
        lag_seconds: How far an incremental sync looks back behind what it read last.
        dry_run: True to only tell what would be read.
    """
    desk = ctx.deps
    name = await database_meant(desk, database)
    span = (first, last) if first is not None or last is not None else None
    options = SyncOptions(
        mode=mode,
        since=since,
        until=until,
        where=where,
        order_by=order_by,
        limit=limit,
        offset=offset,
        range=span,
        range_column=range_column,
        deletes=deletes,
        drift=drift,
        watermark=watermark,
        lag_seconds=lag_seconds,
        dry_run=dry_run,
    )
    job = await sync.start_sync(desk.box, desk.actor, name, tables, options)
    return _shown(f"Job {job.id} is syncing {job.target}; its card shows the progress.", JobCard(job_id=job.id))


@toolset.tool
async def schedule_sync(
    ctx: RunContext[Desk],
    when: str,
    database: str | None = None,
    tables: str = "*",
    *,
    mode: Literal["auto", "full", "incremental"] = "auto",
    since: str | None = None,
    until: str | None = None,
    where: str | None = None,
    limit: int | None = None,
    deletes: Literal["soft", "hard", "off"] = "soft",
    drift: Literal["evolve", "freeze", "stop"] = "evolve",
    timezone: str | None = None,
) -> ToolReturn[str]:
    """Sync tables again and again by themselves; the card asks the person whether to start now too.

    Args:
        when: The times in words (`every night at 2`, `weekdays at 7:30`, `every 15 minutes`) or as cron.
        database: The database's name; the one in hand when left out.
        tables: Names or patterns parted by commas; `*` for all.
        mode: As for sync_tables.
        since: Only rows from then on: an ISO date, or a window such as `18 months`, counted from each run.
        until: Only rows before then.
        where: A condition in SQL on the table's columns.
        limit: At most so many rows of each table.
        deletes: As for sync_tables.
        drift: As for sync_tables.
        timezone: An IANA name such as `Europe/Berlin`; the usual one when left out.
    """
    desk = ctx.deps
    name = await database_meant(desk, database)
    options = SyncOptions(mode=mode, since=since, until=until, where=where, limit=limit, deletes=deletes, drift=drift)
    made, planned = await sync.schedule_sync(desk.box, desk.actor, name, tables, options, when=when, timezone=timezone)
    lines = sync.plan_lines(planned)
    card = ScheduleCard(schedule_ids=(made.id,), lines=lines, fresh=True)
    return _shown("\n".join([made.said, f"Schedule {made.id}, {made.title}.", *lines]), card)


@toolset.tool
async def preview_sync(
    ctx: RunContext[Desk],
    database: str | None = None,
    tables: str = "*",
    *,
    mode: Literal["auto", "full", "incremental"] = "auto",
    since: str | None = None,
    until: str | None = None,
    where: str | None = None,
    limit: int | None = None,
) -> ToolReturn[str]:
    """Tell what a sync would read: rows, full or incremental, columns left out, what each row becomes.

    Args:
        database: The database's name; the one in hand when left out.
        tables: Names or patterns parted by commas; `*` for all.
        mode: As for sync_tables.
        since: Only rows from then on: an ISO date, or a window such as `18 months`.
        until: Only rows before then.
        where: A condition in SQL on the table's columns.
        limit: At most so many rows of each table.
    """
    desk = ctx.deps
    name = await database_meant(desk, database)
    options = SyncOptions(mode=mode, since=since, until=until, where=where, limit=limit)
    found = await sync.preview(desk.box, desk.actor, name, tables, options)
    rows = tuple(
        (
            one.table,
            one.entity,
            one.error or (f"incremental by {one.watermark}" if one.mode == "incremental" else "full"),
            "" if one.rows is None else f"{one.rows:,}",
            ", ".join(one.left_out),
        )
        for one in found.tables
    )
    columns = ("Table", "Each row is", "How", "Rows, about", "Left out")
    return _shown(str(found), TableCard(title=f"Sync of {name}", columns=columns, rows=rows))


@toolset.tool
async def sync_status(ctx: RunContext[Desk], database: str | None = None) -> ToolReturn[str]:
    """Tell when each table of a database was last synced, how, and what came of it.

    Args:
        database: The database's name; the one in hand when left out.
    """
    name = await database_meant(ctx.deps, database)
    found = await sync.states(ctx.deps.box, ctx.deps.actor, name)
    rows = tuple((one.table, str(one).partition(": ")[2]) for one in found)
    card = TableCard(title=f"Sync of {name}", columns=("Table", "Last sync"), rows=rows)
    return _shown("\n".join([f"{name}: {sync.summary(found)}", *map(str, found)]), card)


@toolset.tool
async def edit_sync_plan(
    ctx: RunContext[Desk],
    table: str,
    database: str | None = None,
    *,
    entity: str | None = None,
    title: list[str] | None = None,
    body: list[str] | None = None,
    tags: list[str] | None = None,
    date: str | None = None,
    watermark: str | None = None,
    rename: dict[str, str] | None = None,
    ignore: list[str] | None = None,
    include: list[str] | None = None,
    constants: dict[str, str] | None = None,
) -> ToolReturn[str]:
    """Show how rows of a table become documents, changed as asked; with nothing to change it is only shown.

    Args:
        table: The table's name.
        database: The database's name; the one in hand when left out.
        entity: What a row is: customer, order, shipment ...
        title: Columns that make the title.
        body: Columns that make the searchable text.
        tags: Columns whose values become tags.
        date: The column of the row's main date; empty for none.
        watermark: The column that tells when a row changed; empty for none.
        rename: Column -> name of its field in the document.
        ignore: Columns to leave out from now on.
        include: Columns to read from now on: ignored before, or left out because they look secret.
        constants: Field -> a text that every document of the table gets; an empty text takes it away.
    """
    desk = ctx.deps
    name = await database_meant(desk, database)
    asked = {
        "entity": entity,
        "title": title,
        "body": body,
        "tags": tags,
        "date": date,
        "watermark": watermark,
        "rename": rename,
        "ignore": ignore,
        "include": include,
        "constants": constants,
    }
    given = {part: value for part, value in asked.items() if value is not None}
    if not given:
        return _told(await sync.plan_of(desk.box, desk.actor, name, table), name)
    plan = await sync.edit_plan(desk.box, desk.actor, name, table, PlanChanges.model_validate(given))
    return _told(plan, name, " The next sync reads the table in full with it.")


def _told(plan: SyncPlan, database: str, more: str = "") -> ToolReturn[str]:
    parts = {
        "Each row is": plan.entity,
        "Told apart by": ", ".join(plan.key) or "the hash of the row",
        "Title": ", ".join(plan.title) or "entity and key",
        "Text": ", ".join(plan.body),
        "Tags": ", ".join(plan.tags),
        "Date": plan.date or "",
        "Money": ", ".join(plan.money),
        "Changes told by": plan.watermark[0] if plan.watermark else "nothing: read in full each time",
        "Renamed": ", ".join(f"{one.column} as {one.name}" for one in plan.fields if one.column != one.name),
        "Constant": ", ".join(f"{name} = {value}" for name, value in plan.constants.items()),
        "Left out, looks secret": ", ".join(plan.left_out),
        "Ignored": ", ".join(plan.ignored),
    }
    rows = tuple((part, said) for part, said in parts.items() if said)
    card = TableCard(title=f"Sync plan of {database}.{plan.table}", columns=("Part", "How"), rows=rows)
    return _shown(f"{plan}{more}", card)


def _shown(text: str, card: Card) -> ToolReturn[str]:
    return ToolReturn(return_value=text, metadata={"cards": [card.model_dump(mode="json")]})
