"""Policies hold: a query under them gives what it gives on a copy of the database that holds only what may be seen."""

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

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
from tests.tools.queries.test_guard import DIALECTS, legit
from tools.connectors.base import Connector, Dialect, Rows, TableSchema
from tools.errors import NotAllowed, QueryFailed, QueryRejected, QueryTimedOut
from tools.queries import barrier
from tools.queries.guard import check
from tools.queries.syntax import generate, parse, tokenize
from tools.reach import Reach, Rule

FOLDER = Path(__file__).parent

RULES = {
    "customers": Rule(predicates=("country = {user.country}",)),
    "orders": Rule(predicates=("customer_id IN (SELECT id FROM customers WHERE country = {user.country})", "id < 190")),
    "employees": Rule(predicates=("department IN ({user.departments})",), masked={"salary": "empty"}),
    "canary": Rule(hidden=True),
}
ATTRIBUTES = {"country": "DE", "departments": "sales, build"}

UNSEEN = (
    "DELETE FROM customers WHERE country <> 'DE'",
    "DELETE FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) OR id >= 190",
    "DELETE FROM employees WHERE department NOT IN ('sales', 'build')",
    "UPDATE employees SET salary = NULL",
    "DROP TABLE canary",
)
"""What makes the copy hold only what may be seen."""

SECRETS = ("Customer 1'", "Customer 2", "c1@example.org", "9000", "6500", "Ada", "untouched")
"""Words of what may not be seen: no message may hold them."""


def reach_of(catalog: tuple[TableSchema, ...]) -> Reach:
    names = {shape.name: shape.qualified_name for shape in catalog}
    return Reach(database="shop", rules={names[name]: rule for name, rule in RULES.items()}, attributes=ATTRIBUTES)


@pytest.fixture(scope="session")
def postgres_seen() -> Iterator[Shop]:
    name = f"seen_{uuid4().hex[:8]}"
    address = asyncio.run(make_postgres(name))

    async def take_out() -> None:
        admin = await _postgres_admin(name)
        await admin.execute(
            "ALTER TABLE employees ALTER salary DROP NOT NULL, DROP CONSTRAINT employees_manager_id_fkey"
        )
        await admin.execute("ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey")
        await admin.execute("ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey")
        for statement in UNSEEN:
            await admin.execute(statement)
        await admin.close()

    asyncio.run(take_out())
    yield asyncio.run(open_shop("postgres", address))
    asyncio.run(drop_postgres(name))


@pytest.fixture(scope="session")
def mysql_seen() -> Iterator[Shop]:
    name = f"seen_{uuid4().hex[:8]}"
    address = asyncio.run(make_mysql(name))

    async def take_out() -> None:
        admin = await _mysql_admin(name)
        await _mysql_rows(admin, "ALTER TABLE employees MODIFY salary DECIMAL(10,2)")
        for statement in UNSEEN:
            await _mysql_rows(admin, statement)
        admin.close()

    asyncio.run(take_out())
    yield asyncio.run(open_shop("mysql", address))
    asyncio.run(drop_mysql(name))


@pytest.fixture
def seen(shop: Shop, request: pytest.FixtureRequest) -> Shop:
    """The copy of the shop in hand that holds only what may be seen."""
    found: Shop = request.getfixturevalue(f"{shop.dialect}_seen")
    return found


async def outcome(connector: Connector, shop: Shop, sql: str) -> Rows | str:
    try:
        return await connector.fetch(sql, shop.limits)
    except (QueryFailed, QueryTimedOut) as error:
        return str(error)


def plain(rows: Rows) -> list[str]:
    return sorted(repr(row) for row in rows.rows)


def _short(found: Rows | str) -> str:
    return found if isinstance(found, str) else str(plain(found)[:3])


async def leaks(shop: Shop, seen: Shop, statements: list[str]) -> tuple[list[str], int]:
    """The statements that tell something under policies that they do not tell on the copy; and how many ran."""
    reach, wrong, ran = reach_of(shop.catalog), [], 0
    async with shop.connector() as whole, seen.connector() as copy:
        for sql in statements:
            try:
                checked = check(sql, shop.dialect, shop.catalog, reach=reach)
            except (QueryRejected, NotAllowed) as refusal:
                if any(secret in str(refusal) for secret in SECRETS if secret not in sql):
                    wrong.append(sql)
                continue
            ran += 1
            got = await outcome(whole, shop, str(checked))
            expected = await outcome(copy, seen, sql.rstrip().removesuffix(";"))
            if isinstance(expected, str):  # a name that only the catalogue's spelling makes right
                spelled = check(sql, seen.dialect, seen.catalog, reach=Reach(database="shop", only=("*",)))
                expected = await outcome(copy, seen, str(spelled))
            if isinstance(got, str):
                # An error is a leak when it tells a secret, and when no row that is seen provokes it.
                told = not isinstance(expected, str) or any(one in got for one in SECRETS if one not in sql)
            else:
                told = isinstance(expected, str) or plain(got) != plain(expected)
            if told:
                wrong.append(f"{sql} -- {_short(expected)}, got {_short(got)}")
    return wrong, ran


async def test_what_people_ask_is_answered_of_what_they_see(shop: Shop, seen: Shop) -> None:
    asked = [sql for sql in legit(shop.dialect) if "TABLESAMPLE" not in sql.upper()]
    wrong, ran = await leaks(shop, seen, asked)
    assert wrong == []
    assert ran > 0.85 * len(asked)


def attempts(dialect: Dialect) -> list[str]:
    classes = tomllib.loads((FOLDER / "around_policies.toml").read_text())
    return [sql for entry in classes.values() for sql in (*entry.get("both", ()), *entry.get(dialect, ()))]


async def test_no_attempt_gets_around(shop: Shop, seen: Shop) -> None:
    statements = attempts(shop.dialect)
    assert len(statements) >= 60
    wrong, _ = await leaks(shop, seen, statements)
    assert wrong == []


async def test_each_table_alone_gives_what_may_be_seen_of_it(shop: Shop, seen: Shop) -> None:
    tables = [shape.name for shape in shop.catalog]
    shown = [f"SELECT {columns} FROM {table}" for table in tables for columns in ("*", "count(*)")]
    wrong, ran = await leaks(shop, seen, shown)
    assert wrong == []
    assert ran == len(shown) - 2  # the hidden one is not there


def test_what_is_hidden_or_masked_says_so(shop: Shop) -> None:
    reach = reach_of(shop.catalog)
    for sql, reason in (
        ("SELECT * FROM canary", "No table 'canary'"),
        ("SELECT name FROM employees WHERE salary > 5000", "'salary' of employees is masked for you"),
        ("SELECT name FROM employees ORDER BY salary", "masked"),
        ("SELECT sum(salary) FROM employees", "masked"),
        ("WITH orders AS (SELECT 1 AS a) SELECT a FROM orders", "rename it"),
    ):
        with pytest.raises(QueryRejected, match=reason):
            check(sql, shop.dialect, shop.catalog, reach=reach)


def test_a_missing_attribute_stops_the_query(shop: Shop) -> None:
    reach = reach_of(shop.catalog).model_copy(update={"attributes": {"departments": "sales"}})
    with pytest.raises(NotAllowed, match="'country', and you have none"):
        check("SELECT count(*) FROM customers", shop.dialect, shop.catalog, reach=reach)
    check("SELECT count(*) FROM employees", shop.dialect, shop.catalog, reach=reach)


def test_without_a_catalogue_nothing_runs_under_policies() -> None:
    reach = Reach(rules={"public.orders": Rule(hidden=True)})
    with pytest.raises(QueryRejected, match="refresh it first"):
        check("SELECT 1", "postgres", None, reach=reach)


def test_a_free_person_gets_the_very_same_text(shop: Shop) -> None:
    for sql in legit(shop.dialect):
        assert check(sql, shop.dialect, shop.catalog, reach=Reach(database="shop")) == check(
            sql, shop.dialect, shop.catalog
        )


@pytest.mark.parametrize("harmless", [False, True])
def test_a_tree_without_its_barrier_is_refused(shop: Shop, harmless: bool) -> None:
    """The last look does not trust what was built: with a barrier taken out or loosened, nothing runs."""
    reach = reach_of(shop.catalog)
    sql = "SELECT count(*) AS n FROM customers AS c" + ("" if harmless else " WHERE length(c.name) > 0")
    checked = str(check(sql, shop.dialect, shop.catalog, reach=reach))
    tree = parse(checked, tokenize(checked, shop.dialect), shop.dialect)
    barrier.check_barriers(tree, shop.dialect, shop.catalog, reach, harmless)
    loosened = checked.replace("'DE'", "'FR'"), checked.replace("'DE'", "'DE' OR TRUE"), checked.replace("OFFSET 0", "")
    for text in (*loosened, checked.replace("LIMIT 18446744073709551615", "")):
        if text == checked:
            continue
        changed = parse(text, tokenize(text, shop.dialect), shop.dialect)
        with pytest.raises(QueryRejected, match="around its policy"):
            barrier.check_barriers(changed, shop.dialect, shop.catalog, reach, harmless)


# Values of attributes


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=40))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_attribute_stays_one_literal(dialect: Dialect, value: str) -> None:
    catalog = _one_table()
    reach = Reach(rules={"public.t": Rule(predicates=("region = {user.region}",))}, attributes={"region": value})
    try:
        checked = check("SELECT id FROM t", dialect, catalog, reach=reach)
    except QueryRejected:
        return  # a lure or an invisible character: refused, whoever wrote it
    tree = parse(str(checked), tokenize(str(checked), dialect), dialect)
    condition = tree.find(exp.Where)
    assert condition is not None
    assert [literal.this for literal in condition.find_all(exp.Literal)] == [value]
    assert generate(tree, dialect) == str(checked)


NASTY = (
    "it's",
    "\\",
    "\\'",
    "a\\' OR 1=1 -- ",
    '"',
    "`",
    "''",
    "'); DROP TABLE t; --",
    "%",
    "ü€",
    "$1",
    "{user.x}",
    ":x",
)


@pytest.mark.parametrize("value", NASTY)
async def test_servers_read_the_literal_as_the_value(shop: Shop, value: str) -> None:
    reach = Reach(
        rules={one.qualified_name: Rule(predicates=("{user.v} = {user.v}",)) for one in shop.catalog},
        attributes={"v": value},
    )
    text = str(check("SELECT count(*) FROM products", shop.dialect, shop.catalog, reach=reach))
    literal = text.partition("(")[2].partition(" = ")[0].rpartition("(")[2]
    async with shop.connector() as connector:
        assert (await connector.fetch(text, shop.limits)).rows == ((12,),)
        assert (await connector.fetch(f"SELECT {literal}", shop.limits)).rows == ((value,),)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_beside_a_number_stands_a_number(dialect: Dialect) -> None:
    rules = {"public.t": Rule(predicates=("id = {user.id} AND id IN ({user.ids})",))}
    good = Reach(rules=rules, attributes={"id": "-42", "ids": "1, 2.5"})
    assert "= -42 AND" in check("SELECT id FROM t", dialect, _one_table(), reach=good)
    assert "IN (1, 2.5)" in check("SELECT id FROM t", dialect, _one_table(), reach=good)
    none = Reach(rules=rules, attributes={"id": "1", "ids": ""})
    assert "IN (NULL)" in check("SELECT id FROM t", dialect, _one_table(), reach=none)
    for bad in ("42abc", "0x10", "1e5", "", "1 OR 1=1"):
        wrong = Reach(rules=rules, attributes={"id": bad, "ids": "1"})
        with pytest.raises(NotAllowed, match="is no number"):
            check("SELECT id FROM t", dialect, _one_table(), reach=wrong)


@pytest.mark.parametrize(
    "text",
    [
        "region = 'x') OR (true",
        "true) UNION SELECT (1",
        "1=1) GROUP BY (region",
        "region = 'x' -- ",
        "region = '{user.region}'",
        "true; DELETE FROM t",
        "",
        "region = 'x') LIMIT (1",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_condition_is_no_policy(dialect: Dialect, text: str) -> None:
    reach = Reach(rules={"public.t": Rule(predicates=(text or " ",))}, attributes={"region": "north"})
    with pytest.raises(QueryRejected):
        check("SELECT id FROM t", dialect, _one_table(), reach=reach)


def _one_table() -> tuple[TableSchema, ...]:
    from tools.connectors.base import Column

    return (
        TableSchema(
            schema_name="public",
            name="t",
            columns=(
                Column(name="id", type="integer", family="number"),
                Column(name="region", type="text", family="text"),
            ),
        ),
    )
