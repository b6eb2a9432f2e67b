"""What every request leaves behind: an id in its answer and in every log line, and figures for Prometheus."""

import re
import time
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.address import came_from
from tools import metrics

log = structlog.get_logger(__name__)

LEFT = 499
"""As nginx calls it: the client left before there was an answer."""

GIVEN = re.compile(rb"[A-Za-z0-9_.-]{8,64}")
"""A request id that a proxy before us gave, and that we go on with."""


class Observed:
    """Gives each request an id, notes where it came from, and counts those of programs."""

    def __init__(self, app: ASGIApp) -> None:
        """Watch `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        came_from((scope.get("client") or ("",))[0])
        if scope["type"] == "websocket":
            return await self._app(scope, receive, send)
        request_id = scope["request_id"] = _given(scope) or uuid4().hex[:16]
        status, began, answered = LEFT, time.perf_counter(), 0.0

        async def sending(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            finally:
                _count(scope, status, (answered or time.perf_counter()) - began)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and GIVEN.fullmatch(value):
            return str(value.decode())
    return None


def _count(scope: Scope, status: int, seconds: float) -> None:
    """Count a request to the API by its route's pattern: what a path names is nobody's business here."""
    path = scope["path"]
    if not path.startswith("/api/"):
        return
    route, method = getattr(scope.get("route"), "path", "none"), scope["method"]
    method = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
    metrics.requests.labels(method, route, status).inc()
    metrics.request_seconds.labels(method, route).observe(seconds)
    log.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))
