"""Workspaces: what a team shares."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from assistant import accounts
from assistant.accounts import Holdings, Team
from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools.errors import Conflict

router = APIRouter(prefix="/workspaces", tags=["workspaces"], route_class=KeepingRoute)


class Named(Body):
    """A workspace by its name."""

    name: str = Field(max_length=200, examples=["sales"])


@router.get("")
async def list_workspaces(box: Box, person: Person, paging: Paged) -> Page[Team]:
    """List the workspaces one belongs to, by name."""
    return paging.whole(await accounts.list_workspaces(box, person))


@router.post("", status_code=201, dependencies=[Once])
async def create_workspace(box: Box, person: Person, body: Named) -> Team:
    """Make a workspace, with oneself as its admin."""
    return await accounts.create_workspace(box, person, body.name)


@router.get("/chosen")
async def get_workspace(box: Box, person: Person) -> Holdings:
    """Count what the workspace in hand holds, for its admins: what would go with it."""
    return await accounts.holdings(box, person)


@router.delete("/chosen")
async def remove_workspace(
    box: Box,
    person: Person,
    approved: Annotated[str, Query(max_length=200, description="Its name, once what goes was read and approved.")] = "",
) -> Holdings:
    """Remove the workspace in hand with all it holds; not approved, it answers what would go, and nothing is done."""
    what = await accounts.holdings(box, person)
    if approved != what.name:
        raise Conflict(f"{what} Send it again with its name as `approved` to do so.")
    return await accounts.remove_workspace(box, person, what.name, approved_by=person.user_id)


@router.put("/chosen")
async def choose_workspace(box: Box, person: Person, body: Named) -> Team:
    """Work in another workspace from the next sign-in on; tokens and keys stay where they were made."""
    there = await accounts.choose_workspace(box, person, body.name)
    return next(team for team in await accounts.list_workspaces(box, there) if team.name == body.name)
