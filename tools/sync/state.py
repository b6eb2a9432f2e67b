"""How far the sync of each table is: what a run builds on, and what people are told of the last one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from tools import databases
from tools.connectors.base import Frozen, TableSchema
from tools.store.models import SyncStateRow
from tools.sync.load import Counts, counts_of
from tools.toolbox import Actor, Toolbox


class Resume(Frozen):
    """Where a run that was cut off goes on."""

    job: int
    key: str = ""
    """Of the last document committed; empty where rows come in no order that could be gone on with."""
    chunk: int = 0
    """Chunks committed so far."""
    counts: dict[str, int] = Field(default_factory=dict)
    full: bool = True
    watermark: str | None = None
    """Taken before the first row was read: what the run leaves behind once it is done."""
    done: bool = False
    """This table is finished; the job's other tables may not be."""
    told: str = ""
    """What was said of it when it was finished."""


class SyncState(Frozen):
    """What is known of the sync of one table."""

    table: str
    mode: str | None = None
    watermark: str | None = None
    shape: TableSchema | None = None
    plan: str | None = None
    resume: Resume | None = None
    counts: dict[str, Any] = Field(default_factory=dict)
    job_id: int | None = None
    synced_at: datetime | None = None
    error: str | None = None

    def __str__(self) -> str:
        """`public.orders: last synced 12 minutes ago (incremental, 214 changed)`."""
        if self.synced_at is None:
            return f"{self.table}: never synced" + (f"; the last try failed: {self.error}" if self.error else "")
        counts = counts_of(self.counts)
        parts = [f"{number:,} {name}" for name, number in counts.as_dict().items() if number and name in _TOLD]
        told = f"{self.mode}, {', '.join(parts) or 'nothing changed'}"
        said = f"{self.table}: last synced {_ago(self.synced_at)} ({told})"
        return said + (f"; the last try failed: {self.error}" if self.error else "")


_TOLD = ("new", "changed", "deleted", "rejected")


async def states(box: Toolbox, actor: Actor, database: str) -> tuple[SyncState, ...]:
    """How far the sync of each table of a database is, by name; tables never synced are not among them."""
    found = await databases.get(box, actor, database)
    async with box.store.begin(actor.workspace_id) as session:
        return tuple((await read_states(session, actor.workspace_id, found.id)).values())


async def summaries(box: Toolbox, actor: Actor) -> dict[UUID, str]:
    """When each database of the workspace was last synced: `12 minutes ago (incremental, 214 changed)`."""
    query = select(SyncStateRow).where(SyncStateRow.workspace_id == actor.workspace_id)
    found: dict[UUID, list[SyncState]] = {}
    async with box.store.begin(actor.workspace_id) as session:
        for row in await session.scalars(query.order_by(SyncStateRow.database_id, SyncStateRow.table_name)):
            found.setdefault(row.database_id, []).append(_state(row))
    return {database: _short(summary(tuple(tables))) for database, tables in found.items()}


def _short(said: str) -> str:
    return said.removeprefix("Last synced ").rstrip(".").replace("Never synced", "never")


def summary(found: tuple[SyncState, ...]) -> str:
    """One line for a whole database: `Last synced 12 minutes ago (incremental, 214 changed)`."""
    done = [state for state in found if state.synced_at is not None]
    if not done:
        return "Never synced."
    last = max(state.synced_at for state in done if state.synced_at)
    latest = [state for state in done if state.job_id == next(s.job_id for s in done if s.synced_at == last)]
    counts = sum((counts_of(state.counts) for state in latest), Counts())
    parts = [f"{number:,} {name}" for name, number in counts.as_dict().items() if number and name in _TOLD]
    modes = {state.mode for state in latest}
    mode = "full and incremental" if len(modes) > 1 else next(iter(modes)) or "full"
    return f"Last synced {_ago(last)} ({mode}, {', '.join(parts) or 'nothing changed'})."


async def read_states(session: AsyncSession, workspace: UUID, database: UUID) -> dict[str, SyncState]:
    """The states of a database's tables, by qualified name."""
    query = (
        select(SyncStateRow)
        .where(SyncStateRow.workspace_id == workspace, SyncStateRow.database_id == database)
        .order_by(SyncStateRow.table_name)
        .execution_options(populate_existing=True)
    )
    return {row.table_name: _state(row) for row in await session.scalars(query)}


async def write_state(session: AsyncSession, workspace: UUID, database: UUID, table: str, **values: Any) -> None:
    """Write some columns of a table's state, making its row where there is none."""
    place = {"workspace_id": workspace, "database_id": database, "table_name": table}
    await session.execute(
        upsert(SyncStateRow)
        .values(**place, **values)
        .on_conflict_do_update(index_elements=["database_id", "table_name"], set_=values)
    )


def finished(state: Resume, mode: str, shape: TableSchema, plan: str) -> dict[str, Any]:
    """The columns of a run that ended well."""
    return {
        "mode": mode,
        "watermark": state.watermark,
        "shape": shape.model_dump(mode="json"),
        "plan": plan,
        "resume": state.model_dump(mode="json"),
        "counts": state.counts,
        "job_id": state.job,
        "synced_at": func.now(),
        "error": None,
    }


def _state(row: SyncStateRow) -> SyncState:
    return SyncState(
        table=row.table_name,
        mode=row.mode,
        watermark=row.watermark,
        shape=TableSchema.model_validate(row.shape) if row.shape else None,
        plan=row.plan,
        resume=Resume.model_validate(row.resume) if row.resume else None,
        counts=row.counts or {},
        job_id=row.job_id,
        synced_at=row.synced_at,
        error=row.error,
    )


def _ago(moment: datetime) -> str:
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return "just now"
