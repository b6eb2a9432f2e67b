"""From rows of a real source to what a search finds, on both dialects: synced, embedded, changed, deleted."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.tools.documents.conftest import TABLES
from tests.tools.schemas.conftest import SERVERS, Source
from tools import databases, documents, jobs, sync
from tools.documents import DocumentHit, plain
from tools.jobs import Job
from tools.toolbox import Actor, Toolbox
from workers.runners import runner_of


@pytest.fixture(params=["postgres", "mysql"])
async def source(request: pytest.FixtureRequest, toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    """The small shop on each dialect in turn."""
    async for url, run in SERVERS[request.param](f"tt_documents_{uuid4().hex[:8]}"):
        tables = TABLES
        if request.param == "mysql":  # it reads a reference beside a column, and forgets it
            for table in ("customers", "orders"):
                tables = tables.replace(f" REFERENCES {table}", "")
            tables = tables.replace("text", "varchar(200)")
        await run(tables)
        await databases.register(toolbox, actor, "shop", databases.address_from_url(url))
        yield Source("shop", request.param, run)
        await toolbox.connectors.close()


async def synced(box: Toolbox, actor: Actor) -> Job:
    """Sync all tables, and work on the jobs that follow, as a worker would."""
    job = await sync.start_sync(box, actor, "shop")
    await jobs.attempt(box, job.id, lambda _: sync.run_sync)
    job = await jobs.get(box, actor, job.id)
    for kind in ("index", "embed"):
        for following in await jobs.list_jobs(box, actor, kind=kind, states=["queued"]):
            await jobs.attempt(box, following.id, runner_of)
            assert (await jobs.get(box, actor, following.id)).state == "succeeded"
    return job


async def first(box: Toolbox, actor: Actor, words: str) -> DocumentHit:
    return (await documents.search_documents(box, actor, words)).hits[0]


async def test_a_complaint_leads_to_its_customer_and_follows_the_source(
    toolbox: Toolbox, actor: Actor, source: Source
) -> None:
    assert (await synced(toolbox, actor)).state == "succeeded"
    late = "find the customer who complained about late delivery"
    ada = await first(toolbox, actor, late)
    assert (plain(ada.title), ada.entity, ada.source_key) == ("Ada Byron", "customer", "1")
    assert (await documents.open_row(toolbox, actor, ada.id)).values[:3] == (1, "Ada Byron", "Turin")

    await source.run("DELETE FROM claims WHERE id IN (100, 102)")
    await source.run(
        "INSERT INTO claims VALUES (103, 12, 'A week late', 'Such a late delivery is no delivery.', 'late delivery')"
    )
    assert (await synced(toolbox, actor)).state == "succeeded"
    assert plain((await first(toolbox, actor, late)).title) == "Cy Young"
    assert plain((await first(toolbox, actor, "which customers found the glass of a lamp in pieces")).title) == "Bo Ek"
    assert await documents.start_embedding(toolbox, actor, "shop") is None
