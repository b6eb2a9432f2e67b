"""What a span of a question may name: its links to tables, columns and values, and its one role in a reading."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from assistant.offline.forms import Ref
from assistant.offline.grammar import Op
from assistant.offline.periods import Period

Kind = Literal["table", "column", "value", "number", "period", "text", "op", "unknown"]
NAME = "@name"
"""Stands for the columns that name a row of a table, whatever they are."""


@dataclass(frozen=True, slots=True)
class Link:
    """One thing of the schema that a span may name."""

    table: str
    column: str = ""
    value: str = ""
    score: float = 1.0
    weak: bool = False
    """Tied only by a related word (`released`, `earn`), not by the name or a synonym."""

    @property
    def ref(self) -> Ref:
        """The column."""
        return Ref(self.table, self.column)


@dataclass(frozen=True, slots=True)
class Item:
    """A span of tokens with one role in the question."""

    kind: Kind
    start: int
    end: int
    text: str = ""
    op: Op | None = None
    links: tuple[Link, ...] = ()
    value: str | int | float | date | Period | None = None
    alt: tuple[Link, ...] = ()
    """For a table the columns, for a column the tables, that the same words may name."""

    @property
    def score(self) -> float:
        """Quality of the best link."""
        return self.links[0].score if self.links else 0.0

    def is_op(self, *kinds: str) -> bool:
        """True for an operator phrase of one of these kinds."""
        return self.op is not None and self.op.kind in kinds
