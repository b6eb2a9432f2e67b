"""Words and what they name: comments, notes, codes, nations, people, parts of names; and words that nothing bears."""

from collections.abc import Mapping
from datetime import date
from uuid import uuid4

import pytest

from assistant.offline.parser import read
from assistant.offline.remarks import codes_in, name_in, told_of
from assistant.offline.understanding import Understanding
from tools.connectors.base import Column, ForeignKey, TableSchema, TypeFamily
from tools.schemas.catalog import TrainedTable

TODAY = date(2026, 11, 21)


def table(
    name: str,
    columns: Mapping[str, tuple[TypeFamily, str]],
    keys: Mapping[str, str] | None = None,
    values: Mapping[str, tuple[str, ...]] | None = None,
    notes: tuple[str, ...] = (),
) -> TrainedTable:
    """A trained table; a column is its family and its comment, the first is the key."""
    shape = TableSchema(
        schema_name="public",
        name=name,
        columns=tuple(Column(name=n, type=f, family=f, comment=c or None) for n, (f, c) in columns.items()),
        primary_key=(next(iter(columns)),),
        foreign_keys=tuple(
            ForeignKey(
                name=f"fk_{column}",
                columns=(column,),
                target_schema="public",
                target_table=to,
                target_columns=(to_key,),
            )
            for column, (to, to_key) in ((c, t.split(".")) for c, t in (keys or {}).items())
        ),
    )
    return TrainedTable(id=uuid4(), database_id=uuid4(), shape=shape, values=values or {}, notes=notes)


GARAGE = (
    table(
        "riders",
        {
            "rider_id": ("number", ""),
            "first_nm": ("text", ""),
            "last_nm": ("text", ""),
            "hand": ("text", "R right-handed, L left-handed"),
            "country": ("text", ""),
            "born": ("date", ""),
        },
        values={"hand": ("L", "R"), "country": ("Bangladesh", "France", "Malta")},
    ),
    table(
        "bikes",
        {
            "bike_id": ("number", ""),
            "label": ("text", ""),
            "cc": ("number", "engine displacement in cubic centimetres"),
            "pw": ("number", ""),
            "topspeed": ("number", ""),
            "length_cm": ("number", ""),
            "rider_id": ("number", ""),
            "town": ("text", ""),
        },
        {"rider_id": "riders.rider_id"},
        {"label": ("Comète", "Mistral"), "town": ("Genève", "Ulm")},
        ("pw is the power",),
    ),
)


def understood(question: str) -> Understanding:
    return read(question, GARAGE, "postgres", TODAY)


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is the average engine displacement of the bikes?", ["AVG(cc)"]),
        ("What is the highest power of a bike?", ["MAX(pw)"]),
        ("How many left-handed riders are there?", ["COUNT(*)", "hand = 'L'"]),
        ("names of French riders", ["first_nm", "last_nm", "country = 'France'"]),
        ("How many Bangladeshi riders are there?", ["country = 'Bangladesh'"]),
        ("bikes in Geneve", ["town = 'Genève'"]),
        ("ids of bikes that are faster than 200", ["topspeed > 200"]),
        ("average length of bikes", ["AVG(length_cm)"]),
    ],
)
def test_a_word_finds_what_it_names(question: str, parts: list[str]) -> None:
    best = understood(question).best
    assert best is not None
    assert [part for part in parts if part not in best.sql] == [], best.sql


def test_a_word_for_people_finds_the_people_that_a_table_holds() -> None:
    best = understood("How many people are younger than 30?").best or understood("How many players are there?").best
    assert best is not None and "riders" in best.sql


@pytest.mark.parametrize(
    "question",
    [
        "What is the price of Mistral?",
        "Which helmet does each rider wear?",
        "How many trucks do we have?",
        "Who is the mechanic of Mistral?",
        "Did it rain in Ulm?",
    ],
)
def test_a_noun_that_nothing_bears_is_not_dropped(question: str) -> None:
    answer = understood(question)
    assert answer.best is None, answer.best
    assert answer.declined and "I can answer about: " in answer.declined


def test_a_verb_that_nothing_bears_may_be_dropped() -> None:
    best = understood("How many bikes are kept in Ulm?").best
    assert best is not None and "town = 'Ulm'" in best.sql


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("horsepower", ("horsepower",)),
        ("annual revenue of the company in EUR", ("year", "revenue")),
        ("priority: low, normal or high", ("priority",)),
        ("does not want mail", ()),
        ("who placed the order", ()),
        ("empty while the guest is still with us", ()),
        (None, ()),
    ],
)
def test_a_comment_names_its_column(comment: str | None, name: tuple[str, ...]) -> None:
    assert name_in(comment) == name


def test_a_comment_says_what_codes_mean() -> None:
    assert codes_in("A = active, I = inactive (left)", ("A", "I")) == {"active": "A", "inactive": "I"}
    assert codes_in("Lead, Won or Lost", ("Lead", "Won", "Lost")) == {}


def test_a_note_names_a_column() -> None:
    assert told_of(("amt is the deal amount", "be careful"), ("amt", "qty")) == {"amt": "deal amount"}
