"""Chainlit's data layer on our own store: conversations, their steps, and references to what cards show."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID
from weakref import WeakValueDictionary

from chainlit.context import context
from chainlit.data.base import BaseDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element, ElementDict
from chainlit.step import StepDict
from chainlit.types import (
    Feedback,
    PageInfo,
    PaginatedResponse,
    Pagination,
    ThreadDict,
    ThreadFilter,
)
from chainlit.user import PersistedUser, User
from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from assistant.chat.cards import StoredCard, draw_all, element
from assistant.embed import actor_called
from tools.errors import NotAllowed, NotFound, NotSignedIn
from tools.jobs.patience import patiently
from tools.toolbox import Actor, Toolbox

LIST = """
    SELECT id, name, updated_at FROM chat.threads t
    WHERE workspace_id = :workspace AND user_id = :person
      AND (CAST(:after AS text) IS NULL OR (updated_at, id) <
           (SELECT updated_at, id FROM chat.threads WHERE id = CAST(:after AS text)))
      AND (CAST(:search AS text) IS NULL OR name ILIKE :search OR EXISTS (
           SELECT FROM chat.steps s WHERE s.thread_id = t.id AND s.data->>'output' ILIKE :search))
    ORDER BY updated_at DESC, id DESC
    LIMIT :limit
"""

OWNER = """
    SELECT t.workspace_id, t.name, t.created_at, u.name AS person
    FROM chat.threads t JOIN tabletalk.users u ON u.id = t.user_id WHERE t.id = :id
"""
"""Chainlit asks by the id alone, before it knows whether the person in hand may see the conversation."""

OPEN = """
    INSERT INTO chat.threads (id, workspace_id, user_id) VALUES (:id, :workspace, :person)
    ON CONFLICT (id) DO NOTHING
"""

TOUCH = """
    UPDATE chat.threads SET updated_at = now() WHERE id = :id AND user_id = :person RETURNING id
"""

NAME = "UPDATE chat.threads SET name = :name WHERE id = :id"

NAME_FIRST = "UPDATE chat.threads SET name = :name WHERE id = :id AND name = ''"

SAVE_STEP = """
    INSERT INTO chat.steps (id, thread_id, workspace_id, data)
    VALUES (:id, :thread, :workspace, CAST(:data AS jsonb))
    ON CONFLICT (id) DO UPDATE SET data = EXCLUDED.data WHERE chat.steps.thread_id = EXCLUDED.thread_id
"""

SAVE_CARD = """
    INSERT INTO chat.cards (id, thread_id, step_id, workspace_id, data)
    VALUES (:id, :thread, :step, :workspace, CAST(:data AS jsonb))
    ON CONFLICT (id) DO UPDATE SET data = EXCLUDED.data WHERE chat.cards.thread_id = EXCLUDED.thread_id
"""


STORE_SECONDS = 60
"""How long what was said waits for a store that is away, before it is given up."""


class ChatHistory(BaseDataLayer):
    """What Chainlit keeps; errors rise, writes of one conversation stay in order, every row has an owner.

    Cards are kept as references (a query id, a job id) and drawn anew from their rows whenever a conversation is
    opened. Nothing a browser sends becomes a card: Chainlit's own element writes are refused.
    """

    def __init__(self, box: Toolbox) -> None:
        """Keep conversations in the store of `box`."""
        self._box = box
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # People: made by assistant.accounts, never by Chainlit

    async def get_user(self, identifier: str) -> PersistedUser | None:
        """Give the person called `identifier`, or None."""
        try:
            # While the store restarts, somebody who is not found would be shown the way out.
            person = await patiently(lambda: actor_called(self._box, identifier), STORE_SECONDS)
        except (NotFound, NotSignedIn):
            return None
        return PersistedUser(
            id=str(person.user_id),
            identifier=identifier,
            createdAt="",
            metadata={"role": person.role},
        )

    async def create_user(self, user: User) -> PersistedUser | None:
        """Give the person that signed in; Chainlit asks to make them, but accounts are made elsewhere."""
        return await self.get_user(user.identifier)

    # Conversations

    async def get_thread_author(self, thread_id: str) -> str:
        """Give the name of the person whose conversation it is, empty when there is none."""
        owner = await self._owner(thread_id)
        return owner.person if owner else ""

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        """Name a conversation; what Chainlit would keep of its session beside that is not needed again."""
        if not name:
            return
        values = {"id": thread_id, "name": " ".join(name.split())[:200]}
        if user_id is not None:
            # The first message names it; whatever it comes to, the name must not be lost to a restart.
            await self._write(thread_id, NAME, values)
            return
        async with self._lock(thread_id), self._within(thread_id) as session:
            await session.execute(text(NAME), values)

    async def name_first(self, thread_id: str, name: str) -> bool:
        """Name a conversation that has no name yet; False when it has one."""
        return await self._write(thread_id, NAME_FIRST, {"id": thread_id, "name": name}) > 0

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        """Give a page of a person's conversations, the latest first, without their content."""
        person = await patiently(lambda: self._person(filters.userId), STORE_SECONDS)
        search = f"%{filters.search}%" if filters.search else None
        values = {
            "workspace": person.workspace_id,
            "person": person.user_id,
            "after": pagination.cursor,
            "search": search,
            "limit": pagination.first + 1,
        }
        async with self._box.store.begin(person.workspace_id) as session:
            rows = (await session.execute(text(LIST), values)).all()
        page = [_thread(row.id, row.name, row.updated_at, person) for row in rows[: pagination.first]]
        return PaginatedResponse(
            pageInfo=PageInfo(
                hasNextPage=len(rows) > pagination.first,
                startCursor=page[0]["id"] if page else None,
                endCursor=page[-1]["id"] if page else None,
            ),
            data=page,
        )

    async def cards(self, thread_id: str) -> list[StoredCard]:
        """Give the cards of a conversation, the oldest first."""
        async with self._within(thread_id) as session:
            rows = await session.execute(
                text("SELECT id, step_id, data FROM chat.cards WHERE thread_id = :id ORDER BY created_at"),
                {"id": thread_id},
            )
        return [StoredCard(id=row.id, step_id=row.step_id, thread_id=thread_id, data=row.data) for row in rows]

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        """Give a whole conversation, its cards drawn from the rows as they stand now."""
        owner = await self._owner(thread_id)
        if owner is None:
            return None
        async with self._box.store.begin(owner.workspace_id) as session:
            steps = await session.scalars(
                text("SELECT data FROM chat.steps WHERE thread_id = :id ORDER BY data->>'createdAt', created_at"),
                {"id": thread_id},
            )
            cards = await session.execute(
                text("SELECT id, step_id, data FROM chat.cards WHERE thread_id = :id ORDER BY created_at"),
                {"id": thread_id},
            )
        try:
            person = await actor_called(self._box, owner.person, owner.workspace_id)
        except NotFound:  # they left that workspace, and with it what was said there
            return None
        actor = person.model_copy(update={"conversation_id": thread_id})
        stored = [StoredCard(id=card.id, step_id=card.step_id, thread_id=thread_id, data=card.data) for card in cards]
        thread = _thread(thread_id, owner.name, owner.created_at, person)
        thread["steps"] = [cast(StepDict, step) for step in steps]
        thread["elements"] = [
            element(card, props) for card, props in zip(stored, await draw_all(self._box, actor, stored), strict=True)
        ]
        return thread

    async def delete_thread(self, thread_id: str) -> None:
        """Forget a conversation: what was shown and what the model remembers of it."""
        async with self._lock(thread_id), self._within(thread_id) as session:
            for statement in (
                "DELETE FROM chat.threads WHERE id = :id",
                "DELETE FROM tabletalk.conversations WHERE id = :id",
            ):
                await session.execute(text(statement), {"id": thread_id})

    # Steps

    @queue_until_user_message()
    async def create_step(self, step_dict: StepDict) -> None:
        """Keep a step as Chainlit sent it; a later write of the same step replaces it."""
        values = {"id": step_dict["id"], "thread": step_dict["threadId"], "data": _json(dict(step_dict))}
        await self._write(step_dict["threadId"], SAVE_STEP, values)

    @queue_until_user_message()
    async def update_step(self, step_dict: StepDict) -> None:
        """Keep the newest state of a step."""
        await ChatHistory.create_step(self, step_dict)

    @queue_until_user_message()
    async def delete_step(self, step_id: str) -> None:
        """Take a step out of the conversation in hand."""
        thread_id = context.session.thread_id
        async with self._within(thread_id) as session:
            await session.execute(
                text("DELETE FROM chat.steps WHERE id = :id AND thread_id = :thread"),
                {"id": step_id, "thread": thread_id},
            )

    # Cards

    async def save_card(self, card: StoredCard) -> None:
        """Keep the reference a card is drawn from."""
        values = {"id": card.id, "thread": card.thread_id, "step": card.step_id, "data": _json(card.data)}
        await self._write(card.thread_id, SAVE_CARD, values)

    async def append(self, person: Actor, step: StepDict, cards: Sequence[StoredCard]) -> None:
        """Put a message, with cards, at the end of a conversation of `person`, who need not be there."""
        thread_id = step["threadId"]
        own = {"workspace": person.workspace_id, "thread": thread_id}
        async with self._lock(thread_id), self._box.store.begin(person.workspace_id) as session:
            await _open(session, thread_id, person)
            await session.execute(text(SAVE_STEP), {**own, "id": step["id"], "data": _json(dict(step))})
            for card in cards:
                values = {**own, "id": card.id, "step": card.step_id, "data": _json(card.data)}
                await session.execute(text(SAVE_CARD), values)

    async def author(self, thread_id: str) -> Actor | None:
        """The person whose conversation it is; None when there is no conversation of that id, or no such person."""
        owner = await self._owner(thread_id)
        if owner is None:
            return None
        try:
            person = await actor_called(self._box, owner.person, owner.workspace_id)
        except NotFound:
            return None
        return person.model_copy(update={"conversation_id": thread_id})

    async def find_card(self, thread_id: str, card_id: str) -> StoredCard:
        """Give a card of the conversation `thread_id`; NotFound when it has none such."""
        async with self._within(thread_id) as session:
            row = (
                await session.execute(
                    text("SELECT step_id, data FROM chat.cards WHERE id = :id AND thread_id = :thread"),
                    {"id": card_id, "thread": thread_id},
                )
            ).one_or_none()
        if row is None:
            raise NotFound(f"This conversation has no card {card_id!r}; open it again.")
        return StoredCard(id=card_id, step_id=row.step_id, thread_id=thread_id, data=row.data)

    async def create_element(self, element: Element) -> None:
        """Refuse: cards are saved by `save_card`, and nothing else may be kept."""
        raise NotAllowed(f"An element {element.name!r} came from outside; only the server makes cards.")

    async def get_element(self, thread_id: str, element_id: str) -> ElementDict | None:
        """Give one card of a conversation as Chainlit's element, or None."""
        thread = await self.get_thread(thread_id)
        elements = (thread["elements"] or []) if thread else []
        return next((one for one in elements if one["id"] == element_id), None)

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Refuse: a card goes only with its conversation."""
        raise NotAllowed("A card goes only with its conversation; delete that instead.")

    # What we do elsewhere: thumbs are on the result card, favourites are verified queries

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """Refuse: results are rated on their own card."""
        raise NotAllowed("Rate a result with the thumbs on its card.")

    async def delete_feedback(self, feedback_id: str) -> bool:
        """Refuse, as for `upsert_feedback`."""
        raise NotAllowed("Rate a result with the thumbs on its card.")

    async def get_favorite_steps(self, user_id: str) -> list[StepDict]:
        """Nothing: the feature is off."""
        return []

    async def build_debug_url(self) -> str:
        """Nothing to show."""
        return ""

    async def close(self) -> None:
        """Nothing to close: the store is the toolbox's."""

    def _lock(self, thread_id: str) -> asyncio.Lock:
        # Chainlit writes from tasks of their own: without this an early state could land after a late one.
        return self._locks.setdefault(thread_id, asyncio.Lock())

    async def _write(self, thread_id: str, sql: str, values: dict[str, Any]) -> int:
        """Write to a conversation of the person in hand, and give how many rows that changed.

        A store that restarts meanwhile is waited for.
        """
        user = context.session.user
        if user is None:
            raise NotAllowed("Sign in first; a conversation belongs to a person.")

        async def write() -> int:
            person = await self.person_in(thread_id, user.identifier)
            async with self._box.store.begin(person.workspace_id) as session:
                await _open(session, thread_id, person)
                done = await session.execute(text(sql), {"workspace": person.workspace_id, **values})
                return cast(CursorResult[Any], done).rowcount

        async with self._lock(thread_id):
            return await patiently(write, STORE_SECONDS)

    async def person_in(self, thread_id: str, user_name: str) -> Actor:
        """Who speaks in a conversation: it stays in its workspace, wherever they have chosen to work since."""
        owner = await self._owner(thread_id)
        mine = owner is not None and owner.person == user_name
        return await actor_called(self._box, user_name, owner.workspace_id if mine else None)

    async def _owner(self, thread_id: str) -> Any:
        """Whose conversation it is, and of which workspace; None when there is none of that id."""
        async with self._box.store.begin_for_all() as session:
            return (await session.execute(text(OWNER), {"id": thread_id})).one_or_none()

    @asynccontextmanager
    async def _within(self, thread_id: str) -> AsyncIterator[AsyncSession]:
        """Open a transaction in the workspace of a conversation; NotFound when there is none of that id."""
        owner = await self._owner(thread_id)
        if owner is None:
            raise NotFound("There is no such conversation; it may have been deleted.")
        async with self._box.store.begin(owner.workspace_id) as session:
            yield session

    async def _person(self, user_id: str | None) -> Actor:
        async with self._box.store.begin_for_all() as session:
            name = await session.scalar(
                text("SELECT name FROM tabletalk.users WHERE id = :id"),
                {"id": UUID(user_id) if user_id else None},
            )
        return await actor_called(self._box, name or "")


async def _open(session: AsyncSession, thread_id: str, person: Actor) -> None:
    """Make the conversation when it is new; NotAllowed when it is another person's."""
    mine = {"id": thread_id, "workspace": person.workspace_id, "person": person.user_id}
    await session.execute(text(OPEN), mine)
    if await session.scalar(text(TOUCH), mine) is None:
        raise NotAllowed(f"The conversation {thread_id!r} is another person's, or of another workspace of yours.")


def _thread(thread_id: str, name: str, at: datetime, person: Actor) -> ThreadDict:
    return ThreadDict(
        id=thread_id,
        createdAt=at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        name=name,
        userId=str(person.user_id),
        userIdentifier=person.user_name,
        tags=[],
        metadata={},
        steps=[],
        elements=[],
    )


def _json(value: dict[str, Any]) -> str:
    # PostgreSQL's jsonb holds no NUL.
    return json.dumps(value, ensure_ascii=False, default=str).replace("\\u0000", "")
