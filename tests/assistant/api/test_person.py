"""Who may come in over REST, with what, and how often."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from assistant import accounts
from assistant.address import came_from
from tests.assistant.api.conftest import client
from tests.assistant.api.test_routes import problem
from tools.toolbox import Actor, Toolbox

PASSWORD = "a long enough password"


@pytest.fixture
def team(toolbox: Toolbox) -> Toolbox:
    """The toolbox of a set-up where people sign in."""
    return replace(toolbox, settings=toolbox.settings.model_copy(update={"login": "password"}))


@pytest.fixture
async def ada(team: Toolbox, actor: Actor) -> str:
    """An editor's name."""
    name = f"ada-{uuid4().hex[:8]}"
    await accounts.add_user(team, actor, name, PASSWORD, "editor")
    return name


@pytest.fixture
async def door(team: Toolbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of whom nothing is known."""
    async with client(team) as opened:
        yield opened


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_on_loopback_the_one_person_needs_no_token(toolbox: Toolbox) -> None:
    async with client(toolbox) as opened:
        assert (await opened.get("/auth/me")).json()["name"] == accounts.LOCAL_USER


async def test_elsewhere_nobody_is_let_in_without(door: httpx.AsyncClient) -> None:
    answer = await door.get("/databases")
    assert "Sign in first" in problem(answer, 401, "Not signed in")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_tokens_are_issued_refreshed_once_and_revoked(door: httpx.AsyncClient, ada: str) -> None:
    signed = await door.post("/auth/token", json={"name": ada, "password": PASSWORD})
    assert signed.headers["cache-control"] == "no-store"
    tokens = signed.json()
    me = (await door.get("/auth/me", headers=bearing(tokens["access"]))).json()
    assert (me["name"], me["role"]) == (ada, "editor")
    short = {"old": PASSWORD, "new": "short"}
    problem(await door.put("/auth/password", json=short, headers=bearing(tokens["access"])), 422, "Invalid request")
    again = (await door.post("/auth/refresh", json={"refresh": tokens["refresh"]})).json()
    assert (await door.get("/auth/me", headers=bearing(again["access"]))).status_code == 200
    assert (await door.post("/auth/revoke", json={"refresh": again["refresh"]})).status_code == 204
    problem(await door.get("/auth/me", headers=bearing(again["access"])), 401, "Not signed in")
    problem(await door.post("/auth/refresh", json={"refresh": again["refresh"]}), 401, "Not signed in")


async def test_a_wrong_password_is_told_and_guessing_is_slowed(door: httpx.AsyncClient, ada: str) -> None:
    wrong = {"name": ada, "password": "not the password"}
    assert "wrong" in problem(await door.post("/auth/token", json=wrong), 401, "Not signed in")
    answers = [await door.post("/auth/token", json=wrong) for _ in range(6)]
    problem(answers[-1], 429, "Too many requests")
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_key_acts_within_its_scope(rest: httpx.AsyncClient, door: httpx.AsyncClient, sales: str) -> None:
    made = (await rest.post("/keys", json={"name": "report", "scope": "read"})).json()
    listed = (await rest.get("/keys")).json()["items"]
    assert [one["name"] for one in listed] == ["report"]
    assert made["key"] not in str(listed)
    for headers in (bearing(made["key"]), {"x-api-key": made["key"]}):
        asked = await door.post("/databases/sales/query", json={"sql": "select count(*) from orders"}, headers=headers)
        assert asked.json()["rows"] == [[4]]
        problem(await door.delete("/databases/sales", headers=headers), 403, "Not allowed")
        problem(await door.get("/keys", headers=headers), 403, "Not allowed")
    assert (await rest.delete(f"/keys/{made['about']['id']}")).json()["revoked_at"]
    problem(await door.get("/databases", headers=bearing(made["key"])), 401, "Not signed in")


async def test_members_come_change_and_go(rest: httpx.AsyncClient) -> None:
    name = f"bob-{uuid4().hex[:8]}"
    added = await rest.post("/users", json={"name": name, "password": PASSWORD, "attributes": {"region": "north"}})
    assert added.status_code == 201, added.text
    assert (added.json()["role"], added.json()["attributes"]) == ("viewer", {"region": "north"})
    assert PASSWORD not in added.text
    assert (await rest.patch(f"/users/{name}", json={"role": "editor"})).json()["role"] == "editor"
    problem(await rest.patch(f"/users/{name}", json={}), 422, "Invalid request")
    problem(await rest.patch(f"/users/{name}", json={"role": "king"}), 422, "Invalid request")
    assert name in [one["name"] for one in (await rest.get("/users")).json()["items"]]
    assert (await rest.delete(f"/users/{name}")).status_code == 204
    problem(await rest.delete(f"/users/{name}"), 404, "Not found")


async def test_workspaces(rest: httpx.AsyncClient) -> None:
    name = f"team-{uuid4().hex[:8]}"
    assert (await rest.post("/workspaces", json={"name": name})).status_code == 201
    assert (await rest.put("/workspaces/chosen", json={"name": name})).json()["chosen"]
    assert len((await rest.get("/workspaces")).json()["items"]) == 2
    problem(await rest.put("/workspaces/chosen", json={"name": "nowhere"}), 404, "Not found")


async def test_who_asks_too_often_is_told_when_to_come_back(toolbox: Toolbox, actor: Actor) -> None:
    few = replace(toolbox, settings=toolbox.settings.model_copy(update={"requests_per_minute": 3, "login": "password"}))
    key = (await accounts.create_key(few, actor, "often")).key
    async with client(few) as opened:
        answers = [await opened.get("/databases", headers=bearing(key)) for _ in range(4)]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["ratelimit-limit"] == "3"
    assert "Try again in" in problem(answers[3], 429, "Too many requests")
    assert 0 < int(answers[3].headers["retry-after"]) <= 60


async def test_guessing_keys_is_slowed(door: httpx.AsyncClient) -> None:
    came_from("203.0.113.9")  # an address of its own: whoever shares it is slowed as well
    guesses = [await door.get("/databases", headers=bearing(f"ttk_{number}")) for number in range(32)]
    assert {answer.status_code for answer in guesses[:20]} == {401}
    problem(guesses[-1], 429, "Too many requests")


async def test_refresh_tokens_from_one_address_are_counted(toolbox: Toolbox) -> None:
    came_from(f"2001:db8::{uuid4().hex[:4]}")
    few = replace(
        toolbox, settings=toolbox.settings.model_copy(update={"refreshes_per_minute": 3, "login": "password"})
    )
    async with client(few) as opened:
        bad = {"refresh": "ttr_nobody's"}
        assert (await opened.post("/auth/refresh", json=bad)).status_code == 401
        assert [(await opened.post("/auth/revoke", json=bad)).status_code for _ in range(2)] == [204, 204]
        for route in ("/auth/refresh", "/auth/revoke"):
            problem(await opened.post(route, json=bad), 429, "Too many requests")
