"""What the model may call about syncs: each tells in words and shows a card."""

from types import SimpleNamespace
from typing import Any, cast

from pydantic_ai import RunContext

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import work
from tests.tools.sync.test_sync import ORDERS
from tools import jobs
from tools.desk import Desk
from tools.sync import toolset
from tools.toolbox import Actor, Toolbox


def at(toolbox: Toolbox, actor: Actor) -> RunContext[Desk]:
    return cast("RunContext[Desk]", SimpleNamespace(deps=Desk(box=toolbox, actor=actor)))


def cards(returned: Any) -> list[dict[str, Any]]:
    return list(returned.metadata["cards"])


async def test_a_sync_is_previewed_planned_started_and_told(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(ORDERS)
    desk = at(toolbox, actor)
    seen = await toolset.preview_sync(desk, since="2026-02-01", tables="orders")
    assert "public.orders: full this time, then incremental by updated_at" in str(seen.return_value)
    assert cards(seen)[0]["rows"][0][:3] == ["public.orders", "order", "full"]

    edited = await toolset.edit_sync_plan(desk, "customers", ignore=["note"], rename={"full_name": "name"})
    assert "Renamed: full_name as name." in str(edited.return_value)
    assert "Left out, look secret: password_hash." in str(edited.return_value)
    shown = await toolset.edit_sync_plan(desk, "customers")
    assert ["Ignored", "note"] in cards(shown)[0]["rows"]

    started = await toolset.sync_tables(desk, tables="customers")
    job = await work(toolbox, actor, await jobs.get(toolbox, actor, cards(started)[0]["job_id"]))
    assert job.state == "succeeded", job.error
    status = await toolset.sync_status(desk)
    assert "shop: Last synced just now (full, 2 new)." in str(status.return_value)
