"""Syncs, schedules, documents, policies and the audit log over REST."""

import httpx
import pytest

from tests.assistant.api.test_routes import problem
from tools import jobs
from tools.toolbox import Toolbox
from workers.runners import runner_of


async def work(box: Toolbox, *numbers: int) -> None:
    """Do jobs as a worker does."""
    for number in numbers:
        await jobs.attempt(box, number, runner_of)


@pytest.fixture
async def synced(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> str:
    """The database with its customers and orders as documents."""
    started = await rest.post("/databases/sales/syncs", json={})
    assert started.status_code == 202, started.text
    await work(toolbox, started.json()["id"])
    for kind in ("index", "embed"):
        live = (await rest.get("/jobs", params={"kind": kind, "state": "queued"})).json()["items"]
        await work(toolbox, *(job["id"] for job in live))
    return sales


async def test_a_sync_is_previewed_started_and_told(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> None:
    planned = (await rest.post("/databases/sales/syncs/preview", json={"tables": "orders"})).json()
    assert [(table["table"], table["mode"]) for table in planned["tables"]] == [("public.orders", "full")]
    started = (await rest.post("/databases/sales/syncs", json={"tables": "orders"})).json()
    again = await rest.post("/databases/sales/syncs", json={"tables": "orders"})
    assert str(started["id"]) in problem(again, 409, "Conflict")
    active = (await rest.get("/syncs", params={"active": True})).json()["items"]
    assert [job["id"] for job in active] == [started["id"]]
    await work(toolbox, started["id"])
    states = (await rest.get("/databases/sales/syncs")).json()["items"]
    assert [(state["table"], state["counts"]["new"]) for state in states] == [("public.orders", 4)]
    assert (await rest.get("/syncs", params={"active": True})).json()["items"] == []


async def test_plans(rest: httpx.AsyncClient, sales: str) -> None:
    assert (await rest.get("/databases/sales/plans/customers")).json()["entity"] == "customer"
    edited = await rest.patch("/databases/sales/plans/customers", json={"entity": "client", "ignore": ["country"]})
    assert edited.json()["entity"] == "client"
    assert (await rest.delete("/databases/sales/plans/customers")).json()["entity"] == "customer"
    problem(await rest.patch("/databases/sales/plans/customers", json={"ignore": ["nothing"]}), 422, "Invalid request")


async def test_documents_are_searched_and_opened(rest: httpx.AsyncClient, synced: str) -> None:
    found = (await rest.get("/documents", params={"query": "Ada", "entity": "customer"})).json()
    first = found["hits"][0]
    assert (first["entity"], first["source_key"]) == ("customer", "1")
    whole = (await rest.get(f"/documents/{first['id']}")).json()
    assert whole["data"]["country"] == "France"
    related = (await rest.get(f"/documents/{first['id']}/related")).json()["items"]
    assert {one["entity"] for one in related} == {"order"}
    row = (await rest.get(f"/documents/{first['id']}/row")).json()
    assert "Ada" in str(row)
    problem(await rest.get("/documents/999999999"), 404, "Not found")
    problem(await rest.get("/documents", params={"query": "x", "since": "the day before"}), 422, "Invalid request")


async def test_schedules(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> None:
    wanted = {"database": "sales", "tables": "orders", "when": "every night at 2", "timezone": "Europe/Berlin"}
    made = await rest.post("/schedules", json=wanted)
    assert made.status_code == 201, made.text
    assert made.json()["when"] == "every day at 02:00 Europe/Berlin"
    assert made.json()["preview"]["tables"][0]["table"] == "public.orders"
    here = f"/schedules/{made.json()['schedule']['id']}"
    problem(await rest.post("/schedules", json=wanted), 409, "Conflict")
    assert (await rest.patch(here, json={"when": "mondays at noon"})).json()["cron"] == "0 12 * * 1"
    assert (await rest.post(f"{here}/pause")).json()["paused"]
    assert not (await rest.post(f"{here}/resume")).json()["paused"]
    assert (await rest.post(f"{here}/start")).json()["kind"] == "sync"
    training = await rest.post("/schedules", json={"kind": "train", "database": "sales", "when": "sundays at 4"})
    assert training.json()["preview"] is None
    assert len((await rest.get("/schedules", params={"database": "sales"})).json()["items"]) == 2
    assert (await rest.delete(here)).status_code == 200
    problem(await rest.get(here), 404, "Not found")


async def test_failures_are_tried_again_together(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> None:
    started = (await rest.post("/databases/sales/syncs", json={"tables": "orders"})).json()["id"]

    async def fail(*_: object) -> jobs.Outcome:
        raise ValueError

    for _ in range(toolbox.settings.job_attempts):
        await jobs.attempt(toolbox, started, lambda _: fail)
    failed = (await rest.get("/jobs/failed")).json()["items"]
    assert [job["id"] for job in failed] == [started]
    again = (await rest.post("/jobs/failed/retry")).json()
    assert ([job["id"] for job in again["jobs"]], again["refused"]) == ([started], [])


async def test_a_policy_holds_from_the_next_query_on(rest: httpx.AsyncClient, sales: str) -> None:
    count = {"sql": "select count(*) as n from orders"}
    policy = {"database": "sales", "table": "orders", "predicate": "status = 'paid'"}
    made = await rest.post("/policies", json=policy)
    assert made.status_code == 201, made.text
    assert (await rest.post("/databases/sales/query", json=count)).json()["rows"] == [[3]]
    assert len((await rest.get("/policies")).json()["items"]) == 1
    assert (await rest.delete(f"/policies/{made.json()['id']}")).status_code == 200
    assert (await rest.post("/databases/sales/query", json=count)).json()["rows"] == [[4]]
    wrong = {**policy, "predicate": "status = (select 1; drop table orders)"}
    assert (await rest.post("/policies", json=wrong)).status_code == 422


async def test_the_audit_log_tells_who_did_what_through_which_door(rest: httpx.AsyncClient, sales: str) -> None:
    await rest.post("/databases/sales/query", json={"sql": "delete from orders"})
    entry = (await rest.get("/audit", params={"action": "query", "limit": 1})).json()["items"][0]
    assert (entry["door"], entry["verdict"]) == ("rest", "refused")
    page = (await rest.get("/audit", params={"limit": 1})).json()
    older = (await rest.get("/audit", params={"limit": 1, "after": page["next"]})).json()
    assert older["items"][0]["id"] < page["items"][0]["id"]
