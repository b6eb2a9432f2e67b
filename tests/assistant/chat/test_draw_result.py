"""What a result's card says and draws."""

from typing import Any

import pytest

from assistant.chat.draw_result import chart, heading, in_order, labels, short_names
from tools.connectors.base import ResultColumn, Rows
from tools.queries.chart import ChartSpec, suggest


def rows(columns: dict[str, Any], *cells: tuple[Any, ...]) -> Rows:
    named = tuple(ResultColumn(name=name, family=family) for name, family in columns.items())
    return Rows(columns=named, rows=cells, truncated=False, milliseconds=1)


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["2026-01-01", "2026-10-01"], ["Jan 2026", "Oct 2026"]),
        (["2026-01", "2026-02"], ["Jan 2026", "Feb 2026"]),
        (["2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"], ["Jan 2026", "Feb 2026"]),
        (["2025-01-01", "2026-01-01"], ["2025", "2026"]),
        (["2026-01-01", "2026-01-02"], ["2026-01-01", "2026-01-02"]),
        (["2026-01-01T10:30:00"], ["2026-01-01 10:30"]),
        ([2024, 2025], ["2024", "2025"]),
        (["Spain", None], ["Spain", "NULL"]),
        (["2026-01-01", None, "2026-02-01"], ["Jan 2026", "NULL", "Feb 2026"]),
        (["2026-Q1", "2026-Q2"], ["2026-Q1", "2026-Q2"]),
        ([], []),
    ],
)
def test_what_stands_along_an_axis(values: list[Any], written: list[str]) -> None:
    assert labels(values) == written


def test_a_line_runs_forward_in_time_whatever_the_order_of_the_rows() -> None:
    result = rows({"month": "date", "orders": "number"}, ("2026-03-01", 3), ("2026-01-01", 1), ("2026-02-01", None))
    drawn = chart(ChartSpec(kind="line", x="month", y=("orders",)), result)
    assert drawn["labels"] == ["Jan 2026", "Feb 2026", "Mar 2026"]
    assert drawn["series"] == [{"name": "orders", "values": [1.0, None, 3.0]}]


def test_each_kind_has_its_line_with_gaps_where_it_has_no_row() -> None:
    result = rows(
        {"month": "text", "channel": "text", "orders_count": "number"},
        ("2026-02", "app", 4),
        ("2026-01", "app", 3),
        ("2026-01", "web", 9),
        ("2026-03", "web", 8),
        ("2026-03", "app", "5"),
    )
    spec = suggest(result.columns, result.rows)
    assert spec == ChartSpec(kind="line", x="month", y=("orders_count",), split="channel")
    drawn = chart(spec, result)
    assert drawn["labels"] == ["Jan 2026", "Feb 2026", "Mar 2026"]
    assert drawn["series"] == [{"name": "web", "values": [9.0, None, 8.0]}, {"name": "app", "values": [3.0, 4.0, 5.0]}]
    assert drawn["title"] == "number of orders by month and channel"
    twice = (*result.rows, ("2026-03", "app", 1))
    assert suggest(result.columns, twice) is None, "two numbers for one time and kind make no line"


def test_months_as_numbers_are_sorted_as_numbers() -> None:
    result = rows({"month": "number", "orders": "number"}, (10, 1), (9, 2), (1, 3))
    assert chart(ChartSpec(kind="line", x="month", y=("orders",)), result)["labels"] == ["1", "9", "10"]


def test_bars_keep_the_order_of_the_rows_and_stop_at_the_top() -> None:
    result = rows({"country": "text", "revenue": "number"}, ("Spain", "9.50"), ("France", 7), ("Italy", 1))
    drawn = chart(ChartSpec(kind="bar", x="country", y=("revenue",), top=2), result)
    assert drawn["labels"] == ["Spain", "France"]
    assert drawn["series"][0]["values"] == [9.5, 7.0]
    assert drawn["decimals"] == 2


def test_the_top_holds_the_largest_when_the_query_did_not_order() -> None:
    result = rows({"country": "text", "revenue": "number"}, ("Spain", 2), ("France", 7), ("Italy", 3))
    drawn = chart(ChartSpec(kind="bar", x="country", y=("revenue",), top=2), result)
    assert drawn["labels"] == ["France", "Italy"]


def test_the_table_goes_by_its_bars_unless_the_query_has_an_order() -> None:
    result = rows({"country": "text", "revenue": "number"}, ("Spain", 2), ("France", 7), ("Italy", 3))
    bars = ChartSpec(kind="bar", x="country", y=("revenue",), top=2)
    unordered = "SELECT country, SUM(total) AS revenue FROM orders GROUP BY country LIMIT 1001"
    assert [row[0] for row in in_order(unordered, bars, result)] == ["France", "Italy", "Spain"]
    for sql, spec in ((f"{unordered} order  by country", bars), (unordered, None)):
        assert in_order(sql, spec, result) == list(result.rows)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("orders_count", "number of orders"),
        ("avg_total", "average total"),
        ("units_sold", "units sold"),
        ("discount", "discount"),
        ("sum", "sum"),
        ("coupon_code_count", "coupon code count"),
        ("_", "_"),
    ],
)
def test_an_answer_heads_its_columns_with_words(column: str, said: str) -> None:
    assert heading(column) == said


def test_table_names_lose_their_schema_unless_two_would_look_alike() -> None:
    assert short_names(("public.orders", "public.items")) == ["orders", "items"]
    assert short_names(("a.orders", "b.orders")) == ["a.orders", "b.orders"]
    assert short_names(()) == []
