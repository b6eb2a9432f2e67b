"""A request sent twice under one key is carried out once."""

import asyncio

import httpx
import pytest
from sqlalchemy import update

from assistant.api import once
from tools.store.models import ReplyRow
from tools.toolbox import Actor, Toolbox

KEY = {"idempotency-key": "night-run-1"}
PAIR = {"database": "sales", "question": "How many?", "sql": "select count(*) from orders"}


async def test_the_second_time_answers_the_same_and_does_nothing(rest: httpx.AsyncClient, sales: str) -> None:
    first = await rest.post("/databases/sales/training", json={"force": True}, headers=KEY)
    again = await rest.post("/databases/sales/training", json={"force": True}, headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


async def test_another_request_under_the_same_key_is_refused(rest: httpx.AsyncClient, sales: str) -> None:
    assert (await rest.post("/databases/sales/notes", json={"text": "one"}, headers=KEY)).status_code == 201
    other = await rest.post("/databases/sales/notes", json={"text": "two"}, headers=KEY)
    assert other.status_code == 422
    assert "'night-run-1' was used for another request" in other.json()["detail"]


async def test_at_the_same_time_only_one_is_carried_out(rest: httpx.AsyncClient, sales: str) -> None:
    asked = [rest.post("/ask", json={"question": "how many orders?"}, headers=KEY) for _ in range(4)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {200, 409}
    kept = await rest.post("/ask", json={"question": "how many orders?"}, headers=KEY)
    assert {answer.json()["conversation_id"] for answer in answers if answer.status_code == 200} == {
        kept.json()["conversation_id"]
    }
    assert len((await rest.get("/conversations")).json()["items"]) == 1


async def test_an_error_frees_the_key(rest: httpx.AsyncClient, sales: str) -> None:
    wrong = {**PAIR, "sql": "select nothing from nowhere"}
    assert (await rest.post("/examples", json=wrong, headers=KEY)).status_code == 422
    assert (await rest.post("/examples", json=PAIR, headers=KEY)).status_code == 201


async def test_keys_are_a_persons_own(rest: httpx.AsyncClient, theirs: httpx.AsyncClient, sales: str) -> None:
    assert (await rest.post("/examples", json=PAIR, headers=KEY)).status_code == 201
    assert (await theirs.post("/examples", json=PAIR, headers=KEY)).status_code == 404


@pytest.mark.parametrize(("age", "status"), [(once.KEPT, None), (once.KEPT / 20, None), (once.KEPT, 201)])
async def test_a_key_that_is_over_is_free_again(
    rest: httpx.AsyncClient, toolbox: Toolbox, actor: Actor, sales: str, age: object, status: int | None
) -> None:
    assert (await rest.post("/examples", json=PAIR, headers=KEY)).status_code == 201
    async with toolbox.store.begin(actor.workspace_id) as session:
        await session.execute(update(ReplyRow).values(at=ReplyRow.at - age, status=status))
    again = await rest.post("/examples", json={**PAIR, "question": "How many orders?"}, headers=KEY)
    assert again.status_code == 201


async def test_a_stream_cannot_be_given_twice(rest: httpx.AsyncClient) -> None:
    asked = await rest.post("/ask", json={"question": "x"}, headers={**KEY, "accept": "text/event-stream"})
    assert asked.status_code == 422
