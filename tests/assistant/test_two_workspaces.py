"""Nobody reaches what is another workspace's, by any tool and by any route; one that is not listed here fails.

A shop full of canaries belongs to Ann. Bob, an admin of a workspace of his own, calls every tool and every route with
Ann's ids and names: what he names must not be there, what he lists must not sing, and Ann's things must stand after.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from pydantic_ai import RunContext, ToolReturn
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.usage import RunUsage

from assistant.agent import toolset
from assistant.offline.model import OfflineModel
from tests.assistant.api.conftest import client
from tests.assistant.aviary import CANARY, Owned, aviary, filled
from tools.desk import Desk
from tools.toolbox import Actor, Toolbox


@pytest.fixture
async def owned(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Owned]:
    """What is Ann's."""
    async with aviary(toolbox, actor) as made:
        yield made


async def stands(toolbox: Toolbox, actor: Actor, owned: Owned) -> dict[str, object]:
    """Everything of Ann's that somebody could have changed."""
    async with client(toolbox, actor) as rest:
        places = (
            *("databases", "queries", "examples", "schedules", "jobs", "conversations", "users", "workspaces"),
            *("keys", "widget-keys", "policies", "audit", f"documents/{owned.document}"),
            *(f"databases/{owned.database}/{part}" for part in ("tables", "notes", "training")),
        )
        return {place: (await rest.get(f"/{place}")).json() for place in places}


# Tools

HERE = {"database": "{database}"}
TOOLS: dict[str, dict[str, Any]] = {
    "list_databases": {},
    "check_database": {"name": "{database}"},
    "register_database": {"name": "{database}"},
    "rename_database": {"name": "{database}", "new_name": "mine"},
    "forget_database": {"name": "{database}"},
    "find_tables": {"question": CANARY, **HERE},
    "describe_table": {"table": "{table}", **HERE},
    "list_tables": HERE,
    "train_tables": HERE,
    "schedule_training": {"when": "daily", **HERE},
    "training_status": HERE,
    "untrain_tables": {"tables": "*", **HERE},
    "refresh_schema": HERE,
    "add_note": {"text": "mine", **HERE},
    "list_notes": HERE,
    "remove_note": {"note": "{note}", **HERE},
    "set_table_description": {"table": "{table}", "description": "mine", **HERE},
    "run_query": {"sql": "SELECT name FROM parrots", "read_as": "all", **HERE},
    "rerun_query": {"query_id": "{query_id}"},
    "query_history": {"search": "canary"},
    "save_verified": {"query_id": "{query_id}", "question": "mine"},
    "list_verified": {},
    "remove_verified": {"example_id": "{example}"},
    "job_status": {"job_id": "{job}"},
    "list_jobs": {},
    "cancel_job": {"job_id": "{job}"},
    "retry_job": {"job_id": "{job}"},
    "retry_failed_jobs": {},
    "list_schedules": {},
    "pause_schedule": {"schedule_id": "{schedule}"},
    "resume_schedule": {"schedule_id": "{schedule}"},
    "change_schedule": {"schedule_id": "{schedule}", "when": "daily"},
    "delete_schedule": {"schedule_id": "{schedule}"},
    "queue_stats": {},
    "sync_tables": HERE,
    "schedule_sync": {"when": "daily", **HERE},
    "preview_sync": HERE,
    "sync_status": HERE,
    "edit_sync_plan": {"table": "{table}", "entity": "mine", **HERE},
    "search_documents": {"query": "canary"},
    "ask_back": {"prompt": "Which?", "choices": []},
}
"""Every tool, with arguments that name what is Ann's."""

ANYBODYS = {"register_database", "ask_back"}
"""Tools that show a card and touch nothing."""


async def called(box: Toolbox, person: Actor, tool: str, arguments: dict[str, Any]) -> tuple[str, bool]:
    """What a tool gives a model, or why not; and whether it was refused."""
    desk = Desk(box, person)
    context = RunContext(deps=desk, model=OfflineModel(desk), usage=RunUsage())
    offered = toolset()
    tools = await offered.get_tools(context)
    checked = tools[tool].args_validator.validate_python(arguments)
    try:
        given = await offered.call_tool(tool, checked, context, tools[tool])
    except (ToolFailed, ModelRetry) as error:
        return str(error), True
    if isinstance(given, ToolReturn):
        return f"{given.return_value} {json.dumps(given.metadata, default=str)}", False
    return str(given), False


async def test_every_tool_is_listed(toolbox: Toolbox, actor: Actor) -> None:
    desk = Desk(toolbox, actor)
    context = RunContext(deps=desk, model=OfflineModel(desk), usage=RunUsage())
    assert set(await toolset().get_tools(context)) == set(TOOLS)


async def test_no_tool_reaches_another_workspace(toolbox: Toolbox, actor: Actor, stranger: Actor, owned: Owned) -> None:
    before = await stands(toolbox, actor, owned)
    for tool, arguments in TOOLS.items():
        told, refused = await called(toolbox, stranger, tool, filled(arguments, owned))
        named = bool(arguments) and tool not in ANYBODYS and tool != "query_history"
        assert refused or not named, f"{tool}: {told}"
        assert CANARY not in told and "Polly" not in told, f"{tool}: {told}"
        assert not refused or told.startswith("Not found:"), f"{tool}: {told}"
    assert await stands(toolbox, actor, owned) == before


async def test_the_same_calls_reach_ones_own(toolbox: Toolbox, actor: Actor, owned: Owned) -> None:
    last = ("delete_schedule", "untrain_tables", "remove_note", "remove_verified", "forget_database")
    others = [tool for tool in TOOLS if tool not in (*last, "rename_database")]  # nothing is called so afterwards
    for tool in (*others, *last):
        told, _ = await called(toolbox, actor, tool, filled(TOOLS[tool], owned))
        assert not told.startswith("Not found:"), f"{tool}: {told}"


# Routes

ROUTES: dict[str, Any] = {
    "GET /databases": None,
    "POST /databases": {"name": "mine", "url": "postgresql://x@127.0.0.1:9/x"},
    "GET /databases/{database}": None,
    "PATCH /databases/{database}": {"name": "mine"},
    "DELETE /databases/{database}": None,
    "PUT /databases/{database}/session": {"settings": {"app.region": "region"}},
    "POST /databases/{database}/check": None,
    "POST /databases/{database}/refresh": None,
    "GET /databases/{database}/tables": None,
    "GET /databases/{database}/tables/{table}": None,
    "PATCH /databases/{database}/tables/{table}": {"description": "mine"},
    "GET /databases/{database}/relationships": None,
    "GET /databases/{database}/training": None,
    "POST /databases/{database}/training": {},
    "DELETE /databases/{database}/training": None,
    "GET /databases/{database}/notes": None,
    "POST /databases/{database}/notes": {"text": "mine"},
    "DELETE /databases/{database}/notes/{note}": None,
    "POST /databases/{database}/query": {"sql": "SELECT name FROM parrots"},
    "POST /databases/{database}/ask": {"question": "how many parrots?"},
    "GET /databases/{database}/syncs": None,
    "POST /databases/{database}/syncs": {},
    "POST /databases/{database}/syncs/preview": {},
    "GET /databases/{database}/plans/{table}": None,
    "PATCH /databases/{database}/plans/{table}": {"entity": "mine"},
    "DELETE /databases/{database}/plans/{table}": None,
    "GET /queries": None,
    "GET /queries/{query_id}": None,
    "GET /queries/{query_id}/rows.{kind}": None,
    "POST /queries/{query_id}/rerun": None,
    "PUT /queries/{query_id}/rating": {"liked": True},
    "GET /examples": None,
    "POST /examples": {"database": "{database}", "question": "mine", "sql": "SELECT name FROM parrots"},
    "DELETE /examples/{example}": None,
    "POST /ask": {"question": f"how many parrots are called {CANARY[:6]}?"},
    "GET /conversations": None,
    "GET /conversations/{conversation}": None,
    "DELETE /conversations/{conversation}": None,
    "POST /conversations/{conversation}/ask": {"question": "and now?"},
    "POST /conversations/{conversation}/approvals": {"approvals": {"call": True}},
    "GET /syncs": None,
    "GET /schedules": None,
    "POST /schedules": {"database": "{database}", "kind": "train", "when": "daily"},
    "GET /schedules/{schedule}": None,
    "PATCH /schedules/{schedule}": {"when": "daily"},
    "DELETE /schedules/{schedule}": None,
    "POST /schedules/{schedule}/start": None,
    "POST /schedules/{schedule}/pause": None,
    "POST /schedules/{schedule}/resume": None,
    "GET /documents": None,
    "GET /documents/{document}": None,
    "GET /documents/{document}/related": None,
    "GET /documents/{document}/row": None,
    "GET /jobs": None,
    "GET /jobs/stats": None,
    "GET /jobs/failed": None,
    "POST /jobs/failed/retry": None,
    "GET /jobs/events": None,
    "GET /jobs/{job}": None,
    "GET /jobs/{job}/events": None,
    "POST /jobs/{job}/cancel": None,
    "POST /jobs/{job}/retry": None,
    "GET /users": None,
    "POST /users": {"name": "{name}", "password": "a long enough password"},
    "PATCH /users/{name}": {"role": "viewer"},
    "DELETE /users/{name}": None,
    "GET /workspaces": None,
    "POST /workspaces": {"name": "{workspace}"},
    "GET /workspaces/chosen": None,
    "DELETE /workspaces/chosen": None,
    "PUT /workspaces/chosen": {"name": "{workspace}"},
    "GET /keys": None,
    "POST /keys": {"name": "mine"},
    "DELETE /keys/{key}": None,
    "GET /widget-keys": None,
    "POST /widget-keys": {"name": "mine", "origins": ["https://mine.example"], "tables": ["{database}"]},
    "POST /widget-keys/{widget_key}/rotate": None,
    "DELETE /widget-keys/{widget_key}": None,
    "GET /policies": None,
    "POST /policies": {"database": "{database}", "table": "{table}", "hidden": True},
    "DELETE /policies/{policy}": None,
    "GET /audit": None,
    "GET /auth/me": None,
    "PUT /auth/password": {"old": "no password of anybody", "new": "a long enough password"},
    "POST /auth/token": {"name": "{name}", "password": "no password of anybody"},
    "POST /auth/refresh": {"refresh": "nobody's"},
    "POST /auth/revoke": {"refresh": "nobody's"},
}
"""Every route, with a body that names what is Ann's."""

OTHERWISE = {
    "POST /databases": {502, 403},  # nothing answers there
    "GET /documents": {404},  # nothing is synced
    "POST /users": {409},  # names are everybody's, and the name is taken
    "POST /workspaces": {409},
    "DELETE /workspaces/chosen": {409},  # their own; and it was not approved
    "PUT /auth/password": {422},
    "POST /auth/token": {401},
    "POST /auth/refresh": {401},
}
"""What is answered where neither "not there" nor one's own list is."""


async def test_every_route_is_listed(toolbox: Toolbox) -> None:
    async with client(toolbox) as rest:
        paths = (await rest.get("/openapi.json")).json()["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(ROUTES)


async def answered(rest: httpx.AsyncClient, route: str, owned: Owned) -> httpx.Response:
    method, _, path = route.partition(" ")
    body = filled(ROUTES[route], owned)
    query = {"query": CANARY[:6]} if route == "GET /documents" else {"tables": "*"} if method == "DELETE" else {}
    return await rest.request(method, path.format(**asdict(owned)), json=body, params=query)


async def test_no_route_reaches_another_workspace(
    toolbox: Toolbox, actor: Actor, stranger: Actor, owned: Owned
) -> None:
    before = await stands(toolbox, actor, owned)
    async with client(toolbox, stranger) as rest:
        for route, body in ROUTES.items():
            answer = await answered(rest, route, owned)
            named = "{" in route or "{" in json.dumps(body or "").replace('{"', "")
            expected = OTHERWISE.get(route) or ({404} if named else {200, 201, 202, 204})
            assert answer.status_code in expected, f"{route}: {answer.status_code} {answer.text[:300]}"
            assert CANARY not in answer.text and "Polly" not in answer.text, f"{route}: {answer.text[:300]}"
    assert await stands(toolbox, actor, owned) == before


async def test_the_same_reading_routes_reach_ones_own(toolbox: Toolbox, actor: Actor, owned: Owned) -> None:
    async with client(toolbox, actor) as rest:
        for route in ROUTES:
            if route.startswith("GET ") and route != "GET /jobs/{job}/events":
                answer = await answered(rest, route, owned)
                assert answer.status_code == 200, f"{route}: {answer.status_code} {answer.text[:300]}"
