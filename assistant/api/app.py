"""The REST API as one application, mounted at /api/v1 of the web process."""

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.routing import Mount

from assistant.api import problems, reference
from assistant.api.bounds import Bounds
from assistant.api.document import document
from assistant.api.problems import PREFIX
from assistant.api.routes import (
    audit,
    auth,
    conversations,
    databases,
    documents,
    examples,
    jobs,
    keys,
    notes,
    policies,
    queries,
    schedules,
    syncs,
    tables,
    training,
    users,
    widget_keys,
    workspaces,
)
from tools.settings import Settings
from tools.toolbox import Toolbox

DESCRIPTION = """\
What the chat can do, a program can do: the same functions, the same results, the same errors.

In local mode nobody signs in. Elsewhere send an API key or an access token as `Authorization: Bearer ...`.

Errors are `application/problem+json`: what went wrong, which, and what to do next. Lists come in pages: follow `next`,
or the Link header. A `POST` that starts work takes an `Idempotency-Key`: sent again within 24 hours, it answers what it
answered the first time.

Asked with `Accept: text/event-stream`, a question and a job's events are told as they happen; a job's stream that broke
off goes on behind the `Last-Event-ID`. `RateLimit-Remaining` says for how many more requests there is room,
`Retry-After` when there is again.
"""


class Api(FastAPI):
    """The application; its document describes every error too."""

    def open(self, box: Toolbox) -> None:
        """Serve from `box`, which the web process opens and closes."""
        self.state.box = box

    def openapi(self) -> dict[str, Any]:
        """Give the OpenAPI 3.1 document, made on the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = document(self)
        return self.openapi_schema


def create_api(settings: Settings) -> Api:
    """Compose the API; `open` gives it the toolbox before the first request."""
    api = Api(
        title="Tabletalk",
        version="1",
        description=DESCRIPTION,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        openapi_tags=TAGS,
        responses=problems.RESPONSES,
        generate_unique_id_function=_name,
    )
    problems.install(api)
    api.add_middleware(Bounds, settings=settings)
    for noun in NOUNS:
        api.include_router(noun.router)
    api.add_api_route("/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    return api


def mount(app: FastAPI, api: Api) -> None:
    """Serve the API below its prefix, whatever the rest of a path holds: Starlette's own ends at a line break."""
    place = Mount(PREFIX, api)
    place.path_regex = re.compile(place.path_regex.pattern, re.DOTALL)
    app.router.routes.append(place)


def _name(route: APIRoute) -> str:
    return route.name


async def _docs(request: Request) -> HTMLResponse:
    """Show the reference to people."""
    return HTMLResponse(reference.page(request.app.openapi()))


NOUNS = (
    auth,
    databases,
    tables,
    training,
    notes,
    queries,
    examples,
    conversations,
    syncs,
    schedules,
    documents,
    jobs,
    users,
    workspaces,
    keys,
    widget_keys,
    policies,
    audit,
)

TAGS = [
    {"name": "auth", "description": "Signing in; in local mode nobody needs to."},
    {"name": "databases", "description": "Databases to ask: register, check, rename, forget."},
    {"name": "tables", "description": "What is known of their tables."},
    {"name": "training", "description": "What training learned of them, and how fresh that is."},
    {"name": "notes", "description": "What people told about the data."},
    {"name": "queries", "description": "Checked SQL, and the history of all that ran."},
    {"name": "examples", "description": "Verified pairs of question and SQL."},
    {"name": "conversations", "description": "Questions in words, and what was said before."},
    {"name": "syncs", "description": "Rows as documents that can be searched."},
    {"name": "schedules", "description": "Syncs that start by themselves."},
    {"name": "documents", "description": "Synced rows, searched by words and meaning."},
    {"name": "jobs", "description": "Background work: follow it, cancel it, try it again."},
    {"name": "users", "description": "The members of the workspace, and what each may do."},
    {"name": "workspaces", "description": "What a team shares."},
    {"name": "keys", "description": "API keys: what a program comes in with."},
    {"name": "widget keys", "description": "Which pages of yours may show the chat, and to whom."},
    {"name": "policies", "description": "Which rows, columns and tables each role sees."},
    {"name": "audit", "description": "Who did what."},
]
"""The nouns, in the order one meets them."""
