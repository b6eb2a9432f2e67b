"""What test_two_workspaces asks of tools and of the API, asked of the web process's other doors: MCP, page, widget.

The web process is served as ever. Ann's shop sings to nobody else: not to Bob of another workspace, not to a guest of
her own pages, not to who did not sign in; and one guest hears nothing of another.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from mcp.shared.exceptions import McpError
from pydantic import AnyUrl, SecretStr

from tests.assistant.chat.conftest import ROOT, free_port, start, wait_until_healthy  # isort: skip
from assistant import accounts, conversation, embed
from assistant.chat.cards import StoredCard
from assistant.chat.history import ChatHistory
from assistant.embed import guests
from tests.assistant.aviary import CANARY, Owned, aviary, filled
from tests.assistant.embed.test_keys import PORTAL
from tests.assistant.test_mcp import connected, key_of, text
from tests.assistant.test_two_workspaces import ANYBODYS, TOOLS, stands
from tools import queries
from tools.credentials import secret_key
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Kept(Owned):
    """What Ann and her guest Mia have beside, by the names of the chat's routes."""

    thread: str = ""
    session: str = ""
    """Of Ann's open page."""
    widget: str = ""
    secret: str = ""
    guests_thread: str = ""
    guests_query: str = ""
    kind: str = "csv"


# MCP


async def test_no_tool_and_no_resource_of_mcp_reaches_another_workspace(
    toolbox: Toolbox, actor: Actor, stranger: Actor
) -> None:
    calls = {**TOOLS, "ask": {"question": f"how many parrots are called {CANARY[:6]}?", "database": "{database}"}}
    async with aviary(toolbox, actor) as owned, connected(toolbox, await key_of(toolbox, stranger, "admin")) as bob:
        before = await stands(toolbox, actor, owned)
        offered = {tool.name for tool in (await bob.list_tools()).tools}
        assert offered <= set(calls), "a tool is offered that this walk does not call"
        assert set(calls) - offered == {"register_database", "ask_back", *NEEDS_A_PERSON}
        for tool in sorted(offered):
            answer = await bob.call_tool(tool, filled(calls[tool], owned))
            named = bool(calls[tool]) and tool not in {*ANYBODYS, "query_history"}
            assert answer.isError or not named, f"{tool}: {text(answer)}"
            assert not answer.isError or text(answer).startswith("Not found:"), f"{tool}: {text(answer)}"
            assert not sings(text(answer) + json.dumps(answer.structuredContent)), f"{tool}: {text(answer)}"
        assert (await bob.list_resources()).resources == []
        for resource in (f"{owned.database}/examples", f"{owned.database}/tables/public.parrots"):
            with pytest.raises(McpError, match="Not found: No database"):
                await bob.read_resource(AnyUrl(f"tabletalk://databases/{resource}"))
        assert await stands(toolbox, actor, owned) == before


NEEDS_A_PERSON = {"delete_schedule", "forget_database", "untrain_tables"}
"""Tools that wait for a person's word."""


# The page, its socket, and the widget


@dataclass(frozen=True)
class Web:
    """The web process as it is served, where people log in."""

    url: str
    settings: Settings


@pytest.fixture(scope="module")
def web(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("every-door")
    key = SecretStr(secret_key(settings))
    guarded = settings.model_copy(update={"login": "password", "secret_key": key, "port": free_port(), "home": folder})
    process = start(guarded.environment(), "assistant.web", folder / "web.log")
    url = f"http://localhost:{guarded.port}"
    try:
        wait_until_healthy(url, process, folder / "web.log")
        yield Web(url, guarded)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture
async def kept(web: Web, toolbox: Toolbox, actor: Actor) -> AsyncIterator[Kept]:
    """Ann's shop, with a conversation in an open page, and a widget in which Mia has asked."""
    async with aviary(toolbox, actor) as owned, signed_in(web, toolbox, actor) as ann:
        thread, session = await talked(toolbox, actor, owned.query_id), str(uuid4())
        key = await embed.create_key(toolbox, actor, f"Portal {uuid4().hex[:6]}", [PORTAL], [owned.database])
        mia = (await guest_of(toolbox, key, "mia")).model_copy(update={"conversation_id": uuid4().hex})
        async for _ in conversation.run(toolbox, mia, f"how many parrots are called {CANARY}?"):
            pass
        asked = await queries.run(toolbox, mia, owned.database, "SELECT name FROM parrots", question=CANARY)
        opened = await greeted(ann, threadId=thread, sessionId=session)
        assert opened.startswith("40")
        yield Kept(
            **asdict(owned),
            thread=thread,
            session=session,
            widget=key.about.key,
            secret=key.secret,
            guests_thread=await talked(toolbox, mia, str(asked.id)),
            guests_query=str(asked.id),
        )


async def talked(box: Toolbox, person: Actor, query_id: str) -> str:
    """The id of a conversation as the page keeps it, with a result in it."""
    thread, step = str(uuid4()), str(uuid4())
    said: Any = {"id": step, "threadId": thread, "type": "assistant_message", "output": CANARY, "createdAt": "2026"}
    card = StoredCard(id=str(uuid4()), step_id=step, thread_id=thread, data={"type": "result", "query_id": query_id})
    await ChatHistory(box).append(person, said, [card])
    return thread


async def guest_of(box: Toolbox, key: embed.NewWidgetKey, name: str) -> Actor:
    admitted = await embed.admit(box, key.about.key, PORTAL, token=signed(key.about.key, key.secret, name))
    return (await guests.guest_of_session(box, admitted.session)).actor


def signed(key: str, secret: str, name: str) -> str:
    return jwt.encode({"aud": key, "sub": name, "exp": datetime.now(UTC) + timedelta(minutes=5)}, secret, "HS256")


def browser(web: Web, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=web.url, headers=headers, timeout=60)


@asynccontextmanager
async def signed_in(web: Web, box: Toolbox, person: Actor) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of somebody who has signed in."""
    await accounts.reset_password(box.store, person.user_name, PASSWORD)
    async with browser(web) as opened:
        answer = await opened.post("/login", data={"username": person.user_name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield opened


HERE, GONE = {200}, {404}
QUERY = {"id": "{query_id}", "kind": "csv"}
THREAD = {"threadId": "{thread}"}
PRESSED = {
    "action": {"id": "x", "name": "query_card", "payload": {"query_id": "{query_id}", "do": "rerun"}, "forId": None},
    "sessionId": "{session}",
}
LISTED = {"pagination": {"first": 50, "cursor": None}, "filter": {"search": CANARY}}
FORM = {"username": "{name}", "password": "no password of anybody"}

ROUTES: dict[str, tuple[set[int], Any]] = {
    # What anybody may ask
    "GET /healthz": (HERE, None),
    "GET /readyz": (HERE, None),
    "GET /metrics": (HERE, None),
    "GET /docs": ({307}, None),
    "GET /openapi.json": ({307}, None),
    "HEAD /": (HERE, None),
    "GET /auth/config": (HERE, None),
    "GET /project/translations": (HERE, None),
    "GET /favicon": (HERE, None),
    "GET /logo": (HERE, None),
    "GET /avatars/x": (HERE, None),
    "GET /public/tabletalk.css": (HERE, None),
    "GET /assets/nothing.js": (GONE, None),
    "GET /thread/{thread}": (HERE, None),  # the page itself; what it shows it asks for
    "POST /logout": (HERE, None),
    "POST /set-session-cookie": (HERE, {"session_id": "{session}"}),
    # What names somebody's
    "POST /login": ({401}, FORM),
    "POST /auth/header": ({400}, None),
    "GET /auth/oauth/x": ({400}, None),
    "GET /auth/oauth/x/callback": ({400}, None),
    "GET /user": (HERE, None),
    "GET /project/settings": (HERE, None),
    "GET /files/queries/{query_id}.csv": (GONE, None),
    "POST /project/threads": (HERE, LISTED),
    "GET /project/thread/{thread}": (GONE, None),
    "GET /project/thread/{thread}/element/x": (GONE, None),
    "PUT /project/thread": (GONE, {**THREAD, "name": "mine"}),
    "DELETE /project/thread": (GONE, THREAD),
    "POST /project/action": (GONE, PRESSED),
    "GET /embed/widget.js": (HERE, None),
    "GET /embed/frame.js": (HERE, None),
    "GET /embed/frame.css": (HERE, None),
    "OPTIONS /embed/config?key={widget}": ({403}, None),
    "OPTIONS /embed/token?key={widget}": ({403}, None),
    "POST /embed/config?key={widget}": ({403}, None),
    "POST /embed/token?key={widget}": ({403}, {"token": ""}),
    "GET /embed/demo": (GONE, None),
    "GET /embed/demo/token": (GONE, None),
    # What is closed
    "GET /api/v1/nothing": (GONE, None),
    "PUT /feedback": (GONE, {}),
    "DELETE /feedback": (GONE, {}),
    "PUT /project/element": (GONE, {"element": {"type": "custom", "props": {}}, "sessionId": "{session}"}),
    "DELETE /project/element": (GONE, {"element": {"type": "custom"}, "sessionId": "{session}"}),
    "POST /project/file?session_id={session}": (GONE, None),
    "GET /project/file/x?session_id={session}": (GONE, None),
    "GET /project/share/{thread}": (GONE, None),
    "PUT /project/thread/share": (GONE, {**THREAD, "isShared": True}),
    "POST /auth/jwt": (GONE, None),
    "POST /auth/oauth/azure-ad-hybrid/callback": (GONE, None),
    "GET /copilot/index.js": (GONE, None),
    "GET /docs/oauth2-redirect": (GONE, None),
    "GET /redoc": (GONE, None),
    "GET /health": (GONE, None),
}
"""Every route of the web process but the API's, with what names Ann's, and what Bob is answered."""

SIGNED_IN_ONLY = {
    *("GET /user", "GET /project/settings", "GET /files/queries/{query_id}.csv", "POST /project/threads"),
    *("GET /project/thread/{thread}", "GET /project/thread/{thread}/element/x", "PUT /project/thread"),
    *("DELETE /project/thread", "POST /project/action"),
}
"""What answers 401 to who did not sign in."""

ELSEWHERE = {"/mcp", "/mcp/", "/api/v1", "/embed/chat", "/ws/socket.io"}
"""Doors with a walk of their own."""


EVERY_ROUTE = """
import json
from fastapi import FastAPI
from starlette.routing import Mount
from assistant.chat.routes import CLOSED
from assistant.web import create_app
from tools.settings import load_settings

def routes(app):
    for route in app.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router)
        elif isinstance(route, Mount) and route.path == "" and isinstance(route.app, FastAPI):
            yield from routes(route.app)
        else:
            # One of its methods stands for all where all are closed.
            alike = route.path in CLOSED or route.path == "/api/{path:path}"
            yield route.path, route.path_regex.pattern, alike, sorted(getattr(route, "methods", None) or ())

print(json.dumps(list(routes(create_app(load_settings())))))
"""


def test_every_route_of_the_web_process_is_walked(web: Web, tmp_path: Path) -> None:
    environment = {**web.settings.environment(), "TABLETALK_HOME": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", EVERY_ROUTE], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    walked = [one.partition("?")[0].split(" ") for one in ROUTES]
    missing, doors = [], set()
    for path, pattern, alike, methods in json.loads(told.stdout):
        if path in ELSEWHERE:
            doors.add(path)
            continue
        reached = {method for method, asked in walked if re.match(pattern, asked)}
        wanted = set(methods) - ({"HEAD"} if "GET" in methods else set())
        if not reached if alike else wanted - reached:
            missing.append((path, sorted(wanted - reached)))
    assert not missing
    assert doors == ELSEWHERE


async def answered(client: httpx.AsyncClient, route: str, body: Any, kept: Kept, below: str = "") -> httpx.Response:
    method, _, path = route.partition(" ")
    address = below + path.format(**asdict(kept))
    form = body is FORM
    given = deep(body, kept)
    headers = {"Origin": "https://evil.example"} if "key={widget}" in route and not below else {}
    return await client.request(
        method, address, data=given if form else None, json=None if form else given, headers=headers
    )


def deep(body: Any, kept: Kept) -> Any:
    """`filled`, also inside what is nested."""
    if isinstance(body, dict):
        return {name: deep(value, kept) for name, value in body.items()}
    return asdict(kept)[body.strip("{}")] if isinstance(body, str) and body.startswith("{") else body


def sings(told: str) -> bool:
    return CANARY in told or "Polly" in told


async def untouched(toolbox: Toolbox, actor: Actor, kept: Kept) -> dict[str, object]:
    """Everything of Ann's, and her conversations as the page keeps them."""
    threads = [await ChatHistory(toolbox).get_thread(one) for one in (kept.thread, kept.guests_thread)]
    found = {**await stands(toolbox, actor, kept), "threads": json.loads(json.dumps(threads, default=str))}
    # That somebody knocked with Ann's name is written there.
    return {name: value for name, value in found.items() if name != "audit"}


async def test_no_route_of_the_web_process_reaches_another_workspace(
    web: Web, toolbox: Toolbox, actor: Actor, stranger: Actor, kept: Kept
) -> None:
    before = await untouched(toolbox, actor, kept)
    async with signed_in(web, toolbox, stranger) as bob, browser(web) as nobody:
        cookies = dict(bob.cookies)
        for route, (expected, body) in ROUTES.items():
            answer = await answered(bob, route, body, kept)
            assert answer.status_code in expected, f"{route}: {answer.status_code} {answer.text[:300]}"
            assert not sings(answer.text), f"{route}: {answer.text[:300]}"
            bob.cookies = httpx.Cookies(cookies)  # signing out is among them
            answer = await answered(nobody, route, body, kept)
            wanted = {401} if route in SIGNED_IN_ONLY else expected
            assert answer.status_code in wanted, f"{route} of nobody: {answer.status_code} {answer.text[:300]}"
            assert not sings(answer.text), f"{route}: {answer.text[:300]}"
    assert await untouched(toolbox, actor, kept) == before


async def test_ones_own_is_there(web: Web, toolbox: Toolbox, actor: Actor, kept: Kept) -> None:
    async with browser(web) as ann:
        await ann.post("/login", data={"username": actor.user_name, "password": PASSWORD})
        for route in ("GET /files/queries/{query_id}.csv", "GET /project/thread/{thread}"):
            answer = await answered(ann, route, None, kept)
            assert answer.status_code == 200 and sings(answer.text), f"{route}: {answer.text[:300]}"
        listed = await ann.post("/project/threads", json=ALL_THREADS)
        assert kept.thread in listed.text and kept.guests_thread not in listed.text


async def test_no_frame_reaches_the_team_nor_another_guest(
    web: Web, toolbox: Toolbox, actor: Actor, kept: Kept
) -> None:
    before = await untouched(toolbox, actor, kept)
    mias = Kept(**{**asdict(kept), "thread": kept.guests_thread, "query_id": kept.guests_query})
    tom = await embed.admit(toolbox, kept.widget, PORTAL, token=signed(kept.widget, kept.secret, "tom"))
    async with browser(web, Authorization=f"Bearer {tom.session}") as frame, browser(web) as nobody:
        for route, (expected, body) in ROUTES.items():
            for whose in (kept, mias):
                answer = await answered(frame, route, body, whose, "/embed/chat")
                # Of what anybody may ask, a frame may ask less.
                assert answer.status_code in expected | {404}, f"{route}: {answer.status_code} {answer.text[:300]}"
                assert not sings(answer.text), f"{route}: {answer.text[:300]}"
                answer = await answered(nobody, route, body, whose, "/embed/chat")
                wanted = {401, 404} if route in SIGNED_IN_ONLY else expected | {401, 404}
                assert answer.status_code in wanted, f"{route} of nobody: {answer.status_code} {answer.text[:300]}"
                assert not sings(answer.text), f"{route}: {answer.text[:300]}"
        assert (await frame.post("/embed/chat/project/threads", json=ALL_THREADS)).json()["data"] == []
    assert await untouched(toolbox, actor, kept) == before


async def test_a_session_of_a_frame_is_good_for_nothing_else(web: Web, toolbox: Toolbox, kept: Kept) -> None:
    mia = (await embed.admit(toolbox, kept.widget, PORTAL, token=signed(kept.widget, kept.secret, "mia"))).session
    async with browser(web, Authorization=f"Bearer {mia}", Cookie=f"access_token={mia}") as frame:
        own = await frame.get(f"/embed/chat/project/thread/{kept.guests_thread}")
        assert own.status_code == 200 and sings(own.text)
        for path in ("/api/v1/queries", f"/project/thread/{kept.guests_thread}", "/user"):
            assert (await frame.get(path)).status_code == 401, path
        assert (await frame.post("/mcp", json={})).status_code == 401


@pytest.mark.parametrize("claim", ["threadId", "sessionId"])
async def test_no_socket_takes_over_what_is_anothers(
    web: Web, toolbox: Toolbox, stranger: Actor, kept: Kept, claim: str
) -> None:
    async with signed_in(web, toolbox, stranger) as bob:
        assert (await greeted(bob)).startswith("40"), "their own socket opens"
        refused = await greeted(bob, **{claim: kept.thread if claim == "threadId" else kept.session})
        assert refused.startswith("44")
    async with browser(web) as nobody:
        assert (await greeted(nobody)).startswith("44")


ALL_THREADS = {"pagination": {"first": 50, "cursor": None}, "filter": {}}


async def greeted(client: httpx.AsyncClient, **auth: str | None) -> str:
    """What a socket is answered when it connects as `auth` says, over the polling transport."""
    auth = {"sessionId": str(uuid4()), "clientType": "webapp", "userEnv": None, "threadId": None, **auth}
    line = "/ws/socket.io/?EIO=4&transport=polling"
    sid = json.loads((await client.get(line)).text[1:])["sid"]
    await client.post(f"{line}&sid={sid}", content=f"40{json.dumps(auth)}")
    return (await client.get(f"{line}&sid={sid}")).text
