"""Syncs that start by themselves."""

from datetime import timedelta

import pytest

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import work
from tests.tools.sync.test_sync import ORDERS
from tools import jobs, sync
from tools.errors import Conflict, Invalid, NotFound
from tools.sync import SyncOptions
from tools.toolbox import Actor, Toolbox
from tools.upkeep import start_scheduled


async def test_a_scheduled_sync_is_planned_now_and_runs_as_it_was_said(
    toolbox: Toolbox, actor: Actor, postgres: Source
) -> None:
    await postgres.run(ORDERS)
    made, planned = await sync.schedule_sync(
        toolbox,
        actor,
        postgres.name,
        "orders",
        SyncOptions(since="600 months"),
        when="every night at 2",
        timezone="UTC",
    )
    assert (made.title, made.when) == ("Sync shop.orders", "every day at 02:00 UTC")
    lines = sync.plan_lines(planned)
    assert lines[0] == "orders: full at first, then incremental by updated_at."
    assert lines[-1].startswith("About ") and lines[-1].endswith(" rows at first.")

    assert made.next_run is not None
    assert made.id in await jobs.claim_due(toolbox, start_scheduled, made.next_run + timedelta(seconds=1))
    after = await jobs.schedules.get(toolbox, actor, made.id)
    assert after.last_job_id is not None
    job = await work(toolbox, actor, await jobs.get(toolbox, actor, after.last_job_id))
    assert (job.state, job.target, job.arguments["options"]) == ("succeeded", "shop.orders", {"since": "600 months"})
    assert job.counts["read"] == job.counts["new"] > 0


async def test_what_cannot_be_scheduled_says_why(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(ORDERS)
    with pytest.raises(Invalid, match="divide an hour"):
        await sync.schedule_sync(toolbox, actor, postgres.name, when="every 45 minutes")
    with pytest.raises(NotFound):
        await sync.schedule_sync(toolbox, actor, postgres.name, "ordres_of_nobody", when="nightly")
    with pytest.raises(Invalid, match="cannot be synced"):
        await sync.schedule_sync(
            toolbox, actor, postgres.name, "orders", SyncOptions(where="1; DROP TABLE orders"), when="nightly"
        )
    await sync.schedule_sync(toolbox, actor, postgres.name, when="nightly")
    with pytest.raises(Conflict, match="does just that"):
        await sync.schedule_sync(toolbox, actor, postgres.name, when="every night at 2")
    assert len(await jobs.schedules.list_schedules(toolbox, actor)) == 1
