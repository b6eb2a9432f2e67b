"""Questions in words, and the conversations they belong to."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field, StrictBool

from assistant import past
from assistant.api import streams
from assistant.api.asked import Answered, answer
from assistant.api.bodies import Body
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from assistant.past import Conversation, Talk

router = APIRouter(tags=["conversations"], route_class=KeepingRoute)

Id = Annotated[str, Path(max_length=200)]

ASKED: dict[str, Any] = {"response_model": Answered, "responses": streams.DESCRIBED, "dependencies": [Once]}


class Question(Body):
    """What is asked, in words."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"question": "How many orders are there?"}}
    )

    question: str = Field(min_length=1, max_length=20_000)


class Decisions(Body):
    """A yes or no for each call that waits."""

    approvals: dict[str, StrictBool] = Field(min_length=1, max_length=50, examples=[{"call_1": True}])


@router.post("/ask", **ASKED)
async def ask(box: Box, person: Person, request: Request, body: Question) -> Any:
    """Ask in words, in a new conversation; asked for `text/event-stream`, the answer streams as it is made."""
    return await answer(request, box, person, body.question)


@router.post("/databases/{database}/ask", **ASKED)
async def ask_database(box: Box, person: Person, request: Request, database: str, body: Question) -> Any:
    """Ask one database in words, in a new conversation that is about it alone."""
    return await answer(request, box, person, body.question, database=database)


@router.get("/conversations")
async def list_conversations(box: Box, person: Person, paging: Paged) -> Page[Conversation]:
    """List one's own conversations, the latest first, whatever door they were held at."""
    found = await past.list_conversations(box, person, limit=paging.limit + 1, before=paging.after)
    return paging.cut(found, found[paging.limit - 1].id if len(found) > paging.limit else None)


@router.get("/conversations/{conversation}")
async def get_conversation(box: Box, person: Person, conversation: Id) -> Talk:
    """Show a conversation: what was asked and said, in order."""
    return await past.get_conversation(box, person, conversation)


@router.delete("/conversations/{conversation}", status_code=204)
async def delete_conversation(box: Box, person: Person, conversation: Id) -> None:
    """Forget a conversation; databases and the history of queries stay."""
    await past.delete_conversation(box, person, conversation)


@router.post("/conversations/{conversation}/ask", **ASKED)
async def ask_on(box: Box, person: Person, request: Request, conversation: Id, body: Question) -> Any:
    """Ask on in a conversation: a follow-up keeps what was said before."""
    return await answer(request, box, await past.inside(box, person, conversation), body.question)


@router.post("/conversations/{conversation}/approvals", **ASKED)
async def decide(box: Box, person: Person, request: Request, conversation: Id, body: Decisions) -> Any:
    """Approve or refuse the calls that wait, and go on with the turn."""
    here = await past.inside(box, person, conversation)
    return await answer(request, box, here, None, approvals=body.approvals)
