"""The store as one file and back, on servers of this module's own."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from tests.conftest import new_actor
from tools.embedded import servers
from tools.errors import Conflict, Invalid
from tools.settings import Settings
from tools.store.models import ConversationRow
from tools.store.session import Store, migrate
from tools.toolbox import Actor, open_toolbox
from tools.upkeep import back_up, restore

pytestmark = pytest.mark.slow


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """A set-up with one conversation in it."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        with servers(Settings(home=Path(folder), database_url=None, redis_url=None, _env_file=None)) as filled:
            migrate(url_of(filled))
            yield filled


def url_of(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


async def talk(settings: Settings) -> Actor:
    """Hold a conversation."""
    async with open_toolbox(settings) as box:
        actor = await new_actor(box)
        async with box.store.begin(actor.workspace_id) as session:
            row = ConversationRow(id=uuid4().hex, workspace_id=actor.workspace_id, created_by=actor.user_id)
            session.add(row)
    return actor


async def conversations(settings: Settings, actor: Actor) -> list[str]:
    """What the actor sees, under the same row-level security as ever."""
    store = Store(url_of(settings))
    async with store.begin(actor.workspace_id) as session:
        found = list(await session.scalars(select(ConversationRow.id)))
    await store.dispose()
    return found


def test_a_store_comes_back_as_it_was(own: Settings, tmp_path: Path) -> None:
    actor = asyncio.run(talk(own))
    before = asyncio.run(conversations(own, actor))
    file = tmp_path / "store.backup"
    assert back_up(own, file).conversations == 1
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="exists"):
        back_up(own, file)

    later = asyncio.run(talk(own))
    with pytest.raises(Conflict, match=r"The store holds 0 registered .* and 2 conversation"):
        restore(own, file)
    assert restore(own, file, over=True).conversations == 1
    assert asyncio.run(conversations(own, actor)) == before
    assert asyncio.run(conversations(own, later)) == []
    again = asyncio.run(talk(own))  # rows are written, and kept apart, as before
    assert len(asyncio.run(conversations(own, again))) == 1
    assert asyncio.run(conversations(own, actor)) == before


def test_a_file_that_is_no_backup_changes_nothing(own: Settings, tmp_path: Path) -> None:
    actor = asyncio.run(talk(own))
    file = tmp_path / "store.backup"
    back_up(own, file)
    whole = file.read_bytes()
    for body in (b"hello", whole[:200], whole[: len(whole) * 3 // 4], whole[:-40]):
        file.write_bytes(body)
        with pytest.raises(Invalid, match="no backup of"):
            restore(own, file, over=True)
        assert len(asyncio.run(conversations(own, actor))) == 1
    file.write_bytes(whole)
    assert restore(own, file, over=True).conversations == 1
    with pytest.raises(Invalid, match="There is no file"):
        restore(own, tmp_path / "nothing", over=True)


def test_nothing_is_replaced_under_a_running_process(own: Settings, tmp_path: Path) -> None:
    file = tmp_path / "store.backup"
    back_up(own, file)

    async def connected() -> None:
        store = Store(url_of(own))
        async with store.begin_as_owner() as session:
            await session.execute(text("SELECT 1"))
            with pytest.raises(Conflict, match=r"has 1 connection\(s\)"):
                await asyncio.to_thread(restore, own, file, over=True)
        await store.dispose()

    asyncio.run(connected())
