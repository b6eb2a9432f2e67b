"""Everyday analytics pass the guard, mean the same afterwards, and what is refused is refused in useful words."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.queries.conftest import Shop
from tools.connectors.base import Column, Dialect, TableSchema
from tools.errors import QueryRejected
from tools.queries.allowed import FUNCTIONS
from tools.queries.guard import CheckedSQL, Limits, check
from tools.queries.syntax import tokenize

FOLDER = Path(__file__).parent
DIALECTS: tuple[Dialect, ...] = ("postgres", "mysql")


def legit(dialect: Dialect) -> list[str]:
    """Questions that people ask, as SQL."""
    classes = tomllib.loads((FOLDER / f"legit_{dialect}.toml").read_text())
    return [sql for entry in classes.values() for sql in entry["sql"]]


def catalog(**tables: str) -> tuple[TableSchema, ...]:
    return tuple(
        TableSchema(
            schema_name="public",
            name=name,
            columns=tuple(Column(name=column, type="text", family="text") for column in columns.split()),
        )
        for name, columns in tables.items()
    )


SHOP = catalog(
    customers="id name email country created_at profile tags",
    orders="id customer_id status total ordered_at shipped_at note",
    invoices="id total due_on",
    products="id name category price",
    employees="id name manager_id salary department hired_on",
)


def refusal(sql: str, dialect: Dialect = "postgres", known: tuple[TableSchema, ...] | None = SHOP) -> str:
    with pytest.raises(QueryRejected) as raised:
        check(sql, dialect, known)
    return str(raised.value)


# What people ask


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_corpus_is_large_enough(dialect: Dialect) -> None:
    assert len(set(legit(dialect))) >= 120


async def test_what_passes_means_the_same_as_before(shop: Shop) -> None:
    different = []
    async with shop.connector() as connector:
        for sql in legit(shop.dialect):
            asked = await connector.fetch(sql.rstrip().removesuffix(";"), shop.limits)
            ran = await connector.fetch(str(check(sql, shop.dialect, shop.catalog)), shop.limits)
            if ran.rows != asked.rows or (shop.dialect == "postgres" and ran.columns != asked.columns):
                different.append(sql)
    assert different == []


def test_checking_twice_gives_the_same(shop: Shop) -> None:
    for sql in legit(shop.dialect):
        once = check(sql, shop.dialect, shop.catalog)
        twice = check(once, shop.dialect, shop.catalog)
        assert (twice, twice.tables, twice.columns) == (once, once.tables, once.columns)


def test_it_passes_without_a_catalogue_too(shop: Shop) -> None:
    for sql in legit(shop.dialect):
        if "order_status" not in sql:  # only a catalogue tells that it is an enumeration
            check(sql, shop.dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_call_swapped_for_an_unknown_one_is_refused(dialect: Dialect) -> None:
    passed = []
    for sql in legit(dialect):
        tokens = tokenize(sql, dialect)
        for token, following in pairwise(tokens):
            if following.text != "(" or token.text.lower() not in FUNCTIONS[dialect]:
                continue
            for other in ("wipe", "public.wipe", "pg_sleep", "sleep", "set_config", '"count"', "`count`"):
                changed = sql[: token.start] + other + sql[token.end + 1 :]
                if _passes(changed, dialect):
                    passed.append(changed)
    assert passed == []


@pytest.mark.parametrize(
    "tail",
    [
        "; DELETE FROM canary",
        " FOR UPDATE",
        " INTO OUTFILE '/tmp/x'",
        " INTO evil",
        " /*! x */",
        " UNION SELECT wipe()",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_can_be_hung_on(dialect: Dialect, tail: str) -> None:
    for sql in legit(dialect):
        plain = sql.split("--")[0].split("#")[0].rstrip().removesuffix(";")
        assert not _passes(plain + tail, dialect), plain + tail


def _passes(sql: str, dialect: Dialect) -> bool:
    try:
        check(sql, dialect)
    except QueryRejected:
        return False
    return True


# What comes out


def test_it_tells_what_is_read() -> None:
    checked = check(
        "WITH big AS (SELECT * FROM orders WHERE total > 5)"
        " SELECT c.name FROM customers c JOIN big b ON b.customer_id = c.id",
        "postgres",
        SHOP,
    )
    assert isinstance(checked, CheckedSQL)
    assert set(checked.tables) == {("public", "orders"), ("public", "customers")}
    assert {("orders", "total"), ("customers", "name"), ("customers", "id")} <= set(checked.columns)


def test_comments_and_the_last_semicolon_go() -> None:
    assert check("SELECT id /* x */ FROM orders; -- y", "postgres", SHOP) == "SELECT id FROM orders"


def test_mariadb_is_spoken_where_mysql_differs() -> None:
    sql = check("SELECT profile->>'$.a', name REGEXP 'x', MEDIAN(id) OVER () FROM customers", "mysql", SHOP)
    assert "JSON_UNQUOTE(JSON_EXTRACT(profile, '$.a'))" in sql and "name REGEXP 'x'" in sql and "MEDIAN(id)" in sql
    assert check("SELECT JSON_LENGTH(profile->'$.a') FROM customers", "mysql", SHOP) == (
        "SELECT JSON_LENGTH(JSON_EXTRACT(profile, '$.a')) FROM customers"
    )
    assert check("SELECT 1 FROM DUAL", "mysql", SHOP) == "SELECT 1 FROM DUAL"


# What is refused, in which words


def test_a_mistyped_column_is_told_with_the_right_one() -> None:
    assert refusal("SELECT i.totl FROM invoices i") == "No column 'totl' in invoices; did you mean 'total'?"
    assert "did you mean 'total'" in refusal("SELECT totl FROM invoices")


def test_a_mistyped_table_is_told_with_the_right_one() -> None:
    assert refusal("SELECT * FROM invoice") == "No table 'invoice'; did you mean 'invoices'?"


def test_without_anything_near_it_says_what_there_is() -> None:
    assert "it has due_on, id, total" in refusal("SELECT i.colour FROM invoices i")
    assert "the query reads c." in refusal("SELECT x.id FROM customers c")


def test_a_function_is_told_with_a_near_one() -> None:
    assert "did you mean date_trunc" in refusal("SELECT date_truncate('month', ordered_at) FROM orders")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT o.id FROM customers c, (SELECT id FROM orders WHERE customer_id = c.id) o",  # not LATERAL
        "SELECT id FROM (SELECT name FROM customers) t",
        "SELECT t.name FROM (SELECT id FROM customers) AS t",
        "WITH t(a) AS (SELECT id FROM customers) SELECT id FROM t",
        "SELECT name FROM customers UNION SELECT name FROM employees ORDER BY salary",
        "SELECT total AS amount FROM orders WHERE amount > 5",
        "SELECT 1 FROM customers c JOIN orders o ON o.customer_id = k.id",
        "SELECT a.id FROM customers AS a(x)",
    ],
)
def test_scopes_are_kept(sql: str) -> None:
    assert refusal(sql).startswith("No ")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT (SELECT max(o.total) FROM orders o WHERE o.customer_id = c.id) FROM customers c",
        "SELECT name AS n FROM customers ORDER BY n",
        "SELECT country AS c, count(*) FROM customers GROUP BY c",
        "SELECT id FROM customers JOIN (SELECT id FROM orders) o USING (id)",
        "SELECT o.id FROM customers c, LATERAL (SELECT id FROM orders WHERE customer_id = c.id) o",
        "SELECT x FROM customers AS a(x)",
        "SELECT count FROM (SELECT count(*) FROM orders) t",
        'SELECT "ID" FROM (SELECT id AS "ID" FROM orders) t',
        "SELECT c.id FROM customers c WHERE EXISTS (SELECT FROM orders WHERE customer_id = c.id) OR true",
        "SELECT to_jsonb(c) FROM customers c",
        "SELECT public.orders.id FROM public.orders",
        "SELECT ORDERS.ID FROM Orders",
    ],
)
def test_scopes_are_seen_through(sql: str) -> None:
    if "SELECT FROM" in sql:
        assert "reads no column" in refusal(sql)
    else:
        check(sql, "postgres", SHOP)


def test_quoted_names_are_compared_exactly() -> None:
    assert refusal('SELECT "ID" FROM orders').startswith("No column 'ID'")


def test_the_limits_hold() -> None:
    assert "longer than 100 bytes" in _limited("SELECT " + "1," * 100 + "1", Limits(bytes=100))
    assert "joins" in _limited("SELECT 1 FROM a" + " JOIN b USING (id)" * 5, Limits(joins=4))
    assert "nested" in _limited("SELECT " + "(" * 70 + "1" + ")" * 70, Limits())
    assert "nested" in _limited("SELECT * FROM " + "(SELECT * FROM " * 30 + "t" + ") AS t" * 30, Limits())


@pytest.mark.parametrize(
    "part", ["(", "NOT ", "- ", "CASE WHEN ", "f(", "(SELECT ", "ARRAY[", "a[", "[", "{", "/*", "x.", "~"]
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_deep_nesting_is_refused_and_not_run_into(dialect: Dialect, part: str) -> None:
    assert not _passes("SELECT " + part * 3000, dialect)


def test_long_chains_are_no_depth() -> None:
    check("SELECT 1 WHERE " + " OR ".join(f"1 = {number}" for number in range(300)), "postgres")
    check("SELECT " + " + ".join(["1"] * 500), "postgres")
    check(" UNION ALL ".join(["SELECT 1"] * 100), "postgres")


def _limited(sql: str, limits: Limits) -> str:
    with pytest.raises(QueryRejected) as raised:
        check(sql, "postgres", None, limits)
    return str(raised.value)


# Whatever is typed

WORDS = r"""
    SELECT FROM WHERE GROUP BY ORDER LIMIT JOIN ON WITH RECURSIVE AS UNION ALL INSERT INTO DELETE UPDATE SET
    customers orders id name total wipe() count(*) ( ) , ; . * = < > + - / || :: -> ->> @> ? ! ~ ^ % & | # $
    'a' "b" `c` $$d$$ E'\n' -- /* */ @x @@y 0x1F 1e9 \
    INTERVAL CASE WHEN THEN END CAST VALUES LATERAL OVER PARTITION FILTER IN EXISTS NOT NULL FOR OUTFILE CALL
"""
PIECES = st.sampled_from(WORDS.split())


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=25).map(" ".join), st.sampled_from(DIALECTS))
def test_pieces_of_sql_are_judged_and_never_crash(sql: str, dialect: Dialect) -> None:
    _judged(sql, dialect)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(DIALECTS))
def test_any_text_is_judged_and_never_crashes(text: str, dialect: Dialect) -> None:
    _judged(text, dialect)
    _judged(f"SELECT '{text}'", dialect)
    _judged(f"SELECT {text} FROM customers", dialect)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(DIALECTS))
def test_cut_and_mixed_queries_are_judged_and_never_crash(data: st.DataObject, dialect: Dialect) -> None:
    queries = legit(dialect)
    first, second = data.draw(st.sampled_from(queries)), data.draw(st.sampled_from(queries))
    cut = data.draw(st.integers(0, len(first)))
    _judged(first[:cut] + second[data.draw(st.integers(0, len(second))) :], dialect)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30), st.sampled_from(DIALECTS))
def test_a_text_stays_one_text(text: str, dialect: Dialect) -> None:
    """Whatever stands inside quotes is still one literal, of the same value, when it comes out."""
    quoted = text.replace("'", "''").replace("\\", "\\\\" if dialect == "mysql" else "\\")
    try:
        checked = check(f"SELECT '{quoted}' AS x", dialect)
    except QueryRejected:
        return
    assert checked == f"SELECT '{quoted}' AS x"


def _judged(sql: str, dialect: Dialect) -> None:
    try:
        once = check(sql, dialect)
    except QueryRejected:
        return
    assert check(once, dialect) == once
