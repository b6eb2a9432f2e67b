"""One turn over REST: its events gathered into one answer, or passed on one by one as they happen."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import cast
from uuid import uuid4

from fastapi import Request
from fastapi.responses import StreamingResponse

from assistant import conversation
from assistant.api import streams
from assistant.events import ApprovalNeeded, Done, Event, Failed, PendingCall, Shown, TextDelta
from tools.cards import Card, ResultCard
from tools.connectors.base import Frozen
from tools.errors import AssistantError
from tools.queries import Query, get_query
from tools.toolbox import Actor, Toolbox


class Began(Frozen):
    """The first event of a stream: the conversation it belongs to."""

    conversation_id: str


class Answered(Frozen):
    """What a turn said and showed."""

    conversation_id: str
    """Ask on at `/conversations/{conversation_id}/ask`."""
    text: str
    """The answer in words (Markdown)."""
    queries: tuple[Query, ...] = ()
    """What was asked of databases, with rows, reading and confidence, in order."""
    cards: tuple[Card, ...] = ()
    """What else was shown: jobs, tables of facts, choices."""
    approvals: tuple[PendingCall, ...] = ()
    """Calls that wait for a word: answer at `/conversations/{conversation_id}/approvals`."""
    done: Done


class TurnFailed(AssistantError):
    """The turn ended in an error that the conversation told."""

    def __init__(self, failed: Failed) -> None:
        """Take title, status and message as they were told."""
        super().__init__(failed.message)
        self.title, self.status = failed.title, failed.status


async def answer(
    request: Request,
    box: Toolbox,
    person: Actor,
    message: str | None,
    *,
    database: str | None = None,
    approvals: Mapping[str, bool] | None = None,
) -> Answered | StreamingResponse:
    """Run one turn in the conversation in hand (a new one when there is none); a stream when it is asked for."""
    actor = person.model_copy(update={"conversation_id": person.conversation_id or uuid4().hex})
    run = conversation.run(box, actor, message, database=database, approvals=approvals)
    events = cast(AsyncGenerator[Event, None], run)
    if streams.wanted(request):
        return streams.stream(_told(actor, events))
    return await _gathered(box, actor, events)


async def _told(actor: Actor, events: AsyncGenerator[Event, None]) -> AsyncGenerator[str, None]:
    async with aclosing(events):
        yield streams.event("conversation", Began(conversation_id=str(actor.conversation_id)))
        async for event in events:
            yield streams.event(event.type, event)


async def _gathered(box: Toolbox, actor: Actor, events: AsyncGenerator[Event, None]) -> Answered:
    words: list[str] = []
    cards: list[Card] = []
    waiting: tuple[PendingCall, ...] = ()
    done: Done | None = None
    async with aclosing(events):
        async for event in events:
            match event:
                case TextDelta(text=text):
                    words.append(text)
                case Shown(card=card):
                    cards.append(card)
                case ApprovalNeeded(calls=calls):
                    waiting = calls
                case Done():
                    done = event
                case Failed():
                    raise TurnFailed(event)
    assert done is not None, "a turn ends with Done or Failed"
    asked = [await get_query(box, actor, card.query_id) for card in cards if isinstance(card, ResultCard)]
    return Answered(
        conversation_id=str(actor.conversation_id),
        text="".join(words),
        queries=tuple(asked),
        cards=tuple(card for card in cards if not isinstance(card, ResultCard)),
        approvals=waiting,
        done=done,
    )
