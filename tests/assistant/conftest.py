"""A small registered database for the offline model to talk about."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from assistant import conversation
from assistant.events import Event, TextDelta
from tests.conftest import registered
from tools.toolbox import Actor, Toolbox

SEED = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text NOT NULL);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric(10,2), status text, ordered_at date
);
INSERT INTO customers VALUES (1, 'Ada', 'France'), (2, 'Bo', 'Spain'), (3, 'Cy', 'France'), (4, 'Di', 'Peru');
INSERT INTO orders VALUES
    (1, 1, 10, 'paid', '2026-01-02'), (2, 1, 20, 'paid', '2026-02-02'), (3, 2, 5, 'cancelled', '2026-03-02'),
    (4, 3, 65, 'paid', '2026-03-09');
"""


@pytest.fixture
async def sales(toolbox: Toolbox, actor: Actor) -> AsyncIterator[str]:
    """A registered database `sales` in a scratch database of the embedded server."""
    async with registered(toolbox, actor, "sales", lambda there: there.execute(SEED)) as name:
        yield name


class Talk:
    """One conversation with the offline model."""

    def __init__(self, box: Toolbox, actor: Actor) -> None:
        """Begin a conversation."""
        self.box = box
        self.actor = actor.model_copy(update={"conversation_id": uuid4().hex})
        self.events: list[Event] = []

    async def say(self, message: str | None, approvals: dict[str, bool] | None = None) -> str:
        """Say something and give the answer's text; the turn's events are kept."""
        self.events = [event async for event in conversation.run(self.box, self.actor, message, approvals=approvals)]
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


@pytest.fixture
def talk(toolbox: Toolbox, actor: Actor) -> Talk:
    """A new conversation."""
    return Talk(toolbox, actor)
