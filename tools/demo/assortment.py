"""What the sample shop sells and where it keeps it: categories, suppliers, warehouses, products, stock."""

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

Cents = int
FIRST_LAUNCH = date(2022, 3, 1)
ENDS = {9: date(2026, 2, 1), 38: date(2026, 6, 15), 77: date(2026, 9, 1), 104: date(2027, 1, 15), 126: date(2027, 5, 1)}
"""Product number -> day from which it is no longer sold."""


@cache
def words() -> dict[str, Any]:
    """The word lists beside this file."""
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


def euros(cents: Cents) -> Decimal:
    """Cents as an amount with two places."""
    return Decimal(cents).scaleb(-2)


@dataclass(frozen=True)
class Product:
    """One article; `demand` is its share of what is bought, before the season's factor."""

    id: int
    name: str
    category_id: int
    supplier_id: int
    price: Cents
    cost: Cents
    weight_kg: Decimal
    launched_on: date
    ends_on: date | None
    demand: float
    season: tuple[float, ...]


@dataclass(frozen=True)
class Assortment:
    """All that does not change from day to day."""

    categories: list[tuple[Any, ...]]
    suppliers: list[tuple[Any, ...]]
    warehouses: list[tuple[Any, ...]]
    products: list[Product]


def assortment() -> Assortment:
    """Make the assortment; always the same."""
    listed = words()["category"]
    departments = list(dict.fromkeys(category["department"] for category in listed))
    categories: list[tuple[Any, ...]] = [(number, name, None) for number, name in enumerate(departments, 1)]
    products: list[Product] = []
    for number, category in enumerate(listed, len(departments) + 1):
        categories.append((number, category["name"], departments.index(category["department"]) + 1))
        for noun in category["products"]:
            for variant in (0, 1):
                products.append(_product(len(products) + 1, number, category, noun, variant))
    suppliers = [(n, s["name"], s["country"], s["days"]) for n, s in enumerate(words()["supplier"], 1)]
    warehouses = [(n, w["name"], w["city"], w["country"]) for n, w in enumerate(words()["warehouse"], 1)]
    return Assortment(categories, suppliers, warehouses, products)


def _product(number: int, category_id: int, category: dict[str, Any], noun: list[Any], variant: int) -> Product:
    rng = Random(f"product {number}")  # noqa: S311  # a shop, not a secret
    lines = words()["lines"]
    what, low, high, weight = noun
    middle = (low + high) / 2
    price = round(rng.uniform(low, middle) if variant == 0 else rng.uniform(middle, high)) * 100 - rng.choice(
        (1, 5, 10)
    )
    return Product(
        id=number,
        name=f"{lines[(number * 5 + variant) % len(lines)]} {what}",
        category_id=category_id,
        supplier_id=rng.choice(category["supplier"]),
        price=price,
        cost=round(price * rng.uniform(0.42, 0.66)),
        weight_kg=Decimal(f"{weight * rng.uniform(0.9, 1.15):.3f}"),
        launched_on=FIRST_LAUNCH + timedelta(days=rng.randrange(0, 1000)),
        ends_on=ENDS.get(number),
        demand=rng.lognormvariate(0, 0.8) * (60_00 / (price + 20_00)) ** 0.5,
        season=tuple(category["season"]),
    )


def product_rows(products: list[Product], today: date) -> list[tuple[Any, ...]]:
    """Rows of `products` as of `today`."""
    return [
        (
            product.id,
            f"{''.join(word[0] for word in product.name.split())[:3].upper()}-{product.id:04d}",
            product.name,
            product.category_id,
            product.supplier_id,
            euros(product.price),
            euros(product.cost),
            product.weight_kg,
            product.launched_on,
            product.ends_on is not None and product.ends_on <= today,
        )
        for product in products
    ]


def inventory_rows(products: list[Product], warehouses: list[tuple[Any, ...]], today: date) -> list[tuple[Any, ...]]:
    """Rows of `inventory` as counted in the week of `today`; about one in eight is below its reorder level."""
    monday = today - timedelta(days=today.weekday())
    rows: list[tuple[Any, ...]] = []
    for product in products:
        for warehouse in warehouses:
            fixed = Random(f"stock {product.id} {warehouse[0]}")  # noqa: S311
            if warehouse[0] > 1 and fixed.random() < 0.25:
                continue  # not every product lies everywhere
            level = 5 * max(1, round(product.demand * fixed.uniform(3, 6)))
            now = Random(f"stock {product.id} {warehouse[0]} {monday}")  # noqa: S311
            gone = product.ends_on is not None and product.ends_on <= today
            low = now.random() < 0.12
            quantity = 0 if gone else now.randrange(0, level) if low else round(level * now.uniform(1.1, 4.5))
            counted = datetime.combine(monday - timedelta(days=now.randrange(0, 7)), time(6, now.randrange(0, 60)))
            rows.append(
                (
                    product.id * 10 + warehouse[0],
                    product.id,
                    warehouse[0],
                    quantity,
                    min(quantity, now.randrange(0, 6)),
                    level,
                    4 * level,
                    counted,
                )
            )
    return rows
