"""What a tool has at hand while it serves one turn of a conversation."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tools.cards import Choice
from tools.connectors.base import Frozen
from tools.toolbox import Actor, Toolbox


class Reading(Frozen):
    """How a question was understood by a parser that can say how sure it is."""

    database: str
    sql: str
    read_as: str
    confidence: float
    """0 to 1, calibrated: of answers at 0.8, eight of ten are right."""
    reasons: tuple[str, ...] = ()
    alternatives: tuple[Choice, ...] = ()


@dataclass
class Desk:
    """The dependencies of the agent's tools: `ctx.deps` in every toolset."""

    box: Toolbox
    actor: Actor
    question: str = ""
    """What the person typed in this turn."""
    today: date = field(default_factory=date.today)
    """The day "last month" is counted from."""
    database: str | None = None
    """The database in hand: the one last asked; tools may set it."""
    found: dict[str, float] = field(default_factory=dict)
    """Qualified table name -> retrieval score in this turn."""
    page: Any = None
    """JSON that the page around the chat tells of itself: data, like rows."""
    language: str = ""
    """What to answer in where the person's own is not known: `German`."""
    memory: dict[str, Any] = field(default_factory=dict)
    """JSON kept with the conversation from turn to turn: what a follow-up needs."""
    reading: Reading | None = None
    """Set by the offline model just before it calls run_query."""
    suggestions: tuple[str, ...] = ()
    """What one may want to ask next; doors show them as buttons under the answer."""

    @property
    def databases(self) -> tuple[str, ...]:
        """Databases that this conversation is about; empty for all of them."""
        return tuple(self.memory.get("databases", ()))

    @property
    def schemas(self) -> tuple[str, ...]:
        """Schemas of the database in hand that this conversation is about; empty for all of them."""
        return tuple(self.memory.get("schemas", ()))
