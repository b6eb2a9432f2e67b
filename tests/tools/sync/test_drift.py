"""Tables that change between syncs: taken as they are, frozen, or a reason to stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from tests.conftest import MYSQL, POSTGRES
from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync, told, work
from tests.tools.sync.test_sync import ORDERS
from tools import databases, jobs, schemas, sync
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow


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
    assert "shop changed: orders is gone." in job.stage
    assert len(await documents(toolbox, actor)) == 2
    again = await run_sync(toolbox, actor)
    assert (again.state, "drift" in again.counts) == ("succeeded", False), again.stage


@asynccontextmanager
async def reader(box: Toolbox, actor: Actor, source: Source, tables: tuple[str, ...]) -> AsyncIterator[str]:
    """An account that may read some tables of a source and no more, registered as `narrow`."""
    there = await databases.get(box, actor, source.name)
    role = f"tt_reader_{uuid4().hex[:8]}"
    if source.dialect == "postgres":
        await source.run(f"CREATE ROLE {role} LOGIN PASSWORD 'narrow'; GRANT SELECT ON {', '.join(tables)} TO {role}")
        url, end = make_url(POSTGRES), f"DROP OWNED BY {role}; DROP ROLE {role}"
    else:
        grants = "; ".join(f"GRANT SELECT ON {table} TO {role}" for table in tables)
        await source.run(f"CREATE USER {role} IDENTIFIED BY 'narrow'; {grants}")
        url, end = make_url(MYSQL), f"DROP USER {role}"
    url = url.set(database=there.database, username=role, password="narrow")
    await databases.register(
        box, actor, "narrow", databases.address_from_url(url.render_as_string(hide_password=False))
    )
    yield role
    await box.connectors.close()
    await source.run(end)


async def test_a_table_that_may_not_be_read_any_more_has_failed_and_keeps_its_documents(
    toolbox: Toolbox, actor: Actor, source: Source
) -> None:
    await source.run(ORDERS)
    async with reader(toolbox, actor, source, ("customers", "orders")) as role:
        await run_sync(toolbox, actor, "orders, customers", "narrow")
        await source.run(f"REVOKE SELECT ON orders FROM {role}")
        drift = str(await schemas.refresh(toolbox, actor, "narrow"))
        assert "orders may not be read any more" in drift and "gone" not in drift
        for tables in ("*", "orders, customers", "ord*, customers"):
            job = await run_sync(toolbox, actor, tables, "narrow")
            assert (job.state, told(job)) == ("partial", {"read": 2, "unchanged": 2}), job.stage
            assert "permission denied for table orders. Grant SELECT" in (job.error or "")
            assert len(await documents(toolbox, actor)) == 5
        alone = await run_sync(toolbox, actor, "orders", "narrow")
        assert alone.state == "failed" and "permission denied for table orders" in (alone.error or "")
        state = next(one for one in await sync.states(toolbox, actor, "narrow") if one.table.endswith("orders"))
        assert "permission denied for table orders" in str(state)
        await source.run(f"GRANT SELECT ON orders TO {role}")
        again = await work(toolbox, actor, await jobs.retry(toolbox, actor, job.id))
        assert (again.state, again.error) == ("succeeded", None)
        assert len(await documents(toolbox, actor)) == 5


@pytest.mark.parametrize("blow", ["REVOKE SELECT ON orders FROM {role}", "DROP TABLE orders"])
async def test_a_table_that_vanishes_before_its_first_sync_does_not_stop_the_others(
    toolbox: Toolbox, actor: Actor, source: Source, blow: str
) -> None:
    await source.run(ORDERS)
    async with reader(toolbox, actor, source, ("customers", "orders")) as role:
        job = await sync.start_sync(toolbox, actor, "narrow", "orders, customers")
        await source.run(blow.format(role=role))
        ended = await work(toolbox, actor, job)
    assert (ended.state, told(ended)) == ("partial", {"read": 2, "new": 2}), ended.error
    reason = "is not any more" if "DROP" in blow else "permission denied for table orders. Grant SELECT"
    assert reason in (ended.error or "")
