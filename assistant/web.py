"""The web process: health, downloads, the REST API, and the chat at the root, over one open toolbox."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant import health
from assistant.agent import agent, choose_model
from assistant.api import PREFIX, create_api, mount, problems
from assistant.chat import runtime
from assistant.chat.login import end_stale_sessions, logins
from assistant.chat.routes import CLOSED, buttons, hide_others
from assistant.embed import actor_called
from assistant.embed.doors import FOR_OTHER_PAGES
from assistant.embed.doors import router as embed_doors
from assistant.embed.frame import PATH, Frame
from assistant.loopback import is_loopback
from assistant.mcp import Mcp
from assistant.observing import Observed
from tools import logs, telemetry
from tools.errors import AssistantError, ConfigurationError, NotAllowed, NotFound
from tools.queries import export, get_query
from tools.settings import Settings, load_settings
from tools.toolbox import Actor, open_toolbox

log = logging.getLogger(__name__)

CONTENT_SECURITY = (
    "default-src 'self'; "
    # Chainlit compiles its custom elements in the browser and starts an inline script and a blob worker.
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)
"""What the page may load: only what comes from here, so that it opens offline and tells nobody."""


TRACED: TelemetryConfig = {"exclude": lambda scope: not telemetry.is_watched(scope)}


def create_app(settings: Settings) -> FastAPI:
    """Compose the web process; both URLs of `settings` must be filled in. One per process: Chainlit is global."""
    runtime.prepare(settings)
    # Chainlit reads the environment when it is imported, so not before it is prepared.
    from chainlit.utils import mount_chainlit

    from assistant.chat.door import open_door

    api = create_api(settings)
    mcp = Mcp()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_toolbox(settings) as box, open_door(box), mcp.open(box):
            app.state.box = box
            api.open(box)
            telemetry.watch_engine(box.store.engine)
            # The first question must not wait for a model's libraries to load.
            warming = asyncio.create_task(asyncio.to_thread(_warm, settings))
            yield
            await warming

    app = FastAPI(
        title="Tabletalk", lifespan=lifespan, telemetry=TRACED, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_middleware(SameOrigin, loopback_only=is_loopback(settings.host))
    app.add_middleware(Observed)
    app.add_exception_handler(AssistantError, _tell)
    app.include_router(health.router)
    app.include_router(downloads())
    app.include_router(logins())
    app.include_router(buttons())
    mount(app, api)
    app.router.routes += [Route("/mcp", mcp), Route("/mcp/", mcp)]
    app.include_router(embed_doors)
    app.mount(PATH, Frame(lambda: app.router, CONTENT_SECURITY))
    app.include_router(unknown)
    mount_chainlit(app, target=str(runtime.HANDLERS), path="/")
    runtime.mend(_tell)
    hide_others()
    end_stale_sessions(lambda: app.state.box.store)
    return app


def _warm(settings: Settings) -> None:
    # A model that is configured wrongly is told about by the turn that needs it.
    with suppress(ConfigurationError):
        choose_model(settings)
    agent()


def downloads() -> APIRouter:
    """Routes that give a result as a file, to people of the workspace that asked it."""
    from chainlit.auth import get_current_user
    from chainlit.user import PersistedUser, User

    router = APIRouter()

    async def signed_in(
        request: Request, user: Annotated[User | PersistedUser | None, Depends(get_current_user)]
    ) -> Actor:
        if user is None:
            raise NotAllowed("Sign in first.")
        return await actor_called(request.app.state.box, user.identifier)

    @router.get("/files/queries/{query_id}.{kind}")
    async def download(
        request: Request, query_id: UUID, kind: export.Kind, person: Annotated[Actor, Depends(signed_in)]
    ) -> Response:
        file = export.as_file(await get_query(request.app.state.box, person, query_id), kind)
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return Response(file.body, media_type=file.media_type, headers=headers)

    return router


unknown = APIRouter()


async def no_such_route(request: Request) -> JSONResponse:
    """Answer 404: without this the chat's page would answer 200 for a mistyped route."""
    return problems.told(NotFound(f"No route {request.url.path!r}; {PREFIX}/docs lists those there are."), request)


for closed in ("/api/{path:path}", *CLOSED):
    unknown.add_api_route(closed, no_such_route, methods=[*problems.METHODS, "HEAD", "OPTIONS"])


@unknown.get("/docs")
@unknown.get("/openapi.json")
async def of_the_api(request: Request) -> RedirectResponse:
    """Lead to the API's own, where people look first; Chainlit would show its inner routes."""
    return RedirectResponse(PREFIX + request.url.path)


async def _tell(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AssistantError)
    return problems.told(error, request)


class SameOrigin:
    """Refuses what another site's page sends, and on loopback any name that is not loopback's (DNS rebinding)."""

    def __init__(self, app: ASGIApp, loopback_only: bool) -> None:
        """Guard `app`; with `loopback_only` its Host must be a loopback name or address."""
        self._app, self._loopback_only = app, loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass `scope` on, or answer 403."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        origin = None if scope["path"] in FOR_OTHER_PAGES else headers.get("origin")
        reason = self._refusal(headers.get("host", ""), origin) or _taken_along(scope["path"], headers)
        if reason is None:
            return await self._app(scope, receive, _with_policy(send))
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 4403, "reason": reason})
        log.warning("refused %s: %s", scope["path"], reason)
        told = problems.told(NotAllowed(reason), Request(scope))
        return await told(scope, receive, _with_policy(send))

    def _refusal(self, host: str, origin: str | None) -> str | None:
        if self._loopback_only and not is_loopback(_split(f"//{host}").hostname or ""):
            return f"Host {host!r} is not this machine; open http://localhost instead."
        if origin is not None and _split(origin).netloc != host:
            return f"The page of {origin!r} may not use Tabletalk at {host!r}."
        return None


def _taken_along(path: str, headers: Mapping[str, str]) -> str | None:
    """Refuse what another site's page only loads, as an image or a script: no Origin tells of it, the browser does."""
    foreign = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
    return "Another site's page may not load this." if foreign and not path.startswith("/embed/") else None


def _split(url: str) -> SplitResult:
    """Take a URL apart; one that cannot be read has no parts, and so is nobody's."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _with_policy(send: Send) -> Send:
    async def sending(message: object) -> None:
        assert isinstance(message, dict)
        if message["type"] == "http.response.start":
            # A frame for another page brings a policy of its own.
            own = any(name.lower() == b"content-security-policy" for name, _ in message["headers"])
            message["headers"] = [
                *message["headers"],
                *([] if own else [(b"content-security-policy", CONTENT_SECURITY.encode())]),
                (b"x-content-type-options", b"nosniff"),
                (b"referrer-policy", b"same-origin"),
                # A page that opened this one in a window keeps no hold of it.
                (b"cross-origin-opener-policy", b"same-origin"),
            ]
        await send(message)

    return sending


def main() -> int:
    """Serve until a signal ends it; gives the exit status."""
    try:
        settings = load_settings()
        logs.configure(settings)
        telemetry.start(settings, "web")
        app = create_app(settings)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning" if settings.log_level == "INFO" else settings.log_level.lower(),
            log_config=None,  # ours stands, for uvicorn too
            access_log=False,
            ws_max_size=1_000_000,
            timeout_graceful_shutdown=5,
        )
    finally:
        telemetry.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
