"""Turns of a conversation over the OpenAI protocol: a scripted model that errs, and what the agent makes of it."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from assistant import conversation
from assistant.events import ApprovalNeeded, Done, Event, Failed, Shown, TextDelta, ToolReturned
from tests.conftest import registered
from tests.openai_stub import Say, Stub, serve
from tools import databases, queries
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox, open_toolbox

CANARY = "canary-7431"
"""The registered password: it must reach neither a model nor a log."""

SEED = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric(10,2), ordered_at date);
INSERT INTO customers VALUES (1, 'Ada', 'France'), (2, 'Bo', 'Spain'), (3, 'Cy', 'France');
INSERT INTO orders VALUES (1, 1, 10, '2026-01-02'), (2, 1, 20, '2026-02-02'), (3, 2, 5, '2026-03-02');
"""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serve() as served:
        yield served


@pytest.fixture
async def box(settings: Settings, stub: Stub) -> AsyncIterator[Toolbox]:
    scripted = settings.model_copy(update={"model": "openai-chat:scripted", "openai_base_url": stub.url})
    async with open_toolbox(scripted) as opened:
        yield opened


@pytest.fixture
async def sales(box: Toolbox, actor: Actor) -> AsyncIterator[str]:
    """A registered database `sales` in a scratch database of the embedded server."""
    async with registered(
        box, actor, "sales", lambda there: there.execute(SEED), password=CANARY, trained=False
    ) as name:
        yield name


async def turn(
    box: Toolbox, actor: Actor, message: str | None, approvals: dict[str, bool] | None = None
) -> list[Event]:
    return [event async for event in conversation.run(box, actor, message, approvals=approvals)]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def conversing(actor: Actor) -> Actor:
    return actor.model_copy(update={"conversation_id": uuid4().hex})


def query(sql: str) -> Say:
    return Say(calls=[("run_query", {"database": "sales", "sql": sql, "read_as": "as asked"})])


async def test_the_agent_corrects_a_bad_column(box: Toolbox, actor: Actor, stub: Stub, sales: str) -> None:
    stub.script = [
        Say(calls=[("find_tables", {"question": "orders per country"})]),
        query("SELECT sum(totl) AS revenue FROM orders"),
        query("SELECT sum(total) AS revenue FROM orders"),
        Say("Revenue is 35."),
    ]
    events = await turn(box, conversing(actor), "What is our revenue?")
    returned = [event for event in events if isinstance(event, ToolReturned)]
    assert [event.ok for event in returned] == [True, False, True]
    assert "totl" in returned[1].summary and "total" in returned[1].summary
    assert [event.card.type for event in events if isinstance(event, Shown)] == ["result"]
    assert "Revenue is 35." in text(events)
    assert isinstance(events[-1], Done)
    recent = await queries.list_queries(box, actor)
    assert [entry.verdict for entry in recent] == ["allowed", "rejected"]


@pytest.mark.parametrize("attack", ["DELETE FROM orders", "SELECT 1; DROP TABLE orders", "SELECT pg_sleep(30)"])
async def test_a_write_attempt_is_refused_and_told(
    box: Toolbox, actor: Actor, stub: Stub, sales: str, attack: str
) -> None:
    stub.script = [query(attack), Say("I only read; that was refused.")]
    events = await turn(box, conversing(actor), "Clean up the orders")
    returned = [event for event in events if isinstance(event, ToolReturned)]
    assert [event.ok for event in returned] == [False]
    assert "rejected" in returned[0].summary.lower()
    rows = await queries.run(box, actor, sales, "SELECT count(*) AS n FROM orders")
    assert rows.rows == ((3,),)


async def test_the_model_sees_a_preview_and_never_a_credential(
    box: Toolbox, actor: Actor, stub: Stub, sales: str
) -> None:
    stub.script = [query("SELECT name FROM customers ORDER BY name"), Say("Three customers.")]
    await turn(box, conversing(actor), "Who are our customers?")
    sent = str(stub.requests)
    assert "Ada" in sent
    assert CANARY not in sent


async def test_what_was_verified_once_is_found_again(box: Toolbox, actor: Actor, stub: Stub, sales: str) -> None:
    paid = "SELECT sum(total) AS revenue FROM orders WHERE total > 5"
    await queries.save_example(box, actor, database=sales, question="What is our revenue?", sql=paid)
    stub.script = [Say(calls=[("find_tables", {"question": "revenue"})]), query(paid), Say("30.")]
    events = await turn(box, conversing(actor), "What is our revenue?")
    told = next(message for message in stub.requests[-1]["messages"] if message["role"] == "tool")
    assert paid in told["content"]
    card = next(event.card for event in events if isinstance(event, Shown))
    assert card.type == "result"
    shown = await queries.get_query(box, actor, card.query_id)
    assert shown.answer is not None and shown.answer.verified is not None
    assert shown.answer.verified.kind == "verified" and shown.answer.confidence >= 0.95
    assert shown.answer.verified.by == actor.user_name


async def test_a_follow_up_keeps_its_context_after_a_restart(
    box: Toolbox, actor: Actor, stub: Stub, sales: str
) -> None:
    here = conversing(actor)
    stub.script = [query("SELECT count(*) AS n FROM orders"), Say("There are 3 orders.")]
    await turn(box, here, "How many orders?")
    async with open_toolbox(box.settings) as restarted:
        stub.script = [Say("As said, 3.")]
        await turn(restarted, here, "And again?")
    roles = [message["role"] for message in stub.requests[-1]["messages"] if message["role"] != "system"]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


async def test_forgetting_waits_for_a_word(box: Toolbox, actor: Actor, stub: Stub, sales: str) -> None:
    here = conversing(actor)
    stub.script = [Say(calls=[("forget_database", {"name": "sales"})])]
    asked = next(event for event in await turn(box, here, "forget sales") if isinstance(event, ApprovalNeeded))
    assert "not touched" in asked.calls[0].consequence
    assert [database.name for database in await databases.list_databases(box, actor)] == ["sales"]
    stub.script = [Say("Kept.")]
    await turn(box, here, None, approvals={asked.calls[0].id: False})
    assert [database.name for database in await databases.list_databases(box, actor)] == ["sales"]

    stub.script = [Say(calls=[("forget_database", {"name": "sales"})])]
    asked = next(event for event in await turn(box, here, "forget it now") if isinstance(event, ApprovalNeeded))
    stub.script = [Say("Forgotten.")]
    await turn(box, here, None, approvals={asked.calls[0].id: True})
    assert await databases.list_databases(box, actor) == ()
    again = await turn(box, here, None, approvals={asked.calls[0].id: True})
    assert isinstance(again[-1], Failed)


async def test_another_message_instead_of_a_word_means_no(box: Toolbox, actor: Actor, stub: Stub, sales: str) -> None:
    here = conversing(actor)
    stub.script = [Say(calls=[("forget_database", {"name": "sales"})])]
    await turn(box, here, "forget sales")
    stub.script = [Say("Fine, nothing was done.")]
    events = await turn(box, here, "wait, how many orders are there?")
    assert "nothing was done" in text(events)
    assert [database.name for database in await databases.list_databases(box, actor)] == ["sales"]


async def test_a_model_that_is_down_hands_over_to_the_offline_model(
    box: Toolbox, actor: Actor, stub: Stub, sales: str
) -> None:
    stub.script = [Say(status=500)] * 5
    events = await turn(box, conversing(actor), "How many orders are there?")
    assert "did not answer" in text(events)
    assert [event.card.type for event in events if isinstance(event, Shown)] == ["result"]
    assert isinstance(events[-1], Done) and events[-1].model == "offline"


async def test_a_looping_model_is_stopped(box: Toolbox, actor: Actor, stub: Stub, sales: str) -> None:
    stub.script = [query("SELECT nothing FROM orders")] * 50
    events = await turn(box, conversing(actor), "Loop, please")
    assert isinstance(events[-1], Failed)
    assert "12 requests" in events[-1].message


async def test_nobody_else_can_continue_a_conversation(box: Toolbox, actor: Actor, stranger: Actor, stub: Stub) -> None:
    here = conversing(actor)
    stub.script = [Say("Hello.")]
    await turn(box, here, "Hello")
    # Neither a person of another workspace nor a colleague: what somebody said is theirs.
    for other in (stranger, stranger.model_copy(update={"workspace_id": actor.workspace_id})):
        events = await turn(box, other.model_copy(update={"conversation_id": here.conversation_id}), "What was said?")
        assert isinstance(events[-1], Failed) and str(here.conversation_id) in events[-1].message
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    "message", ["² times a day", "sync orders at ²", "retry job ²", "pause schedule ²", "orders in ²", "cancel ³"]
)
async def test_digits_that_are_no_numbers_trip_nobody_over(toolbox: Toolbox, actor: Actor, message: str) -> None:
    events = [event async for event in conversation.run(toolbox, actor, message)]
    assert isinstance(events[-1], Done)
