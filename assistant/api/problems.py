"""Errors as problem+json (RFC 9457), in one place: what went wrong, which, what next."""

import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from tools import audit
from tools.errors import AssistantError, NotSignedIn, TooMany

log = structlog.get_logger(__name__)

PREFIX = "/api/v1"
"""Where the API lies; a problem's type leads to the reference below it, whatever door told it."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MEDIA_TYPE = "application/problem+json"


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    where: str
    """The place in the request: `body.sql`, `query.limit`."""
    what: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "type": "/api/v1/docs#not-found",
                "title": "Not found",
                "status": 404,
                "detail": "No database named 'shp'; registered: shop.",
                "instance": "/api/v1/databases/shp",
                "request_id": "5f0c2d4e8a1b4c0f",
            }
        },
    )

    type: str
    """One word per kind of error: the fragment of this reference that `title` stands for."""
    title: str
    status: int
    detail: str
    """What, which, and what to do next, in words a person can act on."""
    instance: str
    """The path that was asked."""
    request_id: str = ""
    """Named in the logs too."""
    errors: tuple[Fault, ...] = Field(default=())
    """What is wrong with the request's parts, where it could not be read."""


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong: what, which, what next",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
    422: {
        "description": "The request cannot be carried out as it was put",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}
"""What every route may answer beside its own."""


def told(error: AssistantError, request: Request) -> JSONResponse:
    """Answer with an error raised on purpose."""
    headers = {}
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(math.ceil(error.seconds))
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    return respond(request, error.status, error.title, str(error), headers=headers)


def respond(
    request: Request,
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Answer with a problem."""
    problem = Problem(
        type=f"{PREFIX}/docs#{slug(title)}",
        title=title,
        status=status,
        detail=detail,
        instance=request.url.path,
        request_id=request.scope.get("request_id", ""),
        errors=tuple(errors),
    )
    body = problem.model_dump(mode="json", exclude_defaults=True)
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def slug(title: str) -> str:
    """A title as the fragment of a link."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def install(api: FastAPI) -> None:
    """Let `api` answer every error in this one way."""

    @api.exception_handler(AssistantError)
    async def on_purpose(request: Request, error: AssistantError) -> JSONResponse:
        await audit.note_refusal(request.app.state.box, error)
        return told(error, request)

    @api.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:
        # Only where and what: the value itself may be a password.
        faults = [Fault(where=".".join(map(str, one["loc"])), what=one["msg"]) for one in error.errors()]
        detail = "; ".join(f"{fault.where}: {fault.what}" for fault in faults[:3])
        return respond(request, 422, "Invalid request", f"The request cannot be read: {detail}.", errors=faults)

    @api.exception_handler(HTTPException)
    async def by_framework(request: Request, error: HTTPException) -> JSONResponse:
        title = HTTPStatus(error.status_code).phrase.capitalize()
        detail, headers = str(error.detail), dict(error.headers or {})
        if error.status_code == 404:
            detail = f"No route {request.url.path!r}; {PREFIX}/docs lists those there are."
        elif error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request))
            detail = f"{request.url.path!r} takes {headers['Allow']}, not {request.method}."
        return respond(request, error.status_code, title, detail, headers=headers)


def _methods(request: Request) -> list[str]:
    """The methods of all routes of this path: the framework names those of the first alone."""
    asked = [{**request.scope, "method": method} for method in METHODS]
    return [one["method"] for one in asked if any(r.matches(one)[0] is Match.FULL for r in request.app.routes)]


def unexpected(request: Request) -> JSONResponse:
    """Answer for an error that nobody raised on purpose; its details are in the log alone."""
    return respond(
        request, 500, "Internal error", "Something unexpected went wrong inside Tabletalk; the log has the details."
    )
