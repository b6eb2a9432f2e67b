"""Which database a question names, and what one may ask of it."""

from datetime import date
from uuid import uuid4

import pytest

from assistant.offline.sources import Source, known, named_in
from assistant.offline.suggesting import subjects, suggestions
from tools.connectors.base import Column, ForeignKey, TableSchema, TypeFamily
from tools.schemas.catalog import TrainedTable

TODAY = date(2026, 11, 21)


def table(
    name: str, *columns: tuple[str, TypeFamily], to: str | None = None, **values: tuple[str, ...]
) -> TrainedTable:
    keys = [
        ForeignKey(
            name="f", columns=(f"{to}_id",), target_schema="public", target_table=f"{to}s", target_columns=("id",)
        )
    ]
    shape = TableSchema(
        schema_name="public",
        name=name,
        columns=tuple(Column(name=column, type=family, family=family) for column, family in columns),
        primary_key=("id",),
        foreign_keys=tuple(keys) if to else (),
        row_estimate=100,
    )
    return TrainedTable(id=uuid4(), database_id=uuid4(), shape=shape, values=values)


CUSTOMERS = table("customers", ("id", "number"), ("name", "text"), ("country", "text"), country=("France", "Spain"))
ORDERS = table(
    "orders", ("id", "number"), ("customer_id", "number"), ("total", "number"), ("ordered_at", "date"), to="customer"
)
SHOP = Source("shop", "postgres", (CUSTOMERS, ORDERS))
NORTH = Source("north_region", "mysql", (CUSTOMERS,))
MUSIC = Source("music", "postgres", (table("playlist", ("id", "number"), ("title", "text"), title=("Music", "Jazz")),))
ORDERS_DATABASE = Source("orders", "postgres", (ORDERS,))


@pytest.mark.parametrize(
    ("question", "name", "rest"),
    [
        ("How many customers are there in shop?", "shop", "How many customers are there?"),
        ("in shop: how many orders are there", "shop", "how many orders are there"),
        ("shop: how many orders are there", "shop", "how many orders are there"),
        ("how many customers are in the shop database", "shop", "how many customers are"),
        ("list customers from north region", "north_region", "list customers"),
        ("which customers shop most", None, "which customers shop most"),
        ("how many customers have no orders", None, "how many customers have no orders"),
        ("revenue of orders", None, "revenue of orders"),
        ("How many playlists are there in music?", "music", "How many playlists are there?"),
    ],
)
def test_a_question_may_name_its_database(question: str, name: str | None, rest: str) -> None:
    found, left = named_in(question, (SHOP, NORTH, ORDERS_DATABASE, MUSIC))
    assert (found.name if found else None, left) == (name, rest)


def test_commands_know_the_names_of_all_databases() -> None:
    names = known((SHOP, NORTH))
    assert names.databases == ("shop", "north_region")
    assert {"country", "orders", "total"} <= names.words()
    assert {"order", "orders", "customer"} <= names.nouns()


def test_suggestions_are_questions_the_parser_reads_surely() -> None:
    found = suggestions(SHOP, TODAY, count=4)
    assert len(found) == len(set(found)) >= 3
    assert any("customers" in question for question in found) and any("rders" in question for question in found)
    assert subjects(SHOP) == ["customers", "orders"]
