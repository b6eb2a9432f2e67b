"""The conversations a person has had, at whatever door: listed, read, gone on with, forgotten."""

from datetime import datetime
from typing import Any

from pydantic_ai import ModelMessagesTypeAdapter, ModelRequest, ModelResponse, TextPart, UserPromptPart
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import Frozen
from tools.errors import NotFound
from tools.store.models import TurnRow
from tools.toolbox import Actor, Toolbox

FIND = """
SELECT c.id, c.created_at, c.updated_at, c.state,
    left(coalesce(nullif(t.name, ''), nullif(c.title, ''), (
        SELECT jsonb_path_query_first(n.messages, '$[*].parts[*] ? (@.part_kind == "user-prompt").content') #>> '{}'
        FROM tabletalk.turns n WHERE n.conversation_id = c.id ORDER BY n.id LIMIT 1
    ), ''), 200) AS title
FROM tabletalk.conversations c LEFT JOIN chat.threads t ON t.id = c.id
WHERE c.workspace_id = :workspace AND c.created_by = :person
  AND (CAST(:id AS text) IS NULL OR c.id = :id)
  AND (CAST(:before AS text) IS NULL OR (c.updated_at, c.id) <
       (SELECT updated_at, id FROM tabletalk.conversations WHERE id = :before))
ORDER BY c.updated_at DESC, c.id DESC LIMIT :limit
"""
"""A conversation held in the chat has its name there; another is called by its first question."""

DELETE = (
    "DELETE FROM chat.threads WHERE id = :id AND workspace_id = :workspace AND user_id = :person",
    "DELETE FROM tabletalk.conversations WHERE id = :id AND workspace_id = :workspace AND created_by = :person",
)


class Conversation(Frozen):
    """A conversation as a list shows it."""

    id: str
    title: str
    database: str | None
    """The database in hand."""
    created_at: datetime
    updated_at: datetime


class Turn(Frozen):
    """One exchange: what was asked and what was said."""

    at: datetime
    question: str
    """Empty where a yes or no took the turn on."""
    text: str
    model: str
    input_tokens: int
    output_tokens: int
    cost: float | None


class Talk(Frozen):
    """A conversation with its turns, the oldest first."""

    conversation: Conversation
    turns: tuple[Turn, ...]
    waiting: tuple[str, ...]
    """Ids of calls that wait for approval."""


async def list_conversations(
    box: Toolbox, actor: Actor, *, limit: int = 20, before: str | None = None
) -> tuple[Conversation, ...]:
    """Give a person's own conversations, the latest first; `before` is the id of the last one seen."""
    values = {**_whose(actor), "id": None, "before": before, "limit": limit}
    async with box.store.begin(actor.workspace_id) as session:
        return tuple(_shown(row) for row in await session.execute(text(FIND), values))


async def get_conversation(box: Toolbox, actor: Actor, conversation_id: str) -> Talk:
    """Give one of a person's own conversations with all its turns; NotFound for any other."""
    turns = select(TurnRow).where(TurnRow.conversation_id == conversation_id).order_by(TurnRow.id)
    async with box.store.begin(actor.workspace_id) as session:
        row = await _find(session, actor, conversation_id)
        rows = (await session.scalars(turns)).all()
    waiting = tuple(row.state.get("pending", {}))
    return Talk(conversation=_shown(row), turns=tuple(_turn(one) for one in rows), waiting=waiting)


async def inside(box: Toolbox, actor: Actor, conversation_id: str) -> Actor:
    """Give the person as one who speaks in a conversation of theirs; NotFound when it is not."""
    async with box.store.begin(actor.workspace_id) as session:
        await _find(session, actor, conversation_id)
    return actor.model_copy(update={"conversation_id": conversation_id})


async def delete_conversation(box: Toolbox, actor: Actor, conversation_id: str) -> None:
    """Forget a conversation: what was shown and what the model remembers of it; NotFound when it is not one's own."""
    await inside(box, actor, conversation_id)
    async with box.store.begin(actor.workspace_id) as session:
        for statement in DELETE:
            await session.execute(text(statement), {**_whose(actor), "id": conversation_id})


def _whose(actor: Actor) -> dict[str, Any]:
    return {"workspace": actor.workspace_id, "person": actor.user_id}


async def _find(session: AsyncSession, actor: Actor, conversation_id: str) -> Any:
    values = {**_whose(actor), "id": conversation_id, "before": None, "limit": 1}
    row = (await session.execute(text(FIND), values)).one_or_none()
    if row is None:
        raise NotFound(f"No conversation {conversation_id!r}; it may have been deleted. Start a new one.")
    return row


def _shown(row: Any) -> Conversation:
    return Conversation(
        id=row.id,
        title=row.title,
        database=row.state.get("database"),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _turn(row: TurnRow) -> Turn:
    messages = ModelMessagesTypeAdapter.validate_python(row.messages)
    asked = [
        part.content
        for message in messages
        if isinstance(message, ModelRequest)
        for part in message.parts
        if isinstance(part, UserPromptPart) and isinstance(part.content, str)
    ]
    said = [
        part.content
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, TextPart)
    ]
    return Turn(
        at=row.created_at,
        question="\n".join(asked),
        text="\n\n".join(said),
        model=row.model,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost=row.cost,
    )
