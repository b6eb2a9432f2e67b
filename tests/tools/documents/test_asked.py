"""A search in words taken apart: what is sought, and what is said of it."""

import pytest

from tools.documents.asked import ask, sought

ENTITIES = {"customer", "order", "order line", "claim", "product", "shipment"}


@pytest.mark.parametrize(
    ("query", "entity", "said"),
    [
        ("find the customer who complained about late delivery", "customer", "who complained about late delivery"),
        ("customers complaining about late delivery", "customer", "complaining about late delivery"),
        ("which clients wrote about broken glass", "customer", "wrote about broken glass"),
        ("orders with a gift", "order", "with a gift"),
        ("customer complaints about late delivery", "claim", "customer about late delivery"),
        ("complaints about lamps", "claim", "about lamps"),
        ("show me all products", "product", ""),
        ("which customers found a lamp in pieces", "customer", "found a lamp in pieces"),
        ("find product quality complaints", "claim", "product quality"),
        ("find customer Ada Byron", "customer", "ada byron"),
    ],
)
def test_the_thing_sought_is_told_from_what_is_said_of_it(query: str, entity: str, said: str) -> None:
    assert sought(query, ENTITIES) == (entity, said)


@pytest.mark.parametrize("query", ["late delivery", "delivery late by customer", "order 66", "", "who", "Ada Byron"])
def test_a_search_may_seek_nothing_in_particular(query: str) -> None:
    assert sought(query, ENTITIES) == (None, query)


def test_words_come_with_their_synonyms_each_for_its_term() -> None:
    asked = ask("complained about late deliveries", ENTITIES)
    assert asked.said == ("late", "deliveries")  # who complained has a claim: the kind tells it
    weights = dict(zip(zip(asked.words, asked.terms, strict=True), asked.weights, strict=True))
    assert weights["'deliveries'", 1] == 1.0
    assert weights["'shipment'", 1] < 1.0
    assert asked.kinds == ("claim", "shipment")
    assert ("deliveries", 1) in asked.letters
    assert dict(zip(asked.words, asked.own, strict=True))["'shipment'"] is False
    more = asked.spelt({"deliveries": ["deliveri"]})
    assert more.words[-1] == "'deliveri'"
    assert more.terms[-1] == 1


def test_what_says_all_is_looked_for_before_what_says_a_part() -> None:
    probes = ask("glass lamp broken").probes
    assert [probe.count("&") for probe in probes] == [2, 1, 1, 1, 0, 0, 0]
    assert list(probes.values()) == [0b111, 0b110, 0b101, 0b011, 0b001, 0b010, 0b100]
    assert list(ask("lamp").probes.values()) == [1]
    assert ask("").probes == {"": 0}


def test_a_long_search_is_cut_to_what_a_statement_takes() -> None:
    asked = ask(" ".join(f"word{number}" for number in range(500)))
    assert len(asked.said) == 24
    assert len(asked.words) == len(asked.terms) == len(asked.weights) <= 120
