"""Who is asking, and with what at hand: the two dependencies of every route."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from assistant.accounts import local_person
from tools.errors import NotSignedIn
from tools.toolbox import Actor, Toolbox

bearer = HTTPBearer(auto_error=False, description="An access token of `POST /auth/token`, or an API key.")
api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")


def toolbox(request: Request) -> Toolbox:
    """Give the open toolbox of this process."""
    box: Toolbox = request.app.state.box
    return box


Box = Annotated[Toolbox, Depends(toolbox)]


async def asking(
    box: Box,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    key: Annotated[str | None, Depends(api_key)],
) -> Actor:
    """Give the person whose token or key came along; in local mode, without either, the one person there is."""
    if token is None and key is None and box.settings.local:
        person = await local_person(box.store)
        return person.model_copy(update={"door": "rest"})
    raise NotSignedIn("Sign in first: send an access token or an API key as `Authorization: Bearer ...`.")


Person = Annotated[Actor, Depends(asking)]
