"""Transactions of the store that end otherwise than well leave nothing to who comes next on the same connection."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from tools.errors import StoreUnavailable
from tools.settings import Settings
from tools.store import isolation
from tools.store.session import Store
from tools.toolbox import Actor

STATE = text("SELECT current_user, pg_backend_pid(), (SELECT count(*) FROM tabletalk.notes)")
KILL = text("SELECT pg_terminate_backend(:process)")
NAME = text("UPDATE tabletalk.workspaces SET name = name || '!'")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    """One connection, so that everybody comes upon it."""
    assert settings.database_url is not None
    opened = Store(settings.database_url.get_secret_value(), pool_size=1)
    yield opened
    await opened.dispose()


@pytest.fixture
async def killer(settings: Settings) -> AsyncIterator[Store]:
    assert settings.database_url is not None
    opened = Store(settings.database_url.get_secret_value(), pool_size=1)
    yield opened
    await opened.dispose()


async def _process(store: Store, actor: Actor) -> int:
    async with store.begin(actor.workspace_id) as session:
        role, process, _ = (await session.execute(STATE)).one()
        assert role == isolation.APP
    return int(process)


async def _kill(killer: Store, process: int) -> None:
    async with killer.begin_as_owner() as session:
        assert await session.scalar(KILL, {"process": process})


async def test_a_connection_is_used_again(store: Store, actor: Actor) -> None:
    assert await _process(store, actor) == await _process(store, actor)


async def test_one_that_was_closed_while_nobody_used_it_is_replaced(store: Store, killer: Store, actor: Actor) -> None:
    before = await _process(store, actor)
    await _kill(killer, before)
    assert await _process(store, actor) != before


async def test_who_is_cut_off_in_the_middle_is_told_and_the_next_is_well(
    store: Store, killer: Store, actor: Actor
) -> None:
    with pytest.raises(StoreUnavailable):  # noqa: PT012  # the kill lies between two statements
        async with store.begin(actor.workspace_id) as session:
            process = (await session.execute(STATE)).one()[1]
            await _kill(killer, process)
            await session.execute(STATE)
    assert await _process(store, actor) != process


async def test_what_could_not_be_committed_is_not_called_done(store: Store, killer: Store, actor: Actor) -> None:
    with pytest.raises(StoreUnavailable):
        async with store.begin(actor.workspace_id) as session:
            await _kill(killer, (await session.execute(STATE)).one()[1])
    await _process(store, actor)


async def test_a_cancelled_statement_is_stopped_and_its_connection_is_clean_again(store: Store, actor: Actor) -> None:
    begun = asyncio.Event()

    async def slowly() -> None:
        async with store.begin_for_all() as session:
            await session.execute(NAME)
            begun.set()
            await session.execute(text("SELECT pg_sleep(60)"))

    task = asyncio.create_task(slowly())
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        await _process(store, actor)
        async with store.begin_for_all() as session:
            names = set(await session.scalars(text("SELECT name FROM tabletalk.workspaces")))
    assert not any(name.endswith("!") for name in names)


async def test_only_an_id_stands_for_a_workspace(store: Store) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        async with store.begin("1'; DROP TABLE tabletalk.notes; --"):  # type: ignore[arg-type]  # what must not pass
            pass


async def test_a_connection_that_was_left_in_a_transaction_is_not_lent_again(store: Store, actor: Actor) -> None:
    async with store.engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert isinstance(raw, asyncpg.Connection)
        await raw.execute(f"BEGIN; {isolation.ENTER_ALL}")
        process = raw.get_server_pid()
    assert await _process(store, actor) != process


# On the driver itself


async def test_a_bare_transaction_is_held_to_its_workspace_and_leaves_nothing(
    store: Store, killer: Store, actor: Actor
) -> None:
    async with store.begin_bare(actor.workspace_id) as wire:
        names = [row["name"] for row in await wire.fetch("SELECT name FROM tabletalk.workspaces")]
        assert len(names) == 1 and await wire.fetchval("SELECT current_user") == isolation.APP
        process = wire.get_server_pid()
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with store.begin_bare(actor.workspace_id) as wire:
            await wire.execute("SELECT 1 / 0")
    with pytest.raises(StoreUnavailable):  # noqa: PT012  # the kill lies between two statements
        async with store.begin_bare(actor.workspace_id) as wire:
            assert wire.get_server_pid() == process
            await _kill(killer, process)
            await wire.execute("SELECT 1")
    assert await _process(store, actor) != process


async def test_a_bare_transaction_that_is_cancelled_is_undone(store: Store, actor: Actor) -> None:
    begun = asyncio.Event()

    async def slowly() -> None:
        async with store.begin_bare_for_all() as wire:
            await wire.execute(NAME.text)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slowly())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30), store.begin_bare(actor.workspace_id) as wire:
        assert not str(await wire.fetchval("SELECT name FROM tabletalk.workspaces")).endswith("!")
