"""What people told about the data, used by whoever asks next."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import schemas
from tools.schemas import Note

router = APIRouter(prefix="/databases/{database}/notes", tags=["notes"], route_class=KeepingRoute)


class NewNote(Body):
    """A note on a database, or on one of its tables."""

    text: str = Field(max_length=5000, examples=["revenue means paid orders without returns"])
    table: str | None = Field(default=None, max_length=500)


@router.get("")
async def list_notes(box: Box, person: Person, database: str, paging: Paged) -> Page[Note]:
    """List the notes on a database and its tables, oldest first."""
    return paging.whole(await schemas.list_notes(box, person, database))


@router.post("", status_code=201, dependencies=[Once])
async def add_note(box: Box, person: Person, database: str, body: NewNote) -> Note:
    """Keep what a person says about the data."""
    return await schemas.add_note(box, person, database, body.text, body.table)


@router.delete("/{note}")
async def remove_note(box: Box, person: Person, database: str, note: UUID) -> Note:
    """Remove a note; gives the one that went."""
    return await schemas.remove_note(box, person, database, note)
