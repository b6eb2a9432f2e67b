"""Notes of the team that a query can follow by rule."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from assistant.offline.noted import Rule, rule_of, with_notes
from assistant.offline.parser import read
from assistant.offline.sources import Source
from tests.assistant.offline.test_sources import CUSTOMERS, table
from tools.schemas import Note

TODAY = date(2026, 11, 21)
ORDERS = table(
    "orders",
    ("id", "number"),
    ("customer_id", "number"),
    ("total", "number"),
    ("status", "text"),
    to="customer",
    status=("paid", "cancelled", "shipped"),
)
SALES = Source("sales", "postgres", (CUSTOMERS, ORDERS))


def note(text: str) -> Note:
    when = datetime(2026, 11, 5, tzinfo=UTC)
    return Note(id=uuid4(), database="sales", table=None, text=text, created_by="Ada", created_at=when)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Revenue must not include cancelled orders.", Rule("Revenue", "cancelled orders", True)),
        ("the total excludes cancelled orders", Rule("the total", "cancelled orders", True)),
        ("don't count cancelled orders in revenue", Rule("revenue", "cancelled orders", True)),
        ("revenue means paid orders", Rule("revenue", "paid orders", False)),
        ("revenue only counts paid orders", Rule("revenue", "paid orders", False)),
        ("the fiscal year starts in April", None),
        ("VIPs have ten orders", None),
    ],
)
def test_a_note_is_read_as_a_rule(text: str, rule: Rule | None) -> None:
    assert rule_of(text) == rule


def reading(question: str, *notes: str) -> tuple[str, tuple[str, ...]]:
    best = read(question, SALES.tables, "postgres", TODAY).best
    assert best is not None
    changed = with_notes(best, question, SALES, [note(text) for text in notes], TODAY)
    return changed.sql, changed.reasons


def test_what_a_note_leaves_out_is_left_out() -> None:
    sql, reasons = reading("What is the average total of orders?", "the total must not include cancelled orders")
    assert "cancelled" in sql and "AVG" in sql
    assert reasons[-1] == "uses the note by Ada of 5 November: “the total must not include cancelled orders”"
    sql, _ = reading("What is the average total of orders?", "total means paid orders")
    assert "status = 'paid'" in sql


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How many customers are there?", "revenue must not include cancelled orders"),
        ("How many customers are there?", "customers do not include cancelled orders"),
        ("What is the average total of orders?", "the total must not include xyzzy"),
        ("What is the average total of orders?", "totals are in euros"),
    ],
)
def test_a_note_that_does_not_apply_changes_nothing(question: str, text: str) -> None:
    assert reading(question, text) == reading(question)


def test_a_note_is_not_applied_twice() -> None:
    text = "the total must not include cancelled orders"
    assert reading("What is the average total of orders?", text, text)[0].count("cancelled") == 1
