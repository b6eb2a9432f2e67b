"""Asks each case as a person would, in a conversation of its own, and holds the result against the gold's."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete

from assistant import conversation
from assistant.evaluation.cases import qualified
from assistant.evaluation.compare import Table, compare, order_of
from assistant.evaluation.measure import Case, Outcome, Preview
from assistant.events import Done, Failed, Shown, TextDelta
from tools import databases, queries, schemas
from tools.cards import ResultCard
from tools.connectors.base import Dialect, Frozen, TableSchema
from tools.errors import AssistantError
from tools.store.models import ConversationRow, QueryRow
from tools.toolbox import Actor, Toolbox

SHOWN_ROWS = 8
"""Rows of a result that the report shows."""

COMPARED_ROWS = 20_000
"""Rows of a result that are compared; the answer is read again when it was cut earlier."""


class Source(Frozen):
    """The database that the cases are about."""

    name: str
    dialect: Dialect
    tables: tuple[TableSchema, ...]


async def evaluate(
    box: Toolbox,
    actor: Actor,
    database: str,
    cases: Sequence[Case],
    *,
    at_once: int = 1,
    progress: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Ask every case, `at_once` side by side, and compare; neither conversations nor history stay behind."""
    registered = await databases.get(box, actor, database)
    known = await schemas.catalog(box, actor, database)
    source = Source(name=registered.name, dialect=registered.dialect, tables=tuple(table.shape for table in known))
    turnstile = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Outcome:
        async with turnstile:
            outcome = await _ask(box, actor, source, case)
        if progress is not None:
            progress(outcome)
        return outcome

    return tuple(await asyncio.gather(*(one(case) for case in cases)))


async def _ask(box: Toolbox, actor: Actor, source: Source, case: Case) -> Outcome:
    here = actor.model_copy(update={"conversation_id": f"evaluation-{uuid4().hex}"})
    try:
        await _open(box, here, source, case)
        outcome, query_id = await _converse(box, here, case)
        outcome = await _judge(box, here, source, outcome, query_id)
        found = await _found(box, here, source, case)
        return outcome.model_copy(update={"found": found})
    finally:
        await _clear(box, here)


async def _open(box: Toolbox, here: Actor, source: Source, case: Case) -> None:
    """A new conversation with only the database, and the case's schema of it, in sight."""
    memory: dict[str, Any] = {"databases": [source.name]}
    if case.schema_name:
        memory["schemas"] = [case.schema_name]
    async with box.store.begin(here.workspace_id) as session:
        session.add(
            ConversationRow(
                id=here.conversation_id,
                workspace_id=here.workspace_id,
                created_by=here.user_id,
                state={"database": source.name, "memory": memory},
            )
        )


async def _converse(box: Toolbox, here: Actor, case: Case) -> tuple[Outcome, UUID | None]:
    said, error = "", ""
    query_id: UUID | None = None
    done: Done | None = None
    started = time.perf_counter()
    # A crash on one question is a finding about it, not the end of the run.
    try:
        async with aclosing(conversation.run(box, here, case.question)) as events:  # type: ignore[type-var]  # a generator
            async for event in events:
                match event:
                    case TextDelta(text=text):
                        said += text
                    case Shown(card=ResultCard(query_id=shown)):
                        query_id = shown
                    case Failed(title=title, message=message):
                        error = f"{title}: {message}"
                    case Done():
                        done = event
    except Exception as crash:  # noqa: BLE001  # the reason above
        error = f"{type(crash).__name__}: {crash}"
    outcome = Outcome(
        case=case,
        right=False,
        answered=query_id is not None,
        said=said.strip(),
        error=error,
        milliseconds=(time.perf_counter() - started) * 1000,
        input_tokens=done.input_tokens if done else 0,
        output_tokens=done.output_tokens if done else 0,
        cost=done.cost if done else None,
    )
    return outcome, query_id


async def _judge(box: Toolbox, here: Actor, source: Source, outcome: Outcome, query_id: UUID | None) -> Outcome:
    """Run the gold, take the answer's result, compare."""
    asked = await queries.list_queries(box, here, conversation_id=here.conversation_id, limit=100)
    facts: dict[str, object] = {"rejections": sum(entry.verdict == "rejected" for entry in asked)}
    if not outcome.case.answerable:
        return outcome.model_copy(update=facts | await _stray(box, here, outcome, query_id))
    gold_sql = qualified(outcome.case.gold_sql, outcome.case.schema_name, source.tables, source.dialect)
    try:
        gold = await _read(box, here, source.name, gold_sql)
    except AssistantError as error:
        return outcome.model_copy(update=facts | {"gold_error": f"{error.title}: {error}"})
    facts["gold"] = _preview(gold)
    if query_id is None:
        return outcome.model_copy(update=facts)
    entry = await queries.get_query(box, here, query_id)
    answer = Table(columns=(), rows=())
    if entry.result is not None:
        columns = tuple(column.name for column in entry.result.columns)
        answer = Table(columns=columns, rows=entry.result.rows)
        if entry.result.truncated:
            answer = await _read(box, here, entry.database, entry.sql_asked)
    verdict = compare(gold, answer, order_of(gold_sql, source.dialect))
    facts |= {
        "right": verdict.right,
        "difference": verdict.difference,
        "extra_columns": verdict.extra_columns,
        "sql": entry.sql_executed or entry.sql_asked,
        "answer": _preview(answer),
        "confidence": entry.answer.confidence if entry.answer else None,
        "read_as": entry.answer.read_as if entry.answer else "",
    }
    return outcome.model_copy(update=facts)


async def _stray(box: Toolbox, here: Actor, outcome: Outcome, query_id: UUID | None) -> dict[str, object]:
    """Judge what was made of a question that the data cannot answer."""
    if query_id is None:
        return {"right": not outcome.error}
    entry = await queries.get_query(box, here, query_id)
    return {
        "difference": "answered, though the data hold nothing about it",
        "sql": entry.sql_executed or entry.sql_asked,
        "confidence": entry.answer.confidence if entry.answer else None,
        "read_as": entry.answer.read_as if entry.answer else "",
    }


async def _read(box: Toolbox, here: Actor, database: str, sql: str) -> Table:
    wide = replace(box, settings=box.settings.model_copy(update={"query_rows": COMPARED_ROWS}))
    result = await queries.run(wide, here, database, sql)
    return Table(columns=tuple(column.name for column in result.columns), rows=result.rows)


def _preview(table: Table) -> Preview:
    return Preview(columns=table.columns, rows=table.rows[:SHOWN_ROWS], total=len(table.rows))


async def _found(box: Toolbox, here: Actor, source: Source, case: Case) -> tuple[str, ...] | None:
    """Tables retrieval gives for the question out of the whole database, best first; of another schema in full."""
    if not case.gold_tables:
        return None
    retrieved = await schemas.retrieve(box, here, case.question, source.name, limit=10)
    shapes = [found.table.shape for found in retrieved.tables]
    return tuple(
        shape.name if case.schema_name in {None, shape.schema_name} else shape.qualified_name for shape in shapes
    )


async def _clear(box: Toolbox, here: Actor) -> None:
    async with box.store.begin(here.workspace_id) as session:
        await session.execute(delete(QueryRow).where(QueryRow.conversation_id == here.conversation_id))
        await session.execute(delete(ConversationRow).where(ConversationRow.id == here.conversation_id))
