"""Conversations of somebody in several workspaces: each stays in its own, and is gone with the membership."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from assistant import accounts
from assistant.chat.history import OPEN, ChatHistory
from tools.errors import NotFound
from tools.toolbox import Actor, Toolbox

STEP = text("""
    INSERT INTO chat.steps (id, thread_id, workspace_id, data)
    VALUES (:id, :thread, :workspace, '{"output": "what was said"}')
""")


async def spoken(toolbox: Toolbox, person: Actor) -> str:
    """A conversation of `person` in the workspace they are in, with something said."""
    thread = uuid4().hex
    async with toolbox.store.begin(person.workspace_id) as session:
        mine = {"id": thread, "workspace": person.workspace_id, "person": person.user_id}
        await session.execute(text(OPEN), mine)
        await session.execute(STEP, {"id": uuid4().hex, "thread": thread, "workspace": person.workspace_id})
    return thread


async def test_a_conversation_stays_in_its_workspace(toolbox: Toolbox, actor: Actor) -> None:
    history = ChatHistory(toolbox)
    first = await spoken(toolbox, actor)
    team = await accounts.create_workspace(toolbox, actor, f"second of {actor.user_name}")
    there = await accounts.choose_workspace(toolbox, actor, team.name)
    second = await spoken(toolbox, there)
    assert (await history.person_in(first, actor.user_name)).workspace_id == actor.workspace_id
    assert (await history.person_in(second, actor.user_name)).workspace_id == team.id
    assert (await history.person_in("a new one", actor.user_name)).workspace_id == team.id
    thread = await history.get_thread(first)
    assert thread is not None and thread["steps"][0]["output"] == "what was said"


async def test_who_left_a_workspace_reads_nothing_of_it_any_more(
    toolbox: Toolbox, actor: Actor, stranger: Actor
) -> None:
    history = ChatHistory(toolbox)
    await accounts.add_user(toolbox, actor, stranger.user_name, role="viewer")
    guest = await accounts.find_person(toolbox.store, stranger.user_name, actor.workspace_id)
    thread = await spoken(toolbox, guest)
    assert await history.get_thread(thread) is not None
    await accounts.remove_member(toolbox, actor, stranger.user_name)
    assert await history.get_thread(thread) is None
    assert await history.author(thread) is None
    with pytest.raises(NotFound):
        await history.person_in(thread, stranger.user_name)
