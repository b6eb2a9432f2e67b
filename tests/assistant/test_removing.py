"""A workspace is removed with all it holds, after it was said what that is, and with nothing of another's."""

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from assistant import accounts
from tests.assistant.api.conftest import client
from tests.assistant.aviary import aviary
from tests.assistant.test_two_workspaces import stands
from tools import audit, databases
from tools.errors import Conflict, NotAllowed, NotFound, NotSignedIn
from tools.toolbox import Actor, Toolbox

LEFT = text("""
    SELECT table_schema || '.' || table_name FROM information_schema.columns
    WHERE table_schema IN ('tabletalk', 'chat') AND column_name = 'workspace_id' ORDER BY 1
""")


async def test_it_is_said_then_done_and_kept_elsewhere(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    other = f"after-{uuid4().hex[:6]}"
    await accounts.create_workspace(toolbox, actor, other)
    async with aviary(toolbox, actor) as owned, aviary(toolbox, stranger) as theirs:
        before = await stands(toolbox, stranger, theirs)
        async with client(toolbox, actor) as rest:
            told = await rest.get("/workspaces/chosen")
            assert told.json()["databases"] == 1 and told.json()["documents"] == 1
            asked = await rest.delete("/workspaces/chosen")
            assert asked.status_code == 409
            assert f"This removes the workspace '{owned.workspace}' of 1 member: 1 database, 1 document" in asked.text
            assert await left(toolbox, actor) > {"tabletalk.databases", "tabletalk.queries", "tabletalk.audit"}
            done = await rest.delete("/workspaces/chosen", params={"approved": owned.workspace})
            assert (done.status_code, done.json()["stranded"]) == (200, 0)
        assert await left(toolbox, actor) == set()
        assert await stands(toolbox, stranger, theirs) == before
        again = await accounts.find_person(toolbox.store, actor.user_name)
        assert again.workspace_id != actor.workspace_id
        kept = (await audit.list_audit(toolbox, again, action="remove workspace"))[0]
        assert (kept.who, kept.target) == (actor.user_name, owned.workspace)
        assert await databases.list_databases(toolbox, again) == ()


async def left(box: Toolbox, actor: Actor) -> set[str]:
    """Tables in which something of a workspace stands."""
    async with box.store.begin_for_all() as session:
        tables = list(await session.scalars(LEFT))
        return {
            table
            for table in tables
            if table != "tabletalk.users"
            and await session.scalar(
                text(f"SELECT count(*) FROM {table} WHERE workspace_id = :here"), {"here": actor.workspace_id}
            )
        }


async def test_who_may_not_does_not(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    name = actor.user_name
    with pytest.raises(Conflict, match="your only workspace"):
        await accounts.remove_workspace(toolbox, actor, name, approved_by=actor.user_id)
    other = await accounts.create_workspace(toolbox, actor, f"other-{uuid4().hex[:6]}")
    with pytest.raises(Conflict, match="You work in another workspace"):
        await accounts.remove_workspace(toolbox, actor, other.name, approved_by=actor.user_id)
    with pytest.raises(NotAllowed, match="needs the yes"):
        await accounts.remove_workspace(toolbox, actor, name, approved_by=stranger.user_id)
    editor = actor.model_copy(update={"role": "editor"})
    with pytest.raises(NotAllowed, match="An editor may not remove workspaces"):
        await accounts.remove_workspace(toolbox, editor, name, approved_by=actor.user_id)
    with pytest.raises(NotFound):
        await accounts.remove_workspace(toolbox, stranger, name, approved_by=stranger.user_id)


async def test_who_is_left_without_a_workspace_is_told_so(toolbox: Toolbox, actor: Actor) -> None:
    name, password = f"bob-{uuid4().hex[:6]}", "correct horse battery"
    await accounts.add_user(toolbox, actor, name, password)
    assert (await accounts.sign_in(toolbox, name, password)).user_name == name
    await accounts.remove_member(toolbox, actor, name)
    with pytest.raises(NotSignedIn, match="member of no workspace any more"):
        await accounts.sign_in(toolbox, name, password)
    with pytest.raises(NotSignedIn, match="is wrong"):  # whether there is a workspace is not told to who guesses
        await accounts.sign_in(toolbox, name, "another long password")


async def test_what_a_role_was_refused_stands_in_the_audit_log(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    viewer = actor.model_copy(update={"role": "viewer", "address": "192.0.2.7"})
    async with client(toolbox, viewer) as rest:
        refused: httpx.Response = await rest.post(f"/databases/{sales}/training", json={})
        assert refused.status_code == 403
        await rest.post(f"/databases/{sales}/query", json={"sql": "SELECT count(*) FROM orders"})
    newest = await audit.list_audit(toolbox, actor, limit=2)
    assert [(one.action, one.verdict, one.door) for one in newest] == [
        ("query", "done", "rest"),
        ("train tables", "refused", "rest"),
    ]
    assert (newest[1].who, newest[1].address) == (actor.user_name, "192.0.2.7")
    assert newest[1].detail.startswith("A viewer may not train tables")
