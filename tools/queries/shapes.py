"""The shapes of a database's tables, as the guard checks statements against them, and what a person may see of them."""

from uuid import UUID

from sqlalchemy import select

from tools.connectors.base import Frozen, TableSchema
from tools.reach import Reach, reach_of, read_policies
from tools.store.models import DatabaseRow, TableRow
from tools.toolbox import Actor, Toolbox


class Sight(Frozen):
    """What the guard needs to know of a database."""

    catalog: tuple[TableSchema, ...]
    """Every known table, those too that the person does not see."""
    reach: Reach


async def sight(box: Toolbox, actor: Actor, database_id: UUID) -> Sight:
    """Give the shape of every known table and the policies, from memory while neither has changed."""
    key = ("shapes", database_id)
    about = select(DatabaseRow.name, DatabaseRow.catalog_version).where(DatabaseRow.id == database_id)
    async with box.store.begin(actor.workspace_id) as session:
        name, version = (await session.execute(about)).one_or_none() or ("", 0)
        reach = reach_of(await read_policies(box.memo, session, database_id, version), actor, name)
        held: tuple[TableSchema, ...] | None = box.memo.get(key, version)
        if held is None:
            rows = await session.scalars(select(TableRow.snapshot).where(TableRow.database_id == database_id))
            held = tuple(TableSchema.model_validate(row) for row in rows)
            box.memo.put(key, version, held)
    return Sight(catalog=held, reach=reach)
