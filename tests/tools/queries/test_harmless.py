"""A barrier stays up before whatever could tell of a row that is not seen, and costs no index before the rest."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from tests.tools.queries.conftest import (
    Shop,
    _mysql_admin,
    _mysql_rows,
    _postgres_admin,
    drop_mysql,
    drop_postgres,
    make_mysql,
    make_postgres,
    open_shop,
)
from tools.queries.guard import check
from tools.reach import Reach, Rule

FENCES = ("OFFSET 0", "LIMIT 18446744073709551615")

HARMLESS = (
    "SELECT name FROM customers WHERE id = 7",
    "SELECT id FROM customers WHERE name = 'x' AND NOT (id > 3 OR country IS NULL)",
    "SELECT c.name, count(*) FROM customers c JOIN orders o ON customer_id = c.id WHERE o.id IN (1, 2) GROUP BY c.name",
    "SELECT c.name FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.id BETWEEN 1 AND 9",
    "SELECT id FROM customers ORDER BY id DESC LIMIT 3",
    "SELECT sum(o.id) FROM orders o HAVING count(*) > 1",
    "SELECT upper(name), id * 2 FROM customers WHERE id = 7 ORDER BY length(name)",
    "SELECT x.n FROM (SELECT country AS n, count(*) AS k FROM customers GROUP BY country) AS x WHERE x.k > 1",
    "WITH few AS (SELECT id FROM customers WHERE id < 9) SELECT count(*) FROM few",
    "SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
    "SELECT id FROM orders WHERE ordered_at >= CAST('2026-01-01' AS DATE)",
)
TELLING = (
    "SELECT name FROM customers WHERE 1 / (id - 7) > 0",
    "SELECT name FROM customers WHERE CAST(name AS DECIMAL) > 0",
    "SELECT name FROM customers WHERE length(name) > 3",
    "SELECT name FROM customers WHERE name LIKE 'C%'",
    "SELECT name FROM customers WHERE id + 1 = 8",
    "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id AND 10 / (o.id - 3) > 0",
    "SELECT x.n FROM (SELECT 10 / (id - 3) AS n FROM customers) AS x WHERE x.n > 0",
    "WITH x AS (SELECT 10 / (id - 3) AS n FROM customers) SELECT n FROM x WHERE n > 0",
    "SELECT count(*) FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE 10 / (o.id - c.id) > 0)",
    "SELECT (SELECT max(o.id) FROM orders o WHERE 10 / (o.id - c.id) > 0) FROM customers c",
    "SELECT country FROM customers GROUP BY country HAVING 10 / (length(country) - 2) > 0",
    "SELECT name FROM customers WHERE CASE WHEN id = 3 THEN 1 / (id - 3) ELSE 1 END = 1",
    "SELECT x.id FROM (SELECT * FROM customers) AS x WHERE x.id = 3",
    "SELECT id FROM customers WHERE id IN (SELECT 10 / (id - 3) FROM orders)",
)


def only_germans(shop: Shop) -> Reach:
    names = {shape.name: shape.qualified_name for shape in shop.catalog}
    rules = {names["customers"]: Rule(predicates=("country = {user.country}",))}
    return Reach(database="shop", rules={**rules, names["orders"]: Rule(predicates=("id < 190",))}, attributes=DE)


DE = {"country": "DE"}


def is_fenced(shop: Shop, sql: str, reach: Reach | None = None) -> bool:
    text = str(check(sql, shop.dialect, shop.catalog, reach=reach or only_germans(shop)))
    assert "'DE'" in text or "190" in text
    return any(fence in text for fence in FENCES)


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_compares_plainly_needs_no_fence(shop: Shop, sql: str) -> None:
    assert not is_fenced(shop, sql)


@pytest.mark.parametrize("sql", TELLING)
def test_what_could_fail_on_a_row_is_fenced(shop: Shop, sql: str) -> None:
    assert is_fenced(shop, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT c.id FROM customers c WHERE c = c",
        "SELECT id FROM customers WHERE id = 7 AND current_user::int = 1",
        "SELECT id FROM customers WHERE id = 7 AND now() - interval '9999999 years' < now()",
        "SELECT c.id FROM customers c NATURAL JOIN orders o",
        "SELECT c.id FROM customers c JOIN orders o USING (id)",
        "SELECT c.id FROM customers c TABLESAMPLE SYSTEM (50)",
        "SELECT id FROM customers UNION SELECT customer_id FROM orders",
    ],
)
def test_what_is_not_known_to_be_harmless_is_fenced(postgres_shop: Shop, sql: str) -> None:
    try:
        assert is_fenced(postgres_shop, sql)
    except Exception as error:  # refused altogether is as good
        if isinstance(error, AssertionError):
            raise


def test_a_policy_that_asks_other_tables_or_a_mask_keeps_its_fence(shop: Shop) -> None:
    names = {shape.name: shape.qualified_name for shape in shop.catalog}
    for rule in (
        Rule(predicates=("id IN (SELECT customer_id FROM orders)", "country = 'DE'")),
        Rule(predicates=("length(name) > 190",)),
        Rule(predicates=("country = 'DE'",), masked={"email": "empty"}),
    ):
        assert is_fenced(shop, "SELECT name FROM customers WHERE id = 7", Reach(rules={names["customers"]: rule}))


# What a database makes of it


MANY = "SELECT g.n AS id, CASE WHEN g.n % 2 = 0 THEN 'DE' ELSE 'FR' END AS country FROM "


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def full(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop of its own with a table that is worth an index."""
    name, dialect = f"full_{uuid4().hex[:8]}", request.param
    address = asyncio.run(make_postgres(name) if dialect == "postgres" else make_mysql(name))

    async def fill() -> None:
        if dialect == "postgres":
            admin = await _postgres_admin(name)
            await admin.execute("CREATE TABLE big (id int PRIMARY KEY, country text, note text)")
            await admin.execute(f"INSERT INTO big {MANY} generate_series(1, 20000) AS g (n)".replace(" AS id", ""))
            await admin.execute(f"ANALYZE big; GRANT SELECT ON big TO {name}")
            await admin.close()
        else:
            there = await _mysql_admin(name)
            await _mysql_rows(there, "CREATE TABLE big (id int PRIMARY KEY, country varchar(9), note text)")
            await _mysql_rows(there, f"INSERT INTO big (id, country) {MANY} (SELECT seq AS n FROM seq_1_to_20000) AS g")
            await _mysql_rows(there, "ANALYZE TABLE big")
            there.close()

    asyncio.run(fill())
    yield asyncio.run(open_shop(dialect, address))
    asyncio.run(drop_postgres(name) if dialect == "postgres" else drop_mysql(name))


async def plan(shop: Shop, sql: str) -> str:
    if shop.dialect == "postgres":
        admin: asyncpg.Connection[asyncpg.Record] = await _postgres_admin(shop.address.database)
        lines = [str(row[0]) for row in await admin.fetch(f"EXPLAIN {sql}")]
        await admin.close()
        return "\n".join(lines)
    there = await _mysql_admin(shop.address.database)
    rows = await _mysql_rows(there, f"EXPLAIN {sql}")
    there.close()
    return str(rows)


async def test_a_point_look_up_uses_the_index(full: Shop) -> None:
    name = next(shape.qualified_name for shape in full.catalog if shape.name == "big")
    reach = Reach(rules={name: Rule(predicates=("country = {user.country}",))}, attributes=DE)
    seen = check("SELECT id, country FROM big WHERE id = 4712", full.dialect, full.catalog, reach=reach)
    unseen = check("SELECT id, country FROM big WHERE id = 4711", full.dialect, full.catalog, reach=reach)
    fenced = check("SELECT id FROM big WHERE id + 0 = 4712 AND id = 4712", full.dialect, full.catalog, reach=reach)
    index = "Index Scan" if full.dialect == "postgres" else "PRIMARY"
    assert index in await plan(full, str(seen))
    assert index not in await plan(full, str(fenced)) or "<derived" in await plan(full, str(fenced))
    async with full.connector() as connector:
        assert (await connector.fetch(str(seen), full.limits)).rows == ((4712, "DE"),)
        assert (await connector.fetch(str(unseen), full.limits)).rows == ()
