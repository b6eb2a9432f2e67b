"""From a document to its live row and to what it is linked with."""

import json

import pytest
from sqlalchemy import make_url
from sqlglot import exp, parse_one

from tests.tools.documents.conftest import Shelf
from tools import documents, queries
from tools.connectors.base import Column, Dialect, TableSchema
from tools.documents.live import by_keys
from tools.errors import Invalid, NotFound


async def number_of(shelf: Shelf, words: str, **more: str) -> int:
    found = await documents.search_documents(shelf.box, shelf.actor, words, **more)  # type: ignore[arg-type]
    return found.hits[0].id


async def change(shelf: Shelf, sql: str) -> None:
    """Change the source behind Tabletalk's back."""
    import asyncpg

    assert shelf.box.settings.database_url is not None
    url = make_url(shelf.box.settings.database_url.get_secret_value().replace("+asyncpg", ""))
    source = await asyncpg.connect(url.render_as_string(hide_password=False), database=shelf.database.database)
    await source.execute(sql)
    await source.close()


async def test_the_row_is_read_as_it_is_now(shelf: Shelf) -> None:
    number = await number_of(shelf, "Byron")
    await change(shelf, "UPDATE customers SET city = 'London' WHERE id = 1")
    row = await documents.open_row(shelf.box, shelf.actor, number)
    values = {column.name: value for column, value in zip(row.columns, row.values, strict=True)}
    assert values == {"id": 1, "name": "Ada Byron", "city": "London"}  # no password_hash
    assert (await documents.document(shelf.box, shelf.actor, number)).data["city"] == "Turin"
    (query, *_) = await queries.list_queries(shelf.box, shelf.actor)
    assert (query.question, query.verdict) == (f"The row of document {number}", "allowed")


async def test_a_key_of_several_columns_finds_its_row(shelf: Shelf) -> None:
    number = await number_of(shelf, "neighbour")
    assert json.loads((await documents.document(shelf.box, shelf.actor, number)).source_key) == ["10", "2"]
    row = await documents.open_row(shelf.box, shelf.actor, number)
    assert row.values == (10, 2, "leave with the neighbour")


async def test_a_row_that_is_gone_or_has_no_key_is_told_of(shelf: Shelf) -> None:
    number = await number_of(shelf, "lamp")
    await change(shelf, "DELETE FROM claims WHERE id = 101")
    with pytest.raises(NotFound, match=r"claims of shop has no row 101 any more; the document is as it was synced on"):
        await documents.open_row(shelf.box, shelf.actor, number)
    await shelf.put("letters", "5d41402abc4b2a76", "letter", "A letter", "without a key")
    with pytest.raises(Invalid, match="has no key"):
        await documents.open_row(shelf.box, shelf.actor, await number_of(shelf, "letter"))


async def test_what_is_linked_is_shown_both_ways(shelf: Shelf) -> None:
    await shelf.embed()
    order = await number_of(shelf, "order 11", entity="order")
    found = await documents.related(shelf.box, shelf.actor, order)
    assert [(one.entity, one.source_key, one.relation) for one in found] == [
        ("customer", "2", "customer_id"),
        ("claim", "102", "order_id of claims"),  # the latest first
        ("claim", "101", "order_id of claims"),
    ]
    await shelf.remove("claims", "102")
    assert len(await documents.related(shelf.box, shelf.actor, order)) == 2


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
def test_a_key_stays_a_value_whatever_stands_in_it(dialect: Dialect) -> None:
    columns = (
        Column(name='co`d"e', type="text", family="text", nullable=False),
        Column(name="no", type="int", family="number", nullable=False),
    )
    shape = TableSchema(
        schema_name="a.b", name='t"`x', columns=columns, primary_key=tuple(column.name for column in columns)
    )
    odd = "O'Brien\\' OR 1=1 -- \\"
    sql = by_keys(shape, [json.dumps([odd, 7]), json.dumps(["b", 8])], ["no"], dialect)
    tree = queries.check(sql, dialect, [shape])
    found = parse_one(str(tree), dialect=dialect)
    assert {literal.this for literal in found.find_all(exp.Literal) if literal.is_string} == {odd, "b"}
    assert {literal.this for literal in found.find_all(exp.Literal) if not literal.is_string} == {"7", "8"}
    (table,) = found.find_all(exp.Table)
    assert (table.db, table.name) == ("a.b", 't"`x')
