"""The plans of tables as people see and edit them."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from tools import schemas
from tools.errors import NotFound
from tools.rights import may_change
from tools.schemas import TrainedTable
from tools.store.models import SyncPlanRow
from tools.sync.plan import PlanChanges, SyncPlan, derive
from tools.toolbox import Actor, Toolbox


async def plan_of(box: Toolbox, actor: Actor, database: str, table: str) -> SyncPlan:
    """How the rows of a table become documents; NotFound names near tables."""
    found = await _known(box, actor, database, table)
    async with box.store.begin(actor.workspace_id) as session:
        changes = await read_changes(session, actor.workspace_id, found.database_id)
    mine = (changes.get(found.shape.qualified_name) or PlanChanges()).fitting(found.shape)
    return derive(found.shape, found.values, mine, box.settings.private_columns)


async def edit_plan(box: Toolbox, actor: Actor, database: str, table: str, changes: PlanChanges) -> SyncPlan:
    """Change how the rows of a table become documents, and give the new plan; the next sync reads it in full.

    Invalid names a change that does not fit the table; NotFound names near tables.
    """
    may_change(actor, "edit sync plans")
    found = await _known(box, actor, database, table)
    name = found.shape.qualified_name
    async with box.store.begin(actor.workspace_id) as session:
        before = (await read_changes(session, actor.workspace_id, found.database_id)).get(name) or PlanChanges()
        after = before.fitting(found.shape).merged(changes)
        plan = derive(found.shape, found.values, after, box.settings.private_columns)
        values = {"edits": after.model_dump(mode="json", exclude_unset=True), "edited_by": actor.user_id}
        place = {"workspace_id": actor.workspace_id, "database_id": found.database_id, "table_name": name}
        await session.execute(
            upsert(SyncPlanRow)
            .values(**place, **values)
            .on_conflict_do_update(
                index_elements=["database_id", "table_name"], set_={**values, "edited_at": func.now()}
            )
        )
    return plan


async def reset_plan(box: Toolbox, actor: Actor, database: str, table: str) -> SyncPlan:
    """Forget what people changed in a plan, and give the derived one."""
    may_change(actor, "edit sync plans")
    found = await _known(box, actor, database, table)
    async with box.store.begin(actor.workspace_id) as session:
        row = await session.get(SyncPlanRow, (found.database_id, found.shape.qualified_name))
        if row is not None:
            await session.delete(row)
    return derive(found.shape, found.values, None, box.settings.private_columns)


async def read_changes(session: AsyncSession, workspace: UUID, database: UUID) -> dict[str, PlanChanges]:
    """What people changed in the plans of a database's tables, by qualified name."""
    query = select(SyncPlanRow).where(SyncPlanRow.workspace_id == workspace, SyncPlanRow.database_id == database)
    return {row.table_name: PlanChanges.model_validate(row.edits) for row in await session.scalars(query)}


async def _known(box: Toolbox, actor: Actor, database: str, table: str) -> TrainedTable:
    """The table as it is known; one that is not may have been created since we last looked."""
    try:
        return await schemas.describe(box, actor, database, table)
    except NotFound:
        await schemas.refresh(box, actor, database)
        return await schemas.describe(box, actor, database, table)
