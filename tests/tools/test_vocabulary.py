"""Names are split and words found again, whatever way a person or a schema writes them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simplemma.strategies import DefaultDictionaryFactory

from tools import english
from tools.vocabulary import expand, is_word, lemma, name_terms, related, split_name, terms, vocabulary, words


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("custOrdDt", ("customer", "order", "date")),
        ("cust_ord_dt", ("customer", "order", "date")),
        ("CUST-ORD-DT", ("customer", "order", "date")),
        ("stuid", ("student", "id")),
        ("empno", ("employee", "number")),
        ("orderitems", ("order", "items")),
        ("shippedat", ("shipped", "at")),
        ("no_of_guests", ("number", "of", "guests")),
        ("HTTPServer", ("http", "server")),
        ("dob", ("birth", "date")),
        ("status", ("status",)),
        ("addresses", ("addresses",)),
        ("Größe_2", ("größe", "2")),
        ("___", ()),
    ],
)
def test_names_become_full_words(name: str, parts: tuple[str, ...]) -> None:
    assert split_name(name) == parts


def test_base_forms() -> None:
    assert [lemma(word) for word in ("Customers", "cities", "sold", "people", "singing", "status")] == [
        "customer",
        "city",
        "sell",
        "person",
        "sing",
        "status",
    ]
    assert name_terms("ord_dtls") == ("order", "detail")


def test_synonyms_are_mutual_and_never_the_word_itself() -> None:
    assert "client" in expand("customers")
    assert "revenue" in expand("sales")
    for word, others in vocabulary().synonyms.items():
        assert word not in others
        assert all(word in vocabulary().synonyms[other] for other in others)
    assert expand("xylograph") == ()
    assert "order" in related("bought")


def test_question_words_drop_out() -> None:
    assert terms("How many of our customers' orders were shipped last month?") == (
        "customer",
        "order",
        "ship",
        "last",
        "month",
    )
    assert words("Who's the boss?") == ("who", "the", "boss")


def test_every_word_list_is_in_lower_case() -> None:
    lists = vocabulary()
    entries = [*lists.abbreviations, *lists.lemmas, *lists.synonyms, *lists.related]
    assert [word for word in entries if word != word.lower()] == []


def test_the_dictionary_is_not_loaded_by_an_import() -> None:
    code = "import sys, tools.vocabulary; sys.exit('simplemma' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_packed_dictionary_says_what_the_whole_one_says() -> None:
    whole = DefaultDictionaryFactory().get_dictionary("en")
    packed = english.Packed(english.packed(whole))
    assert len(packed) == len(whole)
    assert [word for at, word in enumerate(whole) if at % 10 == 0 and packed[word] != whole[word]] == []
    assert set(packed) == set(whole)
    assert packed.get("orderlines") is packed.get("") is packed.get("zzzz") is None


def test_a_process_that_packs_the_dictionary_gives_the_same_base_forms() -> None:
    words = ("cities", "sold", "london", "blorpings", "qty", "children")
    code = f"from tools import english, vocabulary as v; english.pack(); print([v.lemma(w) for w in {words}])"
    code += f"; print([v.is_word(w) for w in {words}]); print(len(english._held))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str([lemma(w) for w in words]), str([is_word(w) for w in words]), "1"]


@given(st.text(max_size=60))
def test_any_text_is_a_name(name: str) -> None:
    assert all(part == part.lower() and part for part in split_name(name))
