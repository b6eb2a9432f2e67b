"""Readings survive the way through JSON, and what an older version wrote is refused."""

import json
from datetime import date

import pytest

from assistant.offline.forms import All, Any, Compare, Expr, Form, Member, Not, Ref, Sort
from assistant.offline.memory import from_json, tables_in, to_json
from assistant.offline.understanding import ReadingOf


def test_a_reading_comes_back_as_it_was() -> None:
    total = Ref("public.orders", "total")
    day = Compare(Expr("public.orders", Ref("public.orders", "ordered_at")), ">=", date(2026, 10, 1))
    big = Compare(Expr("public.orders", total), ">", Form(select=(Expr("public.orders", total, "avg"),)))
    form = Form(
        select=(Expr("public.orders", agg="count"), Expr("public.orders", total, "sum", bucket="")),
        tables=("public.orders",),
        where=(All((day, Any((big, Not(Member(Ref("public.orders", "id"), Form(select=(), star="x"), True)))))),),
        order=(Sort(Expr("public.orders", total, "sum"), descending=True),),
        limit=5,
        via=(("public.orders", "customer_id"),),
    )
    reading = ReadingOf("SELECT 1", form, "orders", 0.9, ("a reason",), "orders")
    assert from_json(json.loads(json.dumps(to_json(reading)))) == reading
    assert tables_in(reading) == {"public.orders", "x"}


@pytest.mark.parametrize("old", [{"_": "Form", "gone": 1}, {"_": "Nobody"}, {"select": []}])
def test_another_version_is_refused(old: object) -> None:
    with pytest.raises(ValueError, match="another version"):
        from_json(old)
