"""What the web process tells whoever runs it: health, readiness, figures, an id for each request."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.responses import JSONResponse

from assistant import health
from assistant.observing import Observed
from tests.assistant.api.conftest import mounted
from tools.errors import AssistantError
from tools.queue import Queue
from tools.store.session import Store
from tools.toolbox import Actor, Toolbox

NOWHERE = "postgresql://x@127.0.0.1:9/x"


def watched(box: Toolbox, person: Actor | None = None, **settings: object) -> FastAPI:
    """The API and the routes of health, as the web process has them."""
    box = replace(box, settings=box.settings.model_copy(update=settings))
    app, _ = mounted(box, person)
    app.state.box = box
    app.include_router(health.router)
    app.add_middleware(Observed)

    async def tell(_request: object, error: Exception) -> JSONResponse:
        assert isinstance(error, AssistantError)
        return JSONResponse({"detail": str(error)}, error.status)

    app.add_exception_handler(AssistantError, tell)
    return app


def client(app: FastAPI, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 5))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
async def web(toolbox: Toolbox, actor: Actor) -> AsyncIterator[httpx.AsyncClient]:
    async with client(watched(toolbox, actor)) as opened:
        yield opened


async def test_it_is_ready_when_all_it_stands_on_is(web: httpx.AsyncClient) -> None:
    answer = await web.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"store": "ok", "queue": "ok", "migrations": "ok"})


async def test_it_says_what_is_down(toolbox: Toolbox) -> None:
    gone = replace(toolbox, store=Store(NOWHERE), queue=Queue("redis://127.0.0.1:9/0"))
    async with client(watched(gone, database_url=SecretStr(NOWHERE))) as web:
        for path in ("/healthz", "/readyz"):
            answer = await web.get(path)
            assert answer.status_code == 503
            assert "does not answer" in answer.json()["store"]
        figures = (await web.get("/metrics")).text
    assert 'tabletalk_up{server="store"} 0.0' in figures
    assert "tabletalk_jobs{" not in figures


def figure(text: str, start: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(start))


async def test_figures_grow_with_what_happens_and_name_nobody(web: httpx.AsyncClient, actor: Actor, sales: str) -> None:
    before = (await web.get("/metrics")).text
    await web.post("/api/v1/databases/sales/query", json={"sql": "select count(*) from orders"})
    await web.post("/api/v1/databases/sales/query", json={"sql": "drop table orders"})
    await web.post("/api/v1/ask", json={"question": "how many orders are there?"})
    after = (await web.get("/metrics")).text
    expected = {
        'tabletalk_requests_total{method="POST",route="/databases/{database}/query",status="200"}': 1,
        'tabletalk_requests_total{method="POST",route="/databases/{database}/query",status="422"}': 1,
        'tabletalk_queries_total{dialect="postgres",door="rest",outcome="none",verdict="rejected"}': 1,
        'tabletalk_guard_rejections_total{dialect="postgres",door="rest"}': 1,
        'tabletalk_turns_total{door="rest",model="offline",outcome="done"}': 1,
    }
    assert {name: figure(after, name) - figure(before, name) for name in expected} == expected
    assert figure(after, 'tabletalk_jobs{kind="train",state="succeeded"}') >= 1
    assert 'tabletalk_queue_depth{kind="train"}' in after
    assert actor.user_name not in after
    assert str(actor.user_id) not in after
    assert "sales" not in after


async def test_figures_are_for_this_machine_unless_they_are_opened(toolbox: Toolbox) -> None:
    async with client(watched(toolbox), "10.0.0.7") as other:
        assert (await other.get("/metrics")).status_code == 403
    async with client(watched(toolbox)) as here:
        assert (await here.get("/metrics", headers={"x-forwarded-for": "10.0.0.7"})).status_code == 403
    async with client(watched(toolbox, metrics="open"), "10.0.0.7") as other:
        assert (await other.get("/metrics")).status_code == 200
    async with client(watched(toolbox, metrics="off")) as here:
        assert (await here.get("/metrics")).status_code == 404


async def test_a_request_has_an_id_from_answer_to_problem(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/v1/jobs/999999999")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    given = await web.get("/api/v1/jobs", headers={"x-request-id": "from-the-proxy-1"})
    assert given.headers["x-request-id"] == "from-the-proxy-1"
    odd = await web.get("/api/v1/jobs", headers={"x-request-id": "a b"})
    assert odd.headers["x-request-id"] != "a b"
