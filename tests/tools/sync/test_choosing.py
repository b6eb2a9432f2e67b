"""What is read: filters, windows, ranges, watermarks, plans, and columns that stay at the source."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync, told
from tests.tools.sync.test_sync import ORDERS
from tools import sync
from tools.errors import Invalid
from tools.sync import PlanChanges, SyncOptions
from tools.sync.options import boundary
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


async def keys(toolbox: Toolbox, actor: Actor, table: str = "orders") -> list[str]:
    return [one["source_key"] for one in await documents(toolbox, actor) if one["table_name"].endswith(f".{table}")]


async def test_conditions_orders_limits_and_windows(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    assert told(await run_sync(toolbox, actor, "orders", where="status = 'paid' AND total < 9"))["read"] == 1
    assert await keys(toolbox, actor) == ["3"]
    top = await run_sync(toolbox, actor, "orders", order_by="total DESC", limit=1)
    assert (top.state, await keys(toolbox, actor)) == ("succeeded", ["2", "3"])
    await run_sync(toolbox, actor, "orders", order_by="id", limit=1, offset=0)
    assert await keys(toolbox, actor) == ["1", "2", "3"]
    window = await run_sync(toolbox, actor, "orders", since="2026-02-01", until="2026-03-01", mode="full")
    assert told(window) == {"read": 1, "unchanged": 1}
    backfill = await run_sync(toolbox, actor, "orders", range=("2", "3"), range_column="id")
    assert told(backfill)["read"] == 2


async def test_a_filter_may_be_repeated_incrementally(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    options = {"where": "status = 'paid'", "since": "2026-01-01"}
    assert told(await run_sync(toolbox, actor, "orders", **options)) == {"read": 2, "new": 2}
    assert told(await run_sync(toolbox, actor, "orders", **options)) == {"read": 1, "unchanged": 1}
    # Another filter was never read to the end: it begins in full.
    assert told(await run_sync(toolbox, actor, "orders")) == {"read": 3, "new": 1, "unchanged": 2}


@pytest.mark.parametrize(
    "where",
    [
        "status = 'paid') UNION (SELECT 1",
        "1 = 1) ORDER BY (id",
        "1 = 1; DELETE FROM orders",
        "pg_sleep(10) IS NULL",
        "id = 1) GROUP BY (id",
        "no_such_column = 1",
        "id IN (SELECT 1 FROM pg_shadow)",
        "1 = 1) LIMIT 1 -- ",
    ],
)
async def test_what_is_no_condition_reaches_no_source(
    toolbox: Toolbox, actor: Actor, postgres: Source, where: str
) -> None:
    await postgres.run(ORDERS)
    job = await run_sync(toolbox, actor, "orders", where=where)
    assert job.state == "failed", job.stage
    assert await documents(toolbox, actor) == []


async def test_a_dry_run_and_a_preview_read_nothing(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    job = await run_sync(toolbox, actor, dry_run=True)
    assert (job.state, job.counts["read"]) == ("succeeded", 0)
    assert "customers" in job.stage and "left out, look secret: password_hash" in job.stage
    assert await documents(toolbox, actor) == []
    found = await sync.preview(toolbox, actor, "shop", "orders", SyncOptions(where="nonsense ="))
    assert found.tables[0].error is not None


async def test_secret_columns_stay_at_the_source_unless_named(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(
        "CREATE TABLE users (id int PRIMARY KEY, email varchar(40), api_key varchar(40), card_number varchar(40),"
        " session_token varchar(40), iban varchar(40), card_type varchar(9), foreign_key int);"
        "INSERT INTO users VALUES (1, 'a@b.c', 'k', '4111', 't', 'DE1', 'visa', 3)"
    )
    plan = await sync.plan_of(toolbox, actor, "shop", "users")
    assert plan.left_out == ("api_key", "card_number", "session_token", "iban")
    await run_sync(toolbox, actor)
    (user,) = await documents(toolbox, actor)
    assert set(user["data"]) == {"id", "email", "card_type", "foreign_key"}
    await sync.edit_plan(toolbox, actor, "shop", "users", PlanChanges(include=("iban",)))
    await run_sync(toolbox, actor)
    (user,) = await documents(toolbox, actor)
    assert user["data"]["iban"] == "DE1"


async def test_a_plan_can_be_edited(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor, "customers")
    changes = PlanChanges(
        entity="partner", title=("note",), rename={"full_name": "name"}, constants={"origin": "50 % 'shop'"}
    )
    plan = await sync.edit_plan(toolbox, actor, "shop", "customers", changes)
    assert (plan.entity, plan.title, plan.body) == ("partner", ("note",), ("full_name",))
    await sync.edit_plan(toolbox, actor, "shop", "customers", PlanChanges(ignore=("id",)))
    job = await run_sync(toolbox, actor, "customers")
    assert told(job)["changed"] == 2
    ada, bo = await documents(toolbox, actor)
    assert (ada["entity"], ada["title"], bo["title"]) == ("partner", "complained about late delivery", "Partner 2")
    assert ada["data"]["name"] == "Ada Byron" and ada["data"]["origin"] == "50 % 'shop'" and "id" not in ada["data"]
    with pytest.raises(Invalid, match="has no column 'fax'"):
        await sync.edit_plan(toolbox, actor, "shop", "customers", PlanChanges(ignore=("fax",)))
    with pytest.raises(Invalid, match="would be called 'note'"):
        await sync.edit_plan(toolbox, actor, "shop", "customers", PlanChanges(rename={"full_name": "note"}))
    assert (await sync.reset_plan(toolbox, actor, "shop", "customers")).entity == "customer"


async def test_a_watermark_that_is_empty_until_the_first_change(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, subject varchar(40), created_at timestamp NOT NULL,"
        " updated_at timestamp NULL);"
        "INSERT INTO tickets VALUES (1, 'old', '2026-01-01 00:00:00', NULL), (2, 'mid', '2026-01-02 00:00:00', NULL)"
    )
    plan = await sync.plan_of(toolbox, actor, "shop", "tickets")
    assert plan.watermark == ("updated_at", "created_at")
    await run_sync(toolbox, actor)
    await source.run("INSERT INTO tickets VALUES (3, 'new', '2026-01-03 00:00:00', NULL)")
    await source.run("UPDATE tickets SET subject = 'touched', updated_at = '2026-01-04 00:00:00' WHERE id = 1")
    assert told(await run_sync(toolbox, actor)) == {"read": 3, "new": 1, "changed": 1, "unchanged": 1}
    assert told(await run_sync(toolbox, actor)) == {"read": 1, "unchanged": 1}


async def test_ties_on_the_watermark_are_not_lost(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(ORDERS)
    await run_sync(toolbox, actor, "orders")
    await source.run("INSERT INTO orders VALUES (9, 2, 'tied', '2026-03-02', 5, '2026-03-02 10:00:00')")
    assert told(await run_sync(toolbox, actor, "orders"))["new"] == 1


async def test_a_number_may_be_the_watermark(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run(
        "CREATE TABLE moves (id int PRIMARY KEY, version int NOT NULL); INSERT INTO moves VALUES (1, 1), (2, 5)"
    )
    await run_sync(toolbox, actor, watermark="version")
    await source.run("INSERT INTO moves VALUES (3, 4), (4, 6)")
    assert told(await run_sync(toolbox, actor, watermark="version", deletes="off"))["read"] == 2
    # The one that lies behind it is found by its key.
    assert told(await run_sync(toolbox, actor, watermark="version")) == {"read": 2, "new": 1, "unchanged": 1}


async def test_tables_without_a_key_are_told_apart_by_hash(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await source.run("CREATE TABLE log (line varchar(40)); INSERT INTO log VALUES ('a'), ('b'), ('b')")
    job = await run_sync(toolbox, actor)
    assert told(job) == {"read": 3, "new": 2, "unchanged": 1}
    assert "told apart by their hash" in job.stage
    await source.run("DELETE FROM log WHERE line = 'a'")
    again = await run_sync(toolbox, actor)
    assert told(again) == {"read": 2, "unchanged": 2, "deleted": 1}
    assert [one["title"] for one in await documents(toolbox, actor)] == ["Event"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("18 months", "2025-05-25"),
        ("last 2 weeks", "2026-11-11"),
        ("a year", "2025-11-25"),
        ("30 days", "2026-10-26"),
        ("1 quarter", "2026-08-25"),
        ("9 months", "2026-02-25"),
        ("yesterday", "2026-11-24"),
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29 10:30", "2024-02-29T10:30:00"),
    ],
)
def test_a_window_is_counted_from_now(text: str, day: str) -> None:
    assert boundary(text, NOW) == day


def test_a_month_ends_where_it_ends() -> None:
    assert boundary("1 month", datetime(2026, 3, 31, tzinfo=UTC)) == "2026-02-28"
    with pytest.raises(Invalid, match="no date and no window"):
        boundary("soon", NOW)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, ""),
        ({"since": "18 months"}, "only the last 18 months"),
        ({"since": "the last 2 weeks", "limit": 1000}, "only the last 2 weeks, at most 1,000 rows of each table"),
        ({"since": "2025-06-01", "until": "2026-01-01"}, "only since 2025-06-01, before 2026-01-01"),
        ({"where": "status = 'open'"}, "only where status = 'open'"),
    ],
)
def test_which_part_of_a_table_is_told_in_words(options: dict[str, Any], said: str) -> None:
    assert SyncOptions(**options).only == said
