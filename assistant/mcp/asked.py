"""The one tool that only programs have: a question in words, answered by our own agent."""

from typing import Any
from uuid import uuid4

from pydantic_ai import FunctionToolset, RunContext
from pydantic_ai.exceptions import ToolFailed

from assistant import conversation, past
from assistant.events import ApprovalNeeded, Done, Failed, Shown, TextDelta
from tools import queries
from tools.cards import ChoicesCard, ResultCard
from tools.connectors.base import Frozen
from tools.desk import Desk


class Found(Frozen):
    """One result of an answer: its shape and a preview, as our own model sees it."""

    query_id: str
    database: str
    sql: str
    read_as: str
    confidence: float | None
    columns: tuple[str, ...]
    rows_in_result: int
    cut: bool
    first_rows: tuple[tuple[Any, ...], ...]


class Asked(Frozen):
    """What a question in words came to."""

    conversation: str
    """Give it back to ask on: a follow-up keeps what was said before."""
    answer: str
    results: tuple[Found, ...] = ()
    choices: tuple[str, ...] = ()
    """Readings to choose from, each a whole question, where the question could mean several things."""
    waiting: tuple[str, ...] = ()
    """What would have needed a person's approval, and was not done."""


toolset = FunctionToolset[Desk]()


@toolset.tool
async def ask(
    ctx: RunContext[Desk], question: str, database: str | None = None, conversation_id: str | None = None
) -> Asked:
    """Ask in plain words; Tabletalk finds the tables, writes and checks the SQL, runs it and answers.

    Args:
        question: The question, in any words.
        database: The database it is about; leave it out when that is not known.
        conversation_id: The `conversation` of an earlier answer, for a follow-up.
    """
    box, actor = ctx.deps.box, ctx.deps.actor
    if conversation_id is not None:
        actor = await past.inside(box, actor, conversation_id)
    else:
        actor = actor.model_copy(update={"conversation_id": uuid4().hex})
    said: list[str] = []
    results, choices, waiting = [], [], []
    async for event in conversation.run(box, actor, question, database=database):
        match event:
            case TextDelta(text=text):
                said.append(text)
            case Shown(card=ResultCard(query_id=query_id)):
                results.append(_found(await queries.get_query(box, actor, query_id), box.settings.preview_rows))
            case Shown(card=ChoicesCard() as card):
                said.append(card.prompt)
                choices += [choice.message for choice in card.choices]
            case ApprovalNeeded(calls=calls):
                waiting += [call.consequence for call in calls]
            case Failed(title=title, message=message):
                raise ToolFailed(f"{title}: {message}")
            case Done():
                pass
    return Asked(
        conversation=actor.conversation_id or "",
        answer="".join(said).strip(),
        results=tuple(results),
        choices=tuple(choices),
        waiting=tuple(waiting),
    )


def _found(query: queries.Query, most: int) -> Found:
    rows = query.result.rows if query.result else ()
    return Found(
        query_id=str(query.id),
        database=query.database,
        sql=query.sql_executed or query.sql_asked,
        read_as=query.answer.read_as if query.answer else "",
        confidence=query.answer.confidence if query.answer else None,
        columns=tuple(column.name for column in query.result.columns) if query.result else (),
        rows_in_result=len(rows),
        cut=bool(query.result and query.result.truncated),
        first_rows=tuple(rows[:most]),
    )
