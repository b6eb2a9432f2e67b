"""Policies: which rows, columns and tables of a database each role sees."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field, StrictBool

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import policies
from tools.policies import Kept
from tools.reach import Mask
from tools.toolbox import Role

router = APIRouter(prefix="/policies", tags=["policies"], route_class=KeepingRoute)


class NewPolicy(Body):
    """What a table shows to whom."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "example": {"database": "shop", "table": "orders", "predicate": "region = {user.region}", "role": "viewer"}
        },
    )

    database: str = Field(max_length=200)
    table: str = Field(max_length=500)
    """`*` for all tables that have none of their own."""
    predicate: str = Field(default="", max_length=5000)
    """Which rows are seen: a condition in the database's SQL; attributes of a person as {user.name}."""
    masked: dict[str, Mask] = Field(default_factory=dict, max_length=200)
    """Column -> what is shown in place of its values: nothing, ***, a pseudonym, its last four, the year of a date."""
    hidden: StrictBool = False
    """Nothing of the table is seen."""
    role: Role | None = None
    """Whom it holds for; null for everybody."""


@router.get("")
async def list_policies(
    box: Box, person: Person, paging: Paged, database: Annotated[str | None, Query(max_length=200)] = None
) -> Page[Kept]:
    """List the policies of one database or of all."""
    return paging.whole(await policies.list_policies(box, person, database))


@router.post("", status_code=201, dependencies=[Once])
async def add_policy(box: Box, person: Person, body: NewPolicy) -> Kept:
    """Keep a policy; it holds from the next query on."""
    parts = body.model_dump(exclude={"database", "table"})
    return await policies.add_policy(box, person, body.database, body.table, **parts)


@router.delete("/{policy}")
async def remove_policy(box: Box, person: Person, policy: UUID) -> Kept:
    """Lift a policy; gives what it was."""
    return await policies.remove_policy(box, person, policy)
