"""History: what is kept of it, and what is tried again of it."""

from dataclasses import replace

from sqlalchemy import text

from tools import jobs
from tools.jobs import Claim, Outcome
from tools.toolbox import Actor, Toolbox


async def over(box: Toolbox, actor: Actor, state: str, target: str) -> int:
    """A job that has ended in `state`."""
    job = await jobs.start(box, actor, "train", target)
    async with box.store.begin_for_all() as session:
        await session.execute(
            text("UPDATE tabletalk.jobs SET state = :state, finished_at = now() WHERE id = :id"),
            {"state": state, "id": job.id},
        )
    return job.id


async def test_the_latest_of_each_kind_of_end_are_kept(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    box = replace(toolbox, settings=toolbox.settings.model_copy(update={"kept_completed": 2, "kept_failed": 1}))
    done = [await over(box, actor, "succeeded", f"a{n}") for n in range(2)]
    cancelled = await over(box, actor, "cancelled", "b")
    failed = [await over(box, actor, "failed", f"c{n}") for n in range(2)]
    live = await jobs.start(box, actor, "train", "d")
    other = await over(box, stranger, "succeeded", "e")

    assert await jobs.prune(box) >= 2
    assert [job.id for job in await jobs.list_jobs(box, actor)] == [live.id, failed[1], cancelled, done[1]]
    assert [job.id for job in await jobs.list_jobs(box, stranger)] == [other]


async def test_all_that_failed_and_was_not_made_good_is_tried_again(toolbox: Toolbox, actor: Actor) -> None:
    first = await over(toolbox, actor, "failed", "shop")
    second = await over(toolbox, actor, "failed", "shop")
    partly = await over(toolbox, actor, "partial", "warehouse")
    await over(toolbox, actor, "failed", "made good")
    await over(toolbox, actor, "succeeded", "made good")

    assert [job.id for job in await jobs.failures(toolbox, actor)] == [partly, second]
    retried, refused = await jobs.retry_all(toolbox, actor)
    assert ([job.id for job in retried], refused) == ([partly, second], ())
    assert (await jobs.get(toolbox, actor, first)).state == "failed"
    assert await jobs.failures(toolbox, actor) == ()


async def test_events_are_followed_from_where_a_reader_was(toolbox: Toolbox, actor: Actor) -> None:
    async def work(_box: Toolbox, claim: Claim) -> Outcome:
        await claim.progress(50, "half way")
        return Outcome(state="succeeded")

    job = await jobs.start(toolbox, actor, "train", "shop")
    seen = (await jobs.events(toolbox, actor, job.id))[-1]
    await jobs.attempt(toolbox, job.id, lambda _: work)
    kinds = [event.type async for event in jobs.follow_events(toolbox, actor, job.id, seen.id)]
    assert kinds == ["started", "progress", "finished"]
    assert [event.type async for event in jobs.follow_events(toolbox, actor, job.id)] == ["queued", *kinds]
