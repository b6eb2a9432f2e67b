"""What a model may call about tables and their training."""

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools.cards import Card, JobCard, ScheduleCard, TableCard
from tools.databases.meant import database_meant
from tools.desk import Desk
from tools.queries.examples import find_examples
from tools.schemas import drift, freshness, notes, retrieval, showing, tables, training
from tools.schemas.catalog import TrainedTable

toolset = FunctionToolset[Desk]()


@toolset.tool
async def find_tables(ctx: RunContext[Desk], question: str, database: str | None = None) -> str:
    """Find the tables that a question is about; call this before writing SQL.

    Gives the dialect, and per table its columns with types and frequent values, keys, foreign keys and the team's
    notes, and verified questions like this one. Without a database it also tells which database fits.

    Args:
        question: What is asked, in the person's words; add words for what a follow-up leaves unsaid.
        database: The database's name; leave it out when the person named none.
    """
    desk = ctx.deps
    found = await retrieval.retrieve(
        desk.box, desk.actor, question, database, databases=desk.databases, schemas=desk.schemas
    )
    desk.found.update({table.table.shape.qualified_name: table.score for table in found.tables})
    desk.database = database or found.database or desk.database
    near = await find_examples(desk.box, desk.actor, desk.database, question) if desk.database else ()
    verified = "".join(f"\n- {one.example.question}\n  {one.example.sql}" for one in near)
    return showing.retrieved_text(found) + (
        f"\n\nVerified by the team, for questions like this:{verified}" if near else ""
    )


@toolset.tool
async def describe_table(ctx: RunContext[Desk], table: str, database: str | None = None) -> ToolReturn[str]:
    """Show one table in full: columns, types, frequent values, keys, sample rows, notes.

    Args:
        table: The table's name, with its schema (`sales.orders`) where several schemas have it.
        database: The database's name; the one in hand when left out.
    """
    name = await database_meant(ctx.deps, database)
    found = await tables.describe(ctx.deps.box, ctx.deps.actor, name, table)
    return _shown(showing.table_text(found, name), _columns_card(found, name))


@toolset.tool
async def list_tables(ctx: RunContext[Desk], database: str | None = None) -> ToolReturn[str]:
    """List the tables of a database with what each is about.

    Args:
        database: The database's name; the one in hand when left out.
    """
    name = await database_meant(ctx.deps, database)
    found = await tables.catalog(ctx.deps.box, ctx.deps.actor, name)
    rows = tuple((t.shape.qualified_name, t.description, f"{t.shape.row_estimate or 0:,}", _trained(t)) for t in found)
    card = TableCard(title=f"Tables of {name}", columns=("Table", "About", "Rows, about", "Training"), rows=rows)
    listed = "\n".join(f"{table}: {about} [{trained}]" for table, about, _, trained in rows) or "no tables known yet"
    return _shown(f"{name}:\n{listed}"[: showing.MOST_CHARACTERS], card)


@toolset.tool
async def train_tables(
    ctx: RunContext[Desk], database: str | None = None, tables: str = "*", force: bool = False
) -> ToolReturn[str]:
    """Start training tables in the background, so that questions about them are answered well.

    Args:
        database: The database's name; the one in hand when left out.
        tables: Names or patterns parted by commas, such as `orders, stock_*`; `*` for all.
        force: True to train again what has not changed.
    """
    name = await database_meant(ctx.deps, database)
    job = await training.start_training(ctx.deps.box, ctx.deps.actor, name, tables, force=force)
    return _shown(f"Job {job.id} is training {job.target}; its card shows the progress.", JobCard(job_id=job.id))


@toolset.tool
async def schedule_training(
    ctx: RunContext[Desk], when: str, database: str | None = None, tables: str = "*", timezone: str | None = None
) -> ToolReturn[str]:
    """Train tables again and again by themselves, so that changes of their structure are noticed and learned.

    Args:
        when: The times in words (`every night at 2`, `weekdays at 7:30`) or as cron.
        database: The database's name; the one in hand when left out.
        tables: Names or patterns parted by commas; `*` for all.
        timezone: An IANA name such as `Europe/Berlin`; the usual one when left out.
    """
    name, desk = await database_meant(ctx.deps, database), ctx.deps
    made = await training.schedule_training(desk.box, desk.actor, name, tables, when=when, timezone=timezone)
    return _shown(f"{made.said}\nSchedule {made.id}, {made.title}.", ScheduleCard(schedule_ids=(made.id,), fresh=True))


@toolset.tool
async def training_status(ctx: RunContext[Desk], database: str | None = None) -> ToolReturn[str]:
    """Tell which tables are trained, how fresh that is, and what has changed since.

    Args:
        database: The database's name; all databases when left out.
    """
    found = await freshness.status(ctx.deps.box, ctx.deps.actor, database)
    rows = tuple(
        (one.database, f"{one.trained} of {len(one.tables)}", _when(one), ", ".join(one.stale)) for one in found
    )
    card = TableCard(title="Training", columns=("Database", "Trained", "Last", "Changed since"), rows=rows)
    return _shown("\n".join(map(str, found)) or "No database is registered yet.", card)


@toolset.tool(requires_approval=True)
async def untrain_tables(ctx: RunContext[Desk], tables: str, database: str) -> str:
    """Forget what training learned of tables; the person approves it first. The database itself is not touched.

    Args:
        tables: Names or patterns parted by commas; `*` for all.
        database: The database's name.
    """
    desk = ctx.deps
    return str(await freshness.untrain(desk.box, desk.actor, database, tables, approved_by=desk.actor.user_id))


@toolset.tool
async def refresh_schema(ctx: RunContext[Desk], database: str | None = None) -> str:
    """Look at a database again and tell which tables and columns were added, removed or changed.

    Args:
        database: The database's name; the one in hand when left out.
    """
    return str(await drift.refresh(ctx.deps.box, ctx.deps.actor, await database_meant(ctx.deps, database)))


@toolset.tool
async def add_note(ctx: RunContext[Desk], text: str, database: str | None = None, table: str | None = None) -> str:
    """Keep what a person says about the data, so that it holds for every later question of the team.

    Args:
        text: One sentence that stands by itself, such as `revenue means paid orders without returns`.
        database: The database's name; the one in hand when left out.
        table: The table it is about; leave it out when it holds for the whole database.
    """
    name = await database_meant(ctx.deps, database)
    note = await notes.add_note(ctx.deps.box, ctx.deps.actor, name, text, table)
    return f"Noted for {note.table or note.database}: {note.text!r} (note {str(note.id)[:8]})."


@toolset.tool
async def list_notes(ctx: RunContext[Desk], database: str | None = None) -> ToolReturn[str]:
    """List the team's notes about a database and its tables.

    Args:
        database: The database's name; the one in hand when left out.
    """
    name = await database_meant(ctx.deps, database)
    found = await notes.list_notes(ctx.deps.box, ctx.deps.actor, name)
    rows = tuple(
        (str(n.id)[:8], n.table or "all", n.text, n.created_by or "", f"{n.created_at:%d %B %Y}") for n in found
    )
    card = TableCard(title=f"Notes on {name}", columns=("Note", "About", "Text", "By", "On"), rows=rows)
    listed = "\n".join(f"{id_} ({about}): {text} -- {by}, {on}" for id_, about, text, by, on in rows)
    return _shown(listed or f"No notes on {name} yet.", card)


@toolset.tool
async def remove_note(ctx: RunContext[Desk], note: str, database: str | None = None) -> str:
    """Remove one of the team's notes.

    Args:
        note: The note's id or the start of it, as list_notes shows it, or its exact text.
        database: The database's name; the one in hand when left out.
    """
    gone = await notes.remove_note(ctx.deps.box, ctx.deps.actor, await database_meant(ctx.deps, database), note)
    return f"Removed the note {gone.text!r}."


@toolset.tool
async def set_table_description(
    ctx: RunContext[Desk], table: str, description: str, database: str | None = None
) -> str:
    """Replace a table's description by a person's words; training keeps them.

    Args:
        table: The table's name.
        description: What the table is about, in a sentence or two; empty to go back to the one written by rule.
        database: The database's name; the one in hand when left out.
    """
    name = await database_meant(ctx.deps, database)
    found = await tables.set_description(ctx.deps.box, ctx.deps.actor, name, table, description)
    return f"{found.shape.qualified_name} is described as: {found.description}"


def _shown(text: str, card: Card) -> ToolReturn[str]:
    return ToolReturn(return_value=text, metadata={"cards": [card.model_dump(mode="json")]})


def _columns_card(table: TrainedTable, database: str) -> TableCard:
    rows = tuple(
        (
            column.name,
            column.type,
            "may be" if column.nullable else "never",
            ", ".join((column.enum_values or table.values.get(column.name, ()))[:6]),
            column.comment or "",
        )
        for column in table.shape.columns
    )
    return TableCard(
        title=f"{table.shape.name} in {database}",
        columns=("Column", "Type", "Empty", "Frequent values", "Comment"),
        rows=rows,
    )


def _trained(table: TrainedTable) -> str:
    if table.trained_at is None:
        return "not trained"
    return "changed since" if table.stale else f"{table.trained_at:%d %B %Y}"


def _when(one: freshness.TrainingStatus) -> str:
    return f"{one.last_trained_at:%d %B %Y %H:%M} UTC" if one.last_trained_at else "never"
