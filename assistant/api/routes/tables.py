"""What is known of the tables of a database: shapes, relationships, descriptions."""

from fastapi import APIRouter
from pydantic import Field

from assistant.api.bodies import Body
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import schemas
from tools.schemas import Relationship, TrainedTable

router = APIRouter(prefix="/databases/{database}", tags=["tables"])


class Description(Body):
    """What a table is about, in a person's words."""

    description: str = Field(max_length=5000, examples=["Orders as they came in, cancelled ones included."])
    """Empty to go back to the description written by rule."""


@router.get("/tables")
async def list_tables(box: Box, person: Person, database: str, paging: Paged) -> Page[TrainedTable]:
    """List the tables of a database as they are known, trained or only fetched."""
    return paging.whole(await schemas.catalog(box, person, database))


@router.get("/tables/{table:path}")
async def get_table(box: Box, person: Person, database: str, table: str) -> TrainedTable:
    """Show one table with all that is known of it: columns, keys, frequent values, samples, notes."""
    return await schemas.describe(box, person, database, table)


@router.patch("/tables/{table:path}")
async def describe(box: Box, person: Person, database: str, table: str, body: Description) -> TrainedTable:
    """Describe a table by hand; training keeps the words."""
    return await schemas.set_description(box, person, database, table, body.description)


@router.get("/relationships")
async def list_relationships(box: Box, person: Person, database: str, paging: Paged) -> Page[Relationship]:
    """List the declared foreign keys between the tables of a database."""
    return paging.whole(await schemas.relationships(box, person, database))
