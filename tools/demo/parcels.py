"""How parcels of the sample shop travel: packed in working hours, now and then late, now and then lost."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from tools.demo.assortment import euros, words


@dataclass(frozen=True)
class Parcel:
    """One parcel and its fate, all of it, also what has not happened yet."""

    shipped: datetime
    promised: date
    delivered: datetime | None
    """None: lost on the way."""


def parcels_of(rng: Random, ready: datetime, usual_days: int, lines: int) -> list[Parcel]:
    """Send an order that is ready to be packed; one of three lines or more may leave in two parcels."""
    parcels, begin = [], ready
    for _ in range(2 if lines >= 3 and rng.random() < 0.12 else 1):
        wait = rng.uniform(3, 9) if rng.random() < 0.04 else rng.uniform(0.2, 1.8)
        shipped = in_working_hours(begin + timedelta(days=wait), rng)
        promised = shipped.date() + timedelta(days=usual_days + 2)
        busy = shipped.month == 12
        late = rng.randint(3, 10) if rng.random() < (0.15 if busy else 0.07) else rng.choice((-1, 0, 0, 0, 1, 1))
        arrives = in_working_hours(shipped + timedelta(days=max(1, usual_days + late)), rng, sunday_only=True)
        parcels.append(Parcel(shipped, promised, None if rng.random() < 0.004 else arrives))
        begin = shipped + timedelta(days=1)
    return parcels


def in_working_hours(moment: datetime, rng: Random, *, sunday_only: bool = False) -> datetime:
    """The moment in working hours, moved past the weekend (or past Sunday only)."""
    closed = (6,) if sunday_only else (5, 6)
    later = moment
    while later.weekday() in closed:
        later += timedelta(days=1)
    opening = datetime.combine(later.date(), time(8, 0))
    hours = opening + timedelta(minutes=rng.randrange(0, 600))
    soon = moment.replace(microsecond=0) + timedelta(seconds=rng.randrange(300, 5400))
    return hours if hours > moment else soon  # somebody worked late


def shipment_rows(rng: Random, number: int, parcels: list[Parcel], cutoff: datetime) -> list[tuple[Any, ...]]:
    """Give the rows of the parcels of an order that have left by `cutoff`."""
    rows: list[tuple[Any, ...]] = []
    for position, parcel in enumerate(parcels, 1):
        warehouse, carrier = rng.choices((1, 2, 3), (45, 35, 20))[0], rng.choice(words()["carriers"])
        cost = euros(rng.randrange(320, 980))
        if parcel.shipped > cutoff:
            continue
        arrived = parcel.delivered if parcel.delivered and parcel.delivered <= cutoff else None
        given_up = parcel.delivered is None and (cutoff - parcel.shipped).days > 21
        status = "delivered" if arrived else "lost" if given_up else "in transit"
        tracking = f"{carrier[:2].upper()}{number * 10 + position:010d}"
        moments = (parcel.shipped, parcel.promised, arrived)
        rows.append((number * 10 + position, number, warehouse, carrier, tracking, status, *moments, cost))
    return rows
