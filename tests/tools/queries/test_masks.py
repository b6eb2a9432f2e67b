"""Masks on real servers: what stands in a column's place, and that nothing of what it hides comes out another way."""

import hashlib
from uuid import uuid4

import pytest

from tests.tools.queries.conftest import Shop
from tools.errors import QueryRejected
from tools.queries import masks
from tools.queries.guard import check
from tools.reach import STRICTEST, Mask, Policies, Policy, Reach, Rule, reach_of
from tools.toolbox import Actor

KEY = "0123456789abcdef0123456789abcdef"
SECRETS = ("c1@example.org", "9000", "6500", "2015-02-01", "Ada")


def masked(shop: Shop, table: str, **how: Mask) -> Reach:
    names = {shape.name: shape.qualified_name for shape in shop.catalog}
    return Reach(database="shop", rules={names[table]: Rule(masked=how)})


async def read(shop: Shop, reach: Reach, sql: str) -> tuple[tuple[object, ...], ...]:
    text = str(check(sql, shop.dialect, shop.catalog, reach=reach)).replace(masks.KEY, KEY)
    async with shop.connector() as connector:
        return (await connector.fetch(text, shop.limits)).rows


def pseudonym(value: str) -> str:
    return hashlib.sha256((KEY + value).encode()).hexdigest()[:16]


async def test_each_mask_shows_what_it_says(shop: Shop) -> None:
    how: dict[str, Mask] = {"name": "hash", "salary": "constant", "hired_on": "year", "department": "last4"}
    reach = masked(shop, "employees", **how)
    rows = await read(shop, reach, "SELECT name, salary, hired_on, department FROM employees WHERE id = 1")
    assert rows == ((pseudonym("Ada"), "***", 2015, "****"),)  # "board" is too short for its end to be told
    customers = masked(shop, "customers", email="last4", created_at="year", country="empty", profile="hash")
    told = await read(shop, customers, "SELECT id, email, created_at, country FROM customers WHERE id IN (1, 7)")
    assert sorted(told) == [(1, "****.org", 2024, None), (7, None, 2024, None)]
    whole = await read(shop, customers, "SELECT * FROM customers WHERE id = 1")
    assert not any(secret in str(whole) for secret in SECRETS)


async def test_equal_values_have_equal_pseudonyms_and_may_be_counted_by(shop: Shop) -> None:
    reach = masked(shop, "employees", department="hash", hired_on="year")
    by_department = await read(shop, reach, "SELECT department, count(*) FROM employees GROUP BY department")
    assert sorted(by_department) == sorted(
        (pseudonym(name), count) for name, count in (("board", 1), ("sales", 3), ("build", 3))
    )
    per_year = await read(shop, reach, "SELECT hired_on, count(*) AS n FROM employees GROUP BY hired_on")
    assert (2015, 1) in per_year and len(per_year) == 7


@pytest.mark.parametrize("mask", STRICTEST)
async def test_no_figure_reveals_what_is_masked(shop: Shop, mask: Mask) -> None:
    column = "hired_on" if mask == "year" else "salary"
    reach = masked(shop, "employees", **{column: mask})
    for sql in (
        f"SELECT max({column}) FROM employees",
        f"SELECT avg({column}) OVER () FROM employees",
        f"SELECT count(DISTINCT {column}) FROM employees",
        f"SELECT id FROM employees WHERE {column} > 1",
        f"SELECT id FROM employees ORDER BY {column}",
        f"SELECT department FROM employees GROUP BY department HAVING min({column}) > 1",
        f"SELECT CASE WHEN {column} > 6000 THEN 1 END FROM employees",
        f"SELECT a.id FROM employees a JOIN employees b ON a.{column} = b.{column}",
    ):
        with pytest.raises(QueryRejected, match="masked for you"):
            await read(shop, reach, sql)
    # Through a derived table one reckons with what is shown, never with what is hidden.
    through = await read(shop, reach, f"SELECT min(x), max(x) FROM (SELECT {column} AS x FROM employees) AS s")
    assert not any(secret in str(through) for secret in ("9000", "3900", "2015-02-01", "2023-07-07"))


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT '{masks.KEY}'",
        f'SELECT 1 AS "{masks.KEY}"',
        "SELECT 'tabletalk:mask'\n':key'",
        "SELECT E'tabletalk\\x3amask\\x3akey'",
        "SELECT x'7461626c6574616c6b3a6d61736b3a6b6579'",
    ],
)
def test_no_statement_has_the_key_written_out(shop: Shop, sql: str) -> None:
    reach = masked(shop, "employees", name="hash")
    try:
        text = str(check(sql, shop.dialect, shop.catalog, reach=reach))
    except QueryRejected:
        return
    assert masks.KEY not in text, "it would be replaced by the key"


def test_the_strictest_of_several_masks_holds() -> None:
    everybody = Policy(id=uuid4(), table="shop.employees", masked={"salary": "hash", "name": "year"})
    viewers = Policy(id=uuid4(), table="shop.employees", role="viewer", masked={"salary": "empty"})
    viewer = Actor(user_id=uuid4(), user_name="v", workspace_id=uuid4(), role="viewer")
    editor = viewer.model_copy(update={"role": "editor"})
    for order in ((everybody, viewers), (viewers, everybody)):
        for person, salary in ((viewer, "empty"), (editor, "hash")):
            rule = reach_of(Policies(tables=order), person, "shop").rules["shop.employees"]
            assert rule.masked == {"salary": salary, "name": "year"}
