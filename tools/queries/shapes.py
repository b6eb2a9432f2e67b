"""The shapes of a database's tables, against which the guard resolves names."""

from uuid import UUID

from sqlalchemy import select

from tools.connectors.base import TableSchema
from tools.store.models import DatabaseRow, TableRow
from tools.toolbox import Actor, Toolbox


async def shapes(box: Toolbox, actor: Actor, database_id: UUID) -> tuple[TableSchema, ...]:
    """Give the shape of every known table, from memory while the catalogue has not changed."""
    key = ("shapes", database_id)
    async with box.store.begin(actor.workspace_id) as session:
        version = await session.scalar(select(DatabaseRow.catalog_version).where(DatabaseRow.id == database_id))
        held: tuple[TableSchema, ...] | None = box.memo.get(key, version or 0)
        if held is not None:
            return held
        rows = await session.scalars(select(TableRow.snapshot).where(TableRow.database_id == database_id))
        fresh = tuple(TableSchema.model_validate(row) for row in rows)
    box.memo.put(key, version or 0, fresh)
    return fresh
