"""Real servers for the whole suite: an embedded store and queue, and sources found on the machine."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tools.embedded import servers
from tools.settings import Settings
from tools.store.models import Member, User, Workspace
from tools.store.session import migrate
from tools.toolbox import Actor, Toolbox, open_toolbox


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A home that the servers' account may enter when root runs the tests: pytest's own folders are closed to it."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def settings(home: Path) -> Iterator[Settings]:
    """Settings with an embedded PostgreSQL and Valkey of this test run, migrated."""
    with servers(Settings(home=home, _env_file=None)) as filled:
        assert filled.database_url is not None
        migrate(filled.database_url.get_secret_value())
        yield filled


@pytest.fixture
async def toolbox(settings: Settings) -> AsyncIterator[Toolbox]:
    """An open toolbox over the run's store."""
    async with open_toolbox(settings) as box:
        yield box


async def new_actor(box: Toolbox) -> Actor:
    """Make a person in a workspace of their own."""
    name = f"tester-{uuid4().hex[:8]}"
    workspace, user = Workspace(name=name), User(name=name)
    async with box.store.begin() as session:
        session.add_all([workspace, user])
        await session.flush()
        session.add(Member(workspace_id=workspace.id, user_id=user.id, role="admin"))
    return Actor(user_id=user.id, user_name=name, workspace_id=workspace.id)


@pytest.fixture
async def actor(toolbox: Toolbox) -> Actor:
    """A new person in a workspace of their own: tests do not see each other."""
    return await new_actor(toolbox)


@pytest.fixture
async def stranger(toolbox: Toolbox) -> Actor:
    """Another person, of another workspace."""
    return await new_actor(toolbox)


POSTGRES = os.environ.get("TABLETALK_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
MYSQL = os.environ.get("TABLETALK_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test")
