"""Sentences from results: the number first, in the words of the question."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from assistant.offline.asked import Asked
from assistant.offline.counting import dated
from assistant.offline.figures import amount, listed, number_of, written
from assistant.offline.forms import All, Compare, Expr, Form, Ref, Sort
from assistant.offline.replies import sentence
from assistant.offline.spans import Span
from tools.connectors.base import ResultColumn, TypeFamily

TODAY = date(2026, 11, 21)


def column(name: str, family: TypeFamily = "number") -> ResultColumn:
    return ResultColumn(name=name, family=family)


def told(question: str, columns: list[ResultColumn], *rows: tuple[Any, ...], form: Form | None = None) -> str:
    return sentence(Asked(question, columns, rows, False, form, TODAY))


@pytest.mark.parametrize(
    ("question", "number", "expected"),
    [
        ("How many orders did we ship last month?", 1284, "We shipped 1,284 orders in October 2026."),
        ("How many orders did we ship last month?", 1, "We shipped 1 order in October 2026."),
        ("How many orders did we ship last month?", 0, "We shipped no orders in October 2026."),
        ("how many orders were cancelled this year", 12, "12 orders were cancelled in 2026 so far."),
        ("how many orders were cancelled this year", 1, "1 order was cancelled in 2026 so far."),
        ("How many customers are there in France?", 7, "There are 7 customers in France."),
        ("How many customers live in Paris?", 1284, "1,284 customers live in Paris."),
        ("How many customers live in Paris?", 1, "Exactly one."),
        ("How many orders did our customers place in 2025?", 9, "Our customers placed 9 orders in 2025."),
        ("How many pets do students have", 3, "Students have 3 pets."),
        ("How many of the orders are paid?", 0, "None of the orders are paid."),
        ("How many singers exist?", 5, "There are 5 singers."),
        ("How many cities do our customers come from?", 68, "N: 68."),
    ],
)
def test_how_many(question: str, number: int, expected: str) -> None:
    assert told(question, [column("n")], (number,)) == expected


def test_one_value_takes_up_the_question() -> None:
    price = [column("average_price")]
    assert (
        told("What is the average price of products?", price, ("12.503",)) == "The average price of products is 12.50."
    )
    assert (
        told("What was our revenue last month?", [column("revenue")], (1234.5,))
        == "Our revenue in October 2026 was 1,234.50."
    )
    assert told("and in 2024?", [column("revenue")], (1234.5,)) == "Revenue: 1,234.50."
    assert "no value" in told("average price of nothing", price, (None,)).lower()


def test_yes_and_no() -> None:
    form = Form(select=(Expr("public.customers", agg="count"),))
    assert told("Is there a customer called Ada?", [column("n")], (1,), form=form) == "Yes, 1."
    assert told("Are there customers in Peru?", [column("n")], (0,), form=form) == "No, none."
    assert told("Are there customers in Peru?", [column("name", "text")]) == "No: nothing matches."


def test_nothing_is_said_plainly() -> None:
    name = Ref("public.customers", "name")
    form = Form(select=(Expr("public.customers", name),), tables=("public.customers",))
    assert told("Which customers live in Peru?", [column("name", "text")], form=form) == "No customers match."


def test_lists_are_counted_and_short_ones_named() -> None:
    form = Form(select=(Expr("public.customers", Ref("public.customers", "name")),), tables=("public.customers",))
    name = [column("name", "text")]
    assert told("customers in Spain", name, ("Ada",), ("Bo",), form=form) == "2 customers: Ada and Bo."
    many = sentence(Asked("customers", name, [("x",)] * 30, False, form, TODAY))
    assert many == "There are 30 customers."
    cut = sentence(Asked("customers", name, [("x",)] * 1000, True, form, TODAY))
    assert cut == "There are more than 1,000 customers, of which the first 1,000 are shown."
    limited = form.change(where=(Compare(Expr("public.customers", Ref("public.customers", "city")), "=", "Berlin"),))
    found = [("x",)] * 30
    assert sentence(Asked("customers in Berlin", name, found, False, limited, TODAY)) == (
        "There are 30 customers in Berlin."
    )
    # What the words say beside a noun is not said again: it may not be what was read.
    assert sentence(Asked("what do customers spend?", name, found, False, limited, TODAY)) == "30 customers match."
    assert sentence(Asked("customers in Berlin", name, found, False, limited, TODAY, whole=False)) == (
        "30 customers match."
    )
    assert sentence(Asked("Are there customers?", name, found, False, form, TODAY)) == "Yes: 30 customers."


def test_a_ranking_names_its_leaders_and_a_group_its_ends() -> None:
    columns = [column("country", "text"), column("revenue")]
    form = Form(
        select=(Expr("o", Ref("o", "country")), Expr("o", Ref("o", "total"), "sum", label="revenue")),
        group=(Expr("o", Ref("o", "country")),),
    )
    ranked = told("top countries", columns, ("France", 9), ("Spain", 3), ("Peru", 2), ("Chile", 1), form=form)
    assert ranked == "Of 4 countries, France leads with a revenue of 9 (60 %), ahead of Spain (3) and Peru (2)."
    grouped = told("revenue per country", columns, ("Chile", 3), ("France", 9), ("Peru", 1), form=form)
    assert grouped == "Of 3 countries, France has the highest revenue (9, 69 %) and Peru the lowest (1)."
    head = told("top 2 countries", columns, ("France", 9), ("Spain", 3), form=form.change(limit=2))
    assert head == "France leads with a revenue of 9, ahead of Spain (3)."
    even = told("revenue per country", columns, ("France", 9), ("Spain", 9), form=form)
    assert even == "France and Spain each have a revenue of 9."
    cut = sentence(Asked("revenue per country", columns, [("France", 1), ("Spain", 9), ("Peru", 3)], True, form, TODAY))
    assert cut == "Of the first 3 countries, Spain has the highest revenue (9) and France the lowest (1)."


def test_a_series_tells_its_ends_and_its_peak() -> None:
    when = Expr("orders", Ref("orders", "ordered_at"), bucket="month")
    form = Form(select=(when, Expr("orders", agg="count")), group=(when,))
    columns = [column("month", "date"), column("orders")]
    rows = [("2026-08-01", 5), ("2026-09-01", 9), ("2026-10-01", 7)]
    assert told("orders per month", columns, *rows, form=form) == (
        "3 months: from 5 orders in August 2026 to 7 in October 2026; the most, 9, in September 2026."
    )
    assert told("orders per month", columns, *rows, ("2026-11-01", 8), form=form) == (
        "4 months: from 5 orders in August 2026 to 7 in October 2026; the most, 9, in September 2026; "
        "8 so far in November 2026."
    )


def test_one_row_is_read_out() -> None:
    columns = [column("name", "text"), column("revenue")]
    assert told("best customer", columns, ("Ada", 1234.5)) == "Ada: revenue 1,234.50."


def test_two_keys_make_combinations() -> None:
    keys = (Expr("claims", Ref("claims", "type")), Expr("claims", Ref("claims", "priority")))
    form = Form(select=(*keys, Expr("claims", agg="count")), group=keys)
    columns = [column("type", "text"), column("priority", "text"), column("claims_count")]
    assert told("claims by type and priority", columns, ("late", "low", 2), ("lost", "high", 6), form=form) == (
        "Of 2 combinations of type and priority, late / low has the fewest claims (2), then lost / high (6)."
    )


def test_the_first_by_something_is_told_with_it() -> None:
    price = Expr("products", Ref("products", "price"))
    form = Form(select=(Expr("products", Ref("products", "name")), price), order=(Sort(price, True),), limit=1)
    columns = [column("name", "text"), column("price")]
    assert told("dearest product", columns, ("Desk", "367.95"), form=form) == "Desk has the highest price (367.95)."
    assert told("What is the dearest product?", columns, ("Desk", "367.95"), form=form) == (
        "The dearest product is Desk, with a price of 367.95."
    )


def test_a_number_of_a_time_is_held_against_the_time_before() -> None:
    day = Expr("orders", Ref("orders", "ordered_at"))
    october = All((Compare(day, ">=", date(2026, 10, 1)), Compare(day, "<", date(2026, 11, 1))))
    form = Form(select=(Expr("orders", Ref("orders", "total"), "sum", label="revenue"),), where=(october,))
    asked = Asked("revenue last month", [column("revenue")], [("110.50",)], False, form, TODAY)
    assert sentence(asked) == "Revenue in October 2026 was 110.50."
    more = replace(asked, earlier=Decimal(100))
    assert sentence(more) == "Revenue in October 2026 was 110.50, 10 % more than in September (100)."
    assert sentence(replace(more, earlier=Decimal("110.5"))).endswith(", about the same as in September (110.50).")
    assert sentence(replace(more, earlier=Decimal(0))) == "Revenue in October 2026 was 110.50."
    november = All((Compare(day, ">=", date(2026, 11, 1)), Compare(day, "<", date(2026, 12, 1))))
    running = replace(asked, form=form.change(where=(november,)))
    assert sentence(running) == "Revenue in November 2026 so far is 110.50."
    spain = Compare(Expr("orders", Ref("orders", "country")), "=", "Spain")
    assert sentence(replace(asked, form=form.change(where=(october, spain)))) == "Revenue in October 2026: 110.50."


@pytest.mark.parametrize(
    ("start", "end", "name", "exact", "before"),
    [
        (date(2026, 10, 1), date(2026, 11, 1), "October 2026", "in October 2026 (1 to 31 October)", "September"),
        (date(2026, 1, 1), date(2026, 2, 1), "January 2026", "in January 2026 (1 to 31 January)", "December 2025"),
        (date(2026, 1, 1), date(2027, 1, 1), "2026", "in 2026 (1 January to 31 December)", "2025"),
        (date(2026, 4, 1), date(2026, 7, 1), "Q2 2026", "in Q2 2026 (1 April to 30 June)", "Q1"),
        (date(2026, 5, 5), date(2026, 5, 6), "5 May 2026", "on 5 May 2026", "the day before"),
        (date(2026, 11, 16), date(2026, 11, 23), "the week of 16 November 2026", None, "the week before"),
        (date(2026, 5, 1), date(2026, 6, 4), "1 May to 3 June 2026", "from 1 May to 3 June 2026", None),
        (date(2025, 5, 1), date(2026, 6, 4), "1 May 2025 to 3 June 2026", None, None),
    ],
)
def test_times_are_named(start: date, end: date, name: str, exact: str | None, before: str | None) -> None:
    span = Span(Expr("o", Ref("o", "at")), start, end)
    assert span.name == name
    assert exact is None or span.exact == exact
    assert (span.before and span.before.beside(span)) == before


def test_figures() -> None:
    assert written(1284) == "1,284"
    assert written("12.50") == "12.50"
    assert written(0.03127) == "0.03127"
    assert written(2024, "year") == "2024"
    assert written(10248, "order_id") == "10248"
    assert written("2026-10-01T00:00:00") == "1 October 2026"
    assert written("2026-10-01T14:05:00", numeric=False) == "1 October 2026 at 14:05"
    assert written("2026-10-01", bucket="quarter") == "Q4 2026"
    assert written("2026-10", bucket="month") == "October 2026"
    assert written("2026-W41", bucket="week") == "the week of 5 October 2026"
    assert written("2026-Q4", bucket="quarter") == "Q4 2026"
    assert written(None) == "nothing"
    assert written(True) == "yes"
    assert number_of("12a") is None
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert amount(number_of("0.5") or 0) == "0.5"  # type: ignore[arg-type]  # a number for certain


def test_relative_periods_are_written_out() -> None:
    assert dated("orders last quarter", TODAY) == "orders in Q3 2026"
    assert dated("orders in the last year", TODAY) == "orders in 2025"
    assert dated("orders yesterday", TODAY) == "orders on 20 November 2026"
    assert dated("orders last month", date(2026, 1, 5)) == "orders in December 2025"
