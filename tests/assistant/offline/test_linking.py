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


MUSIC = (
    table("artists", {"artist_id": ("number", ""), "name": ("text", "")}, values={"name": ("Aurora", "Kestrel")}),
    table(
        "albums",
        {"album_id": ("number", ""), "title": ("text", ""), "artist_id": ("number", "")},
        {"artist_id": "artists.artist_id"},
        {"title": ("Home", "Away")},
    ),
    table(
        "tracks",
        {
            "track_id": ("number", ""),
            "name": ("text", ""),
            "album_id": ("number", ""),
            "composer": ("text", ""),
            "seconds": ("number", ""),
            "recorded_on": ("date", ""),
        },
        {"album_id": "albums.album_id"},
        {"composer": ("Aurora", "Nobody"), "name": ("One", "Two")},
    ),
)


def test_what_somebody_made_is_of_the_one_who_is_a_row_and_the_other_column_is_offered() -> None:
    answer = read("tracks by Aurora", MUSIC, "postgres", TODAY)
    assert answer.best is not None and "artists.name = 'Aurora'" in answer.best.sql
    assert any("composer = 'Aurora'" in each.sql for each in answer.readings[1:])


def test_what_is_ranked_by_a_count_is_shown() -> None:
    best = read("top 2 composers by number of tracks", MUSIC, "postgres", TODAY).best
    assert best is not None
    assert best.sql.startswith("SELECT composer") and "ORDER BY COUNT(*) DESC" in best.sql and "LIMIT 2" in best.sql


def test_a_question_with_a_figure_of_its_own_is_no_follow_up() -> None:
    before = read("which artists have no albums?", MUSIC, "postgres", TODAY)
    after = read("average seconds by composer", MUSIC, "postgres", TODAY, before)
    assert after.best is not None and "AVG(seconds)" in after.best.sql and "NOT" not in after.best.sql


def test_a_follow_up_over_more_rows_counts_things_once() -> None:
    before = read("How many artists are there?", MUSIC, "postgres", TODAY)
    after = read("and by composer?", MUSIC, "postgres", TODAY, before)
    assert after.best is not None and "COUNT(DISTINCT artists.artist_id)" in after.best.sql


def test_a_slip_of_the_keyboard_is_mended() -> None:
    best = read("What is the avrage of seconds of tracks?", MUSIC, "postgres", TODAY).best
    assert best is not None and "AVG(seconds)" in best.sql


def test_long_readings_are_labelled_by_what_tells_them_apart() -> None:
    answer = read("tracks per month this year", MUSIC, "postgres", TODAY)
    labels = [each.label for each in answer.readings]
    assert len(set(labels)) == len(labels) and not any("(3)" in label for label in labels)
