"""Registering, listing, renaming and forgetting databases."""

from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tools import audit, jobs
from tools.connectors.base import Address, Frozen
from tools.databases.credentials import seal
from tools.databases.database import Database, Target, check_name
from tools.databases.health import try_address
from tools.databases.rows import ALL, find, find_target, in_sight, shown
from tools.errors import Conflict, Invalid, NotAllowed, NotFound
from tools.rights import may_change
from tools.store.models import (
    LIVE_STATES,
    DatabaseRow,
    DocumentRow,
    ExampleRow,
    JobRow,
    Member,
    NoteRow,
    ScheduleRow,
    TableRow,
)
from tools.toolbox import Actor, Toolbox
from tools.words import counted


class Forgotten(Frozen):
    """What went with a database that was forgotten."""

    name: str
    tables: int
    trained: int
    notes: int
    examples: int
    schedules: int = 0
    documents: int = 0

    @property
    def parts(self) -> str:
        """What is removed, counted, as part of a sentence."""
        said = [
            self.name,
            f"its training ({counted(self.trained, 'table')})" if self.trained else "what is known of it",
        ]
        said += [counted(self.notes, "note")] if self.notes else []
        said += [counted(self.examples, "verified example")] if self.examples else []
        said += [counted(self.schedules, "schedule")] if self.schedules else []
        said += [counted(self.documents, "synced document")] if self.documents else []
        return f"{', '.join(said[:-1])} and {said[-1]}"

    def __str__(self) -> str:
        return f"Removed {self.parts}. The database itself was not touched; the history of its queries stays."


async def register(box: Toolbox, actor: Actor, name: str, address: Address) -> Database:
    """Register a database under `name`, after it was reached; its credential is encrypted.

    `name` is lower-case and unique in the workspace (Invalid, Conflict). DatabaseUnreachable, or NotAllowed for
    an address that may not be reached, says why; nothing is stored then. Training is the caller's to start.
    """
    may_change(actor, "register databases")
    name = check_name(name.strip())
    _complete(address)
    async with box.store.begin(actor.workspace_id) as session:
        await _check_free(session, actor, name)
    greeting = await try_address(box, address)
    row = DatabaseRow(
        id=uuid4(),
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        name=name,
        dialect=address.dialect,
        host=address.host,
        port=address.port,
        database=address.database,
        username=address.username,
        tls=address.tls,
        greeting=greeting.model_dump(mode="json"),
        checked_at=func.now(),
        reached_at=func.now(),
    )
    row.credentials = seal(box.secrets, row, address)
    where = address.host if address.host.startswith("/") else f"{address.host}:{address.port}"
    try:
        async with box.store.begin(actor.workspace_id) as session:
            session.add_all(
                [row, audit.noted(actor, "register database", name, detail=f"{address.dialect} at {where}")]
            )
    except IntegrityError:
        raise _taken(name) from None  # somebody was faster
    return await get(box, actor, name)


async def list_databases(box: Toolbox, actor: Actor) -> tuple[Database, ...]:
    """The workspace's databases by name."""
    async with box.store.begin(actor.workspace_id) as session:
        rows = await session.execute(ALL, {"workspace": actor.workspace_id})
        return tuple(shown((row[0], row[1], row[2], row[3])) for row in rows if in_sight(actor, row[0].name))


async def get(box: Toolbox, actor: Actor, name: str) -> Database:
    """The database called `name`; NotFound names those there are."""
    async with box.store.begin(actor.workspace_id) as session:
        return shown(await find(session, actor, name))


async def target(box: Toolbox, actor: Actor, name: str) -> Target:
    """The same, as far as queries ask for it."""
    return (await find_target(box.store, actor, name))[0]


async def name_of(box: Toolbox, actor: Actor, database_id: UUID | None) -> str:
    """The name of the database a job works on; NotFound when it is no longer registered."""
    query = select(DatabaseRow.name).where(
        DatabaseRow.workspace_id == actor.workspace_id, DatabaseRow.id == database_id
    )
    async with box.store.begin(actor.workspace_id) as session:
        name = await session.scalar(query)
    if name is None:
        raise NotFound("The database of this job is no longer registered.")
    return name


async def rename(box: Toolbox, actor: Actor, name: str, new_name: str) -> Database:
    """Call a database `new_name`; what was learned of it stays. Invalid, Conflict or NotFound says why not."""
    may_change(actor, "rename databases")
    new_name = check_name(new_name.strip())
    try:
        async with box.store.begin(actor.workspace_id) as session:
            row = (await find(session, actor, name))[0]
            if row.name != new_name:
                await _check_free(session, actor, new_name)
            session.add(audit.noted(actor, "rename database", row.name, detail=new_name))
            row.name = new_name
    except IntegrityError:
        raise _taken(new_name) from None
    return await get(box, actor, new_name)


async def forget(box: Toolbox, actor: Actor, name: str, approved_by: UUID) -> Forgotten:
    """Remove a database with its training, notes and examples, and cancel its jobs; the source is not touched.

    `approved_by` is the member of the workspace who said yes; NotAllowed for anybody else.
    """
    may_change(actor, "forget databases")
    async with box.store.begin(actor.workspace_id) as session:
        if await session.get(Member, (actor.workspace_id, approved_by)) is None:
            raise NotAllowed("Forgetting a database needs the yes of a member of this workspace.")
        row = (await find(session, actor, name))[0]
        live = select(JobRow.id).where(JobRow.database_id == row.id, JobRow.state.in_(LIVE_STATES))
        running = tuple(await session.scalars(live))
    for job_id in running:
        await _cancel(box, actor, job_id)
    async with box.store.begin(actor.workspace_id) as session:
        gone = await _counted(session, row)
        await session.execute(delete(DatabaseRow).where(DatabaseRow.id == row.id))
        session.add(audit.noted(actor, "forget database", name, detail=gone.parts))
    await box.connectors.drop(row.id)
    return gone


async def consequence_of_forgetting(box: Toolbox, actor: Actor, name: str) -> str:
    """Say what forgetting a database would remove, how much, and what is not touched."""
    async with box.store.begin(actor.workspace_id) as session:
        gone = await _counted(session, (await find(session, actor, name))[0])
    return f"This removes {gone.parts}. The database itself is not touched; the history of its queries stays."


async def _counted(session: AsyncSession, row: DatabaseRow) -> Forgotten:
    tables = (
        await session.execute(
            select(func.count(), func.count(TableRow.trained_at)).where(TableRow.database_id == row.id)
        )
    ).one()
    notes = await session.scalar(select(func.count()).where(NoteRow.database_id == row.id))
    examples = await session.scalar(select(func.count()).where(ExampleRow.database_id == row.id))
    schedules = await session.scalar(select(func.count()).where(ScheduleRow.database_id == row.id))
    documents = await session.scalar(select(func.count()).where(DocumentRow.database_id == row.id))
    return Forgotten(
        name=row.name,
        tables=tables[0],
        trained=tables[1],
        notes=notes or 0,
        examples=examples or 0,
        schedules=schedules or 0,
        documents=documents or 0,
    )


async def _cancel(box: Toolbox, actor: Actor, job_id: int) -> None:
    try:
        await jobs.cancel(box, actor, job_id)
    except Conflict:
        return  # it ended by itself meanwhile


async def _check_free(session: AsyncSession, actor: Actor, name: str) -> None:
    taken = select(DatabaseRow.id).where(DatabaseRow.workspace_id == actor.workspace_id, DatabaseRow.name == name)
    if await session.scalar(taken) is not None:
        raise _taken(name)


def _taken(name: str) -> Conflict:
    return Conflict(f"A database named {name!r} is registered already; choose another name, or forget that one first.")


def _complete(address: Address) -> None:
    missing = [part for part in ("host", "username") if not getattr(address, part).strip()]
    if address.dialect == "postgres" and not address.database.strip():
        missing.append("database")
    if missing:
        raise Invalid(f"The address lacks: {', '.join(missing)}.")
    if not 0 < address.port < 65536:
        raise Invalid(f"Port {address.port} does not exist; it is a number from 1 to 65535.")
