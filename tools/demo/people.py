"""The customers of the sample shop: who joins on which day, how loyal each is, how often they send things back."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from tools.demo.assortment import words

EPOCH = date(2020, 1, 1)
"""Numbers of customers and orders are counted from here, so that they stay when the window moves on."""
PLAIN = str.maketrans({"ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "ł": "l", "Ł": "L", "å": "a"})
DIALLING = {
    "Germany": "+49",
    "France": "+33",
    "United Kingdom": "+44",
    "Netherlands": "+31",
    "United States": "+1",
    "Italy": "+39",
    "Spain": "+34",
}


@dataclass(frozen=True)
class Customer:
    """One customer; `loyalty` weighs how often they order, `returning` how likely a line comes back."""

    id: int
    name: str
    segment: str
    city: str
    country: str
    days: int
    """Days a parcel usually takes to them."""
    registered_at: datetime
    loyalty: float
    returning: float
    row: tuple[Any, ...]


def growth(day: date) -> float:
    """How big the shop is on `day`: 1 in May 2025, a fifth more each year."""
    return float(1.2 ** ((day - date(2025, 5, 1)).days / 365))


def joined_on(day: date) -> list[Customer]:
    """Customers who registered on `day`; the same whenever it is asked."""
    rng = Random(f"customers {day}")  # noqa: S311
    count = min(9, int(3.0 * growth(day) + rng.random()))
    first = (day - EPOCH).days * 10
    return [_customer(rng, first + number, day) for number in range(count)]


def _customer(rng: Random, number: int, day: date) -> Customer:
    countries = words()["country"]
    country = rng.choices(countries, [one["weight"] for one in countries])[0]
    given, family, city = rng.choice(country["first"]), rng.choice(country["last"]), rng.choice(country["cities"])
    segment = "business" if rng.random() < 0.12 else "consumer"
    registered = datetime.combine(day, time(rng.randrange(6, 23), rng.randrange(60), rng.randrange(60)))
    email = f"{_plain(given)}.{_plain(family)}.{number}@example.{rng.choice(('com', 'net', 'org'))}"
    phone = f"{DIALLING.get(country['name'], '+00')} 555 {rng.randrange(1000, 9999)} {rng.randrange(100, 999)}"
    name = f"{given} {family}"
    row = (
        number,
        name,
        email,
        phone if rng.random() < 0.6 else None,
        segment,
        city,
        country["name"],
        rng.random() < 0.4,
        registered,
    )
    return Customer(
        id=number,
        name=name,
        segment=segment,
        city=city,
        country=country["name"],
        days=country["days"],
        registered_at=registered,
        loyalty=rng.choices((1.0, 4.0, 11.0), (80, 16, 4))[0] * (1.6 if segment == "business" else 1.0),
        returning=0.3 if rng.random() < 0.04 else 0.05,
        row=row,
    )


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.translate(PLAIN)).encode("ascii", "ignore").decode()
    return folded.lower().replace(" ", "").replace("'", "")


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
