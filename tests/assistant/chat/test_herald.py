"""What a conversation is told of work that nobody watched."""

from dataclasses import replace
from uuid import uuid4

import pytest
from chainlit.context import ChainlitContext, context_var
from chainlit.element import ElementDict
from chainlit.emitter import BaseChainlitEmitter
from chainlit.session import HTTPSession
from chainlit.step import StepDict
from sqlalchemy import text

from assistant.chat.cards import draw
from assistant.chat.door import open_door
from assistant.chat.herald import tell
from assistant.chat.history import ChatHistory
from assistant.chat.screen import catch_up
from tests.conftest import registered
from tools import databases, jobs, queries, schemas
from tools.jobs import Claim, Job, Outcome
from tools.toolbox import Actor, Toolbox

SEED = "CREATE TABLE orders (id int PRIMARY KEY, fax text); CREATE TABLE stock (id int PRIMARY KEY)"


@pytest.fixture
async def away(toolbox: Toolbox, actor: Actor) -> Actor:
    """A person with a conversation that nobody has open."""
    thread = uuid4().hex
    async with toolbox.store.begin_for_all() as session:
        await session.execute(
            text("INSERT INTO chat.threads (id, workspace_id, user_id) VALUES (:id, :workspace, :user)"),
            {"id": thread, "workspace": actor.workspace_id, "user": actor.user_id},
        )
    return actor.model_copy(update={"conversation_id": thread})


async def ended(box: Toolbox, person: Actor, state: str, **counts: object) -> Job:
    async def work(_box: Toolbox, _claim: Claim) -> Outcome:
        return Outcome.model_validate({"state": state, "counts": counts, "message": "as it was"})

    job = await jobs.start(box, person, "train", f"shop-{uuid4().hex[:6]}")
    await jobs.attempt(box, job.id, lambda _: work)
    await settle(box, job)
    return await jobs.get(box, person, job.id)


async def settle(box: Toolbox, job: Job) -> None:
    async with box.store.begin_for_all() as session:
        await session.execute(
            text("UPDATE tabletalk.jobs SET finished_at = finished_at - interval '5 seconds' WHERE id = :id"),
            {"id": job.id},
        )


async def said(box: Toolbox, person: Actor) -> list[str]:
    thread = await ChatHistory(box).get_thread(str(person.conversation_id))
    assert thread is not None
    return [str(step.get("output")) for step in thread["steps"]]


async def test_the_end_of_work_is_told_once_with_its_card(toolbox: Toolbox, away: Actor) -> None:
    job = await ended(toolbox, away, "partial")
    await tell(toolbox, ChatHistory(toolbox))
    await tell(toolbox, ChatHistory(toolbox))
    assert await said(toolbox, away) == [f"{job.title} is only partly done."]
    cards = await ChatHistory(toolbox).cards(str(away.conversation_id))
    assert [card.job_ids for card in cards] == [[job.id]]


async def test_a_query_from_the_background_brings_its_result(toolbox: Toolbox, away: Actor) -> None:
    query_id = str(uuid4())

    async def work(_box: Toolbox, _claim: Claim) -> Outcome:
        return Outcome(state="succeeded", counts={"query_id": query_id})

    job = await jobs.start(toolbox, away, "query", "shop: how many pairs?")
    await jobs.attempt(toolbox, job.id, lambda _: work)
    await settle(toolbox, job)
    await tell(toolbox, ChatHistory(toolbox))
    assert await said(toolbox, away) == ["Here is what took longer:"]
    cards = await ChatHistory(toolbox).cards(str(away.conversation_id))
    assert [(card.type, card.data["query_id"]) for card in cards] == [("result", query_id)]


async def test_what_has_just_ended_is_left_to_the_process_that_has_the_conversation_open(
    toolbox: Toolbox, away: Actor
) -> None:
    job = await ended(toolbox, away, "partial")
    async with toolbox.store.begin_for_all() as session:
        lately = "UPDATE tabletalk.jobs SET finished_at = now() - interval '1 second' WHERE id = :id"
        await session.execute(text(lately), {"id": job.id})
    await tell(toolbox, ChatHistory(toolbox))
    assert await said(toolbox, away) == []
    await settle(toolbox, job)  # nobody did
    await tell(toolbox, ChatHistory(toolbox))
    assert await said(toolbox, away) == [f"{job.title} is only partly done."]


async def test_what_is_told_while_a_conversation_is_being_opened_is_shown_too(toolbox: Toolbox, away: Actor) -> None:
    sent: list[str | None] = []

    class Browser(BaseChainlitEmitter):
        async def send_step(self, step_dict: StepDict) -> None:
            sent.append(step_dict["id"])

        async def send_element(self, element_dict: ElementDict) -> None:
            sent.append(element_dict["id"])

    async with open_door(toolbox) as door:
        before = await door.history.get_thread(str(away.conversation_id))
        job = await ended(toolbox, away, "partial")
        await tell(toolbox, door.history)
        session = HTTPSession(
            id=uuid4().hex, client_type="webapp", thread_id=away.conversation_id, user=None, token=None
        )
        context_var.set(ChainlitContext(session, Browser(session)))
        assert before is not None
        await catch_up(before)
        now = await door.history.get_thread(str(away.conversation_id))
        assert now is not None
        await catch_up(now)
    assert await said(toolbox, away) == [f"{job.title} is only partly done."]
    assert sent == [now["steps"][0]["id"], (now["elements"] or [])[0]["id"]]


async def test_work_that_is_started_again_is_told_again(toolbox: Toolbox, away: Actor) -> None:
    async def work(_box: Toolbox, _claim: Claim) -> Outcome:
        return Outcome(state="succeeded")

    job = await ended(toolbox, away, "partial")
    await tell(toolbox, ChatHistory(toolbox))
    await jobs.retry(toolbox, away, job.id)
    await jobs.attempt(toolbox, job.id, lambda _: work)
    await settle(toolbox, job)
    await tell(toolbox, ChatHistory(toolbox))
    assert (await said(toolbox, away))[-1] == f"{job.title} is done."


async def test_a_job_without_a_conversation_or_of_another_workspace_is_told_to_nobody(
    toolbox: Toolbox, away: Actor, stranger: Actor
) -> None:
    await ended(toolbox, away.model_copy(update={"conversation_id": "nowhere"}), "partial")
    await ended(toolbox, stranger.model_copy(update={"conversation_id": away.conversation_id}), "partial")
    await tell(toolbox, ChatHistory(toolbox))
    assert await said(toolbox, away) == []


async def test_scheduled_work_that_goes_well_is_told_the_first_time_and_after_a_failure(
    toolbox: Toolbox, away: Actor
) -> None:
    schedule = await jobs.schedules.create(toolbox, away, "train", "shop", "nightly")
    told = []
    for state in ("succeeded", "succeeded", "partial", "succeeded", "succeeded"):
        job = await ended(toolbox, away.model_copy(update={"schedule_id": schedule.id}), state)
        assert job.schedule_id == schedule.id
        before = len(await said(toolbox, away))
        await tell(toolbox, ChatHistory(toolbox))
        told.append((await said(toolbox, away))[before:] != [])
    assert told == [True, False, True, True, False]


async def test_work_that_other_work_began_is_told_only_when_it_does_not_go_well(toolbox: Toolbox, away: Actor) -> None:
    begun = away.model_copy(update={"door": "worker"})
    await ended(toolbox, begun, "succeeded")
    bad = await ended(toolbox, begun, "partial")
    await tell(toolbox, ChatHistory(toolbox))
    assert await said(toolbox, away) == [f"{bad.title} is only partly done."]


async def test_changes_of_a_database_are_told_with_the_verified_queries_they_broke(
    toolbox: Toolbox, away: Actor
) -> None:
    async with registered(toolbox, away, "sales", lambda there: there.execute(SEED)) as name:
        await queries.save_example(toolbox, away, database=name, question="Which faxes?", sql="SELECT fax FROM orders")
        found, connector = await databases.connect(toolbox, away, name)
        shapes = [shape for shape in await connector.snapshot() if shape.name != "orders"]
        await schemas.drift.store_snapshot(toolbox, away, found.id, name, shapes)

        box = replace(toolbox)
        job = await jobs.start(box, away, "train", name, database_id=found.id)

        async def work(_box: Toolbox, _claim: Claim) -> Outcome:
            lost = schemas.TableChange(table="public.stock", added=("channel (text)",), removed=("fax",))
            drift = schemas.Drift(database=name, removed=("public.orders",), changed=(lost,))
            return Outcome(state="succeeded", counts={"changes": drift.model_dump(mode="json"), "trained": 1})

        await jobs.attempt(box, job.id, lambda _: work)
        await settle(box, job)
        await tell(box, ChatHistory(box))
        words = "\n".join(await said(box, away))
        cards = await ChatHistory(box).cards(str(away.conversation_id))
        drift = await draw(box, away, next(card for card in cards if card.type == "drift"))
    assert (
        f"{name} changed: stock gained `channel` (text) and lost `fax`; orders is gone. 1 table trained again." in words
    )
    assert "1 verified query fails now." in words
    assert [(row["table"], row["how"], row["what"]) for row in drift.props["rows"]] == [
        ("stock", "gained", ["channel (text)"]),
        ("stock", "lost", ["fax"]),
        ("orders", "gone", []),
    ]
    (broken,) = drift.props["broken"]
    assert broken["question"] == "Which faxes?" and "orders" in broken["reason"]
