"""The chat below a path of its own, for frames in other pages: who is there is said by a session, never by a cookie.

A frame sends its session in a header, a socket in its subprotocol. Here it becomes what Chainlit understands, and
whatever cookies came along are dropped: the login of the main chat on the same host neither helps nor suffers.
"""

import colorsys
import json
import re
from collections.abc import Callable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.embed import guests
from assistant.embed.guests import Guest
from assistant.embed.keys import WidgetKey
from assistant.embed.words import WORDS
from tools.errors import AssistantError, NotAllowed, NotFound, NotSignedIn
from tools.toolbox import Toolbox

PATH = "/embed/chat"
PROTOCOL = "tabletalk"
"""The subprotocol that is spoken; the session comes as a second one, which is only read."""
SESSION = "session."

OPEN = re.compile(r"GET /(assets|public|avatars)/[^?]*|GET /(favicon|logo)")
"""What anybody may load: it is the same for everybody."""
GUARDED = re.compile(
    r"GET /(user|project/(settings|translations|thread/[^/]+)|files/queries/[^/]+)"
    r"|POST /project/(threads|action)|(PUT|DELETE) /project/thread"
)
"""What a guest's browser may ask for; nothing else of the chat is reached from here."""
SOCKET = "/ws/socket.io"
PAGE = re.compile(r"/(thread/[\w-]+)?")

CONFIG = {"requireLogin": True, "passwordAuth": False, "headerAuth": False, "oauthProviders": []}
"""How one signs in here: not at all, the page does."""


class Frame:
    """An ASGI application over the chat's own."""

    def __init__(self, chat: Callable[[], ASGIApp], policy: str) -> None:
        """Serve what `chat` gives; `policy` is the content security policy of its page, with its `frame-ancestors`."""
        self._chat, self._policy = chat, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a frame, or take its socket."""
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        inner: Scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        if scope["type"] == "websocket":
            return await self._socket(inner, receive, send)
        try:
            answer = await self._answer(inner)
        except AssistantError as error:
            answer = JSONResponse({"title": error.title, "detail": str(error)}, error.status)
        if isinstance(answer, Response):
            return await answer(inner, receive, send)
        return await self._chat()(answer, receive, send)

    async def _answer(self, scope: Scope) -> Response | Scope:
        """An answer of our own, or the scope with which the chat answers."""
        request = Request(scope)
        asked = f"{request.method} {scope['path']}"
        if OPEN.fullmatch(asked):
            return _with_cookie(scope, None)
        if asked == "GET /auth/config":
            return JSONResponse(CONFIG)
        if asked == "POST /set-session-cookie":  # for proxies that stick to it; ours has no cookies
            return JSONResponse({"message": ""})
        if request.method in ("GET", "HEAD") and PAGE.fullmatch(scope["path"]):
            return await self._page(request)
        if not GUARDED.fullmatch(asked):
            raise NotFound(f"Nothing answers {asked!r} here.")
        kind, _, session = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise NotSignedIn("This frame has no session yet.")
        return _with_cookie(scope, await guests.guest_of_session(_box(scope), session))

    async def _page(self, request: Request) -> Response:
        """The page of the chat, to be shown in pages of one origin only."""
        from chainlit import server  # reads the environment when it is imported

        origin, key = (request.query_params.get(name, "") for name in ("origin", "key"))
        about = await guests.find_by_public_id(_box(request.scope), key)
        if not about.allows(origin):
            raise NotAllowed(f"The widget key is not for pages of {origin!r}.")
        page: str = server.get_html_template(PATH)  # type: ignore[no-untyped-call]
        head, foot = _injected(about, origin)
        page = page.replace("<head>", f"<head>{head}", 1).replace("</head>", f"{foot}</head>", 1)
        headers = {
            "Content-Security-Policy": re.sub(r"frame-ancestors [^;]*", f"frame-ancestors {origin}", self._policy),
            "Cache-Control": "no-store",
        }
        return HTMLResponse(page, headers=headers)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        offered = scope.get("subprotocols", [])
        session = next((one.removeprefix(SESSION) for one in offered if one.startswith(SESSION)), "")
        try:
            if not scope["path"].startswith(SOCKET):
                raise NotFound("No such socket.")
            guest = await guests.guest_of_session(_box(scope), session)
        except AssistantError as error:
            return await send({"type": "websocket.close", "code": 4401, "reason": str(error)[:100]})

        async def sending(message: Message) -> None:
            if message["type"] == "websocket.accept":
                message = {**message, "subprotocol": PROTOCOL}
            await send(message)

        return await self._chat()({**_with_cookie(scope, guest), "subprotocols": []}, receive, sending)


def _box(scope: Scope) -> Toolbox:
    box: Toolbox = scope["app"].state.box
    return box


def _with_cookie(scope: Scope, guest: Guest | None) -> Scope:
    """The scope as if the guest had signed in, and with nothing else that could say who is there."""
    from chainlit.auth import create_jwt
    from chainlit.user import User

    headers = [(name, value) for name, value in scope["headers"] if name not in (b"cookie", b"authorization")]
    if guest is not None:
        token = create_jwt(User(identifier=guest.actor.user_name, display_name="You"))
        headers.append((b"cookie", f"access_token={token}".encode()))
    return {**scope, "headers": headers}


def _injected(key: WidgetKey, origin: str) -> tuple[str, str]:
    """What stands first in the page's head, and what stands last."""
    told = {"origin": origin, "theme": key.look.theme, "words": WORDS[key.look.language]}
    data = json.dumps(told).replace("<", "\\u003c")
    head = (
        f'<script id="tabletalk-frame" type="application/json">{data}</script><script src="/embed/frame.js"></script>'
    )
    accent = f"<style>{accent_rules(key.look.accent)}</style>" if key.look.accent else ""
    return head, f'<link rel="stylesheet" href="/embed/frame.css">{accent}<title>{escape(key.look.title)}</title>'


def accent_rules(colour: str) -> str:
    """The page's colour in place of ours, kept readable: dark enough on white, light enough on black."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)

    def rule(selector: str, lightness: float, on_it: str) -> str:
        value = f"{hue * 360:.0f} {saturation * 100:.0f}% {lightness * 100:.0f}%"
        rules = [f"{name}:{value}!important" for name in ("--primary", "--ring", "--sidebar-primary", "--tt-s0")]
        return f"{selector}{{{';'.join(rules)};--primary-foreground:{on_it}!important}}"

    return rule(":root", min(light, 0.38), "0 0% 100%") + rule(".dark", max(light, 0.62), "0 0% 8%")
