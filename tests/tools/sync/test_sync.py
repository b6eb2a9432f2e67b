"""Syncs on real databases of both dialects: the first, the next, what changed, what is gone."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync, told
from tools import databases, sync
from tools.sync import load, table
from tools.toolbox import Actor, Toolbox

ORDERS = """
CREATE TABLE customers (id int PRIMARY KEY, full_name varchar(80) NOT NULL, note text, password_hash varchar(80));
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL, status varchar(20) NOT NULL, order_date date,
    total decimal(10,2), updated_at timestamp NULL, FOREIGN KEY (customer_id) REFERENCES customers (id));
CREATE INDEX orders_updated ON orders (updated_at);
INSERT INTO customers VALUES (1, 'Ada Byron', 'complained about late delivery', 'h1'), (2, 'Bo Ek', NULL, 'h2');
INSERT INTO orders VALUES (1, 1, 'paid', '2026-01-02', 10, '2026-01-02 10:00:00'),
    (2, 1, 'open', '2026-02-02', 20.5, '2026-02-02 10:00:00'), (3, 2, 'paid', '2026-03-02', 5, '2026-03-02 10:00:00');
"""


async def test_the_first_sync_makes_a_document_of_each_row(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)) == ("succeeded", {"read": 5, "new": 5}), job.error
    ada, _, *orders = await documents(toolbox, actor)
    assert (ada["entity"], ada["title"], ada["source_key"]) == ("customer", "Ada Byron", "1")
    assert "complained about late delivery" in ada["body"]
    assert ada["data"] == {"id": 1, "full_name": "Ada Byron", "note": "complained about late delivery"}
    first = orders[0]
    assert (first["entity"], first["title"], first["tags"]) == ("order", "Order 1", ["status:paid"])
    assert first["data"]["total"] == 10 and first["data"]["order_date"] == "2026-01-02"
    assert first["happened_at"].isoformat() == "2026-01-02T00:00:00+00:00"


async def test_what_has_not_changed_is_left_alone(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor)
    before = await documents(toolbox, actor)
    again = await run_sync(toolbox, actor, mode="full")
    assert (again.state, told(again)) == ("succeeded", {"read": 5, "unchanged": 5})
    assert await documents(toolbox, actor) == before


async def test_an_incremental_sync_reads_what_changed(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor, "orders")
    await source.run("UPDATE orders SET status = 'closed', updated_at = '2026-03-03 10:00:00' WHERE id = 1")
    await source.run("INSERT INTO orders VALUES (4, 2, 'open', '2026-03-04', 1, '2026-03-04 10:00:00')")
    job = await run_sync(toolbox, actor, "orders")
    # Order 3 stands at the watermark itself: it is read again, for another may have come at the same moment.
    assert told(job) == {"read": 3, "new": 1, "changed": 1, "unchanged": 1}, job.error
    assert [one["tags"] for one in await documents(toolbox, actor)] == [
        ["status:closed"],
        ["status:open"],
        ["status:paid"],
        ["status:open"],
    ]
    (state,) = await sync.states(toolbox, actor, "shop")
    assert str(state).endswith("orders: last synced just now (incremental, 1 new, 1 changed)")


async def test_rows_that_are_gone_are_marked_or_removed(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor)
    await source.run("DELETE FROM orders WHERE id = 2")
    kept = await run_sync(toolbox, actor, "orders", deletes="off")
    assert "deleted" not in told(kept)
    soft = await run_sync(toolbox, actor, "orders")
    assert told(soft)["deleted"] == 1
    every = {
        one["source_key"]: one for one in await documents(toolbox, actor, deleted=True) if "orders" in one["table_name"]
    }
    assert [key for key, one in every.items() if one["deleted_at"]] == ["2"]
    await source.run("INSERT INTO orders VALUES (2, 1, 'open', '2026-02-02', 20.5, '2026-04-02 10:00:00')")
    back = await run_sync(toolbox, actor, "orders")
    assert told(back)["changed"] == 1
    await source.run("DELETE FROM orders WHERE id = 1")
    hard = await run_sync(toolbox, actor, "orders", deletes="hard")
    assert told(hard)["deleted"] == 1
    assert len(await documents(toolbox, actor, deleted=True)) == 4


async def test_a_clock_that_was_ahead_for_a_while_hides_nothing(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run("CREATE TABLE stock (id int PRIMARY KEY, amount int, updated_at timestamp NOT NULL)")
    await source.run("INSERT INTO stock VALUES (1, 10, '2026-01-01 10:00:00'), (2, 20, '2037-01-01 10:00:00')")
    first = await run_sync(toolbox, actor)
    assert "whose updated_at lies in the future" in first.stage
    # Its clock is right again: what changes now stands far below what was written then.
    await source.run("UPDATE stock SET amount = 11, updated_at = CURRENT_TIMESTAMP WHERE id = 1")
    again = await run_sync(toolbox, actor)
    assert told(again) == {"read": 2, "changed": 1, "unchanged": 1}, again.stage
    await source.run("UPDATE stock SET updated_at = '2026-01-03 10:00:00' WHERE id = 2")
    await run_sync(toolbox, actor, mode="full")
    await source.run("UPDATE stock SET amount = 12, updated_at = CURRENT_TIMESTAMP WHERE id = 1")
    quiet = await run_sync(toolbox, actor)
    assert told(quiet)["changed"] == 1 and "future" not in quiet.stage


async def test_what_forgetting_a_database_takes_along_is_counted(
    toolbox: Toolbox, actor: Actor, source: Source
) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor)
    said = await databases.consequence_of_forgetting(toolbox, actor, "shop")
    assert "5 synced documents" in said and "not touched" in said
    await databases.forget(toolbox, actor, "shop", approved_by=actor.user_id)
    assert await documents(toolbox, actor, deleted=True) == []


async def test_a_sync_leaves_nothing_in_a_database_that_is_removed_under_it(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await source.run(ORDERS)
    begin = table._destination

    async def removed_after(*given: Any) -> load.Destination:
        found = await begin(*given)
        async with toolbox.store.begin(actor.workspace_id) as session:
            await session.execute(text("DELETE FROM tabletalk.databases"))
        return found

    monkeypatch.setattr(table, "_destination", removed_after)
    job = await run_sync(toolbox, actor)
    assert (job.state, job.error) == ("failed", "The database of this job is no longer registered.")
    assert await documents(toolbox, actor, deleted=True) == []
