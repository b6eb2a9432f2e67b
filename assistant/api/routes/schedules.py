"""Schedules: syncs and trainings that start by themselves."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import databases, jobs, schemas, sync
from tools.connectors.base import Frozen
from tools.jobs import Job, Schedule, schedules
from tools.sync import SyncOptions, SyncPreview
from tools.upkeep import start_scheduled

router = APIRouter(prefix="/schedules", tags=["schedules"], route_class=KeepingRoute)

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


class NewSchedule(Body):
    """What to repeat, and when."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"example": {"database": "shop", "tables": "orders", "when": "every night at 2"}},
    )

    kind: Literal["sync", "train"] = "sync"
    database: str = Field(max_length=200)
    tables: str = Field(default="*", max_length=5000)
    options: SyncOptions = SyncOptions()
    """Of a sync."""
    when: str = Field(max_length=200)
    """In words, or as cron: `weekdays at 7:30`, `30 7 * * 1-5`."""
    timezone: str | None = Field(default=None, max_length=100)


class Times(Body):
    """Other times."""

    when: str = Field(max_length=200, examples=["mondays at noon"])
    timezone: str | None = Field(default=None, max_length=100)


class Scheduled(Frozen):
    """A schedule that was made, and what its first run would read."""

    schedule: Schedule
    when: str
    """In words: `every day at 02:00 Europe/Berlin`."""
    preview: SyncPreview | None
    """Of a sync."""


@router.get("")
async def list_schedules(
    box: Box, person: Person, paging: Paged, database: Annotated[str | None, Query(max_length=200)] = None
) -> Page[Schedule]:
    """List schedules, the next to come first, paused ones last."""
    about = (await databases.get(box, person, database)).id if database else None
    return paging.whole(await schedules.list_schedules(box, person, database_id=about))


@router.post("", status_code=201, dependencies=[Once])
async def schedule_work(box: Box, person: Person, body: NewSchedule) -> Scheduled:
    """Sync or train tables again and again."""
    what, when, zone = (box, person, body.database, body.tables), body.when, body.timezone
    if body.kind == "train":
        made, planned = await schemas.schedule_training(*what, when=when, timezone=zone), None
    else:
        made, planned = await sync.schedule_sync(*what, body.options, when=when, timezone=zone)
    return Scheduled(schedule=made, when=made.when, preview=planned)


@router.get("/{schedule}")
async def get_schedule(box: Box, person: Person, schedule: Number) -> Schedule:
    """Show a schedule as it stands now."""
    return await schedules.get(box, person, schedule)


@router.patch("/{schedule}")
async def change_schedule(box: Box, person: Person, schedule: Number, body: Times) -> Schedule:
    """Give a schedule other times."""
    return await schedules.change(box, person, schedule, body.when, body.timezone)


@router.post("/{schedule}/start", status_code=202, dependencies=[Once])
async def start_now(box: Box, person: Person, schedule: Number) -> Job:
    """Start a schedule's job beside its times."""
    return await jobs.start_now(box, person, schedule, start_scheduled)


@router.post("/{schedule}/pause")
async def pause(box: Box, person: Person, schedule: Number) -> Schedule:
    """Let a schedule rest; a job that runs goes on."""
    return await schedules.pause(box, person, schedule)


@router.post("/{schedule}/resume")
async def resume(box: Box, person: Person, schedule: Number) -> Schedule:
    """Let a paused schedule go on at its next time."""
    return await schedules.resume(box, person, schedule)


@router.delete("/{schedule}")
async def delete_schedule(box: Box, person: Person, schedule: Number) -> Schedule:
    """Delete a schedule; jobs it started, and what they brought, stay."""
    return await schedules.remove(box, person, schedule, approved_by=person.user_id)
