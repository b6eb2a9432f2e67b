"""Who is asking, and with what at hand: the two dependencies of every route."""

from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from assistant.accounts.programs import actor_of_program, turn_back
from assistant.address import client_address
from tools.toolbox import Actor, Toolbox

bearer = HTTPBearer(auto_error=False, description="An access token of `POST /auth/token`, or an API key.")
api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")


async def toolbox(request: Request) -> Toolbox:
    """Give the open toolbox of this process."""
    # Async, though it waits for nothing: FastAPI would else send it through a thread for each request.
    box: Toolbox = request.app.state.box
    return box


Box = Annotated[Toolbox, Depends(toolbox)]


async def asking(
    request: Request,
    box: Box,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    key: Annotated[str | None, Depends(api_key)],
) -> Actor:
    """Give the person whose token or key came along; in local mode, without either, the one person there is."""
    person, room = await actor_of_program(box, token.credentials if token else key, client_address())
    if room is not None:
        request.state.room = room
    turn_back(room)
    structlog.contextvars.bind_contextvars(user_id=str(person.user_id))
    return person.model_copy(update={"door": "rest"})


Person = Annotated[Actor, Depends(asking)]
