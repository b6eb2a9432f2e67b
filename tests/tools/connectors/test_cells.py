"""Cells: what a person sees of a driver's values, and how they are cut."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.connectors.base import ReadLimits, ResultColumn
from tools.connectors.cells import Sheet, iso, number, shorten


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("12.50", 12.5),
        ("3", 3),
        ("-0.10", -0.1),
        ("9007199254740992", 9007199254740992),
        ("9007199254740993", "9007199254740993"),
        ("12345678901234567.89", "12345678901234567.89"),
        ("2.3333333333333333", 2.3333333333333335),
        ("1234567.890123456789", 1234567.8901234567),
        ("0.1234567890123456789", 0.12345678901234568),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("0.000000000000000001", 1e-18),
    ],
)
def test_decimals_are_numbers_where_a_float_keeps_them(text: str, cell: object) -> None:
    assert number(text) == cell and type(number(text)) is type(cell)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20))
def test_no_decimal_is_changed_before_its_sixth_place(value: Decimal) -> None:
    assert Decimal(repr(cell) if isinstance(cell := number(f"{value:f}"), float) else cell) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-21 10:00:00", "2026-11-21T10:00:00"),
        ("2026-11-21 10:00:00.5+00", "2026-11-21T10:00:00.5+00:00"),
        ("2026-11-21 10:00:00+05:30", "2026-11-21T10:00:00+05:30"),
        ("infinity", "infinity"),
        ("0044-03-15 00:00:00 BC", "0044-03-15 00:00:00 BC"),
        ("0000-00-00 00:00:00", "0000-00-00T00:00:00"),
    ],
)
def test_times_are_iso(text: str, said: str) -> None:
    assert iso(text) == said


@given(st.text(), st.integers(64, 200))
def test_a_cut_text_fits_and_says_that_it_was_cut(text: str, cap: int) -> None:
    cut = shorten(text, cap)
    assert len(cut.encode(errors="replace")) <= cap
    assert cut == text or cut.endswith("…")


def sheet(rows: int = 10, cell: int = 100, total: int = 1000) -> Sheet:
    return Sheet(
        [ResultColumn(name="t", family="text")],
        ["text"],
        ReadLimits(seconds=1, rows=rows, cell_bytes=cell, total_bytes=total),
    )


def test_a_sheet_stops_at_its_rows_and_says_so() -> None:
    exact, over = sheet(rows=3), sheet(rows=3)
    assert exact.add([("a",)] * 3) and not exact.truncated
    assert not over.add([("a",)] * 4) and over.truncated and len(over.rows) == 3


def test_a_sheet_stops_at_its_bytes_but_keeps_a_first_row() -> None:
    wide, huge = sheet(total=1000, cell=400), sheet(total=100, cell=400)
    assert not wide.add([("x" * 300,)] * 9) and len(wide.rows) == 3
    assert not huge.add([("x" * 300,)] * 9) and len(huge.rows) == 1
