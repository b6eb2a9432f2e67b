"""Who is asking, and with what at hand: the two dependencies of every route."""

from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from assistant.accounts import LOCAL_USER, actor_of_access, actor_of_key, find_person, local_person
from assistant.accounts.keys import PREFIX
from assistant.accounts.throttle import too_many
from assistant.address import client_address
from tools.errors import NotFound, NotSignedIn
from tools.toolbox import Actor, Toolbox

bearer = HTTPBearer(auto_error=False, description="An access token of `POST /auth/token`, or an API key.")
api_key = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")

REFUSED = "30/minute"
"""Tokens and keys that are not good, from one address: guessing must not pay."""


def toolbox(request: Request) -> Toolbox:
    """Give the open toolbox of this process."""
    box: Toolbox = request.app.state.box
    return box


Box = Annotated[Toolbox, Depends(toolbox)]


async def asking(
    request: Request,
    box: Box,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    key: Annotated[str | None, Depends(api_key)],
) -> Actor:
    """Give the person whose token or key came along; in local mode, without either, the one person there is.

    NotSignedIn without a good one; TooMany when they, or bad ones from their address, come too often.
    """
    credential = token.credentials if token else key
    person = await (_known(box, credential) if credential else _local(box))
    if credential:  # whoever sits before this machine need not be held back
        limit = f"{box.settings.requests_per_minute}/minute"
        request.state.room = room = await box.limiter.take(limit, "rest", str(person.user_id))
        if not room.free:
            raise too_many("requests", room.seconds)
    structlog.contextvars.bind_contextvars(user_id=str(person.user_id))
    return person.model_copy(update={"door": "rest", "address": client_address()})


async def _local(box: Toolbox) -> Actor:
    if not box.settings.local:
        raise NotSignedIn("Sign in first: send an access token or an API key as `Authorization: Bearer ...`.")
    try:
        return await find_person(box.store, LOCAL_USER)
    except NotFound:  # the very first request
        return await local_person(box.store)


async def _known(box: Toolbox, credential: str) -> Actor:
    refused = await box.limiter.look(REFUSED, "rest-refused", client_address())
    if not refused.free:
        raise too_many("wrong tokens or keys", refused.seconds)
    try:
        return await (actor_of_key if credential.startswith(PREFIX) else actor_of_access)(box, credential)
    except NotSignedIn:
        await box.limiter.take(REFUSED, "rest-refused", client_address())
        raise


Person = Annotated[Actor, Depends(asking)]
