"""The audit log: every deed that matters, who did it and from where; and nobody's role can change a line of it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from assistant import accounts
from tests.conftest import registered
from tools import audit, databases, jobs, policies, queries, schemas
from tools.errors import NotAllowed, NotSignedIn, QueryRejected
from tools.toolbox import Actor, Toolbox


async def _fill(there: "asyncpg.Connection[asyncpg.Record]") -> None:
    await there.execute("CREATE TABLE lamps (id int PRIMARY KEY, colour text); INSERT INTO lamps VALUES (1, 'red')")


@pytest.fixture
async def lamps(toolbox: Toolbox, actor: Actor) -> AsyncIterator[str]:
    async with registered(toolbox, actor, "lamps", _fill) as name:
        yield name


async def told(toolbox: Toolbox, actor: Actor) -> list[tuple[str, str, str]]:
    entries = await audit.list_audit(toolbox, actor, limit=100)
    return [(one.action, one.target, one.verdict) for one in reversed(entries)]


async def test_what_is_done_to_a_database_is_told_in_order(toolbox: Toolbox, actor: Actor, lamps: str) -> None:
    here = actor.model_copy(update={"address": "10.1.2.3", "door": "rest"})
    await queries.run(toolbox, here, lamps, "SELECT colour FROM lamps")
    with pytest.raises(QueryRejected):
        await queries.run(toolbox, here, lamps, "DELETE FROM lamps")
    await queries.run(toolbox, here, lamps, "SELECT 1", kept=False)
    kept = await policies.add_policy(toolbox, here, lamps, "lamps", predicate="id = 1")
    await policies.remove_policy(toolbox, here, kept.id)
    job = await schemas.start_training(toolbox, here, lamps)
    await jobs.cancel(toolbox, here, job.id)
    await jobs.retry(toolbox, here, job.id)
    await databases.forget(toolbox, here, lamps, approved_by=actor.user_id)
    assert await told(toolbox, actor) == [
        ("register database", "lamps", "done"),
        ("start train", "lamps", "done"),
        ("query", "lamps", "done"),
        ("query", "lamps", "refused"),
        ("query", "lamps", "done"),
        ("add policy", "lamps.public.lamps", "done"),
        ("remove policy", "lamps.public.lamps", "done"),
        ("start train", "lamps", "done"),
        ("cancel train", "lamps", "done"),
        ("retry train", "lamps", "done"),
        ("cancel train", "lamps", "done"),
        ("forget database", "lamps", "done"),
    ]
    query = (await audit.list_audit(toolbox, actor, action="query"))[-1]
    assert (query.who, query.door, query.address, query.rows) == (actor.user_name, "rest", "10.1.2.3", 1)
    assert query.milliseconds is not None and query.detail.startswith("SELECT colour FROM lamps")


async def test_who_comes_in_and_what_admins_change_is_told(toolbox: Toolbox, actor: Actor) -> None:
    name = f"ben of {actor.user_name}"
    await accounts.add_user(toolbox, actor, name, "a long enough password", attributes={"region": "north"})
    with pytest.raises(NotSignedIn):
        await accounts.sign_in(toolbox, name, "a wrong password", "10.0.0.9")
    await accounts.sign_in(toolbox, name, "a long enough password", "10.0.0.9")
    await accounts.set_role(toolbox, actor, name, "editor")
    made = await accounts.create_key(toolbox, actor, "nightly", "write")
    await accounts.revoke_key(toolbox, actor, made.about.id)
    await accounts.remove_member(toolbox, actor, name)
    assert await told(toolbox, actor) == [
        ("add member", name, "done"),
        ("sign in", name, "refused"),
        ("sign in", name, "done"),
        ("change member", name, "done"),
        ("create key", "nightly", "done"),
        ("revoke key", "nightly", "done"),
        ("remove member", name, "done"),
    ]
    entries = await audit.list_audit(toolbox, actor)
    everything = " ".join(one.model_dump_json() for one in entries)
    assert "password" not in everything.replace("wrong password", "") and made.key not in everything
    assert [one.address for one in entries if one.action == "sign in"] == ["10.0.0.9"] * 2
    assert entries[-1].detail == "viewer, region=north"


async def test_pages_and_filters(toolbox: Toolbox, actor: Actor) -> None:
    for number in range(5):
        await audit.record(toolbox, audit.noted(actor, "even" if number % 2 == 0 else "odd", str(number)))
    first = await audit.list_audit(toolbox, actor, limit=2)
    assert [one.target for one in first] == ["4", "3"]
    assert [one.target for one in await audit.list_audit(toolbox, actor, before=first[-1].id)] == ["2", "1", "0"]
    assert [one.target for one in await audit.list_audit(toolbox, actor, action="odd")] == ["3", "1"]
    assert await audit.list_audit(toolbox, actor, who="nobody") == ()


async def test_only_admins_read_it_and_only_their_own(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    await audit.record(toolbox, audit.noted(actor, "deed"))
    assert await audit.list_audit(toolbox, stranger) == ()
    with pytest.raises(NotAllowed, match="An editor may not read the audit log"):
        await audit.list_audit(toolbox, actor.model_copy(update={"role": "editor"}))


@pytest.mark.parametrize(
    "change", ["UPDATE tabletalk.audit SET who = 'x'", "DELETE FROM tabletalk.audit", "TRUNCATE tabletalk.audit"]
)
async def test_no_role_of_the_application_changes_it(toolbox: Toolbox, actor: Actor, change: str) -> None:
    for opened in (toolbox.store.begin(actor.workspace_id), toolbox.store.begin_for_all()):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with opened as session:
                await session.execute(text(change))


async def test_a_deed_that_fails_leaves_no_entry(toolbox: Toolbox, actor: Actor) -> None:
    async def fail() -> None:
        async with toolbox.store.begin(actor.workspace_id) as session:
            session.add(audit.noted(actor, "deed"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await audit.list_audit(toolbox, actor) == ()
