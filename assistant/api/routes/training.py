"""What training learned of tables: start it, see how fresh it is, forget it."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field, StrictBool

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.person import Box, Person
from tools import schemas
from tools.jobs import Job
from tools.schemas import TrainingStatus, Untrained

router = APIRouter(prefix="/databases/{database}/training", tags=["training"], route_class=KeepingRoute)


class Training(Body):
    """Which tables to train."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"example": {"tables": "orders, stock_*"}})

    tables: str = Field(default="*", max_length=5000)
    """Names or patterns parted by commas; `*` for all."""
    force: StrictBool = False
    """Train again what has not changed."""


@router.get("")
async def training_status(box: Box, person: Person, database: str) -> TrainingStatus:
    """Tell which tables are trained and how fresh that is."""
    return (await schemas.status(box, person, database))[0]


@router.post("", status_code=202, dependencies=[Once])
async def train(box: Box, person: Person, database: str, body: Training) -> Job:
    """Start training tables; gives the job to follow."""
    return await schemas.start_training(box, person, database, body.tables, force=body.force)


@router.delete("")
async def untrain(
    box: Box,
    person: Person,
    database: str,
    tables: Annotated[str, Query(max_length=5000, description="Names or patterns parted by commas; `*` for all.")],
) -> Untrained:
    """Forget what was learned of tables: values, samples and vectors; the database itself is not touched."""
    return await schemas.untrain(box, person, database, tables, approved_by=person.user_id)
