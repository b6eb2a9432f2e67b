"""The bounds of a request: its size, the time until its answer begins, and text that can be kept."""

import asyncio
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.api import problems
from tools.limiter import Room
from tools.settings import Settings

log = structlog.get_logger(__name__)


class Bounds:
    """Refuses what is too big or cannot be read, ends what takes too long, and answers what nobody caught."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Guard `app` with the bounds of the settings."""
        self._app = app
        self._bytes, self._seconds = settings.request_bytes, settings.request_seconds
        self._per_minute = settings.requests_per_minute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, within its bounds."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is not None:
            return await problems.respond(request, *refusal)(scope, receive, send)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                deadline.reschedule(None)  # a stream may go on for as long as it likes
                message["headers"] = [*message["headers"], *_room_left(scope, self._per_minute)]
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as deadline:
                await self._app(scope, self._counting(receive), sending)
        except TimeoutError as error:
            if begun or not deadline.expired():
                return await self._unexpected(request, error, begun, receive, send)
            detail = f"No answer within {self._seconds:g} s. Ask for less, or for an event stream."
            await problems.respond(request, 504, "Timed out", detail)(scope, receive, send)
        except HTTPException as error:  # raised below by `_counting`, where nothing inside turned it into an answer
            await problems.respond(request, error.status_code, *self._too_big)(scope, receive, send)
        except ClientDisconnect:
            log.info("client left before its request was read", path=request.url.path)
        except Exception as error:  # noqa: BLE001  # the door's last resort: no traceback may leave the house
            await self._unexpected(request, error, begun, receive, send)

    def _refusal(self, request: Request) -> tuple[int, str, str] | None:
        length = request.headers.get("content-length", "0")
        if not length.isascii() or not length.isdecimal():
            return 400, "Bad request", "The Content-Length is not a number."
        if int(length) > self._bytes:
            return 413, *self._too_big
        raw = unquote_to_bytes(request.scope.get("raw_path") or request.scope["path"].encode())
        raw += b"?" + unquote_to_bytes(request.scope["query_string"].replace(b"+", b" "))
        if b"\0" in raw:
            return 400, "Bad request", "The address holds a NUL character."
        try:
            raw.decode()
        except UnicodeDecodeError:
            return 400, "Bad request", "The address is not UTF-8 text."
        return None

    @property
    def _too_big(self) -> tuple[str, str]:
        return "Content too large", f"A request has at most {self._bytes:,} bytes."

    def _counting(self, receive: Receive) -> Callable[[], "asyncio.Future[Message]"]:
        seen = 0

        async def receiving() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._bytes:
                    raise HTTPException(413, self._too_big[1])
            return message

        return receiving  # type: ignore[return-value]  # an async function is what ASGI means

    async def _unexpected(self, request: Request, error: Exception, begun: bool, receive: Receive, send: Send) -> None:
        log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
        if begun:
            raise error  # half an answer has left: the server closes the line
        await problems.unexpected(request)(request.scope, receive, send)


def _room_left(scope: Scope, per_minute: int) -> list[tuple[bytes, bytes]]:
    """How many more requests there is room for, once it is known who asks."""
    room: Room | None = scope.get("state", {}).get("room")
    if room is None:
        return []
    told = {"limit": per_minute, "remaining": room.remaining, "reset": room.seconds}
    return [(f"ratelimit-{name}".encode(), str(number).encode()) for name, number in told.items()]
