"""A question finds its tables: by name, synonym, abbreviation, value, misspelling, note and link."""

from dataclasses import replace

import pytest

from tests.tools.schemas.conftest import Source, train
from tools import schemas
from tools.connectors.base import Column, ForeignKey, TableSchema
from tools.schemas.drift import store_snapshot
from tools.schemas.showing import MOST_CHARACTERS, retrieved_text
from tools.store.models import DatabaseRow
from tools.toolbox import Actor, Toolbox


def names(found: schemas.Retrieved, count: int = 99) -> list[str]:
    return [table.table.shape.name for table in found.tables[:count]]


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("How many clients do we have?", "customers"),
        ("orders per month", "cust_ord_hdr"),
        ("Which articles cost most?", "products"),
        ("Who comes from Spain?", "customers"),
        ("everything about furniture", "products"),
        ("how many cutsomers", "customers"),
        ("support cases by topic", "tickets"),
        ("ord_ln", "ord_ln"),
    ],
)
async def test_the_table_that_is_meant_comes_first(
    toolbox: Toolbox, actor: Actor, source: Source, question: str, table: str
) -> None:
    await train(toolbox, actor)
    found = await schemas.retrieve(toolbox, actor, question)
    assert found.database == "shop"
    assert names(found)[0] == table
    assert len(found.tables) == 5, "a small database comes whole"


async def test_a_bridge_comes_along(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    small = replace(toolbox, settings=toolbox.settings.model_copy(update={"whole_catalogue_tables": 0}))
    await train(small, actor)
    found = await schemas.retrieve(small, actor, "which products did customers from France buy?", limit=4)
    assert set(names(found)) == {"customers", "products", "ord_ln", "cust_ord_hdr"}


async def test_a_note_is_found_by_its_words(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    await schemas.add_note(toolbox, actor, "shop", "churn is counted from open entries", "tickets")
    await schemas.add_note(toolbox, actor, "shop", "all prices are in euro")
    found = await schemas.retrieve(toolbox, actor, "what is our churn?")
    assert names(found)[0] == "tickets"
    assert found.databases[0].notes == ("all prices are in euro",)
    assert "note: churn is counted" in retrieved_text(found)


async def test_tables_are_found_before_they_are_trained(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await schemas.refresh(toolbox, actor, "shop")
    found = await schemas.retrieve(toolbox, actor, "orders by status", "shop")
    assert names(found)[0] == "cust_ord_hdr"


async def test_nothing_found_is_said(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    found = await schemas.retrieve(toolbox, actor, "zzyzx qwrtp")
    assert (found.database, found.tables) == (None, ())
    assert "No table fits" in retrieved_text(found)
    empty = await schemas.retrieve(toolbox, actor, "", "shop")
    assert len(empty.tables) == 5


async def test_vectors_of_another_model_fall_back_to_words(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)

    class Other:
        name, offline, dimension = "other-model", False, 3

        async def embed(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.0, 0.0] for _ in texts]

    other = replace(toolbox, embedder=Other())  # type: ignore[arg-type]  # stands in for a remote model
    found = await schemas.retrieve(other, actor, "How many clients do we have?")
    assert names(found)[0] == "customers"
    assert "tabletalk reembed" in found.databases[0].warning
    assert "tabletalk reembed" in str((await schemas.status(other, actor))[0])

    done = await schemas.reembed(other, actor)
    assert (done.tables, done.model) == (5, "other-model")
    assert (await schemas.reembed(other, actor)).tables == 0
    assert (await schemas.retrieve(other, actor, "clients")).databases[0].warning == ""


async def test_a_known_catalogue_is_read_once(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    first = await schemas.catalog(toolbox, actor, "shop")
    assert await schemas.catalog(toolbox, actor, "shop") is first
    await schemas.add_note(toolbox, actor, "shop", "tickets are old", "tickets")
    assert await schemas.catalog(toolbox, actor, "shop") is not first


async def test_without_trigrams_the_rest_still_finds(toolbox: Toolbox, actor: Actor, shop: Source) -> None:
    await train(toolbox, actor)
    toolbox.memo.put("trigrams", 0, False)
    found = await schemas.retrieve(toolbox, actor, "orders per month")
    assert names(found)[0] == "cust_ord_hdr"


def wide(number: int) -> TableSchema:
    columns = [Column(name=f"measure_{place}", type="numeric(12,4)", family="number") for place in range(60)]
    key = ForeignKey(name="k", columns=("id",), target_schema="s", target_table="hub", target_columns=("id",))
    return TableSchema(
        schema_name="s",
        name=f"sensor_reading_{number}",
        columns=(Column(name="id", type="int", family="number", comment="an 'odd\n comment"), *columns),
        foreign_keys=(key,),
    )


async def test_what_a_model_is_told_is_bounded(toolbox: Toolbox, actor: Actor) -> None:
    row = DatabaseRow(
        workspace_id=actor.workspace_id, name="plant", dialect="postgres", host="h", port=1, database="d",
        username="u", credentials=b"",
    )  # fmt: skip
    async with toolbox.store.begin_for_all() as session:
        session.add(row)
    await store_snapshot(toolbox, actor, row.id, "plant", [wide(number) for number in range(29)])
    found = await schemas.retrieve(toolbox, actor, "sensor readings", "plant")
    text = retrieved_text(found)
    assert len(found.tables) == 29
    assert len(text) < MOST_CHARACTERS * 1.2
    assert "Not shown for lack of room" in text
