"""A day's orders of the sample shop and all that follows from each: parcels, payments, returns, claims."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from tools.demo.assortment import Cents, Product, euros, words
from tools.demo.complaints import claim_row
from tools.demo.parcels import in_working_hours, parcels_of, shipment_rows
from tools.demo.people import EPOCH, Customer, growth

WEEKDAYS = (1.08, 1.02, 1.0, 0.98, 0.95, 0.88, 1.09)
MONTHS = (0.86, 0.84, 0.94, 0.98, 1.02, 0.97, 0.86, 0.85, 1.0, 1.06, 1.32, 1.5)
HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 9, 8, 7, 7, 8, 9, 11, 13, 14, 12, 7, 3)
ORDERS_A_DAY = 14.5
PROVIDERS = {
    "card": ("PayNova", "Kardia"),
    "wallet": ("PayNova",),
    "direct debit": ("Kardia",),
    "invoice": ("Billwise",),
    "bank transfer": ("Billwise",),
}
FEES = {"Netherlands": 495, "Germany": 495, "France": 495, "United States": 1490, "Japan": 1490}
FREE_SHIPPING_FROM = 7500


@dataclass
class Sales:
    """Rows of all tables that follow from orders, as of `cutoff`: what lies behind it has not happened yet."""

    cutoff: datetime
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    paid: list[tuple[str, datetime, Cents, Cents]] = field(default_factory=list)
    """Provider, when, amount, fee."""
    refunds: list[tuple[str, datetime, Cents]] = field(default_factory=list)

    def add(self, table: str, *row: Any) -> None:
        """Keep one row."""
        self.rows.setdefault(table, []).append(row)

    def by_now(self, moment: datetime | None) -> datetime | None:
        """The moment, or None while it lies in the future."""
        return moment if moment is not None and moment <= self.cutoff else None


@dataclass(frozen=True)
class Line:
    """One line of an order."""

    id: int
    product: Product
    quantity: int
    price: Cents
    discount: Cents

    @property
    def total(self) -> Cents:
        """What the customer pays for it."""
        return self.quantity * self.price - self.discount


@dataclass(frozen=True)
class Bill:
    """How an order is paid."""

    method: str
    provider: str
    begun: datetime
    paid: datetime
    amount: Cents

    @property
    def fee(self) -> Cents:
        """What the provider keeps."""
        return round(self.amount * 0.014) + 25


def sell(sales: Sales, day: date, customers: list[Customer], products: list[Product]) -> None:
    """Add the orders of `day` and what follows from them; the same whenever it is asked."""
    rng = Random(f"orders {day}")  # noqa: S311  # a shop, not a secret
    expected = ORDERS_A_DAY * growth(day) * WEEKDAYS[day.weekday()] * MONTHS[day.month - 1]
    if day.month == 12 and day.day > 20:
        expected *= 0.45  # too late for Christmas
    count = max(0, min(99, round(rng.gauss(expected, expected**0.5))))
    weights = [one.loyalty * 0.996 ** (day - one.registered_at.date()).days for one in customers]
    buyers = rng.choices(customers, weights, k=count)
    demand = list(accumulate(product.demand * product.season[day.month - 1] for product in products))
    moments = sorted(
        datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)))
        for hour in rng.choices(range(24), HOURS, k=count)
    )
    for number, (moment, buyer) in enumerate(zip(moments, buyers, strict=True)):
        ordered = max(moment, buyer.registered_at + timedelta(minutes=5))
        own = Random(f"order {day} {number}")  # noqa: S311
        if ordered <= sales.cutoff:
            _order(sales, own, (day - EPOCH).days * 100 + number, ordered, buyer, products, demand)


def _order(
    sales: Sales,
    rng: Random,
    number: int,
    ordered: datetime,
    buyer: Customer,
    products: list[Product],
    demand: list[float],
) -> None:
    coupon = rng.choice(words()["coupons"]) if rng.random() < 0.11 else None
    lines = _lines(rng, number, ordered.date(), buyer, products, demand, coupon)
    goods = sum(line.total for line in lines)
    fee = 0 if goods >= FREE_SHIPPING_FROM else FEES.get(buyer.country, 790)
    bill = _bill(rng, ordered, goods + fee)
    cancelled = ordered + timedelta(seconds=rng.randrange(700, 108_000)) if rng.random() < 0.035 else None
    shipping = max(ordered, bill.paid) if bill.method == "bank transfer" else ordered
    parcels = [] if cancelled else parcels_of(rng, shipping, buyer.days, len(lines))
    shipped = parcels[0].shipped if parcels else None
    arrivals = [parcel.delivered for parcel in parcels]
    delivered = max((one for one in arrivals if one), default=None) if all(arrivals) else None
    sales.add(
        "orders",
        number,
        buyer.id,
        _status(sales, bill, cancelled, shipped, delivered),
        rng.choices(("web", "app", "marketplace", "phone"), (52, 30, 14, 4))[0],
        ordered,
        sales.by_now(shipped),
        sales.by_now(delivered),
        sales.by_now(cancelled),
        buyer.city,
        buyer.country,
        coupon,
        euros(fee),
        euros(goods + fee),
    )
    for line in lines:
        amounts = (euros(line.price), euros(line.discount), euros(line.total))
        sales.add("order_items", line.id, number, line.product.id, line.quantity, *amounts)
    _pay(sales, rng, number, bill, cancelled)
    for row in shipment_rows(rng, number, parcels, sales.cutoff):
        sales.add("shipments", *row)
    late = (delivered.date() - parcels[-1].promised).days if delivered else 0
    if delivered:
        _give_back(sales, rng, number, lines, buyer, bill, delivered, late)
    if delivered or shipped:
        claim = claim_row(rng, number, buyer, lines[0].product.name, shipped or ordered, delivered, late, sales.cutoff)
        if claim:
            sales.add("claims", *claim)


def _lines(
    rng: Random,
    number: int,
    day: date,
    buyer: Customer,
    products: list[Product],
    demand: list[float],
    coupon: str | None,
) -> list[Line]:
    wanted = rng.choices((1, 2, 3, 4, 5), (40, 28, 18, 10, 4))[0]
    chosen = {}
    for product in rng.choices(products, cum_weights=demand, k=wanted):
        gone = product.ends_on is not None and day >= product.ends_on
        kept = products[product.id % len(products)] if gone else product  # the next one in the list stands in
        chosen[kept.id] = kept
    black_friday = day.month == 11 and day.day >= 20
    lines = []
    for position, product in enumerate(chosen.values(), 1):
        most = 8 if buyer.segment == "business" else 3
        quantity = rng.randint(2, most) if rng.random() < (0.5 if most == 8 else 0.18) else 1
        percent = 10 if coupon else 20 if black_friday and rng.random() < 0.5 else 0
        discount = round(product.price * quantity * percent / 100)
        lines.append(Line(number * 10 + position, product, quantity, product.price, discount))
    return lines


def _bill(rng: Random, ordered: datetime, amount: Cents) -> Bill:
    method = rng.choices(tuple(PROVIDERS), (44, 27, 9, 12, 8))[0]
    wait = {"invoice": rng.uniform(5, 20), "bank transfer": rng.uniform(1, 6)}.get(method, 0.001)
    begun = ordered + timedelta(seconds=rng.randrange(20, 240))
    paid = (begun + timedelta(days=wait)).replace(microsecond=0)
    return Bill(method, rng.choice(PROVIDERS[method]), begun, paid, amount)


def _status(
    sales: Sales, bill: Bill, cancelled: datetime | None, shipped: datetime | None, delivered: datetime | None
) -> str:
    if sales.by_now(cancelled):
        return "cancelled"
    if sales.by_now(delivered):
        return "delivered"
    if sales.by_now(shipped):
        return "shipped"
    return "processing" if sales.by_now(bill.paid) or bill.method == "invoice" else "pending"


def _pay(sales: Sales, rng: Random, number: int, bill: Bill, cancelled: datetime | None) -> None:
    who = (bill.provider, bill.method)
    if rng.random() < 0.03 and bill.method in ("card", "direct debit"):
        sales.add(
            "payments", number * 10 + 1, number, None, *who, "failed", euros(bill.amount), euros(0), bill.begun, None
        )
    if cancelled and cancelled < bill.paid:
        return  # it was never paid
    paid = sales.by_now(bill.paid)
    back = sales.by_now(cancelled)
    status = "refunded" if back and paid else "paid" if paid else "pending"
    fee = bill.fee if paid else 0
    amounts = (euros(bill.amount), euros(fee))
    sales.add("payments", number * 10 + 2, number, None, *who, status, *amounts, bill.begun, paid)
    if paid:
        sales.paid.append((bill.provider, paid, bill.amount, fee))
        if back:
            sales.refunds.append((bill.provider, back, bill.amount))


def _give_back(
    sales: Sales,
    rng: Random,
    number: int,
    lines: list[Line],
    buyer: Customer,
    bill: Bill,
    delivered: datetime,
    late: int,
) -> None:
    for line in lines:
        wish, reasons = rng.random(), ["damaged", "wrong item", "wrong size", "not as described", "changed mind"]
        reason = rng.choices(reasons, (22, 10, 12, 24, 32))[0]
        quantity = rng.randint(1, line.quantity)
        asked = delivered + timedelta(days=rng.uniform(0.5, 14))
        received = in_working_hours(asked + timedelta(days=rng.uniform(3, 8)), rng)
        refunded = in_working_hours(received + timedelta(days=rng.uniform(0.5, 4)), rng)
        rejected = rng.random() < 0.04
        if wish > buyer.returning * (2 if late >= 3 else 1) or asked > sales.cutoff:
            continue
        amount = 0 if rejected else line.total * quantity // line.quantity
        there, back = sales.by_now(received), None if rejected else sales.by_now(refunded)
        status = "rejected" if rejected and there else "refunded" if back else "received" if there else "requested"
        sales.add(
            "returns",
            line.id,
            number,
            line.id,
            buyer.id,
            line.product.id,
            quantity,
            "arrived late" if late >= 3 and rng.random() < 0.5 else reason,
            status,
            asked.replace(microsecond=0),
            there,
            back,
            euros(amount),
        )
        if back:
            sales.refunds.append((bill.provider, back, amount))
