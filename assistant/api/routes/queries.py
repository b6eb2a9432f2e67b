"""Checked SQL, and the history of everything that ran."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field, StrictBool
from pydantic.config import JsonDict

from assistant.api.bodies import Body
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import queries
from tools.queries import QueryResult, export

router = APIRouter(tags=["queries"])

FILES: dict[str, dict[str, Any]] = {media_type: {} for media_type in export.MEDIA.values()}
SELECT: JsonDict = {"sql": "SELECT country, count(*) AS customers FROM customers GROUP BY country"}


class Statement(Body):
    """One reading statement."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"example": SELECT})

    sql: str = Field(max_length=1_000_000)
    question: str | None = Field(default=None, max_length=5000)
    """What it answers, for the history."""


class Rating(Body):
    """A thumb: up, down, or neither."""

    liked: StrictBool | None


@router.post("/databases/{database}/query")
async def query(box: Box, person: Person, database: str, body: Statement) -> QueryResult:
    """Run one SELECT, checked like any other: read-only, bounded, kept in the history."""
    return await queries.run(box, person, database, body.sql, question=body.question)


@router.get("/queries")
async def list_queries(
    box: Box,
    person: Person,
    paging: Paged,
    database: Annotated[str | None, Query(max_length=200)] = None,
    search: Annotated[str | None, Query(max_length=500, description="Looked for in question and SQL.")] = None,
    conversation: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[queries.Query]:
    """List the history of queries, newest first; rows only come with a single one."""
    found = await queries.list_queries(
        box,
        person,
        database=database,
        search=search,
        conversation_id=conversation,
        limit=paging.limit + 1,
        before=paging.identity(),
    )
    return paging.cut(found, str(found[paging.limit - 1].id) if len(found) > paging.limit else None)


@router.get("/queries/{query_id}")
async def get_query(box: Box, person: Person, query_id: UUID) -> queries.Query:
    """Show one entry with its rows and what was said about them."""
    return await queries.get_query(box, person, query_id)


@router.get("/queries/{query_id}/rows.{kind}", response_class=Response, responses={200: {"content": FILES}})
async def download(box: Box, person: Person, query_id: UUID, kind: export.Kind) -> Response:
    """Give the rows of an entry as a file."""
    found = export.as_file(await queries.get_query(box, person, query_id), kind)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return Response(found.body, media_type=found.media_type, headers=headers)


@router.post("/queries/{query_id}/rerun")
async def rerun(box: Box, person: Person, query_id: UUID) -> QueryResult:
    """Ask the database the same query again."""
    return await queries.rerun(box, person, query_id)


@router.put("/queries/{query_id}/rating", status_code=204)
async def rate(box: Box, person: Person, query_id: UUID, body: Rating) -> None:
    """Keep a thumb on an answer."""
    await queries.rate(box, person, query_id, body.liked)
