"""Tables that change between syncs: taken as they are, frozen, or a reason to stop."""

import pytest

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync, told
from tests.tools.sync.test_sync import ORDERS
from tools import jobs
from tools.toolbox import Actor, Toolbox


@pytest.fixture
async def changed(toolbox: Toolbox, actor: Actor, source: Source) -> Source:
    await source.run(ORDERS)
    await run_sync(toolbox, actor)
    await source.run("ALTER TABLE orders ADD COLUMN channel varchar(20) DEFAULT 'web'")
    await source.run("ALTER TABLE orders DROP COLUMN total")
    return source


async def test_the_new_shape_is_taken_told_and_trained(toolbox: Toolbox, actor: Actor, changed: Source) -> None:
    job = await run_sync(toolbox, actor, "orders")
    assert (job.state, told(job)) == ("succeeded", {"read": 3, "changed": 3}), job.error
    assert "orders gained channel (" in job.counts["drift"] and "lost total" in job.counts["drift"]
    order = (await documents(toolbox, actor))[-1]["data"]
    assert order["channel"] == "web" and "total" not in order
    (training,) = await jobs.list_jobs(toolbox, actor, kind="train")
    assert training.target.endswith("orders")
    assert "drift" not in (await run_sync(toolbox, actor, "orders")).counts


async def test_frozen_columns_stay_as_they_are(toolbox: Toolbox, actor: Actor, changed: Source) -> None:
    job = await run_sync(toolbox, actor, "orders", drift="freeze")
    assert job.state == "succeeded", job.error
    assert set((await documents(toolbox, actor))[-1]["data"]) == {
        "id",
        "customer_id",
        "status",
        "order_date",
        "updated_at",
    }


async def test_a_changed_table_stops_its_sync_and_no_other(toolbox: Toolbox, actor: Actor, changed: Source) -> None:
    job = await run_sync(toolbox, actor, drift="stop")
    assert job.state == "partial"
    assert "orders gained channel (" in (job.error or "")
    assert job.counts["tables"][next(name for name in job.counts["tables"] if "customers" in name)]["read"] == 2


async def test_the_documents_of_a_table_that_is_gone_are_marked(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor)
    await source.run("DROP TABLE orders")
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)["deleted"]) == ("succeeded", 3)
    assert "orders is gone at the source" in job.stage
    assert len(await documents(toolbox, actor)) == 2
