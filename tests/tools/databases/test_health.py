"""Health: noted when it changes, told in words, and no write while it stays as it is."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from tools import databases
from tools.connectors.base import Address, Greeting, ReadLimits
from tools.databases.database import outage
from tools.errors import DatabaseUnreachable
from tools.store.models import DatabaseRow
from tools.toolbox import Actor, Toolbox

LIMITS = ReadLimits(seconds=5, rows=10, cell_bytes=1000, total_bytes=100_000)


async def move(box: Toolbox, actor: Actor, **values: object) -> None:
    async with box.store.begin_for_all() as session:
        await session.execute(
            update(DatabaseRow).where(DatabaseRow.workspace_id == actor.workspace_id).values(**values)
        )


async def version(box: Toolbox, actor: Actor) -> object:
    async with box.store.begin_for_all() as session:
        return await session.scalar(
            select(text("xmin")).select_from(DatabaseRow).where(DatabaseRow.workspace_id == actor.workspace_id)
        )


async def test_an_outage_is_noted_once_told_and_over_with_the_next_answer(
    toolbox: Toolbox, actor: Actor, source: Address
) -> None:
    await databases.register(toolbox, actor, "shop", source)
    _, connector = await databases.connect(toolbox, actor, "shop")
    before = await version(toolbox, actor)
    for _ in range(3):
        await connector.fetch("SELECT 1", LIMITS)
    assert await version(toolbox, actor) == before

    await move(toolbox, actor, port=1)
    _, connector = await databases.connect(toolbox, actor, "shop")
    with pytest.raises(
        DatabaseUnreachable, match=r"shop does not answer \(connection refused by 127.0.0.1:1\).*still works"
    ):
        await connector.fetch("SELECT 1", LIMITS)
    failing = await databases.get(toolbox, actor, "shop")
    assert failing.last_error == "connection refused by 127.0.0.1:1"
    assert failing.reached_at is not None and failing.health.startswith("does not answer (connection refused")
    noted = await version(toolbox, actor)
    _, connector = await databases.connect(toolbox, actor, "shop")
    with pytest.raises(DatabaseUnreachable, match=f"since {failing.reached_at.astimezone():%H:%M}"):
        await connector.snapshot()
    assert await version(toolbox, actor) == noted

    await move(toolbox, actor, port=source.port)
    _, connector = await databases.connect(toolbox, actor, "shop")
    await connector.fetch("SELECT 1", LIMITS)
    assert (await databases.get(toolbox, actor, "shop")).last_error is None


async def test_check_stores_what_it_finds_and_does_not_raise(toolbox: Toolbox, actor: Actor, source: Address) -> None:
    made = await databases.register(toolbox, actor, "shop", source)
    checked = await databases.check(toolbox, actor, "shop")
    assert checked.checked_at is not None and made.checked_at is not None and checked.checked_at > made.checked_at
    await move(toolbox, actor, username="nobody_of_that_name")
    checked = await databases.check(toolbox, actor, "shop")
    assert checked.last_error is not None and "'nobody_of_that_name'" in checked.last_error
    _, connector = await databases.connect(toolbox, actor, "shop")
    with pytest.raises(DatabaseUnreachable, match="shop does not let us in") as caught:
        await connector.fetch("SELECT 1", LIMITS)
    assert not caught.value.passing


def test_an_outage_of_another_day_names_the_day() -> None:
    now = datetime.now(UTC)
    assert outage("refused", None) == "refused"
    assert outage("refused", now) == f"refused since {now.astimezone():%H:%M}"
    assert f"{(now - timedelta(days=3)).astimezone():%B}" in outage("refused", now - timedelta(days=3))


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
async def test_grants_make_an_account_that_can_only_read(
    dialect: str, toolbox: Toolbox, actor: Actor, source: Address
) -> None:
    made = await databases.register(toolbox, actor, "shop", source)
    greeting = Greeting(
        server_version="x", latency_ms=1, can_write=True, is_superuser=False, privileges=("INSERT",), schemas=('od"d',)
    )
    grants = databases.read_only_grants(made.model_copy(update={"dialect": dialect, "greeting": greeting}))
    assert "GRANT SELECT" in grants and "INSERT" not in grants
    assert ('"od""d"' in grants) is (dialect == "postgres")
    assert databases.write_warning(greeting) == "The account can write (INSERT): a read-only account is safer."
