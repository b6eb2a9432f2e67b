"""What a page that shows the chat asks for: the script, how it looks, a session for its user; and a page to try it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Annotated

import jwt
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant import accounts
from assistant.embed import guests
from assistant.embed.keys import Look, WidgetKey, create_key, list_keys
from assistant.embed.words import WORDS
from tools import databases
from tools.errors import AssistantError, Invalid, NotAllowed, NotFound
from tools.store.models import WidgetKeyRow
from tools.toolbox import Actor, Toolbox

LONGEST_BODY = 16_000
FOR_OTHER_PAGES = ("/embed/config", "/embed/token")
"""Paths that pages of other origins may use; each checks the origin against the key."""

router = APIRouter(prefix="/embed", include_in_schema=False)

Key = Annotated[str, Query(max_length=100)]
Origin = Annotated[str, Header(max_length=300)]


class Asking(BaseModel):
    """What the script sends for its user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str = Field(default="", max_length=8000)
    """Signed by the page's server."""
    before: str = Field(default="", max_length=2000)
    """The session of a visitor without a token."""


def toolbox(request: Request) -> Toolbox:
    """Give the open toolbox of this process."""
    box: Toolbox = request.app.state.box
    return box


Box = Annotated[Toolbox, Depends(toolbox)]


@router.get("/widget.js")
async def script() -> Response:
    """Give the script; what differs from key to key it asks for itself."""
    return _file("widget.js", "text/javascript")


@router.get("/frame.js")
async def frame_script() -> Response:
    """Give the script that runs in the frame before the chat does."""
    return _file("frame.js", "text/javascript")


@router.get("/frame.css")
async def frame_style() -> Response:
    """Give what makes the chat fit into a frame."""
    return _file("frame.css", "text/css")


@router.options("/config")
@router.options("/token")
async def preflight(box: Box, key: Key, origin: Origin) -> Response:
    """Tell a browser that a page may ask, when it may."""
    await _allowed(box, key, origin)
    asked = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
    return Response(
        status_code=204, headers={**_open_to(origin), **asked, "Access-Control-Allow-Private-Network": "true"}
    )


@router.post("/config")
async def config(box: Box, key: Key, origin: Origin) -> Response:
    """Tell a page how the chat looks there, and whether it has to say who its user is."""
    found = await _allowed(box, key, origin)
    look = found.look.model_dump(exclude={"hide_sql"})
    body = {**look, "anonymous": found.anonymous_daily > 0, "words": WORDS[found.look.language]}
    return JSONResponse(body, headers=_open_to(origin))


@router.post("/token")
async def token(box: Box, request: Request, key: Key, origin: Origin) -> Response:
    """Exchange what the page's server signed for a session of the frame."""
    await _allowed(box, key, origin)
    body = await _asking(request)
    address = request.client.host if request.client else ""
    try:
        session = await guests.admit(box, key, origin, token=body.token, before=body.before, address=address)
    except AssistantError as error:  # the page may read why its user is not let in
        told = {"title": error.title, "detail": str(error)}
        return JSONResponse(told, error.status, headers=_open_to(origin))
    return JSONResponse(session.model_dump(), headers=_open_to(origin))


async def _asking(request: Request) -> Asking:
    """Read what the script sent, and no more than it would send."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise Invalid(f"The request is too long; {LONGEST_BODY:,} bytes are read.")
    try:
        return Asking.model_validate_json(body)
    except ValidationError:
        raise Invalid("The request cannot be read; it holds `token` or `before`, each a text.") from None


async def _allowed(box: Toolbox, key: str, origin: str) -> WidgetKey:
    found = await guests.find_by_public_id(box, key)
    if not found.allows(origin):
        raise NotAllowed(f"The widget key is not for pages of {origin!r}.")
    return found


def _open_to(origin: str) -> Mapping[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Cache-Control": "no-store"}


def _file(name: str, media_type: str) -> Response:
    body = files("assistant.embed").joinpath("public", name).read_text(encoding="utf-8")
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-cache"})


# The page to try it, where nobody else can come


@router.get("/demo")
async def demo(box: Box, request: Request) -> HTMLResponse:
    """Show a small shop whose team has the chat at hand."""
    key = await _demo_key(box, request)
    page = files("assistant.embed").joinpath("public", "demo.html").read_text(encoding="utf-8")
    return HTMLResponse(page.replace("{key}", key.key))


@router.get("/demo/token")
async def demo_token(box: Box, request: Request) -> PlainTextResponse:
    """Sign who the demo page's user is, as the server of a real page does."""
    key = await _demo_key(box, request)
    async with box.store.begin(key.workspace_id) as session:
        row = await session.get_one(WidgetKeyRow, key.id)
    secret = box.secrets.open(row.secret, row.workspace_id, row.id)
    claims = {"aud": key.key, "sub": "mia", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return PlainTextResponse(jwt.encode(claims, secret, algorithm=guests.ALGORITHM))


async def _demo_key(box: Toolbox, request: Request) -> WidgetKey:
    if not box.settings.local:
        raise NotFound("The demo page is there in local mode only.")
    person = await accounts.local_person(box.store)
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}".lower()
    name = f"Demo page at {origin}"
    held = next((one for one in await list_keys(box, person) if one.name == name), None)
    return held or await _make_demo_key(box, person, name, origin)


async def _make_demo_key(box: Toolbox, person: Actor, name: str, origin: str) -> WidgetKey:
    registered = [one.name for one in await databases.list_databases(box, person)]
    if not registered:
        raise NotFound("No database is registered yet; register one, then load this page again.")
    shown = "shop" if "shop" in registered else registered[0]
    look = Look(title="Ask the shop", accent="#7a4a1e")
    return (await create_key(box, person, name, [origin], [shown], look=look)).about
