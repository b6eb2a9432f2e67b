"""What a program can do over REST: each noun, from register to answer."""

import json

import httpx
import pytest

from tools import jobs, schemas
from tools.toolbox import Toolbox


def problem(answer: httpx.Response, status: int, title: str) -> str:
    """Check that an answer is a problem of this kind, and give its detail."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body = answer.json()
    assert (body["status"], body["title"]) == (status, title)
    assert body["type"].startswith("/api/v1/docs#")
    assert body["instance"] == httpx.URL(answer.request.url).path
    return str(body["detail"])


async def test_from_register_to_answer(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> None:
    assert toolbox.settings.database_url is not None
    url = toolbox.settings.database_url.get_secret_value()
    made = await rest.post("/databases", json={"name": "again", "url": url})
    assert made.status_code == 201, made.text
    assert made.json()["database"]["name"] == "again"
    job = made.json()["job"]["id"]
    await jobs.attempt(toolbox, job, lambda _: schemas.run_training)
    assert (await rest.get(f"/jobs/{job}")).json()["state"] == "succeeded"
    asked = await rest.post("/databases/again/query", json={"sql": "select 1 + 1 as two"})
    assert asked.json()["rows"] == [[2]]


async def test_databases(rest: httpx.AsyncClient, sales: str) -> None:
    listed = (await rest.get("/databases")).json()
    assert [one["name"] for one in listed["items"]] == ["sales"]
    assert (listed["next"], listed["total"]) == (None, 1)
    health = (await rest.post("/databases/sales/check")).json()
    assert health["answers"]
    assert health["health"].startswith("answers")
    assert (await rest.post("/databases/sales/refresh")).json()["unchanged"] == 2
    assert (await rest.patch("/databases/sales", json={"name": "trade"})).json()["name"] == "trade"
    assert (await rest.get("/databases/trade")).json()["trained"] == 2
    gone = (await rest.delete("/databases/trade")).json()
    assert (gone["name"], gone["trained"]) == ("trade", 2)
    detail = problem(await rest.get("/databases/trade"), 404, "Not found")
    assert detail.startswith("No database named 'trade'")


async def test_tables_relationships_and_words(rest: httpx.AsyncClient, sales: str) -> None:
    tables = (await rest.get("/databases/sales/tables", params={"limit": 1})).json()
    assert [one["shape"]["name"] for one in tables["items"]] == ["customers"]
    following = await rest.get("/databases/sales/tables", params={"limit": 1, "after": tables["next"]})
    assert following.json()["items"][0]["shape"]["name"] == "orders"
    assert "link" not in following.headers
    related = (await rest.get("/databases/sales/relationships")).json()["items"]
    assert [(one["table"], one["target"]) for one in related] == [("public.orders", "public.customers")]
    described = await rest.patch("/databases/sales/tables/orders", json={"description": "What came in."})
    assert described.json()["description"] == "What came in."
    assert (await rest.get("/databases/sales/tables/public.orders")).json()["edited"]
    note = (await rest.post("/databases/sales/notes", json={"text": "revenue means paid orders"})).json()
    assert [one["text"] for one in (await rest.get("/databases/sales/notes")).json()["items"]] == [note["text"]]
    assert (await rest.delete(f"/databases/sales/notes/{note['id']}")).json()["id"] == note["id"]
    problem(await rest.get("/databases/sales/tables/ordres"), 404, "Not found")


async def test_training(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> None:
    assert len((await rest.get("/databases/sales/training")).json()["tables"]) == 2
    started = await rest.post("/databases/sales/training", json={"tables": "orders", "force": True})
    assert started.status_code == 202
    again = await rest.post("/databases/sales/training", json={"tables": "orders", "force": True})
    assert f"job {started.json()['id']}" in problem(again, 409, "Conflict")
    await jobs.attempt(toolbox, started.json()["id"], lambda _: schemas.run_training)
    gone = (await rest.delete("/databases/sales/training", params={"tables": "orders"})).json()
    assert gone["tables"] == ["public.orders"]


async def test_queries_and_their_history(rest: httpx.AsyncClient, sales: str) -> None:
    result = (await rest.post("/databases/sales/query", json={"sql": "select count(*) as n from orders"})).json()
    assert (result["rows"], result["tables"]) == ([[4]], ["public.orders"])
    refused = await rest.post("/databases/sales/query", json={"sql": "delete from orders"})
    problem(refused, 422, "Query rejected")
    failed = await rest.post("/databases/sales/query", json={"sql": "select 1 / (count(*) - 4) from orders"})
    problem(failed, 502, "Query failed")
    first = (await rest.get("/queries", params={"limit": 2})).json()
    assert [one["verdict"] for one in first["items"]] == ["allowed", "rejected"]
    last = (await rest.get("/queries", params={"limit": 2, "after": first["next"]})).json()
    assert [(one["id"], one["door"]) for one in last["items"]] == [(result["id"], "rest")]
    assert last["next"] is None
    assert (await rest.get(f"/queries/{result['id']}")).json()["result"]["rows"] == [[4]]
    assert (await rest.post(f"/queries/{result['id']}/rerun")).json()["rows"] == [[4]]
    assert (await rest.put(f"/queries/{result['id']}/rating", json={"liked": True})).status_code == 204
    saved = await rest.get(f"/queries/{result['id']}/rows.csv")
    assert saved.content.decode("utf-8-sig").split() == ["n", "4"]
    problem(await rest.get(f"/queries/{first['items'][1]['id']}/rows.csv"), 404, "Not found")


async def test_examples(rest: httpx.AsyncClient, sales: str) -> None:
    pair = {"database": "sales", "question": "How many orders?", "sql": "select count(*) from orders"}
    saved = await rest.post("/examples", json=pair)
    assert saved.status_code == 201, saved.text
    assert len((await rest.get("/examples", params={"database": "sales"})).json()["items"]) == 1
    assert (await rest.delete(f"/examples/{saved.json()['id']}")).status_code == 204
    problem(await rest.delete(f"/examples/{saved.json()['id']}"), 404, "Not found")


async def test_a_conversation(rest: httpx.AsyncClient, sales: str) -> None:
    answer = (await rest.post("/databases/sales/ask", json={"question": "how many orders are there?"})).json()
    assert "4" in answer["text"]
    assert answer["queries"][0]["result"]["rows"] == [[4]]
    here = f"/conversations/{answer['conversation_id']}"
    more = (await rest.post(f"{here}/ask", json={"question": "and by status?"})).json()
    assert sorted(more["queries"][0]["result"]["rows"]) == [["cancelled", 1], ["paid", 3]]
    kept = (await rest.get(here)).json()
    assert [turn["question"] for turn in kept["turns"]] == ["how many orders are there?", "and by status?"]
    assert "4" in kept["turns"][0]["text"]
    listed = (await rest.get("/conversations")).json()["items"]
    assert [(one["title"], one["database"]) for one in listed] == [("how many orders are there?", "sales")]
    assert (await rest.delete(here)).status_code == 204
    problem(await rest.post(f"{here}/ask", json={"question": "and now?"}), 404, "Not found")


async def test_an_approval(rest: httpx.AsyncClient, sales: str) -> None:
    answer = (await rest.post("/ask", json={"question": "forget sales"})).json()
    waiting = answer["approvals"]
    assert "The database itself is not touched" in waiting[0]["consequence"]
    here = f"/conversations/{answer['conversation_id']}"
    assert (await rest.get(here)).json()["waiting"] == [waiting[0]["id"]]
    problem(await rest.post(f"{here}/approvals", json={"approvals": {"other": True}}), 404, "Not found")
    done = await rest.post(f"{here}/approvals", json={"approvals": {waiting[0]["id"]: True}})
    assert done.status_code == 200, done.text
    assert (await rest.get("/databases")).json()["items"] == []


def events(text: str) -> list[tuple[str, dict[str, object]]]:
    """The events of a stream, by type, with their data."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return [(block["event"], json.loads(block["data"])) for block in blocks]


async def test_an_answer_as_it_is_made(rest: httpx.AsyncClient, sales: str) -> None:
    asked = await rest.post(
        "/ask", json={"question": "how many orders are there?"}, headers={"accept": "text/event-stream"}
    )
    assert asked.headers["content-type"].startswith("text/event-stream")
    told = events(asked.text)
    assert told[0][0] == "conversation"
    assert [kind for kind, _ in told if kind in ("shown", "done")] == ["shown", "done"]
    assert "".join(str(data["text"]) for kind, data in told if kind == "text")
    query = next(data["card"]["query_id"] for kind, data in told if kind == "shown")  # type: ignore[index]
    assert (await rest.get(f"/queries/{query}")).json()["result"]["rows"] == [[4]]


async def test_jobs(rest: httpx.AsyncClient, toolbox: Toolbox, sales: str) -> None:
    job = (await rest.post("/databases/sales/training", json={"force": True})).json()["id"]
    assert (await rest.get("/jobs/stats")).json()["queued"] == 1
    assert (await rest.post(f"/jobs/{job}/cancel")).json()["state"] == "cancelled"
    problem(await rest.post(f"/jobs/{job}/cancel"), 409, "Conflict")
    assert (await rest.post(f"/jobs/{job}/retry")).json()["state"] == "queued"
    await jobs.attempt(toolbox, job, lambda _: schemas.run_training)
    page = (await rest.get("/jobs", params={"limit": 1})).json()
    assert page["items"][0]["id"] == job
    assert len((await rest.get("/jobs", params={"after": page["next"]})).json()["items"]) == 1
    assert (await rest.get("/jobs", params={"state": "failed", "since": "this week"})).json()["items"] == []
    problem(await rest.get("/jobs", params={"since": "the day before"}), 422, "Invalid request")
    happened = (await rest.get(f"/jobs/{job}/events")).json()["items"]
    assert [one["type"] for one in happened][:2] == ["queued", "cancelled"]


async def test_a_stream_of_a_job_goes_on_where_it_broke_off(
    rest: httpx.AsyncClient, toolbox: Toolbox, sales: str
) -> None:
    job = (await rest.post("/databases/sales/training", json={"force": True})).json()["id"]
    await jobs.attempt(toolbox, job, lambda _: schemas.run_training)
    asked = {"accept": "text/event-stream"}
    whole = [line for line in (await rest.get(f"/jobs/{job}/events", headers=asked)).text.splitlines() if line]
    ids = [int(line[4:]) for line in whole if line.startswith("id: ")]
    assert ids == sorted(ids)
    assert len(ids) > 2
    rest_of_it = await rest.get(f"/jobs/{job}/events", headers={**asked, "last-event-id": str(ids[1])})
    assert [int(line[4:]) for line in rest_of_it.text.splitlines() if line.startswith("id: ")] == ids[2:]
    problem(await rest.get("/jobs/999999999/events", headers=asked), 404, "Not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/databases/sales"),
        ("GET", "/databases/sales/tables"),
        ("POST", "/databases/sales/check"),
        ("DELETE", "/databases/sales"),
    ],
)
async def test_what_is_another_workspaces_is_not_found(
    theirs: httpx.AsyncClient, sales: str, method: str, path: str
) -> None:
    problem(await theirs.request(method, path), 404, "Not found")


async def test_nothing_of_a_password_comes_back(rest: httpx.AsyncClient) -> None:
    url = "postgresql://reader:hunter2hunter2@127.0.0.1:9/none"
    for body in ({"name": "x", "url": url}, {"name": "x", "url": url, "address": {"password": "hunter2hunter2"}}):
        answer = await rest.post("/databases", json=body)
        assert answer.status_code in (422, 502)
        assert "hunter2" not in answer.text
