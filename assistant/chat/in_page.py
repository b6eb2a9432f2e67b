"""The chat in somebody's page: what the page says to it, and what it tells the page."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import chainlit as cl
from chainlit.chat_context import chat_context

from assistant import embed
from assistant.chat import commands, turn
from assistant.chat.door import actor, door
from assistant.chat.screen import say
from assistant.embed.words import NAMES, WORDS
from tools import queries
from tools.errors import AssistantError, Invalid
from tools.toolbox import Actor

TAKEN = {"hello", "context", "ask"}
"""What a page says."""
LONGEST_CONTEXT = 4000
"""Characters of JSON that a page may tell of itself."""
LONGEST_QUESTION = 5000
ROWS = 100
"""Rows of a result that the page is told; the person sees all."""
PAGE = "page"
"""Where the session keeps what the page told of itself."""


async def is_there() -> bool:
    """Tell whether the person in hand came through a page."""
    return (await actor()).door == "widget"


async def hear(person: Actor, text: str) -> None:
    """Answer a question that was typed or that the page asked, and tell the page what came of it."""
    guest = await embed.find_guest(door().box, person.user_name)
    if commands.parse(text) is not None:
        raise Invalid("There are no commands here; ask in plain words.")
    await embed.take_question(door().box, guest)
    look = guest.key.look
    language = NAMES[look.language] if look.language != "en" else ""
    shown = await turn.take(person, text, page=cl.user_session.get(PAGE), language=language)
    answer = {
        "question": text,
        "text": "".join(shown.words).strip(),
        "results": [await _told(person, query_id) for query_id in shown.results],
    }
    await cl.context.emitter.send_window_message({"tabletalk": "answer", "answer": answer})


async def from_page(data: Any) -> None:
    """Take what the page's own script says; of any other window nothing is taken."""
    # Our own words to the page around come back where the chat is the page.
    if not isinstance(data, dict) or data.get("tabletalk") not in TAKEN or not await is_there():
        return
    if data.get("tabletalk") == "hello":
        await cl.context.emitter.send_window_message({"tabletalk": "ready"})
    elif data.get("tabletalk") == "context":
        page = data.get("data")
        if len(json.dumps(page, ensure_ascii=False)) > LONGEST_CONTEXT:
            raise Invalid(f"The page told more of itself than the {LONGEST_CONTEXT:,} characters that are read.")
        cl.user_session.set(PAGE, page)
    elif data.get("tabletalk") == "ask" and isinstance(text := data.get("text"), str) and text.strip():
        await _ask(text.strip()[:LONGEST_QUESTION])


async def _ask(text: str) -> None:
    """Put the page's question into the conversation as if it had been typed, and answer it."""
    session = cl.context.session
    await cl.context.emitter.send_window_message({"tabletalk": "thread", "id": session.thread_id})
    message = cl.Message(text, type="user_message", author="You")
    chat_context.add(message)
    await message.send()
    if not session.has_first_interaction:
        session.has_first_interaction = True
        await cl.context.emitter.init_thread(text)

    async def run() -> None:
        await cl.context.emitter.task_start()
        try:
            with suppress(asyncio.CancelledError):
                await hear(await actor(), text)
        except AssistantError as error:
            await say(f"**{error.title}.** {error}")
        finally:
            await cl.context.emitter.task_end()

    session.current_task = asyncio.create_task(run())


async def profile(user_name: str) -> cl.ChatProfile:
    """The first screen in a page: its title, and one thing to press."""
    guest = await embed.find_guest(door().box, user_name)
    words = WORDS[guest.key.look.language]
    return cl.ChatProfile(
        name="Tabletalk",
        icon="/public/mark.svg",
        markdown_description=f"**{guest.key.look.title}**\n\n{words['lead']}",
        starters=[cl.Starter(label=words["can"], message="What can I ask?")],
    )


async def _told(person: Actor, query_id: UUID) -> dict[str, Any]:
    query = await queries.get_query(door().box, person, query_id)
    rows = query.result.rows if query.result else ()
    told = {
        "columns": [column.name for column in query.result.columns] if query.result else [],
        "rows": [list(row) for row in rows[:ROWS]],
        "rows_in_result": len(rows),
        "read_as": query.answer.read_as if query.answer else "",
    }
    return {**told, "sql": query.sql_executed} if person.sql_shown else told
