"""Signing in: short access tokens, and refresh tokens that are used once."""

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, SecretStr

from assistant import accounts
from assistant.accounts import Tokens
from assistant.accounts.throttle import admit_refresh
from assistant.address import client_address
from assistant.api.bodies import Body
from assistant.api.person import Box, Person
from tools.connectors.base import Frozen
from tools.toolbox import Role

router = APIRouter(prefix="/auth", tags=["auth"])


class Login(Body):
    """Who somebody says they are."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"name": "ada", "password": "correct horse battery"}}
    )

    name: str = Field(max_length=200)
    password: SecretStr = Field(max_length=1000)


class Refreshing(Body):
    """A refresh token."""

    refresh: SecretStr = Field(max_length=500)


class NewPassword(Body):
    """The password one has, and the one to have."""

    old: SecretStr = Field(max_length=1000)
    new: SecretStr = Field(max_length=1000)


class Me(Frozen):
    """Who is asking."""

    name: str
    role: Role
    """What they may do here; a key's scope may make it less than their own."""
    workspace_id: str


@router.post("/token")
async def sign_in(box: Box, body: Login, response: Response) -> Tokens:
    """Exchange name and password for tokens: access for minutes, refresh for weeks."""
    response.headers["Cache-Control"] = "no-store"
    person = await accounts.sign_in(box, body.name, body.password.get_secret_value(), client_address(), "rest")
    return await accounts.issue_tokens(box, person)


@router.post("/refresh")
async def refresh(box: Box, body: Refreshing, response: Response) -> Tokens:
    """Exchange a refresh token for new tokens; it is used up."""
    response.headers["Cache-Control"] = "no-store"
    await admit_refresh(box, client_address())
    return await accounts.refresh(box, body.refresh.get_secret_value())


@router.post("/revoke", status_code=204)
async def revoke(box: Box, body: Refreshing) -> None:
    """Sign out: end the session of a refresh token, its access tokens too."""
    await admit_refresh(box, client_address())
    await accounts.revoke(box, body.refresh.get_secret_value())


@router.put("/password", status_code=204)
async def change_password(box: Box, person: Person, body: NewPassword) -> None:
    """Change one's own password; every session ends, this one too."""
    await accounts.set_password(box, person, body.old.get_secret_value(), body.new.get_secret_value())


@router.get("/me")
async def me(person: Person) -> Me:
    """Tell who is asking."""
    return Me(name=person.user_name, role=person.role, workspace_id=str(person.workspace_id))
