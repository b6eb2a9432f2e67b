"""Starting a sync: overlaps, limits, rights."""

import pytest

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import run_sync, work
from tests.tools.sync.test_sync import ORDERS
from tools import jobs, sync
from tools.errors import Conflict, NotAllowed, NotFound, TooMany
from tools.toolbox import Actor, Toolbox


async def test_a_second_live_sync_of_a_table_is_refused_by_the_number_of_the_first(
    toolbox: Toolbox, actor: Actor, postgres: Source
) -> None:
    await postgres.run(ORDERS)
    first = await sync.start_sync(toolbox, actor, "shop", "orders")
    assert (first.kind, first.target) == ("sync", "shop.orders")
    for tables in ("orders", "*", "ord*, customers"):
        with pytest.raises(Conflict, match=f"orders of shop is being synced already by job {first.id} "):
            await sync.start_sync(toolbox, actor, "shop", tables)
    second = await sync.start_sync(toolbox, actor, "shop", "customers")
    await work(toolbox, actor, first)
    again = await sync.start_sync(toolbox, actor, "shop", "orders")
    assert again.id > second.id


async def test_only_so_many_syncs_start_within_a_minute(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(ORDERS)
    for _ in range(toolbox.settings.sync_starts_a_minute):
        await jobs.cancel(toolbox, actor, (await sync.start_sync(toolbox, actor, "shop")).id)
    with pytest.raises(TooMany, match="10 syncs were started within a minute"):
        await sync.start_sync(toolbox, actor, "shop")


async def test_a_viewer_may_not_sync(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    with pytest.raises(NotAllowed):
        await sync.start_sync(toolbox, actor.model_copy(update={"role": "viewer"}), "shop")


async def test_a_table_that_is_not_there_is_said_before_a_job_is_made(
    toolbox: Toolbox, actor: Actor, postgres: Source
) -> None:
    await postgres.run(ORDERS)
    with pytest.raises(NotFound, match="orders"):
        await sync.start_sync(toolbox, actor, "shop", "ordrs")
    assert await jobs.list_jobs(toolbox, actor, kind="sync") == ()


async def test_views_are_synced_when_they_are_named(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(ORDERS + "CREATE VIEW paid AS SELECT * FROM orders WHERE status = 'paid'")
    assert set((await run_sync(toolbox, actor)).counts["tables"]) == {"public.customers", "public.orders"}
    named = await run_sync(toolbox, actor, "paid")
    assert named.counts["read"] == 2
    assert "told apart by their hash" in named.stage
