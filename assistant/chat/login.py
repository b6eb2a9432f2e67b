"""The door of the login page: who has tried too often is told how long to wait, before a password is looked at."""

import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import OAuth2PasswordRequestForm

from assistant.accounts import throttle
from assistant.address import client_address
from assistant.chat.runtime import wait_key
from tools.toolbox import Toolbox


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
