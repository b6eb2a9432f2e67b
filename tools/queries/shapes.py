"""The shapes of a database's tables, as the guard checks statements against them, and what a person may see of them."""

from sqlalchemy import select

from tools.connectors.base import Frozen, TableSchema
from tools.databases import Target
from tools.reach import Reach, held_policies, reach_of, read_policies
from tools.store.models import TableRow
from tools.toolbox import Actor, Toolbox


class Sight(Frozen):
    """What the guard needs to know of a database."""

    catalog: tuple[TableSchema, ...]
    """Every known table, those too that the person does not see."""
    reach: Reach


async def sight(box: Toolbox, actor: Actor, target: Target) -> Sight:
    """Give the shape of every known table and the policies, from memory while neither has changed.

    What is kept for a version may be newer than it, never older: whoever asks next sees the next version.
    """
    key, version = ("shapes", target.id), target.catalog_version
    policies = held_policies(box.memo, target.id, version)
    shapes: tuple[TableSchema, ...] | None = box.memo.get(key, version)
    if policies is None or shapes is None:
        async with box.store.begin(actor.workspace_id) as session:
            policies = await read_policies(box.memo, session, target.id, version)
            rows = await session.scalars(select(TableRow.snapshot).where(TableRow.database_id == target.id))
            shapes = tuple(TableSchema.model_validate(row) for row in rows)
        box.memo.put(key, version, shapes)
    return Sight.model_construct(catalog=shapes, reach=reach_of(policies, actor, target.name))
