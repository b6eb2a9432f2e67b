"""Rows that could not become documents, as people look at them."""

from datetime import datetime

from sqlalchemy import select

from tools import databases
from tools.connectors.base import Frozen
from tools.store.models import SyncRejectRow
from tools.toolbox import Actor, Toolbox


class Reject(Frozen):
    """A source row that was kept aside."""

    table: str
    key: str
    reason: str
    raw: str
    """The line it was read as, cut."""
    job_id: int | None
    at: datetime

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.reason}"


async def rejects(
    box: Toolbox, actor: Actor, database: str, table: str | None = None, limit: int = 100
) -> tuple[Reject, ...]:
    """The rows of a database (or of one table, by qualified name) that the last syncs kept aside, oldest first."""
    found = await databases.get(box, actor, database)
    query = select(SyncRejectRow).where(
        SyncRejectRow.workspace_id == actor.workspace_id, SyncRejectRow.database_id == found.id
    )
    if table is not None:
        query = query.where(SyncRejectRow.table_name == table)
    async with box.store.begin(actor.workspace_id) as session:
        rows = await session.scalars(query.order_by(SyncRejectRow.id).limit(limit))
        return tuple(
            Reject(
                table=row.table_name, key=row.source_key, reason=row.reason, raw=row.raw, job_id=row.job_id, at=row.at
            )
            for row in rows
        )
