"""Documents as others see them: one synced row, a hit of a search and why it is one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tools.connectors.base import Frozen


class Piece(Frozen):
    """A stretch of text, marked where it is what was searched for."""

    text: str
    marked: bool = False


class Document(Frozen):
    """One synced row of a registered database, normalised."""

    id: int
    database: str
    table: str
    """Qualified: `public.orders`."""
    source_key: str
    """The row's primary key as text; a JSON array where it has several columns."""
    entity: str
    """What the row is: customer, order, claim ..."""
    title: str
    body: str
    tags: tuple[str, ...]
    data: Mapping[str, Any]
    """The row's fields."""
    happened_at: datetime | None
    synced_at: datetime
    """When a sync first brought it."""
    changed_at: datetime
    """When a sync last found it changed."""
    deleted_at: datetime | None
    """When a sync found the row gone; None while it is there."""


class RelatedDocument(Frozen):
    """A document that another one refers to, or is referred to by."""

    id: int
    database: str
    table: str
    source_key: str
    entity: str
    title: str
    happened_at: datetime | None
    relation: str
    """How the two are linked, from the other one: `customer_id`; `order_id of returns`."""


class ShownDocument(Frozen):
    """A document as a list shows it: what it says about what was searched for, with marks."""

    id: int
    database: str
    table: str
    source_key: str
    entity: str
    title: tuple[Piece, ...]
    snippet: tuple[Piece, ...]
    """A stretch of its text, shortened."""
    tags: tuple[str, ...]
    happened_at: datetime | None

    @property
    def says(self) -> tuple[str, ...]:
        """The marked words, each once, in lower case."""
        marked = (piece.text.lower() for piece in (*self.title, *self.snippet) if piece.marked)
        return tuple(dict.fromkeys(marked))


class DocumentHit(ShownDocument):
    """A document that a search found, and why."""

    score: float
    """0 to 1, relative to the best hit."""
    why: str
    """`says late, delivery`; `near in meaning`; `a linked claim says late, and 2 more`."""
    evidence: tuple[ShownDocument, ...] = ()
    """Linked documents that speak of what was searched for, where the hit itself does not; best first."""


class FoundDocuments(Frozen):
    """What a search found, best first, and how it was read."""

    query: str
    read_as: str
    """What was looked for, in words."""
    words: str
    """What is marked in the hits: words for to_tsquery."""
    hits: tuple[DocumentHit, ...]
    warnings: tuple[str, ...] = ()


def plain(pieces: tuple[Piece, ...]) -> str:
    """The text of some pieces, without their marks."""
    return "".join(piece.text for piece in pieces)
