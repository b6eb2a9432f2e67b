"""The door of the login page: how long to wait after too many tries, and which sessions are over."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import OAuth2PasswordRequestForm

from assistant import accounts
from assistant.accounts import throttle
from assistant.address import client_address
from assistant.chat.runtime import wait_key
from tools.jobs.patience import patiently
from tools.store.session import Store
from tools.toolbox import Toolbox

STAMP = "stamp"
"""The part of a session's cookie that a new password makes void."""


def end_stale_sessions(store_of: Callable[[], Store]) -> None:
    """Have Chainlit refuse a session that began before its person got another password; its own last for days."""
    from chainlit import auth
    from chainlit.auth.jwt import decode_jwt

    shipped = auth.authenticate_user

    async def authenticated(token: str) -> Any:
        user = await shipped(token)
        session = decode_jwt(token)
        stamp = session.metadata.get(STAMP)
        if stamp is None:
            return user
        # A store that restarts ends nobody's session: the page would go to the login, and lose what was typed.
        if stamp != await patiently(lambda: accounts.stamp(store_of(), session.identifier)):
            raise HTTPException(401, "This session has ended; sign in again.")
        return user

    auth.authenticate_user = authenticated  # type: ignore[assignment]  # called with the token, never by FastAPI


def logins() -> APIRouter:
    """The route that the login page posts to: Chainlit's own swallows why a person was refused."""
    from chainlit import server  # reads the environment when it is imported

    router = APIRouter()

    @router.post("/login")
    async def login(request: Request, response: Response, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Any:
        box: Toolbox = request.app.state.box
        seconds = await throttle.wait(box, form.username, client_address())
        if seconds:
            answer = {"title": "Too many requests", "detail": wait_key(math.ceil(seconds))}
            return JSONResponse(answer, status_code=429, headers={"Retry-After": str(seconds)})
        return await server.login(request, response, form)

    return router
