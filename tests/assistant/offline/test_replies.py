"""Sentences from results: the number first, in the words of the question."""

from datetime import date
from typing import Any

import pytest

from assistant.offline.figures import amount, listed, number_of, written
from assistant.offline.forms import Expr, Form, Ref
from assistant.offline.replies import Asked, dated, sentence
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
        ("how many orders were cancelled this year", 12, "12 orders were cancelled in 2026."),
        ("how many orders were cancelled this year", 1, "1 order was cancelled in 2026."),
        ("How many customers are there in France?", 7, "There are 7 customers in France."),
        ("How many customers live in Paris?", 1284, "1,284 customers live in Paris."),
        ("How many customers live in Paris?", 1, "Exactly one."),
        ("How many orders did our customers place in 2025?", 9, "Our customers placed 9 orders in 2025."),
        ("How many pets do students have", 3, "Students have 3 pets."),
        ("How many of the orders are paid?", 0, "None of the orders are paid."),
        ("How many singers exist?", 5, "There are 5 singers."),
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
    assert many == "30 customers."
    cut = sentence(Asked("customers", name, [("x",)] * 1000, True, form, TODAY))
    assert cut == "The first 1,000 customers; there are more."


def test_a_ranking_names_its_leaders_and_a_group_its_ends() -> None:
    columns = [column("country", "text"), column("revenue")]
    form = Form(
        select=(Expr("o", Ref("o", "country")), Expr("o", Ref("o", "total"), "sum")),
        group=(Expr("o", Ref("o", "country")),),
    )
    ranked = told("top countries", columns, ("France", 9), ("Spain", 3), ("Peru", 2), ("Chile", 1), form=form)
    assert ranked == "4 countries: France (9), Spain (3) and Peru (2) lead."
    grouped = told("revenue per country", columns, ("Chile", 3), ("France", 9), ("Peru", 1), form=form)
    assert grouped == "3 countries; the highest is France (9), the lowest Peru (1)."


def test_a_series_tells_its_ends_and_its_peak() -> None:
    when = Expr("o", Ref("o", "ordered_at"), bucket="month")
    form = Form(select=(when, Expr("o", agg="count")), group=(when,))
    columns = [column("month", "date"), column("orders")]
    rows = [("2026-08-01", 5), ("2026-09-01", 9), ("2026-10-01", 7)]
    assert told("orders per month", columns, *rows, form=form) == (
        "3 months: from 5 in August 2026 to 7 in October 2026, highest in September 2026 with 9."
    )


def test_one_row_is_read_out() -> None:
    columns = [column("name", "text"), column("revenue")]
    assert told("best customer", columns, ("Ada", 1234.5)) == "Ada: revenue 1,234.50."


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
