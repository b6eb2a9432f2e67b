"""Verified pairs of question and SQL."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import queries
from tools.queries import Example

router = APIRouter(prefix="/examples", tags=["examples"], route_class=KeepingRoute)

PAIR: JsonDict = {
    "database": "shop",
    "question": "How many orders are there?",
    "sql": "SELECT count(*) AS orders FROM orders",
}


class NewExample(Body):
    """An entry of the query history by `query_id`, or database, question and SQL."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"example": PAIR})

    query_id: UUID | None = None
    database: str | None = Field(default=None, max_length=200)
    question: str | None = Field(default=None, max_length=5000)
    sql: str | None = Field(default=None, max_length=100_000)


@router.get("")
async def list_examples(
    box: Box, person: Person, paging: Paged, database: Annotated[str | None, Query(max_length=200)] = None
) -> Page[Example]:
    """List the verified pairs of one database or of all, oldest first."""
    return paging.whole(await queries.list_examples(box, person, database))


@router.post("", status_code=201, dependencies=[Once])
async def save_example(box: Box, person: Person, body: NewExample) -> Example:
    """Save a pair as verified; the same question saved again replaces its SQL."""
    return await queries.save_example(box, person, **body.model_dump())


@router.delete("/{example}", status_code=204)
async def remove_example(box: Box, person: Person, example: UUID) -> None:
    """Remove a verified pair."""
    await queries.remove_example(box, person, example)
