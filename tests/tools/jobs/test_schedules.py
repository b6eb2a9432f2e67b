"""Schedules: made, listed, paused, changed, deleted; and started once each time, whatever the clocks do."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from tools import jobs
from tools.errors import Conflict, DatabaseUnreachable, Invalid, NotAllowed, NotFound, TooMany
from tools.jobs import Job, Outcome, Schedule, schedules
from tools.toolbox import Actor, Toolbox

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


async def start(box: Toolbox, actor: Actor, schedule: Schedule) -> Job:
    """What starts a schedule's job in these tests."""
    return await jobs.start(box, actor, schedule.kind, schedule.target, arguments=schedule.arguments)


@pytest.fixture
async def nightly(toolbox: Toolbox, actor: Actor) -> Schedule:
    """A schedule that comes at two each night, next on Monday 23 November 2026."""
    made = await schedules.create(
        toolbox, actor, "train", f"shop-{uuid4().hex[:6]}", "every night at 2", timezone="UTC"
    )
    await due_at(toolbox, made, MONDAY + timedelta(hours=1))
    return await schedules.get(toolbox, actor, made.id)


async def due_at(box: Toolbox, schedule: Schedule, at: datetime) -> None:
    async with box.store.begin_for_all() as session:
        await session.execute(
            text("UPDATE tabletalk.schedules SET next_run = :at WHERE id = :id"), {"at": at, "id": schedule.id}
        )


async def claim(box: Toolbox, schedule: Schedule, now: datetime) -> bool:
    return schedule.id in await jobs.claim_due(box, start, now)


async def end(box: Toolbox, job_id: int | None) -> None:
    async def work(_box: Toolbox, _claim: jobs.Claim) -> Outcome:
        return Outcome(state="succeeded")

    assert job_id is not None
    await jobs.attempt(box, job_id, lambda _: work)


async def test_a_schedule_tells_what_when_and_next(toolbox: Toolbox, actor: Actor) -> None:
    made = await schedules.create(toolbox, actor, "sync", "shop", "weekdays at 7:30", timezone="Europe/Berlin")
    assert (made.title, made.when) == ("Sync shop", "at 07:30, Monday through Friday (Europe/Berlin)")
    saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert [f"{at:%A %H:%M}" for at in made.next_runs(2, saturday)] == ["Monday 07:30", "Tuesday 07:30"]
    assert made.next_run is not None and made.next_run > datetime.now(UTC)
    assert str(made).startswith(f"Schedule {made.id}, Sync shop: at 07:30")
    assert [one.id for one in await schedules.list_schedules(toolbox, actor)] == [made.id]
    often = await schedules.create(toolbox, actor, "sync", "shop", "every 15 minutes", timezone="Europe/Berlin")
    assert often.when == "every 15 minutes"  # the same in every zone


async def test_the_zone_in_the_words_wins_then_the_settings_then_the_machine(toolbox: Toolbox, actor: Actor) -> None:
    named = await schedules.create(toolbox, actor, "sync", "a", "nightly Asia/Tokyo", timezone="Europe/Berlin")
    assert named.timezone == "Asia/Tokyo"
    plain = await schedules.create(toolbox, actor, "sync", "b", "nightly")
    assert plain.timezone == schedules.default_zone(toolbox)


async def test_the_same_schedule_is_not_made_twice(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    made = await schedules.create(toolbox, actor, "sync", "shop", "nightly")
    with pytest.raises(Conflict, match=f"Schedule {made.id} does just that"):
        await schedules.create(toolbox, actor, "sync", "shop", "every night at 2")
    await schedules.create(toolbox, actor, "sync", "shop", "every night at 3")
    await schedules.create(toolbox, stranger, "sync", "shop", "nightly")


async def test_who_may_not(toolbox: Toolbox, actor: Actor, stranger: Actor, nightly: Schedule) -> None:
    with pytest.raises(NotFound, match=str(nightly.id)):
        await schedules.get(toolbox, stranger, nightly.id)
    with pytest.raises(NotFound):
        await schedules.pause(toolbox, stranger, nightly.id)
    with pytest.raises(NotAllowed, match="viewer"):
        await schedules.pause(toolbox, actor.model_copy(update={"role": "viewer"}), nightly.id)
    with pytest.raises(NotAllowed):
        await schedules.remove(toolbox, actor, nightly.id, approved_by=stranger.user_id)
    with pytest.raises(Invalid, match="Cannot tell"):
        await schedules.create(toolbox, actor, "sync", "shop", "whenever you like")


async def test_paused_resumed_changed_deleted(toolbox: Toolbox, actor: Actor, nightly: Schedule) -> None:
    paused = await schedules.pause(toolbox, actor, nightly.id)
    assert (paused.paused, paused.next_run, paused.next_runs(3)) == (True, None, ())
    assert not await claim(toolbox, nightly, MONDAY + timedelta(days=400))
    with pytest.raises(Conflict):
        await schedules.pause(toolbox, actor, nightly.id)

    resumed = await schedules.resume(toolbox, actor, nightly.id)
    assert resumed.next_run is not None and resumed.next_run > datetime.now(UTC)
    changed = await schedules.change(toolbox, actor, nightly.id, "every hour")
    assert (changed.cron, changed.timezone) == ("0 * * * *", "UTC")

    assert "will not start again" in await schedules.consequence_of_removing(toolbox, actor, nightly.id)
    gone = await schedules.remove(toolbox, actor, nightly.id, approved_by=actor.user_id)
    assert gone.id == nightly.id
    assert await schedules.list_schedules(toolbox, actor) == ()


async def test_schedules_are_found_by_their_words(toolbox: Toolbox, actor: Actor) -> None:
    night = await schedules.create(toolbox, actor, "sync", "shop", "nightly")
    hour = await schedules.create(toolbox, actor, "train", "warehouse", "hourly")

    async def found(words: str) -> list[int]:
        return sorted(one.id for one in await schedules.find_schedules(toolbox, actor, words))

    assert await found("") == [night.id, hour.id]
    assert await found("sync") == await found("nightly sync") == await found("shop") == [night.id]
    assert await found("hourly") == await found("warehouse") == await found("training") == [hour.id]
    assert await found(f"#{hour.id}") == [hour.id]
    assert await found("monthly") == []


async def test_a_due_schedule_starts_its_job_once(toolbox: Toolbox, actor: Actor, nightly: Schedule) -> None:
    assert not await claim(toolbox, nightly, MONDAY)
    due = MONDAY + timedelta(hours=1, seconds=3)
    assert await claim(toolbox, nightly, due)
    assert not await claim(toolbox, nightly, due)

    after = await schedules.get(toolbox, actor, nightly.id)
    assert (after.last_run, after.next_run, after.last_word) == (due, MONDAY + timedelta(days=1, hours=1), None)
    assert after.last_job_id is not None
    job = await jobs.get(toolbox, actor, after.last_job_id)
    assert (job.schedule_id, job.created_by, job.target) == (nightly.id, actor.user_id, nightly.target)


async def test_missed_runs_run_once(toolbox: Toolbox, actor: Actor, nightly: Schedule) -> None:
    assert await claim(toolbox, nightly, MONDAY + timedelta(days=9))
    after = await schedules.get(toolbox, actor, nightly.id)
    assert after.next_run == MONDAY + timedelta(days=9, hours=1)
    await end(toolbox, after.last_job_id)
    assert not await claim(toolbox, nightly, MONDAY + timedelta(days=9))
    assert len(await jobs.list_jobs(toolbox, actor)) == 1


async def test_a_job_that_still_runs_is_not_started_twice_and_it_says_so(
    toolbox: Toolbox, actor: Actor, nightly: Schedule
) -> None:
    assert await claim(toolbox, nightly, MONDAY + timedelta(hours=2))
    first = await schedules.get(toolbox, actor, nightly.id)
    assert await claim(toolbox, nightly, MONDAY + timedelta(days=1, hours=2))
    second = await schedules.get(toolbox, actor, nightly.id)
    assert second.last_job_id == first.last_job_id
    assert second.last_word is not None and f"job {first.last_job_id}" in second.last_word
    assert "not started" in str(second)


async def test_a_job_somebody_else_started_of_the_same_target_is_named(
    toolbox: Toolbox, actor: Actor, nightly: Schedule
) -> None:
    live = await jobs.start(toolbox, actor, nightly.kind, nightly.target)
    assert await claim(toolbox, nightly, MONDAY + timedelta(hours=2))
    after = await schedules.get(toolbox, actor, nightly.id)
    assert after.last_job_id is None
    assert after.last_word is not None and f"job {live.id}" in after.last_word


async def test_what_cannot_be_started_is_found_among_the_failures(
    toolbox: Toolbox, actor: Actor, nightly: Schedule
) -> None:
    async def unreachable(box: Toolbox, actor: Actor, schedule: Schedule) -> Job:
        raise DatabaseUnreachable("shop does not answer (connection refused).")

    assert await jobs.claim_due(toolbox, unreachable, MONDAY + timedelta(hours=2))
    after = await schedules.get(toolbox, actor, nightly.id)
    assert after.last_state == "failed"
    failed = (await jobs.failures(toolbox, actor))[0]
    assert (failed.id, failed.error, failed.schedule_id) == (
        after.last_job_id, "shop does not answer (connection refused).", nightly.id
    )  # fmt: skip


async def test_one_that_may_not_start_yet_comes_a_little_later(
    toolbox: Toolbox, actor: Actor, nightly: Schedule
) -> None:
    async def crowded(box: Toolbox, actor: Actor, schedule: Schedule) -> Job:
        raise TooMany("10 syncs were started within a minute.", 42)

    now = MONDAY + timedelta(hours=1)
    assert nightly.id not in await jobs.claim_due(toolbox, crowded, now)
    after = await schedules.get(toolbox, actor, nightly.id)
    assert (after.next_run, after.last_run) == (now + timedelta(seconds=42), None)
    assert await claim(toolbox, nightly, now + timedelta(seconds=43))
    assert (await schedules.get(toolbox, actor, nightly.id)).next_run == MONDAY + timedelta(days=1, hours=1)


async def test_many_workers_start_each_schedule_once(toolbox: Toolbox, actor: Actor) -> None:
    made = [
        await schedules.create(toolbox, actor, "train", f"t{number}-{uuid4().hex[:6]}", "hourly") for number in range(6)
    ]
    for one in made:
        await due_at(toolbox, one, MONDAY)
    now = MONDAY + timedelta(minutes=1)
    claimed = await asyncio.gather(*(jobs.claim_due(toolbox, start, now) for _ in range(4)))
    ours = [number for each in claimed for number in each if number in {one.id for one in made}]
    assert sorted(ours) == sorted(one.id for one in made)
    assert len(await jobs.list_jobs(toolbox, actor)) == len(made)


async def test_a_worker_that_dies_while_it_starts_leaves_the_time_to_the_next(
    toolbox: Toolbox, actor: Actor, nightly: Schedule
) -> None:
    async def dies(box: Toolbox, actor: Actor, schedule: Schedule) -> Job:
        raise KeyboardInterrupt

    now = MONDAY + timedelta(hours=2)
    with pytest.raises(KeyboardInterrupt):
        await jobs.claim_due(toolbox, dies, now)
    assert await claim(toolbox, nightly, now)


async def test_a_clock_set_back_does_not_silence_a_schedule(toolbox: Toolbox, actor: Actor, nightly: Schedule) -> None:
    ahead = MONDAY + timedelta(days=700)
    assert await claim(toolbox, nightly, ahead)
    await end(toolbox, (await schedules.get(toolbox, actor, nightly.id)).last_job_id)
    now = MONDAY + timedelta(minutes=30)
    await jobs.reset_clocks(toolbox, now)
    assert (await schedules.get(toolbox, actor, nightly.id)).next_run == MONDAY + timedelta(hours=1)
    assert not await claim(toolbox, nightly, now)
    assert await claim(toolbox, nightly, MONDAY + timedelta(hours=1))


async def test_a_schedule_may_be_started_beside_its_times(toolbox: Toolbox, actor: Actor, nightly: Schedule) -> None:
    job = await jobs.start_now(toolbox, actor, nightly.id, start)
    assert (await jobs.get(toolbox, actor, job.id)).schedule_id == nightly.id
    assert (await schedules.get(toolbox, actor, nightly.id)).next_run == nightly.next_run
    with pytest.raises(Conflict, match=str(job.id)):
        await jobs.start_now(toolbox, actor, nightly.id, start)


async def test_a_schedule_whose_zone_is_no_more_rests_and_says_why(
    toolbox: Toolbox, actor: Actor, nightly: Schedule
) -> None:
    async with toolbox.store.begin_for_all() as session:
        await session.execute(
            text("UPDATE tabletalk.schedules SET timezone = 'Mars/Olympus' WHERE id = :id"), {"id": nightly.id}
        )
    assert await claim(toolbox, nightly, MONDAY + timedelta(hours=2))
    async with toolbox.store.begin_for_all() as session:
        row = (
            await session.execute(
                text("SELECT paused, next_run, last_word FROM tabletalk.schedules WHERE id = :id"), {"id": nightly.id}
            )
        ).one()
    assert (row.paused, row.next_run) == (True, None)
    assert "Mars/Olympus" in row.last_word
