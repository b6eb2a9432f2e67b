"""What the parser hands back: readings ranked, what it did not know, and what to ask."""

from dataclasses import dataclass
from typing import Literal

from assistant.offline.forms import Form


@dataclass(frozen=True, slots=True)
class Probe:
    """A piece of text worth looking up in one column of the source, without regard to case."""

    table: str
    """Qualified name."""
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class ReadingOf:
    """One way to read the question."""

    sql: str
    form: Form
    read_as: str
    confidence: float
    """Between 0 and 1, calibrated: of answers called 0.8, eight in ten are right on databases never seen."""
    reasons: tuple[str, ...] = ()
    label: str = ""
    """A few words that tell this reading from its neighbours, for a button."""


@dataclass(frozen=True, slots=True)
class Understanding:
    """The readings of a question, best first, or why there is none."""

    question: str
    readings: tuple[ReadingOf, ...] = ()
    unknown_words: tuple[str, ...] = ()
    declined: str | None = None
    """A sentence that says why it cannot be answered and what can be asked; None when it can."""
    ask: tuple[str, ...] = ()
    """Labels of the readings to choose from, when the best is not clearly best."""
    show: Literal["", "table", "chart", "reading"] = ""
    """What a follow-up asks to see of the previous answer: `as a chart`, `why?`."""

    @property
    def best(self) -> ReadingOf | None:
        """The first reading, or None when declined."""
        return self.readings[0] if self.readings else None
