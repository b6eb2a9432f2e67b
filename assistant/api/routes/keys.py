"""API keys: what a program comes in with."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from assistant import accounts
from assistant.accounts import ApiKey, NewKey
from assistant.accounts.keys import Scope
from assistant.api.bodies import Body
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person

router = APIRouter(prefix="/keys", tags=["keys"])


class KeyWanted(Body):
    """A key to make."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"name": "nightly report", "scope": "read"}}
    )

    name: str = Field(max_length=200)
    scope: Scope = "read"
    days: int | None = Field(default=365, ge=1, le=3650, strict=True)
    """How long it is good; null until it is revoked."""


@router.get("")
async def list_keys(box: Box, person: Person, paging: Paged) -> Page[ApiKey]:
    """List the keys of the workspace, those that are over too; the keys themselves are not kept."""
    return paging.whole(await accounts.list_keys(box, person))


@router.post("", status_code=201)
async def create_key(box: Box, person: Person, body: KeyWanted, response: Response) -> NewKey:
    """Make a key that acts as its maker; it is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    return await accounts.create_key(box, person, body.name, body.scope, body.days)


@router.delete("/{key}")
async def revoke_key(box: Box, person: Person, key: UUID) -> ApiKey:
    """End a key at once."""
    return await accounts.revoke_key(box, person, key)
