"""One attempt at a job: every way it can end is written down as it was."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from tools import jobs
from tools.errors import DatabaseUnreachable, NotFound, StoreUnavailable
from tools.jobs import Claim, ClaimLost, Job, JobCancelled, Outcome
from tools.jobs.claim import take
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox

Work = Callable[[Toolbox, Claim], Awaitable[Outcome]]


@pytest.fixture
async def box(toolbox: Toolbox) -> Toolbox:
    """A toolbox whose clocks run fast, over a store that has been up for four heartbeats."""
    quick = {"heartbeat_seconds": 0.5, "retry_seconds": 0.05}
    up = text("SELECT pg_sleep_until(pg_postmaster_start_time() + interval '2.1 seconds')")
    async with toolbox.store.begin_for_all() as session:
        await session.execute(up)
    return replace(toolbox, settings=toolbox.settings.model_copy(update=quick))


async def run(box: Toolbox, actor: Actor, work: Work) -> Job:
    """Start a job, make one attempt at it with `work`, and give what became of it."""
    job = await jobs.start(box, actor, "train", f"shop-{uuid4().hex[:6]}")
    async with asyncio.timeout(60):
        await jobs.attempt(box, job.id, lambda _: work)
    return await jobs.get(box, actor, job.id)


async def kinds_of(box: Toolbox, actor: Actor, job: Job) -> list[str]:
    return [event.type for event in await jobs.events(box, actor, job.id)]


async def silence(box: Toolbox, job_id: int) -> None:
    """Make a job's heartbeat so old that its worker counts as dead."""
    async with box.store.begin_for_all() as session:
        await session.execute(
            text("UPDATE tabletalk.jobs SET heartbeat_at = now() - interval '1 hour' WHERE id = :id"), {"id": job_id}
        )


async def test_a_job_that_succeeds(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        assert claim.actor.user_id == actor.user_id
        assert claim.actor.door == "worker"
        for percent in range(0, 101, 10):
            await claim.progress(percent, f"at {percent}", tables=percent)
        return Outcome(state="succeeded", counts={"trained": 3}, message="3 tables trained")

    job = await run(box, actor, work)

    assert (job.state, job.progress, job.stage, job.attempts) == ("succeeded", 100, "3 tables trained", 1)
    assert job.counts == {"tables": 100, "trained": 3}
    assert job.finished_at is not None
    kinds = await kinds_of(box, actor, job)
    assert (kinds[:2], kinds[-1]) == (["queued", "started"], "finished")


@pytest.mark.parametrize("state", ["partial", "empty"])
async def test_outcomes_between_success_and_failure(box: Toolbox, actor: Actor, state: str) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        return Outcome.model_validate({"state": state, "message": "stock: permission denied"})

    job = await run(box, actor, work)
    assert (job.state, job.stage) == (state, "stock: permission denied")


async def test_a_fault_that_stays_fails_at_once_with_its_reason(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        raise NotFound("No table 'ordres' in shop; did you mean 'orders'?")

    job = await run(box, actor, work)
    assert (job.state, job.error) == ("failed", "No table 'ordres' in shop; did you mean 'orders'?")


async def test_a_wrong_password_is_not_tried_again(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        error = DatabaseUnreachable("shop refuses the password of 'reader'.")
        error.passing = False
        raise error

    assert (await run(box, actor, work)).state == "failed"


async def test_an_unexpected_fault_shows_no_internals(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        raise KeyError("secret-detail")

    job = await run(box, actor, work)
    assert job.state == "failed"
    assert job.error is not None and "secret-detail" not in job.error


async def test_a_passing_fault_is_tried_again_until_the_attempts_are_used_up(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        raise DatabaseUnreachable("shop does not answer (connection refused).")

    job = await run(box, actor, work)
    assert (job.state, job.attempts, job.error) == ("queued", 1, "shop does not answer (connection refused).")
    assert job.not_before is not None

    async with asyncio.timeout(30):
        while job.live:
            await jobs.sweep(box)
            await jobs.attempt(box, job.id, lambda _: work)
            job = await jobs.get(box, actor, job.id)
    assert job.attempts == box.settings.job_attempts
    assert job.error == "shop does not answer (connection refused). Tried 3 times."
    assert (await kinds_of(box, actor, job)).count("retrying") == 2

    again = await jobs.retry(box, actor, job.id)
    assert (again.state, again.error, again.max_attempts) == ("queued", None, 6)


async def test_a_running_job_is_cancelled_in_the_middle_of_a_wait(box: Toolbox, actor: Actor) -> None:
    stopped = asyncio.Event()

    async def work(box: Toolbox, claim: Claim) -> Outcome:
        try:
            assert (await jobs.cancel(box, actor, claim.job.id)).state == "cancelling"
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise
        raise AssertionError

    job = await run(box, actor, work)
    assert stopped.is_set()
    assert (job.state, job.error) == ("cancelled", None)
    assert (await kinds_of(box, actor, job))[-2:] == ["cancel asked", "cancelled"]


async def test_a_runner_that_reports_learns_of_a_cancel_there(box: Toolbox, actor: Actor) -> None:
    learnt = asyncio.Event()

    async def work(box: Toolbox, claim: Claim) -> Outcome:
        await jobs.cancel(box, actor, claim.job.id)
        try:
            while True:
                await claim.progress(10, "reading", rows=120)
                await asyncio.sleep(0.01)
        except JobCancelled:
            learnt.set()
            raise

    job = await run(box, actor, work)
    assert learnt.is_set()
    assert (job.state, job.counts) == ("cancelled", {"rows": 120})


async def test_a_job_that_is_done_before_it_hears_of_a_cancel_tells_that_it_is_done(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        await jobs.cancel(box, actor, claim.job.id)
        return Outcome(state="succeeded")

    assert (await run(box, actor, work)).state == "succeeded"


async def test_an_orphan_can_neither_report_nor_write_once_it_is_taken_over(box: Toolbox, actor: Actor) -> None:
    job = await jobs.start(box, actor, "train", "shop")
    orphan = await take(box, job.id)
    assert orphan is not None
    await silence(box, job.id)

    swept = await jobs.sweep(box)
    assert job.id in swept.taken_over
    with pytest.raises(ClaimLost):
        await orphan.progress(50, "still here")
    with pytest.raises(ClaimLost):
        async with box.store.begin_for_all() as session:
            await orphan.hold(session)
    await orphan.finish(Outcome(state="succeeded"))
    assert (await jobs.get(box, actor, job.id)).state == "queued"

    successor = await take(box, job.id)
    assert successor is not None and successor.job.attempts == 2
    async with box.store.begin_for_all() as session:
        await successor.hold(session)
    await orphan.fail("too late")
    await successor.finish(Outcome(state="succeeded"))
    assert (await jobs.get(box, actor, job.id)).state == "succeeded"
    assert (await kinds_of(box, actor, job)) == ["queued", "started", "taken over", "started", "finished"]


async def test_a_worker_that_dies_each_time_ends_in_a_failure_that_says_so(box: Toolbox, actor: Actor) -> None:
    job = await jobs.start(box, actor, "train", "shop")
    for _ in range(box.settings.job_attempts):
        claim = await take(box, job.id)
        assert claim is not None
        await claim.progress(10, "reading orders")
        await silence(box, job.id)
        await jobs.sweep(box)

    over = await jobs.get(box, actor, job.id)
    assert over.state == "failed"
    assert over.error is not None and "3 times" in over.error and "reading orders" in over.error


def test_a_worker_that_was_killed_is_noticed_within_half_a_minute() -> None:
    usual = Settings(_env_file=None)
    assert jobs.silence(usual).total_seconds() + 2 * usual.tick_seconds <= 30


async def test_a_cancel_whose_worker_died_is_completed_by_the_sweep(box: Toolbox, actor: Actor) -> None:
    job = await jobs.start(box, actor, "train", "shop")
    await take(box, job.id)
    await jobs.cancel(box, actor, job.id)
    await silence(box, job.id)
    await jobs.sweep(box)

    assert (await jobs.get(box, actor, job.id)).state == "cancelled"


async def test_a_claim_is_given_to_one_worker_only(box: Toolbox, actor: Actor) -> None:
    job = await jobs.start(box, actor, "train", "shop")
    claims = await asyncio.gather(*(take(box, job.id) for _ in range(6)))
    assert len([claim for claim in claims if claim is not None]) == 1


async def test_a_heartbeat_is_kept_up_through_a_long_wait(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        await silence(box, claim.job.id)
        job = await jobs.get(box, actor, claim.job.id)
        first = job.heartbeat_at
        while job.heartbeat_at == first:
            await asyncio.sleep(0.05)
            job = await jobs.get(box, actor, claim.job.id)
        return Outcome(state="succeeded")

    assert (await run(box, actor, work)).state == "succeeded"


async def test_the_last_progress_is_written_though_it_came_too_soon_after_another(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        await claim.progress(10, "first")
        await claim.progress(20, "second")
        while (await jobs.get(box, actor, claim.job.id)).stage != "second":
            await asyncio.sleep(0.02)
        return Outcome(state="succeeded")

    assert (await run(box, actor, work)).state == "succeeded"


async def test_a_job_over_its_time_is_stopped(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        await asyncio.sleep(60)
        raise AssertionError

    short = replace(box, settings=box.settings.model_copy(update={"job_seconds": 0.2}))
    job = await run(short, actor, work)
    assert job.state == "failed"
    assert job.error is not None and "TABLETALK_JOB_SECONDS" in job.error


async def test_a_worker_that_is_asked_to_stop_hands_its_job_back_uncounted(box: Toolbox, actor: Actor) -> None:
    started = asyncio.Event()

    async def work(box: Toolbox, claim: Claim) -> Outcome:
        started.set()
        await asyncio.sleep(60)
        raise AssertionError

    job = await jobs.start(box, actor, "train", "shop")
    attempt = asyncio.create_task(jobs.attempt(box, job.id, lambda _: work))
    await started.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt

    back = await jobs.get(box, actor, job.id)
    assert (back.state, back.attempts, back.error) == ("queued", 0, None)


async def test_lines_cut_in_the_middle_of_a_job_do_not_fail_it(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        for percent in range(0, 100, 10):
            async with box.store.begin_as_owner() as session:
                await session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'tabletalk' AND pid <> pg_backend_pid()"
                    )
                )
            await claim.progress(percent, f"at {percent}")
            await asyncio.sleep(0.1)
        return Outcome(state="succeeded")

    job = await run(box, actor, work)
    assert (job.state, job.attempts) == ("succeeded", 1)


async def test_a_store_that_goes_away_under_the_runner_itself_is_a_passing_fault(box: Toolbox, actor: Actor) -> None:
    async def work(box: Toolbox, claim: Claim) -> Outcome:
        raise StoreUnavailable("The store does not answer.")

    assert (await run(box, actor, work)).state == "queued"


async def test_a_queued_job_that_redis_lost_is_queued_again(box: Toolbox, actor: Actor) -> None:
    job = await jobs.start(box, actor, "train", "shop")
    await silence(box, job.id)
    assert job.id not in (await jobs.sweep(box)).queued_again, "it lies in the queue"

    await asyncio.to_thread(box.queue._redis.flushall)
    await silence(box, job.id)
    assert job.id in (await jobs.sweep(box)).queued_again
    assert job.id in await box.queue.waiting()
