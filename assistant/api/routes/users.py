"""The members of the workspace in hand, and what each may do."""

from fastapi import APIRouter
from pydantic import ConfigDict, Field, SecretStr

from assistant import accounts
from assistant.accounts import Person as Member
from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools.errors import Invalid
from tools.toolbox import Role

router = APIRouter(prefix="/users", tags=["users"], route_class=KeepingRoute)


class NewMember(Body):
    """Somebody to add: a new person with a password, or one there is already without."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"example": {"name": "ada", "password": "correct horse battery", "role": "editor"}},
    )

    name: str = Field(max_length=200)
    password: SecretStr | None = Field(default=None, max_length=1000)
    role: Role = "viewer"
    attributes: dict[str, str] = Field(default_factory=dict, max_length=50)
    """What row policies ask of them: `region` -> `north`."""


class Change(Body):
    """What to change of a member."""

    role: Role | None = None
    attributes: dict[str, str] | None = Field(default=None, max_length=50)
    """Those that are not named are gone."""


@router.get("")
async def list_users(box: Box, person: Person, paging: Paged) -> Page[Member]:
    """List the members of the workspace by name."""
    return paging.whole(await accounts.list_users(box, person))


@router.post("", status_code=201, dependencies=[Once])
async def add_user(box: Box, person: Person, body: NewMember) -> Member:
    """Add a member."""
    password = body.password.get_secret_value() if body.password else None
    return await accounts.add_user(box, person, body.name, password, body.role, body.attributes)


@router.patch("/{name}")
async def change_user(box: Box, person: Person, name: str, body: Change) -> Member:
    """Change what a member may do, or what row policies ask of them."""
    if body.role is None and body.attributes is None:
        raise Invalid("Give a `role` or `attributes` to change.")
    if body.role is not None:
        changed = await accounts.set_role(box, person, name, body.role)
    if body.attributes is not None:
        changed = await accounts.set_attributes(box, person, name, body.attributes)
    return changed


@router.delete("/{name}", status_code=204)
async def remove_user(box: Box, person: Person, name: str) -> None:
    """Take a member out of the workspace; what they made stays."""
    await accounts.remove_member(box, person, name)
