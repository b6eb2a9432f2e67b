"""Claims of the sample shop's customers, in words that vary."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from tools.demo.assortment import euros, words
from tools.demo.people import Customer

OTHERS = ("damaged goods", "wrong item", "missing item", "quality", "billing")
FREQUENCY = (34, 14, 14, 24, 14)


def claim_row(
    rng: Random,
    order: int,
    buyer: Customer,
    product: str,
    shipped: datetime,
    delivered: datetime | None,
    late: int,
    cutoff: datetime,
) -> tuple[Any, ...] | None:
    """Give the claim that follows from an order, or None: one late order in three, of the others one in forty."""
    is_late = late >= 2 and rng.random() < 0.35
    if not is_late and rng.random() > 0.025:
        return None
    kind = "late delivery" if is_late or delivered is None else rng.choices(OTHERS, FREQUENCY)[0]
    since = (delivered or shipped + timedelta(days=10)) - timedelta(days=rng.uniform(0, late) if is_late else 0)
    opened = (since + timedelta(days=rng.uniform(0.1, 2.5))).replace(microsecond=0)
    resolved = (opened + timedelta(days=rng.uniform(0.5, 12))).replace(microsecond=0)
    subject, description = _text(rng, kind, product, buyer.city, max(late, 6) if delivered is None else late)
    rejected, paid = rng.random() < 0.12, rng.random() < 0.45
    priority = rng.choices(("low", "normal", "high"), (20, 60, 20))[0]
    amount = rng.choice((500, 1000, 1500, 2000))
    if opened > cutoff:
        return None
    settled = resolved <= cutoff
    working = "in progress" if (cutoff - opened).days >= 1 else "open"
    return (
        order,
        order,
        buyer.id,
        kind,
        priority,
        ("rejected" if rejected else "resolved") if settled else working,
        subject,
        description,
        opened,
        resolved if settled else None,
        euros(amount) if settled and paid and not rejected else None,
    )


def _text(rng: Random, kind: str, product: str, city: str, days: int) -> tuple[str, str]:
    said = words()["claim"][kind]
    filled = {"product": product, "city": city, "days": max(2, days), "carrier": rng.choice(words()["carriers"])}
    parts = [rng.choice(said[part]).format(**filled) for part in ("openings", "middles", "ends")]
    if rng.random() < 0.25:
        del parts[1]
    return rng.choice(said["subjects"]).format(**filled), " ".join(parts)
