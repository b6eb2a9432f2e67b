"""When two results say the same."""

from typing import Any

import pytest

from assistant.evaluation.compare import Table, compare, order_of


def table(*rows: tuple[Any, ...], width: int | None = None) -> Table:
    columns = width if width is not None else len(rows[0])
    return Table(columns=tuple(f"c{place}" for place in range(columns)), rows=rows)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (table((1, "a"), (2, "b")), table((2, "b"), (1, "a"))),
        (table((1, "a"), (2, "b")), table(("a", 1), ("b", 2))),
        (table((0.1 + 0.2,)), table((0.3,))),
        (table(("12.50",)), table((12.5,))),
        (table(("2026-01-01T00:00:00",)), table(("2026-01-01",))),
        (table(("a   ",)), table(("a",))),
        (table((None, 1)), table((1, None))),
        (table((True,)), table((1,))),
        (table(width=2), table(width=2)),
        (table((1, 1, 2), (1, 2, 1)), table((2, 1, 1), (1, 1, 2))),
        (table((1.0000001, "x"), (1.0, "y")), table((1.0, "x"), (1.0000001, "y"))),
    ],
)
def test_the_same(gold: Table, answer: Table) -> None:
    assert compare(gold, answer).right


@pytest.mark.parametrize(
    ("gold", "answer", "words"),
    [
        (table((1,), (2,)), table((1,)), "1 rows instead of 2"),
        (table((1,), (2,)), table((1,), (3,)), "1 of 2 rows differ"),
        (table((1, 2)), table((1,)), "1 of 2 columns missing"),
        (table((1,), (1,)), table((1,), (2,)), "1 of 2 rows differ"),
        (table(("007",)), table((7,)), "1 of 1 rows differ"),
        (table((None,)), table((0,)), "1 of 1 rows differ"),
        (table((1, "a"), (2, "b")), table((1, "b"), (2, "a")), "2 of 2 rows differ"),
        (table((1, 2), (3, 4)), table((1, 4), (3, 2)), "2 of 2 rows differ"),
    ],
)
def test_not_the_same(gold: Table, answer: Table, words: str) -> None:
    verdict = compare(gold, answer)
    assert not verdict.right and verdict.difference == words


def test_extra_columns_are_told_apart() -> None:
    verdict = compare(table((1, "a")), table((1, 9, "a")))
    assert (verdict.right, verdict.extra_columns, verdict.difference) == (False, 1, "1 extra column")
    assert compare(table((1, "a")), table((2, 9, "a"))).extra_columns == 0


def test_order_counts_only_where_the_gold_has_one() -> None:
    gold, answer = table(("a", 1), ("b", 2)), table(("b", 2), ("a", 1))
    assert compare(gold, answer, None).right
    assert compare(gold, answer, (1,)).difference == "rows in another order"
    assert not compare(gold, answer, ()).right


def test_rows_that_tie_may_stand_in_any_order() -> None:
    gold, answer = table(("a", 1), ("b", 1), ("c", 2)), table((1, "b"), (1, "a"), (2, "c"))
    assert compare(gold, answer, (1,)).right


@pytest.mark.parametrize(
    ("sql", "order"),
    [
        ("SELECT name FROM t", None),
        ("SELECT name FROM t WHERE a IN (SELECT a FROM u ORDER BY b)", None),
        ("SELECT name, age FROM t ORDER BY age DESC", (1,)),
        ("SELECT name, count(*) AS n FROM t GROUP BY name ORDER BY n, 1", (1, 0)),
        ("SELECT name, count(*) FROM t GROUP BY name ORDER BY COUNT(*) DESC LIMIT 3", (1,)),
        ("SELECT name FROM t ORDER BY age", ()),
    ],
)
def test_what_a_statement_sorts_by(sql: str, order: tuple[int, ...] | None) -> None:
    assert order_of(sql, "postgres") == order
