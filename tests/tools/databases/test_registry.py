"""Registering, finding, renaming and forgetting databases."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select, update

from tools import databases, jobs
from tools.connectors.base import Address, ReadLimits
from tools.credentials import Secrets, secret_key
from tools.errors import ConfigurationError, Conflict, DatabaseUnreachable, Invalid, NotAllowed, NotFound
from tools.store.models import DatabaseRow, ExampleRow, NoteRow, TableRow
from tools.toolbox import Actor, Toolbox

CANARY = "hunter2-canary"
LIMITS = ReadLimits(seconds=5, rows=10, cell_bytes=1000, total_bytes=100_000)


@pytest.fixture
def address(source: Address) -> Address:
    return source.model_copy(update={"password": SecretStr(CANARY)})


async def test_a_registered_database_is_listed_and_answers(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    made = await databases.register(toolbox, actor, "shop", address)
    assert made.name == "shop" and made.created_by == actor.user_name and made.last_error is None
    assert made.greeting is not None and made.greeting.server_version.startswith("PostgreSQL")
    assert made.health.startswith("answers, ") and "superuser" in made.warning
    assert await databases.list_databases(toolbox, actor) == (made,)
    assert await databases.get(toolbox, actor, "Shop ") == made
    found, connector = await databases.connect(toolbox, actor, "shop")
    assert (found.id, found.name, found.dialect) == (made.id, "shop", "postgres")
    assert (await connector.fetch("SELECT count(*) FROM orders", LIMITS)).rows == ((0,),)
    assert [table.name for table in await connector.snapshot()] == ["orders"]


async def test_the_password_is_nowhere_to_be_read(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    made = await databases.register(toolbox, actor, "shop", address)
    async with toolbox.store.begin_for_all() as session:
        row = (await session.scalars(select(DatabaseRow).where(DatabaseRow.id == made.id))).one()
        assert CANARY.encode() not in row.credentials
    assert CANARY not in repr(made) + made.model_dump_json() + repr(address) + address.model_dump_json()


async def test_another_workspace_sees_nothing(
    toolbox: Toolbox, actor: Actor, stranger: Actor, address: Address
) -> None:
    await databases.register(toolbox, actor, "shop", address)
    assert await databases.list_databases(toolbox, stranger) == ()
    for act in (databases.get, databases.connect, databases.check, databases.consequence_of_forgetting):
        with pytest.raises(NotFound, match="none is registered yet"):
            await act(toolbox, stranger, "shop")
    with pytest.raises(NotFound):
        await databases.forget(toolbox, stranger, "shop", stranger.user_id)
    await databases.register(toolbox, stranger, "shop", address)


async def test_names(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    await databases.register(toolbox, actor, "shop", address)
    with pytest.raises(Conflict, match="'shop' is registered already"):
        await databases.register(toolbox, actor, "shop", address)
    for wrong, proposed in {"My Shop": "my_shop", "1st": "db_1st", "": "shop", "läden": "l_den"}.items():
        with pytest.raises(Invalid, match=f"'{proposed}' would do"):
            await databases.register(toolbox, actor, wrong, address)
    with pytest.raises(NotFound, match=r"No database named 'shp'; registered: shop\."):
        await databases.get(toolbox, actor, "shp")


async def test_of_two_at_once_one_is_refused(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    both = await asyncio.gather(
        *(databases.register(toolbox, actor, "shop", address) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["Conflict", "Database"]


async def test_nothing_is_stored_of_what_does_not_answer(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    with pytest.raises(DatabaseUnreachable, match="No database 'shp'"):
        await databases.register(toolbox, actor, "shop", address.model_copy(update={"database": "shp"}))
    with pytest.raises(NotAllowed, match="never a database"):
        await databases.register(toolbox, actor, "shop", address.model_copy(update={"host": "169.254.169.254"}))
    with pytest.raises(Invalid, match="lacks: host, database"):
        await databases.register(toolbox, actor, "shop", address.model_copy(update={"host": " ", "database": ""}))
    assert await databases.list_databases(toolbox, actor) == ()


async def test_an_address_can_be_tried_without_keeping_it(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    greeting = await databases.try_address(toolbox, address)
    assert greeting.can_write and await databases.list_databases(toolbox, actor) == ()


async def test_renaming_keeps_what_was_learned(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    made = await databases.register(toolbox, actor, "shop", address)
    await databases.register(toolbox, actor, "other", address)
    renamed = await databases.rename(toolbox, actor, "shop", "store")
    assert (renamed.id, renamed.name) == (made.id, "store")
    with pytest.raises(Conflict):
        await databases.rename(toolbox, actor, "store", "other")
    with pytest.raises(Invalid):
        await databases.rename(toolbox, actor, "store", "The Store")
    assert (await databases.rename(toolbox, actor, "store", "store")).name == "store"
    _, connector = await databases.connect(toolbox, actor, "store")
    assert (await connector.fetch("SELECT 1", LIMITS)).rows == ((1,),)


async def test_forgetting_takes_what_was_learned_and_leaves_the_source(
    toolbox: Toolbox, actor: Actor, address: Address
) -> None:
    made = await databases.register(toolbox, actor, "shop", address)
    mine = {"workspace_id": actor.workspace_id, "created_by": actor.user_id, "database_id": made.id}
    async with toolbox.store.begin_for_all() as session:
        session.add(TableRow(**mine, schema_name="public", name="orders", snapshot={}, fingerprint="x"))
        session.add(NoteRow(**mine, text="revenue means paid orders"))
        session.add(ExampleRow(**mine, question="how many", sql="SELECT 1"))
        session.add(ExampleRow(**mine, question="how few", sql="SELECT 1"))
    job = await jobs.start(toolbox, actor, "train", "shop", database_id=made.id)
    said = await databases.consequence_of_forgetting(toolbox, actor, "shop")
    assert said.startswith(
        "This removes shop, what is known of it, 1 note and 2 verified examples. The database itself is not"
    )
    with pytest.raises(NotAllowed):
        await databases.forget(toolbox, actor, "shop", approved_by=uuid4())
    gone = await databases.forget(toolbox, actor, "shop", approved_by=actor.user_id)
    assert (gone.tables, gone.trained, gone.notes, gone.examples) == (1, 0, 1, 2)
    assert await databases.list_databases(toolbox, actor) == ()
    assert (await jobs.get(toolbox, actor, job.id)).state in ("cancelled", "cancelling")
    async with toolbox.store.begin_for_all() as session:
        for model in (TableRow, NoteRow, ExampleRow):
            assert (await session.scalars(select(model).where(model.database_id == made.id))).all() == []
    assert (await databases.try_address(toolbox, address)).schemas == ("public",)


async def test_a_viewer_changes_nothing(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    await databases.register(toolbox, actor, "shop", address)
    viewer = actor.model_copy(update={"role": "viewer"})
    with pytest.raises(NotAllowed):
        await databases.register(toolbox, viewer, "more", address)
    with pytest.raises(NotAllowed):
        await databases.rename(toolbox, viewer, "shop", "more")
    with pytest.raises(NotAllowed):
        await databases.forget(toolbox, viewer, "shop", viewer.user_id)
    assert (await databases.get(toolbox, viewer, "shop")).name == "shop"


async def test_a_credential_moved_to_another_row_does_not_open(
    toolbox: Toolbox, actor: Actor, stranger: Actor, address: Address
) -> None:
    theirs = await databases.register(toolbox, actor, "shop", address)
    mine = await databases.register(toolbox, stranger, "shop", address)
    async with toolbox.store.begin_for_all() as session:
        stolen = select(DatabaseRow.credentials).where(DatabaseRow.id == theirs.id).scalar_subquery()
        await session.execute(update(DatabaseRow).where(DatabaseRow.id == mine.id).values(credentials=stolen))
    with pytest.raises(ConfigurationError, match="does not belong"):
        await databases.connect(toolbox, stranger, "shop")
    await databases.forget(toolbox, stranger, "shop", stranger.user_id)


async def test_keys_are_rotated_all_or_none(toolbox: Toolbox, actor: Actor, address: Address) -> None:
    async with toolbox.store.begin_for_all() as session:
        # Every row is turned: what other tests left behind, some of it sealed by no key, may not stand in the way.
        await session.execute(delete(DatabaseRow))
    made = await databases.register(toolbox, actor, "shop", address)
    old, new = secret_key(toolbox.settings), "another key of at least 32 characters"
    with pytest.raises(ConfigurationError, match="another secret key"):
        await databases.rotate_key(toolbox, "a wrong key, long enough to be taken", new)
    try:
        assert await databases.rotate_key(toolbox, old, new) >= 1
        assert await databases.rotate_key(toolbox, old, new) == 0
        with pytest.raises(ConfigurationError, match="TABLETALK_SECRET_KEY"):
            await databases.connect(toolbox, actor, "shop")
        turned = replace(toolbox, secrets=Secrets(new))
        found, connector = await databases.connect(turned, actor, "shop")
        assert found.id == made.id and (await connector.fetch("SELECT 1", LIMITS)).rows == ((1,),)
    finally:
        await databases.rotate_key(toolbox, new, old)
