"""Real servers for the whole suite: an embedded store and queue, and sources found on the machine."""

import asyncio
import gc
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from tools import databases, jobs, schemas
from tools.embedded import servers
from tools.settings import Settings
from tools.store.models import Member, User, Workspace
from tools.store.session import migrate
from tools.toolbox import Actor, Toolbox, open_toolbox


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


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
        asyncio.run(_need_not_last(filled.database_url.get_secret_value()))
        migrate(filled.database_url.get_secret_value())
        yield filled


async def _need_not_last(url: str) -> None:
    """Let a store that the run throws away wait for no disk: killed servers lose nothing by it, machines would."""
    admin = await asyncpg.connect(url)
    for setting in ("fsync", "full_page_writes"):
        await admin.execute(f"ALTER SYSTEM SET {setting} = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


@pytest.fixture
async def toolbox(settings: Settings) -> AsyncIterator[Toolbox]:
    """An open toolbox over the run's store."""
    async with open_toolbox(settings) as box:
        yield box


async def new_actor(box: Toolbox) -> Actor:
    """Make a person in a workspace of their own."""
    name = f"tester-{uuid4().hex[:8]}"
    workspace, user = Workspace(name=name), User(name=name)
    async with box.store.begin_for_all() as session:
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


@asynccontextmanager
async def registered(
    box: Toolbox,
    actor: Actor,
    name: str,
    fill: Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[object]],
    *,
    password: str = "secret",
    trained: bool = True,
) -> AsyncIterator[str]:
    """A scratch database on the run's own server, filled, registered under `name` and trained; dropped at the end."""
    scratch = f"{name}_{uuid4().hex[:8]}"
    assert box.settings.database_url is not None
    url = box.settings.database_url.get_secret_value()
    admin = await asyncpg.connect(url)
    # Without a disk to wait for, copied files are made in a tenth of the time of logged pages.
    await admin.execute(f"CREATE DATABASE {scratch} STRATEGY FILE_COPY")
    there = await asyncpg.connect(url, database=scratch)
    await fill(there)
    await there.close()
    address = databases.address_from_url(url).model_copy(update={"database": scratch, "password": SecretStr(password)})
    await databases.register(box, actor, name, address)
    await schemas.refresh(box, actor, name)
    if trained:
        job = await schemas.start_training(box, actor, name)
        await jobs.attempt(box, job.id, lambda _: schemas.run_training)
        assert (await jobs.get(box, actor, job.id)).state == "succeeded"
    yield name
    await box.connectors.close()
    await admin.execute(f"DROP DATABASE {scratch} WITH (FORCE)")
    await admin.close()


POSTGRES = os.environ.get("TABLETALK_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
MYSQL = os.environ.get("TABLETALK_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test")
