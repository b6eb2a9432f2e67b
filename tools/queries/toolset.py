"""What a model may call about queries, their history and verified pairs."""

import json
from uuid import UUID

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools import schemas
from tools.cards import Card, ResultCard, TableCard
from tools.desk import Desk
from tools.errors import Invalid
from tools.queries import examples, history
from tools.queries.answer import Answer
from tools.queries.confidence import tell
from tools.queries.run import QueryResult, rerun, run

toolset = FunctionToolset[Desk]()


@toolset.tool
async def run_query(
    ctx: RunContext[Desk], database: str, sql: str, read_as: str, assumptions: list[str] | None = None
) -> ToolReturn[str]:
    """Run one read-only SELECT; the person sees the whole result, you see its shape and a preview.

    Args:
        database: The database's name.
        sql: One SELECT in the database's own dialect; alias every expression in plain words.
        read_as: How you understood the question: columns, period with exact dates, what is left out.
        assumptions: What the question left open and you decided.
    """
    desk = ctx.deps
    result = await run(desk.box, desk.actor, database, sql, question=desk.question or None, estimated=True)
    desk.database = result.database
    answer = await _answer(desk, result, read_as, assumptions or [])
    await history.set_answer(desk.box, desk.actor, result.id, answer)
    return _shown(_preview(result, desk.box.settings.preview_rows), ResultCard(query_id=result.id))


@toolset.tool
async def rerun_query(ctx: RunContext[Desk], query_id: UUID | None = None) -> ToolReturn[str]:
    """Ask the database an earlier query again.

    Args:
        query_id: The query's id from run_query or query_history; the last one of this conversation when left out.
    """
    desk = ctx.deps
    result = await rerun(desk.box, desk.actor, query_id or await _last(desk))
    return _shown(_preview(result, desk.box.settings.preview_rows), ResultCard(query_id=result.id))


@toolset.tool
async def query_history(
    ctx: RunContext[Desk], search: str | None = None, database: str | None = None
) -> ToolReturn[str]:
    """Show what was asked and executed lately, with outcome.

    Args:
        search: Words to look for in question and SQL.
        database: Only this database.
    """
    found = await history.list_queries(ctx.deps.box, ctx.deps.actor, search=search, database=database)
    rows = tuple(
        (
            f"{one.created_at:%d %b %H:%M}",
            one.created_by or "",
            one.database,
            one.question or " ".join(one.sql_asked.split()),
            one.error or f"{one.rows or 0:,} rows",
        )
        for one in found
    )
    told = "\n".join(f"{one.id}: {' | '.join(row)}" for one, row in zip(found, rows, strict=True))
    return _shown(told or "Nothing yet.", _table("Queries", ("When", "Who", "Database", "Asked", "Outcome"), rows))


@toolset.tool
async def save_verified(
    ctx: RunContext[Desk], query_id: UUID | None = None, question: str | None = None
) -> ToolReturn[str]:
    """Save a question and its SQL as verified: similar questions will use it.

    Args:
        query_id: The query's id; the last one of this conversation when left out.
        question: The question it answers, when it was not asked in plain words.
    """
    desk = ctx.deps
    saved = await examples.save_example(desk.box, desk.actor, query_id=query_id or await _last(desk), question=question)
    return _shown(f"Saved as verified for {saved.database}: “{saved.question}”.")


@toolset.tool
async def list_verified(ctx: RunContext[Desk], database: str | None = None) -> ToolReturn[str]:
    """List the verified questions with their SQL.

    Args:
        database: Only this database.
    """
    found = await examples.list_examples(ctx.deps.box, ctx.deps.actor, database)
    rows = tuple((one.database, one.question, " ".join(one.sql.split()), one.created_by or "") for one in found)
    told = "\n".join(f"{one.id}: {one.question} -> {one.sql}" for one in found)
    return _shown(told or "None yet.", _table("Verified queries", ("Database", "Question", "SQL", "By"), rows))


@toolset.tool
async def remove_verified(ctx: RunContext[Desk], example_id: UUID) -> str:
    """Remove a verified question.

    Args:
        example_id: Its id from list_verified.
    """
    await examples.remove_example(ctx.deps.box, ctx.deps.actor, example_id)
    return "Removed."


async def _answer(desk: Desk, result: QueryResult, read_as: str, assumptions: list[str]) -> Answer:
    reading = desk.reading if desk.reading is not None and desk.reading.sql == result.sql_asked else None
    near = await examples.find_examples(desk.box, desk.actor, result.database, desk.question, limit=1)
    notes = await schemas.list_notes(desk.box, desk.actor, result.database)
    return tell(
        result,
        desk.question,
        read_as,
        assumptions=assumptions,
        found=desk.found,
        example=near[0] if near else None,
        parsed=(reading.confidence, reading.reasons) if reading else None,
        notes=[
            f"{note.text} ({note.created_by or 'unknown'}, {note.created_at:%d %B %Y})"
            for note in notes
            if note.table in result.tables
        ],
        alternatives=reading.alternatives if reading else (),
    )


def _preview(result: QueryResult, most: int) -> str:
    """What the model is told: the shape, and at most so many rows as data."""
    told = {
        "query_id": str(result.id),
        "columns": [f"{column.name} ({column.family})" for column in result.columns],
        "rows_in_result": len(result.rows),
        "cut": result.truncated,
        "warnings": list(result.warnings),
        "first_rows": [list(row) for row in result.rows[:most]],
    }
    return json.dumps(told, ensure_ascii=False, default=str)


async def _last(desk: Desk) -> UUID:
    found = await history.list_queries(desk.box, desk.actor, conversation_id=desk.actor.conversation_id or "", limit=1)
    if not found:
        raise Invalid("Nothing was asked in this conversation yet; ask a question first.")
    return found[0].id


def _table(title: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> TableCard:
    return TableCard(title=title, columns=columns, rows=rows)


def _shown(told: str, *cards: Card) -> ToolReturn[str]:
    return ToolReturn(return_value=told, metadata={"cards": [card.model_dump(mode="json") for card in cards]})
