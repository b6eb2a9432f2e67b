"""Syncs: rows of registered databases as documents that can be searched."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import jobs, sync
from tools.jobs import Job, State
from tools.sync import PlanChanges, SyncOptions, SyncPlan, SyncPreview, SyncState

router = APIRouter(tags=["syncs"], route_class=KeepingRoute)

LIVE: tuple[State, ...] = ("queued", "running", "cancelling")


class Sync(Body):
    """Which tables to sync, and how."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"example": {"tables": "orders, customers", "options": {"since": "18 months"}}},
    )

    tables: str = Field(default="*", max_length=5000)
    """Names or patterns parted by commas; `*` for all."""
    options: SyncOptions = SyncOptions()


@router.get("/syncs")
async def list_syncs(box: Box, person: Person, paging: Paged, active: bool = False) -> Page[Job]:
    """List syncs, newest first; with `active`, those that wait or run."""
    states = LIVE if active else None
    found = await jobs.list_jobs(
        box, person, kind="sync", states=states, limit=paging.limit + 1, before=paging.number()
    )
    return paging.cut(found, str(found[paging.limit - 1].id) if len(found) > paging.limit else None)


@router.get("/databases/{database}/syncs")
async def sync_states(box: Box, person: Person, database: str, paging: Paged) -> Page[SyncState]:
    """Tell how far the sync of each table is; tables never synced are not among them."""
    return paging.whole(await sync.states(box, person, database))


@router.post("/databases/{database}/syncs", status_code=202, dependencies=[Once])
async def start_sync(box: Box, person: Person, database: str, body: Sync) -> Job:
    """Start bringing tables up to date as documents; gives the job to follow."""
    return await sync.start_sync(box, person, database, body.tables, body.options)


@router.post("/databases/{database}/syncs/preview")
async def preview_sync(box: Box, person: Person, database: str, body: Sync) -> SyncPreview:
    """Tell what a sync would read, and do nothing."""
    return await sync.preview(box, person, database, body.tables, body.options)


@router.get("/databases/{database}/plans/{table:path}")
async def get_plan(box: Box, person: Person, database: str, table: str) -> SyncPlan:
    """Show how the rows of a table become documents."""
    return await sync.plan_of(box, person, database, table)


@router.patch("/databases/{database}/plans/{table:path}")
async def edit_plan(box: Box, person: Person, database: str, table: str, body: PlanChanges) -> SyncPlan:
    """Change how the rows of a table become documents; the next sync reads it in full."""
    return await sync.edit_plan(box, person, database, table, body)


@router.delete("/databases/{database}/plans/{table:path}")
async def reset_plan(box: Box, person: Person, database: str, table: str) -> SyncPlan:
    """Forget what people changed in a plan; gives the derived one."""
    return await sync.reset_plan(box, person, database, table)
