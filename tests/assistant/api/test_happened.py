"""What happens to all jobs of a workspace, as a list and as a stream that goes on where it broke off."""

import asyncio
from contextlib import aclosing
from importlib import import_module

import httpx
import pytest

from tests.assistant.api.conftest import client
from tests.assistant.api.serving import serving
from tools import jobs
from tools.jobs import Job
from tools.toolbox import Actor, Toolbox


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events settle and are looked for five times as soon: nothing here is committed late."""
    module = import_module("tools.jobs.follow")  # whose name in `jobs` is its function's
    monkeypatch.setattr(module, "SETTLED_SECONDS", 0.2)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)


async def made(box: Toolbox, actor: Actor, name: str) -> Job:
    """A job that was queued and cancelled: two events."""
    job = await jobs.start(box, actor, "train", name)
    return await jobs.cancel(box, actor, job.id)


async def settled(box: Toolbox, actor: Actor, count: int) -> list[int]:
    """The ids of all events, once there are so many."""
    async with asyncio.timeout(60):
        while len(found := await jobs.happened(box, actor, 0)) < count:
            await asyncio.sleep(0.1)
    return [event.id for event in found]


async def test_the_list_comes_in_pages(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    for name in ("one", "two"):
        await made(toolbox, actor, name)
    await made(toolbox, stranger, "theirs")
    ids = await settled(toolbox, actor, 4)
    assert len(ids) == 4
    async with client(toolbox, actor) as rest:
        first = (await rest.get("/jobs/events", params={"limit": 3})).json()
        assert [one["id"] for one in first["items"]] == ids[:3]
        rest_of = (await rest.get("/jobs/events", params={"limit": 3, "after": first["next"]})).json()
        assert [one["id"] for one in rest_of["items"]] == ids[3:]


async def test_a_stream_goes_on_behind_the_last_event(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    await made(toolbox, actor, "before")
    ids = await settled(toolbox, actor, 2)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(ids[0])}
    with serving(toolbox.settings, actor) as url:
        async with (
            httpx.AsyncClient(base_url=url, timeout=60) as http,
            http.stream("GET", "/api/v1/jobs/events", headers=headers) as answer,
        ):
            seen: list[int] = []
            await made(toolbox, stranger, "theirs")
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    seen.append(int(line[4:]))
                    if len(seen) == 1:  # what was missed is told; now something happens
                        await made(toolbox, actor, "after")
                if len(seen) == 3:
                    break
    assert seen[0] == ids[1]
    assert seen == (await settled(toolbox, actor, 4))[1:]


async def test_without_a_number_it_begins_now(toolbox: Toolbox, actor: Actor) -> None:
    await made(toolbox, actor, "before")
    ids = await settled(toolbox, actor, 2)
    async with aclosing(jobs.follow_all(toolbox, actor)) as happens:
        next_one = asyncio.create_task(anext(happens))
        await asyncio.sleep(0)
        await made(toolbox, actor, "after")
        async with asyncio.timeout(60):
            assert (await next_one).id > ids[-1]


async def test_it_ends_so_that_a_reader_says_anew_who_they_are(toolbox: Toolbox, actor: Actor) -> None:
    assert [event async for event in jobs.follow_all(toolbox, actor, 0, seconds=0.1)] == []
