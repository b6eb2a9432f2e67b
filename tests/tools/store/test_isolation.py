"""PostgreSQL itself keeps workspaces apart, whatever the code forgets to ask for."""

import ast
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from tools.errors import ConfigurationError
from tools.settings import Settings
from tools.store import isolation
from tools.store.models import DatabaseRow, Row
from tools.store.session import Store, migrate
from tools.toolbox import Actor, Toolbox

ROOT = Path(__file__).parents[3]

ACROSS_WORKSPACES = {
    "assistant/accounts/keys.py": "a key tells its workspace only once it is found",
    "assistant/accounts/people.py": "where somebody belongs stands above every workspace",
    "assistant/accounts/removing.py": "what is removed is noted in another workspace of who removed it",
    "assistant/accounts/signing_in.py": "a name tells its workspace only once it has signed in",
    "assistant/accounts/sso.py": "an identity provider knows people, not workspaces",
    "assistant/accounts/tokens.py": "a session is found by its token",
    "assistant/accounts/who.py": "who somebody is stands above every workspace",
    "assistant/chat/history.py": "Chainlit asks by a conversation's id before it knows whether the person may see it",
    "assistant/doctor.py": "looks at everything, for whoever runs the machine",
    "assistant/embed/guests.py": "a page names a key, and a key tells its workspace only once it is found",
    "tools/databases/credentials.py": "a new key is for all credentials",
    "tools/documents/indexes.py": "one index serves the vectors of everybody",
    "tools/documents/indexing.py": "the clock strikes for everybody's documents",
    "tools/jobs/census.py": "counts jobs for whoever runs the machine, and names nobody",
    "tools/jobs/claim.py": "a worker is handed a job's number and nothing else",
    "tools/jobs/due.py": "the clock strikes for everybody's schedules",
    "tools/jobs/prune.py": "history is pruned for everybody",
    "tools/jobs/sweep.py": "sets right the jobs of everybody",
    "tools/jobs/told.py": "the web process tells every conversation of its jobs",
    "tools/store/session.py": "defines it, and pings",
}
"""The only files that leave the one workspace, and why each must."""

POLICIES = """
    SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS held,
           ARRAY(SELECT policyname FROM pg_policies p
                 WHERE p.schemaname = n.nspname AND p.tablename = c.relname ORDER BY 1) AS policies
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p') ORDER BY 1
"""

COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = :schema AND table_name = :table AND is_nullable = 'NO' AND column_default IS NULL
      AND is_identity = 'NO' AND is_generated = 'NEVER'
"""

VALUES = {
    "uuid": "gen_random_uuid()",
    "jsonb": "'{}'",
    "bytea": "''",
    "USER-DEFINED": "'[1]'",
    "ARRAY": "'{}'",
    "int8multirange": "'{}'",
    "tsvector": "''",
}
"""A value of each type, where an empty text or a zero will not do."""


def _leaving(attributes: set[str]) -> set[str]:
    found = set()
    for file in [file for room in ("assistant", "tools", "workers") for file in (ROOT / room).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in attributes:
                found.add(str(file.relative_to(ROOT)))
    return found


def test_only_listed_places_leave_the_one_workspace() -> None:
    assert _leaving({"begin_for_all", "begin_bare_for_all", "begin_as_owner"}) == set(ACROSS_WORKSPACES)


def test_nobody_reaches_past_the_ways_in() -> None:
    # `store.engine` would be a connection that no role holds; two hand it to what traces it, and take none.
    assert _leaving({"engine", "create_async_engine"}) == {
        "assistant/web.py",
        "tools/store/session.py",
        "workers/jobs.py",
    }


async def tables(box: Toolbox) -> list[Any]:
    async with box.store.begin_as_owner() as session:
        return list((await session.execute(text(POLICIES), {"schemas": list(isolation.SCHEMAS)})).all())


async def test_every_table_is_held_to_its_workspace(toolbox: Toolbox) -> None:
    found = {row.name: row for row in await tables(toolbox)}
    assert {f"tabletalk.{table.name}" for table in Row.metadata.tables.values()} <= set(found)
    for name in isolation.UNOWNED:
        del found[name]
    for row in found.values():
        assert row.held, f"{row.name} has no forced row-level security"
        assert row.policies == ["all_workspaces", "one_workspace"], row.name


async def test_neither_role_owns_or_bypasses(toolbox: Toolbox) -> None:
    roles = """SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcanlogin
               FROM pg_roles WHERE rolname LIKE 'tabletalk%'"""
    owned = "SELECT count(*) FROM pg_class WHERE relowner IN (SELECT oid FROM pg_roles WHERE rolname IN (:app, :all))"
    async with toolbox.store.begin_as_owner() as session:
        found = (await session.execute(text(roles))).all()
        assert sorted(map(tuple, found)) == [(isolation.ALL, False), (isolation.APP, False)]
        assert await session.scalar(text(owned), {"app": isolation.APP, "all": isolation.ALL}) == 0


async def test_a_workspace_sees_nothing_of_another_and_writes_nothing_into_it(
    toolbox: Toolbox, actor: Actor, stranger: Actor
) -> None:
    owned = [row.name for row in await tables(toolbox) if row.name not in isolation.UNOWNED | set(isolation.VISIBLE)]
    for name in owned:
        await _put(toolbox, name, stranger.workspace_id)
        if isolation.RIGHTS.get(name) == "":
            with pytest.raises(ProgrammingError, match="permission denied"):
                await _workspaces_in(toolbox, name, stranger.workspace_id)
            continue
        assert await _workspaces_in(toolbox, name, stranger.workspace_id) == {stranger.workspace_id}
        assert await _workspaces_in(toolbox, name, actor.workspace_id) <= {actor.workspace_id}, name
        with pytest.raises(ProgrammingError, match=r"row-level security|permission denied"):
            await _insert_into(toolbox, name, actor.workspace_id, stranger.workspace_id)
        for change in (f"UPDATE {name} SET workspace_id = :own", f"DELETE FROM {name} WHERE workspace_id = :other"):
            await _changes_nothing(toolbox, actor, stranger, change)


async def _workspaces_in(box: Toolbox, name: str, workspace_id: UUID) -> set[UUID]:
    async with box.store.begin(workspace_id) as session:
        return set(await session.scalars(text(f"SELECT workspace_id FROM {name}")))


async def _changes_nothing(box: Toolbox, actor: Actor, stranger: Actor, change: str) -> None:
    named = {"own": actor.workspace_id, "other": stranger.workspace_id}
    try:
        async with box.store.begin(actor.workspace_id) as session:
            done = await session.execute(text(change), {key: named[key] for key in named if f":{key}" in change})
            assert done.rowcount == 0, change  # type: ignore[attr-defined]
    except ProgrammingError as error:
        assert "permission denied" in str(error)  # noqa: PT017


async def _put(box: Toolbox, name: str, workspace_id: UUID) -> None:
    """Make a row as the owner of everything, whatever it refers to."""
    async with box.store.begin_as_owner() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(await _insertion(session, name)), {"workspace": workspace_id})


async def _insert_into(box: Toolbox, name: str, own: UUID, other: UUID) -> None:
    async with box.store.begin_as_owner() as session:
        insertion = await _insertion(session, name)
    async with box.store.begin(own) as session:
        await session.execute(text(insertion), {"workspace": other})


async def _insertion(session: Any, name: str) -> str:
    schema, _, table = name.partition(".")
    columns = (await session.execute(text(COLUMNS), {"schema": schema, "table": table})).all()
    given = {column.column_name: VALUES.get(column.data_type, _plain(column.data_type)) for column in columns}
    given["workspace_id"] = ":workspace"
    return f"INSERT INTO {name} ({', '.join(given)}) VALUES ({', '.join(given.values())})"


def _plain(kind: str) -> str:
    if "timestamp" in kind or kind == "date":
        return "now()"
    return "0" if kind in ("integer", "bigint", "double precision", "numeric") else "gen_random_uuid()::text"


async def test_people_of_another_workspace_are_not_seen(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    async with toolbox.store.begin(actor.workspace_id) as session:
        assert list(await session.scalars(text("SELECT name FROM tabletalk.users"))) == [actor.user_name]
        assert list(await session.scalars(text("SELECT id FROM tabletalk.workspaces"))) == [actor.workspace_id]
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with toolbox.store.begin(actor.workspace_id) as session:
            await session.scalar(text("SELECT password_hash FROM tabletalk.users"))


async def test_nothing_of_a_workspace_stays_with_the_connection(toolbox: Toolbox, actor: Actor) -> None:
    assert toolbox.settings.database_url is not None
    store = Store(toolbox.settings.database_url.get_secret_value(), pool_size=1)
    state = text("SELECT current_user, current_setting('tabletalk.workspace', true), pg_backend_pid()")
    async with store.begin(actor.workspace_id) as session:
        role, workspace, process = (await session.execute(state)).one()
        assert (role, workspace) == (isolation.APP, str(actor.workspace_id))
    async with store.begin_as_owner() as session:
        role, workspace, same = (await session.execute(state)).one()
        assert same == process
        assert role != isolation.APP
        assert not workspace
    with pytest.raises(ZeroDivisionError):
        async with store.begin(actor.workspace_id) as session:
            raise ZeroDivisionError
    async with store.begin_for_all() as session:
        assert not (await session.execute(state)).one()[1]
    await store.dispose()


async def test_two_workspaces_at_once_do_not_mix(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    async def seen(person: Actor) -> set[UUID]:
        async with toolbox.store.begin(person.workspace_id) as session:
            return set(await session.scalars(text("SELECT workspace_id FROM tabletalk.members")))

    people = [actor, stranger] * 30
    found = await asyncio.gather(*map(seen, people))
    assert found == [{person.workspace_id} for person in people]


# An external store, whose login owns its database and is no superuser


@pytest.fixture
async def login(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The URL of a new database of the run's server, owned by a new login that is no superuser."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value())
    name = f"owner_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(settings.database_url.get_secret_value())
    await admin.execute(f"CREATE ROLE {name} LOGIN NOSUPERUSER {request.param}")
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    if request.param == "CREATEROLE":  # what PostgreSQL gives to who makes a role: it may hand the role out, no more
        rights = "WITH ADMIN TRUE, SET FALSE, INHERIT FALSE"
        await admin.execute(f"GRANT {isolation.APP}, {isolation.ALL} TO {name} {rights}")
    inside = await asyncpg.connect(settings.database_url.get_secret_value(), database=name)
    await inside.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_trgm")
    await inside.close()
    yield url.set(username=name, database=name).render_as_string(hide_password=False)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
    await admin.close()


@pytest.mark.parametrize("login", ["CREATEROLE"], indirect=True)
async def test_an_owner_who_is_no_superuser_is_held_too(login: str) -> None:
    await asyncio.to_thread(migrate, login)
    store = Store(login)
    try:
        mine, other = uuid4(), uuid4()
        async with store.begin_for_all() as session:
            for workspace in (mine, other):
                await session.execute(
                    text("INSERT INTO tabletalk.workspaces (id, name) VALUES (:id, :name)"),
                    {"id": workspace, "name": str(workspace)},
                )
        for workspace in (mine, other):
            async with store.begin(workspace) as session:
                session.add(_database(workspace))
        async with store.begin(mine) as session:
            assert list(await session.scalars(text("SELECT workspace_id FROM tabletalk.databases"))) == [mine]
        async with store.begin_for_all() as session:
            assert await session.scalar(text("SELECT count(*) FROM tabletalk.databases")) == 2
    finally:
        await store.dispose()


@pytest.mark.parametrize("login", ["NOCREATEROLE"], indirect=True)
async def test_an_owner_who_may_not_make_roles_is_told_what_to_run(settings: Settings, login: str) -> None:
    name = make_url(login).database
    with pytest.raises(ConfigurationError, match=f"GRANT {isolation.APP}, {isolation.ALL} TO {name}"):
        await asyncio.to_thread(migrate, login)
    assert settings.database_url is not None
    admin = await asyncpg.connect(settings.database_url.get_secret_value())
    await admin.execute(f"GRANT {isolation.APP}, {isolation.ALL} TO {name}")
    await admin.close()
    await asyncio.to_thread(migrate, login)
    store = Store(login)
    async with store.begin(uuid4()) as session:
        assert await session.scalar(text("SELECT current_user")) == isolation.APP
    await store.dispose()


def _database(workspace: UUID) -> DatabaseRow:
    return DatabaseRow(
        workspace_id=workspace,
        name="shop",
        dialect="postgres",
        host="db",
        port=5432,
        database="shop",
        username="reader",
        credentials=b"",
    )
