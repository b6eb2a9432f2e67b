"""What stands beside a result, kept with its entry in query history."""

from typing import Literal

from tools.cards import Choice
from tools.connectors.base import Frozen
from tools.queries.chart import ChartSpec


class Verified(Frozen):
    """The verified example that an answer rests on."""

    kind: Literal["verified", "adapted"]
    question: str
    by: str | None


class Answer(Frozen):
    """Everything said about a result; kept with its entry in query history."""

    read_as: str
    assumptions: tuple[str, ...] = ()
    confidence: float
    """0 to 1, computed here or by a parser; never asked from a model."""
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    chart: ChartSpec | None = None
    verified: Verified | None = None
    notes: tuple[str, ...] = ()
    """Notes of the team that the tables it reads carry, with who wrote them."""
    alternatives: tuple[Choice, ...] = ()
    estimate: int | None = None
