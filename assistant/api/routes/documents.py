"""Synced rows as documents: searched by words and meaning, and led back to the live row."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from assistant.api.bodies import Body
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import documents
from tools.documents import Document, FoundDocuments, LiveRow, RelatedDocument

router = APIRouter(prefix="/documents", tags=["documents"])

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


class Search(Body):
    """What is looked for, and where."""

    # A body's fields are described from the code by assistant.api.document; a query's only so.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    query: str = Field(max_length=1000, examples=["the customer who complained about late delivery"])
    """Words, or a sentence."""
    database: str | None = Field(default=None, max_length=200)
    """Only documents of this database."""
    table: str | None = Field(default=None, max_length=500)
    """Only documents of this table."""
    entity: str | None = Field(default=None, max_length=200, examples=["customer"])
    """What is sought; "the customer who ..." tells it too."""
    tag: str | None = Field(default=None, max_length=200)
    """Only documents with this tag: `status:paid`."""
    since: str | None = Field(default=None, max_length=100, examples=["last 3 months"])
    """Only what happened since: a date, or a window of time in words."""
    until: str | None = Field(default=None, max_length=100, examples=["2026-11-01"])
    """Only what happened before it."""
    limit: int = Field(default=10, ge=1, le=100)
    """Documents, at most."""


@router.get("")
async def search_documents(box: Box, person: Person, search: Annotated[Search, Query()]) -> FoundDocuments:
    """Find documents by what they say or mean, best first, each with why it was found."""
    return await documents.search_documents(
        box,
        person,
        search.query,
        database=search.database,
        table=search.table,
        entity=search.entity,
        tag=search.tag,
        since=documents.moment(search.since),
        until=documents.moment(search.until),
        limit=search.limit,
    )


@router.get("/{document}")
async def get_document(box: Box, person: Person, document: Number) -> Document:
    """Show a document as the last sync brought it."""
    return await documents.document(box, person, document)


@router.get("/{document}/related")
async def related_documents(box: Box, person: Person, document: Number, paging: Paged) -> Page[RelatedDocument]:
    """List what a document refers to, then what refers to it."""
    return paging.whole(await documents.related(box, person, document))


@router.get("/{document}/row")
async def live_row(box: Box, person: Person, document: Number) -> LiveRow:
    """Read a document's row as it is now, checked like any other query."""
    return await documents.open_row(box, person, document)
