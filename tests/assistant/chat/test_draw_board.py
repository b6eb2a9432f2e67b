"""What stands on the board, and on the cards of schedules."""

from uuid import uuid4

from assistant.chat.cards import StoredCard, draw
from assistant.chat.draw_board import props
from tools import jobs
from tools.cards import BoardCard, JobCard, ScheduleCard
from tools.connectors.base import Frozen
from tools.toolbox import Actor, Toolbox


def stored(card: Frozen) -> StoredCard:
    return StoredCard(id=uuid4().hex, thread_id="t", step_id="s", data=card.model_dump(mode="json"))


async def failed(box: Toolbox, actor: Actor, target: str) -> int:
    return (await jobs.records.record_failure(box, actor, "train", target, "no right")).id


async def test_the_board_parts_what_runs_failed_and_ran(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    running = await jobs.start(toolbox, actor, "train", "shop")
    bad = await failed(toolbox, actor, "stock")
    done = await jobs.start(toolbox, actor, "train", "done")
    await jobs.cancel(toolbox, actor, done.id)
    await jobs.start(toolbox, stranger, "train", "theirs")
    await jobs.schedules.create(toolbox, actor, "train", "shop", "nightly", timezone="UTC")

    board = await props(toolbox, actor)
    assert [job["id"] for job in board["running"]] == [running.id]
    assert [(job["id"], job["reason"], job["can_retry"]) for job in board["failed"]] == [(bad, "no right", True)]
    assert [job["id"] for job in board["recent"]] == [done.id]
    assert [one["when"] for one in board["schedules"]] == ["every day at 02:00 UTC"]
    assert "No worker is alive" in board["queue"] and board["queue_bad"]


async def test_cards_are_drawn_from_what_is_left(toolbox: Toolbox, actor: Actor) -> None:
    whole = await draw(toolbox, actor, stored(BoardCard()))
    assert (whole.name, whole.props["board"], whole.props["jobs"]) == ("Job", True, [])

    pruned = await draw(toolbox, actor, stored(JobCard(job_id=999_999_999)))
    assert "no longer in the history" in pruned.props["jobs"][0]["gone"]

    one = await jobs.schedules.create(toolbox, actor, "train", "shop", "weekdays at 7:30", timezone="UTC")
    card = stored(ScheduleCard(schedule_ids=(one.id,), lines=("orders: full",), fresh=True))
    drawn = (await draw(toolbox, actor, card)).props
    assert (drawn["fresh"], drawn["lines"], drawn["gone"]) == (True, ["orders: full"], "")
    assert drawn["schedules"][0]["next"][0]["words"].endswith("07:30")
    await jobs.schedules.remove(toolbox, actor, one.id, approved_by=actor.user_id)
    drawn = (await draw(toolbox, actor, card)).props
    assert (drawn["schedules"], drawn["fresh"]) == ([], False)
    assert str(one.id) in drawn["gone"]
