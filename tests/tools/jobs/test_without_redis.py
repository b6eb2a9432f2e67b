"""Redis away: jobs are recorded, told and followed all the same, and start when it is back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from tools import jobs
from tools.errors import StoreUnavailable
from tools.jobs import Claim, Outcome
from tools.queue import Queue
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow


@pytest.fixture
async def box(toolbox: Toolbox, tmp_path: Path) -> AsyncIterator[Toolbox]:
    """A toolbox whose queue nobody answers."""
    queue = Queue(f"unix://{tmp_path}/nobody?db=0")
    yield replace(toolbox, queue=queue)
    await queue.close()


async def test_a_job_is_recorded_and_queued_once_redis_is_back(box: Toolbox, toolbox: Toolbox, actor: Actor) -> None:
    job = await jobs.start(box, actor, "train", "shop")
    assert job.state == "queued"
    with pytest.raises(StoreUnavailable, match="Jobs are kept"):
        await box.queue.ping()

    async with asyncio.timeout(60):
        while job.id not in await toolbox.queue.waiting():
            await jobs.sweep(toolbox)
            await asyncio.sleep(0.5)


async def test_a_running_job_is_worked_on_and_followed(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        for percent in range(0, 100, 20):
            await claim.progress(percent, f"at {percent}")
        return Outcome(state="succeeded")

    job = await jobs.start(box, actor, "train", "shop")
    last = ""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(jobs.attempt(box, job.id, lambda _: work))
        async with aclosing(jobs.follow(box, actor, job.id)) as states:
            async for state in states:
                last = state.state
    assert last == "succeeded"


async def test_the_numbers_say_what_is_not_known(box: Toolbox, actor: Actor) -> None:
    stats = await jobs.queue_stats(box, actor)
    assert stats.queue is None
    assert "does not answer" in str(stats)
