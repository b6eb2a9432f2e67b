"""The whole sample shop as rows: eighteen months of a small mail-order business, up to a given day."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from tools.demo.assortment import assortment, euros, inventory_rows, product_rows
from tools.demo.people import Customer, days_between, joined_on
from tools.demo.sales import Sales, sell
from tools.demo.tables import TABLES

MONTHS = 18
ACTIVE_DAYS = 364
"""How long after registering a customer may still order; so long before the first order the customers begin."""
Rows = Mapping[str, list[tuple[Any, ...]]]


def generate(today: date) -> Rows:
    """Make the shop as it stands at eight in the morning of `today`: table -> rows, in the columns' order.

    Pure and deterministic. A day that is over looks the same in every later shop, so a figure for a closed month
    stays, but for what comes in late (deliveries, returns, claims).
    """
    stock = assortment()
    start = first_day(today)
    joined = {day: joined_on(day) for day in days_between(start - timedelta(days=ACTIVE_DAYS), today)}
    sales = Sales(cutoff=datetime.combine(today, time(8)))
    for day in days_between(start, today):
        active = [one for past in days_between(day - timedelta(days=ACTIVE_DAYS), day) for one in joined[past]]
        sell(sales, day, active, stock.products)
    everyone: list[Customer] = [one for day in joined.values() for one in day if one.registered_at <= sales.cutoff]
    rows = {
        "customers": [one.row for one in everyone],
        "categories": stock.categories,
        "suppliers": stock.suppliers,
        "warehouses": stock.warehouses,
        "products": product_rows(stock.products, today),
        "inventory": inventory_rows(stock.products, stock.warehouses, today),
        **sales.rows,
    }
    rows["settlements"], numbers = _settle(sales, start, today)
    rows["payments"] = [_settled(row, numbers) for row in sales.rows["payments"]]
    return {table.name: rows[table.name] for table in TABLES}


def first_day(today: date) -> date:
    """The first day with orders: the first of the month, eighteen months ago."""
    months = today.year * 12 + today.month - 1 - MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _settle(sales: Sales, start: date, today: date) -> tuple[list[tuple[Any, ...]], dict[tuple[str, date], int]]:
    """Weekly pay-outs per provider, for the weeks that lie in the window from their Monday on."""
    gross, fees, refunds = defaultdict[Any, int](int), defaultdict[Any, int](int), defaultdict[Any, int](int)
    for provider, moment, amount, fee in sales.paid:
        gross[provider, _monday(moment)] += amount
        fees[provider, _monday(moment)] += fee
    for provider, moment, amount in sales.refunds:
        refunds[provider, _monday(moment)] += amount
    providers = sorted({provider for provider, _ in gross})
    rows: list[tuple[Any, ...]] = []
    numbers: dict[tuple[str, date], int] = {}
    for key in sorted(gross, key=lambda key: (key[1], key[0])):
        provider, monday = key
        if monday < start:
            continue
        numbers[key] = (monday - date(2020, 1, 6)).days // 7 * 10 + providers.index(provider) + 1
        paid_out = monday + timedelta(days=9)
        over = paid_out <= today
        net = gross[key] - fees[key] - refunds[key]
        amounts = (euros(gross[key]), euros(fees[key]), euros(refunds[key]), euros(net))
        week = (monday, monday + timedelta(days=6))
        rows.append(
            (numbers[key], provider, *week, *amounts, "paid out" if over else "open", paid_out if over else None)
        )
    return rows, numbers


def _settled(payment: tuple[Any, ...], numbers: dict[tuple[str, date], int]) -> tuple[Any, ...]:
    paid_at = payment[-1]
    settlement = numbers.get((payment[3], _monday(paid_at))) if paid_at else None
    return (*payment[:2], settlement, *payment[3:])


def _monday(moment: datetime) -> date:
    return moment.date() - timedelta(days=moment.weekday())
