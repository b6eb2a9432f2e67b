"""Source databases on real servers of both dialects, and syncs of them worked on here."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests.tools.schemas.conftest import SERVERS, Source
from tools import databases, jobs, sync
from tools.jobs import Job
from tools.sync import SyncOptions
from tools.toolbox import Actor, Toolbox

DOCUMENTS = """
SELECT table_name, source_key, entity, title, body, tags, data, happened_at, encode(hash, 'hex') AS hash, deleted_at,
       changed_at
FROM tabletalk.documents WHERE workspace_id = :workspace ORDER BY table_name, source_key COLLATE "C"
"""


async def new_source(dialect: str, box: Toolbox, actor: Actor, name: str = "shop") -> AsyncIterator[Source]:
    """An empty database on the machine's server of this dialect, registered."""
    async for url, run in SERVERS[dialect](f"tt_sync_{uuid4().hex[:8]}"):
        await databases.register(box, actor, name, databases.address_from_url(url))
        yield Source(name, dialect, run)
        await box.connectors.close()


@pytest.fixture(params=["postgres", "mysql"])
async def source(request: pytest.FixtureRequest, toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    """An empty database, on each dialect in turn."""
    async for found in new_source(request.param, toolbox, actor):
        yield found


@pytest.fixture
async def postgres(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    async for found in new_source("postgres", toolbox, actor):
        yield found


@pytest.fixture
async def mysql(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    async for found in new_source("mysql", toolbox, actor, "shop_my"):
        yield found


async def run_sync(box: Toolbox, actor: Actor, tables: str = "*", database: str = "shop", **options: Any) -> Job:
    """Start a sync and work on it here, as a worker would."""
    job = await sync.start_sync(box, actor, database, tables, SyncOptions(**options))
    return await work(box, actor, job)


async def work(box: Toolbox, actor: Actor, job: Job) -> Job:
    await jobs.attempt(box, job.id, lambda _: sync.run_sync)
    return await jobs.get(box, actor, job.id)


async def documents(box: Toolbox, actor: Actor, *, deleted: bool = False) -> list[dict[str, Any]]:
    """The workspace's documents by table and key."""
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.execute(text(DOCUMENTS), {"workspace": actor.workspace_id})).mappings()
        return [dict(row) for row in rows if deleted or row["deleted_at"] is None]


def told(job: Job) -> dict[str, int]:
    """The counts of a job that are not nought."""
    names = ("read", "new", "changed", "unchanged", "deleted", "rejected")
    return {name: job.counts[name] for name in names if job.counts.get(name)}
