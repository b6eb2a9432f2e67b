"""The sample shop's rows: the same each time, and true to how a shop works."""

from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from tools.demo import generate
from tools.demo.tables import TABLES

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 21)
Shop = dict[str, list[dict[str, Any]]]


@cache
def shop_on(today: date) -> Shop:
    """The shop with its rows as dicts."""
    names = {table.name: [column.name for column in table.columns] for table in TABLES}
    return {
        table: [dict(zip(names[table], row, strict=True)) for row in rows] for table, rows in generate(today).items()
    }


@pytest.fixture
def shop() -> Shop:
    return shop_on(TODAY)


def test_it_is_the_same_each_time() -> None:
    assert generate(TODAY) == generate(TODAY)


def test_it_has_about_fifty_thousand_rows_and_eighteen_months(shop: Shop) -> None:
    assert 40_000 < sum(map(len, shop.values())) < 70_000
    months = {order["ordered_at"].strftime("%Y-%m") for order in shop["orders"]}
    assert (min(months), max(months), len(months)) == ("2025-05", "2026-11", 19)
    assert max(order["ordered_at"].date() for order in shop["orders"]) >= TODAY - timedelta(days=1)


def test_keys_are_unique_and_point_to_rows_that_are_there(shop: Shop) -> None:
    ids = {table: {row["id"] for row in rows} for table, rows in shop.items()}
    for table in TABLES:
        rows = shop[table.name]
        assert len(ids[table.name]) == len(rows), table.name
        for columns in table.unique:
            parts = [part.strip() for part in columns.split(",")]
            assert len({tuple(row[part] for part in parts) for row in rows}) == len(rows), (table.name, columns)
        for column in table.columns:
            values = {row[column.name] for row in rows}
            assert column.nullable or None not in values, (table.name, column.name)
            if column.target:
                assert values - {None} <= ids[column.target], (table.name, column.name)


def test_texts_fit_their_columns(shop: Shop) -> None:
    for table in TABLES:
        for column in table.columns:
            if column.kind.startswith("varchar"):
                size = int(column.kind[8:-1])
                longest = max((len(row[column.name]) for row in shop[table.name] if row[column.name]), default=0)
                assert longest <= size, (table.name, column.name)


def test_an_order_costs_its_lines_and_its_shipping(shop: Shop) -> None:
    lines: dict[int, Decimal] = defaultdict(Decimal)
    for item in shop["order_items"]:
        assert item["line_total"] == item["quantity"] * item["unit_price"] - item["discount"]
        lines[item["order_id"]] += item["line_total"]
    for order in shop["orders"]:
        assert order["total"] == lines[order["id"]] + order["shipping_fee"]


def test_nothing_happens_before_its_cause_or_after_now(shop: Shop) -> None:
    now = datetime.combine(TODAY, time(8))
    orders = {order["id"]: order for order in shop["orders"]}
    customers = {customer["id"]: customer for customer in shop["customers"]}
    for order in orders.values():
        assert customers[order["customer_id"]]["registered_at"] <= order["ordered_at"]
        moments = [order[name] for name in ("ordered_at", "shipped_at", "delivered_at") if order[name]]
        assert moments == sorted(moments)
    for returned in shop["returns"]:
        moments = [orders[returned["order_id"]]["delivered_at"]]
        moments += [returned[name] for name in ("requested_at", "received_at", "refunded_at") if returned[name]]
        assert moments == sorted(moments)
    for table, rows in shop.items():
        for row in rows:
            assert all(value <= now for value in row.values() if isinstance(value, datetime)), (table, row)


def test_states_follow_from_what_happened(shop: Shop) -> None:
    for order in shop["orders"]:
        assert (order["status"] == "cancelled") == (order["cancelled_at"] is not None)
        assert (order["status"] == "delivered") == (order["delivered_at"] is not None)
        assert (order["status"] in ("shipped", "delivered")) == (order["shipped_at"] is not None)
    states = Counter(order["status"] for order in shop["orders"])
    assert set(states) == {"pending", "processing", "shipped", "delivered", "cancelled"}
    shipped = {parcel["order_id"] for parcel in shop["shipments"]}
    assert shipped == {order["id"] for order in shop["orders"] if order["shipped_at"]}


def test_about_six_items_in_a_hundred_come_back_and_some_customers_return_much(shop: Shop) -> None:
    assert 0.045 < len(shop["returns"]) / len(shop["order_items"]) < 0.075
    pieces: Counter[int] = Counter()
    for returned in shop["returns"]:
        pieces[returned["customer_id"]] += returned["quantity"]
    assert sum(count > 3 for count in pieces.values()) > 20


def test_settlements_are_the_sum_of_their_payments(shop: Shop) -> None:
    gross: dict[int, Decimal] = defaultdict(Decimal)
    for payment in shop["payments"]:
        if payment["settlement_id"]:
            gross[payment["settlement_id"]] += payment["amount"]
    for settlement in shop["settlements"]:
        assert settlement["gross_amount"] == gross[settlement["id"]]
        parts = settlement["gross_amount"] - settlement["fee_amount"] - settlement["refund_amount"]
        assert settlement["net_amount"] == parts


def test_there_is_something_to_find(shop: Shop) -> None:
    assert any(row["quantity"] < row["reorder_level"] for row in shop["inventory"])
    assert len({claim["type"] for claim in shop["claims"]}) == 6
    assert len({claim["description"] for claim in shop["claims"]}) > 0.8 * len(shop["claims"])
    per_month = Counter(order["ordered_at"].strftime("%Y-%m") for order in shop["orders"])
    assert per_month["2025-11"] > per_month["2025-08"], "Christmas is coming"
    assert per_month["2026-10"] > per_month["2025-10"], "the shop grows"
    assert 12 <= len({customer["country"] for customer in shop["customers"]}) <= 15


def test_a_month_that_is_over_looks_the_same_later(shop: Shop) -> None:
    later = shop_on(TODAY + timedelta(days=14))

    def july(found: Shop) -> set[tuple[Any, ...]]:
        return {
            (order["id"], order["customer_id"], order["total"], order["shipped_at"])
            for order in found["orders"]
            if order["ordered_at"].strftime("%Y-%m") == "2026-07"
        }

    assert july(shop) == july(later) != set()
