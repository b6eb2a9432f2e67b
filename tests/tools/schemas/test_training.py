"""Training on real databases: what is learned, what is never read, what changes, what fails."""

import json

import pytest
from sqlalchemy import text

from tests.tools.schemas.conftest import Source, train
from tools import schemas
from tools.errors import DatabaseUnreachable, NotAllowed, NotFound
from tools.toolbox import Actor, Toolbox


async def test_training_learns_values_and_leaves_private_columns(
    toolbox: Toolbox, actor: Actor, source: Source
) -> None:
    job = await train(toolbox, actor)
    assert (job.state, job.progress) == ("succeeded", 100), job.error
    assert job.counts["trained"] == 5
    assert set(job.counts["left_out"]) == {"customers.email", "customers.password_hash"}

    tables = {table.shape.name: table for table in await schemas.catalog(toolbox, actor, "shop")}
    assert tables["cust_ord_hdr"].values["status"] == ("paid", "open")
    assert set(tables["customers"].values["country"]) == {"France", "Spain"}
    assert tables["customers"].left_out == ("email", "password_hash")
    assert set(tables["customers"].samples[0]) == {"id", "full_name", "country"}
    assert "prod_id" not in tables["ord_ln"].values
    assert all(table.trained_at is not None and not table.stale for table in tables.values())
    assert tables["cust_ord_hdr"].description.startswith("Customer order: one row per customer order, of one customer.")


async def test_private_values_are_nowhere_in_the_store(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await train(toolbox, actor)
    async with toolbox.store.begin_for_all() as session:
        rows = await session.execute(
            text("SELECT to_jsonb(t) FROM tabletalk.tables t WHERE workspace_id = :w"), {"w": actor.workspace_id}
        )
        everything = json.dumps([row[0] for row in rows])
    assert "ada@example.org" not in everything
    assert "h1" not in everything
    assert "France" in everything


async def test_only_what_changed_is_trained_again(toolbox: Toolbox, actor: Actor, source: Source) -> None:
    await train(toolbox, actor)
    again = await train(toolbox, actor)
    assert (again.state, again.counts["trained"], again.counts["unchanged"]) == ("succeeded", 0, 5)

    await source.run("ALTER TABLE products ADD COLUMN channel varchar(20)")
    await source.run("ALTER TABLE customers DROP COLUMN email")
    await source.run("DROP TABLE tickets")
    drift = await schemas.refresh(toolbox, actor, "shop")
    assert [name.split(".")[-1] for name in drift.removed] == ["tickets"]
    assert "gained channel (" in str(drift)
    assert "lost email" in str(drift)
    assert drift.unchanged == 2
    (status,) = await schemas.status(toolbox, actor)
    assert sorted(name.split(".")[-1] for name in status.stale) == ["customers", "products"]

    third = await train(toolbox, actor)
    assert (third.counts["trained"], third.counts["unchanged"]) == (2, 2)
    assert (await train(toolbox, actor, force=True)).counts["trained"] == 4


async def test_patterns_choose_tables(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    job = await train(toolbox, actor, "ord_*, public.products")
    assert job.counts["trained"] == 2
    trained = {t.shape.name for t in await schemas.catalog(toolbox, actor, "shop") if t.trained_at}
    assert trained == {"ord_ln", "products"}
    with pytest.raises(NotFound, match="near: products"):
        await schemas.start_training(toolbox, actor, "shop", "prodcts")


async def test_one_unreadable_table_does_not_stop_the_others(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await shop.run("CREATE VIEW broken AS SELECT title, (1 / (id - id))::text AS ratio FROM products")
    job = await train(toolbox, actor)
    assert job.state == "partial"
    assert (job.counts["trained"], job.counts["failed"]) == (5, 1)
    assert "public.broken" in (job.error or "")
    assert "division by zero" in (job.error or "")


async def test_when_nothing_can_be_read_the_job_fails(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await shop.run("CREATE VIEW broken AS SELECT title, (1 / (id - id))::text AS ratio FROM products")
    job = await train(toolbox, actor, "broken")
    assert job.state == "failed"
    assert "division by zero" in (job.error or "")


async def test_an_empty_database(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await shop.run("DROP SCHEMA public CASCADE")
    job = await train(toolbox, actor)
    assert job.state == "empty"
    assert "no tables" in job.stage


async def test_losing_sight_of_all_tables_forgets_nothing(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    await shop.run("DROP SCHEMA public CASCADE")
    with pytest.raises(DatabaseUnreachable, match="sees no table any more"):
        await schemas.refresh(toolbox, actor, "shop")
    assert len(await schemas.catalog(toolbox, actor, "shop")) == 5


async def test_what_people_write_stays(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    await schemas.set_description(toolbox, actor, "shop", "ord_ln", "Positions of a basket.")
    await schemas.add_note(toolbox, actor, "shop", "revenue means paid orders", "cust_ord_hdr")
    await schemas.add_note(toolbox, actor, "shop", "prices are in euro")
    await train(toolbox, actor, force=True)

    assert (await schemas.describe(toolbox, actor, "shop", "ord_ln")).description == "Positions of a basket."
    assert (await schemas.describe(toolbox, actor, "shop", "CUST_ORD_HDR")).notes == ("revenue means paid orders",)
    first, second = await schemas.list_notes(toolbox, actor, "shop")
    assert (first.table, second.table, second.created_by) == ("public.cust_ord_hdr", None, actor.user_name)
    gone = await schemas.remove_note(toolbox, actor, "shop", str(first.id)[:8])
    assert gone.id == first.id
    assert (await schemas.describe(toolbox, actor, "shop", "cust_ord_hdr")).notes == ()
    back = await schemas.set_description(toolbox, actor, "shop", "ord_ln", "")
    assert back.description.startswith("Order line:")


async def test_untraining_forgets_values_and_vectors(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    words = await schemas.consequence_of_untraining(toolbox, actor, "shop", "cust*")
    assert "2 tables of shop" in words
    gone = await schemas.untrain(toolbox, actor, "shop", "cust*", approved_by=actor.user_id)
    assert len(gone.tables) == 2
    found = await schemas.describe(toolbox, actor, "shop", "customers")
    assert (found.trained_at, found.values, found.samples) == (None, {}, ())
    (status,) = await schemas.status(toolbox, actor, "shop")
    assert status.trained == 3
    async with toolbox.store.begin_for_all() as session:
        count = await session.scalar(
            text("SELECT count(*) FROM tabletalk.table_embeddings WHERE workspace_id = :w"), {"w": actor.workspace_id}
        )
    assert count == 3


async def test_another_workspace_sees_nothing(toolbox: Toolbox, actor: Actor, stranger: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    for call in (schemas.catalog, schemas.list_notes, schemas.refresh, schemas.start_training):
        with pytest.raises(NotFound):
            await call(toolbox, stranger, "shop")
    assert (await schemas.retrieve(toolbox, stranger, "orders of customers")).tables == ()
    with pytest.raises(NotAllowed):
        await schemas.untrain(toolbox, actor, "shop", "*", approved_by=stranger.user_id)


async def test_a_viewer_changes_nothing(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    viewer = actor.model_copy(update={"role": "viewer"})
    with pytest.raises(NotAllowed):
        await schemas.start_training(toolbox, viewer, "shop")
    with pytest.raises(NotAllowed):
        await schemas.add_note(toolbox, viewer, "shop", "anything")
