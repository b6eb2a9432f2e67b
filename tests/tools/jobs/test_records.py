"""Jobs as records: started once, found by their workspace only, cancelled, retried, followed."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from tools import jobs
from tools.errors import Conflict, NotFound
from tools.jobs.records import announce
from tools.store.models import Member, User, Workspace
from tools.toolbox import Actor, Toolbox


async def test_a_started_job_is_recorded_queued_and_told(toolbox: Toolbox, actor: Actor) -> None:
    job = await jobs.start(toolbox, actor, "train", "shop", arguments={"tables": "*"})

    assert (job.state, job.progress, job.attempts, job.target) == ("queued", 0, 0, "shop")
    assert job.arguments == {"tables": "*"}
    assert job.created_by_name == actor.user_name
    assert job.title == "Training shop"
    assert job.id in await toolbox.queue.waiting()
    assert [event.type for event in await jobs.events(toolbox, actor, job.id)] == ["queued"]


async def test_of_many_starts_at_once_one_wins_and_the_others_name_it(toolbox: Toolbox, actor: Actor) -> None:
    results = await asyncio.gather(
        *(jobs.start(toolbox, actor, "sync", "shop.orders") for _ in range(8)), return_exceptions=True
    )

    started = [result for result in results if isinstance(result, jobs.Job)]
    refused = [result for result in results if isinstance(result, Conflict)]
    assert (len(started), len(refused)) == (1, 7)
    assert all(f"job {started[0].id}" in str(error) for error in refused)


async def test_another_kind_or_target_is_no_conflict(toolbox: Toolbox, actor: Actor) -> None:
    await jobs.start(toolbox, actor, "sync", "shop.orders")
    await jobs.start(toolbox, actor, "sync", "shop.returns")
    await jobs.start(toolbox, actor, "train", "shop.orders")

    assert len(await jobs.list_jobs(toolbox, actor)) == 3


async def test_a_job_is_not_to_be_seen_from_another_workspace(toolbox: Toolbox, actor: Actor) -> None:
    job = await jobs.start(toolbox, actor, "train", "shop")
    name = f"stranger-{uuid4().hex[:8]}"
    workspace, user = Workspace(name=name), User(name=name)
    async with toolbox.store.begin_for_all() as session:
        session.add_all([workspace, user])
        await session.flush()
        session.add(Member(workspace_id=workspace.id, user_id=user.id))
    stranger = Actor(user_id=user.id, user_name=name, workspace_id=workspace.id)

    for act in (jobs.get, jobs.cancel, jobs.retry, jobs.events):
        with pytest.raises(NotFound, match=str(job.id)):
            await act(toolbox, stranger, job.id)
    assert await jobs.list_jobs(toolbox, stranger) == ()
    assert (await jobs.start(toolbox, stranger, "train", "shop")).id != job.id


async def test_a_queued_job_is_cancelled_at_once_and_can_be_retried(toolbox: Toolbox, actor: Actor) -> None:
    job = await jobs.start(toolbox, actor, "train", "shop")

    assert (await jobs.cancel(toolbox, actor, job.id)).state == "cancelled"
    with pytest.raises(Conflict, match="over already"):
        await jobs.cancel(toolbox, actor, job.id)

    again = await jobs.retry(toolbox, actor, job.id)
    assert (again.id, again.state) == (job.id, "queued")
    with pytest.raises(Conflict, match="not over"):
        await jobs.retry(toolbox, actor, job.id)
    kinds = [event.type for event in await jobs.events(toolbox, actor, job.id)]
    assert kinds == ["queued", "cancelled", "queued"]


async def test_a_retry_is_refused_while_a_newer_one_is_live(toolbox: Toolbox, actor: Actor) -> None:
    old = await jobs.start(toolbox, actor, "train", "shop")
    await jobs.cancel(toolbox, actor, old.id)
    new = await jobs.start(toolbox, actor, "train", "shop")

    with pytest.raises(Conflict, match=f"job {new.id}"):
        await jobs.retry(toolbox, actor, old.id)


async def test_jobs_are_listed_newest_first_and_filtered(toolbox: Toolbox, actor: Actor) -> None:
    ids = [(await jobs.start(toolbox, actor, "train", f"shop{number}")).id for number in range(4)]
    await jobs.cancel(toolbox, actor, ids[0])

    assert [job.id for job in await jobs.list_jobs(toolbox, actor, limit=3)] == ids[:0:-1]
    assert [job.id for job in await jobs.list_jobs(toolbox, actor, states=["cancelled"])] == [ids[0]]
    assert await jobs.list_jobs(toolbox, actor, kind="sync") == ()


async def test_following_shows_the_present_then_each_change_and_ends(toolbox: Toolbox, actor: Actor) -> None:
    job = await jobs.start(toolbox, actor, "train", "shop")
    seen: list[str] = []
    async with asyncio.timeout(20), aclosing(jobs.follow(toolbox, actor, job.id)) as states:
        async for state in states:
            seen.append(state.state)
            if len(seen) == 1:
                await jobs.cancel(toolbox, actor, job.id)

    assert seen == ["queued", "cancelled"]


async def test_a_message_reaches_those_who_listen(toolbox: Toolbox, actor: Actor) -> None:
    async with asyncio.timeout(20), aclosing(toolbox.queue.subscribe(jobs.job_channel(7))) as messages:
        assert await anext(messages) == ""
        await announce(toolbox, 7, actor.workspace_id, "running")
        assert '"running"' in await anext(messages)


async def test_the_numbers_of_the_queue(toolbox: Toolbox, actor: Actor) -> None:
    await jobs.start(toolbox, actor, "train", "shop")
    stats = await jobs.queue_stats(toolbox, actor)

    assert (stats.queued, stats.running, stats.failed) == (1, 0, 0)
    assert stats.queue is not None and stats.queue.by_queue["train"] >= 1
