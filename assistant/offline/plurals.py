"""Plural and singular of English nouns, and the past of its verbs: as much as commands and answers need."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Irregular:
    """Forms of words that follow no rule, and the small words that part a sentence."""

    plural: dict[str, str]
    singular: dict[str, str]
    same: frozenset[str]
    past: dict[str, str]
    auxiliary: frozenset[str]
    ends: frozenset[str]
    """Words at which a subject or a verb has ended."""


@lru_cache
def irregular() -> Irregular:
    """Load the words of English."""
    data = tomllib.loads((Path(__file__).parent / "english_forms.toml").read_text(encoding="utf-8"))
    back = {many: one for one, many in data["plural"].items()}
    parts = data["sentence"]
    return Irregular(
        data["plural"],
        back,
        frozenset(data["same"]["words"]),
        data["past"],
        frozenset(parts["auxiliary"]),
        frozenset(parts["ends"]),
    )


@lru_cache(maxsize=4096)
def forms_of(word: str) -> frozenset[str]:
    """The word with its plural and singular, lower-case."""
    return frozenset({word, plural(word), singular(word)})


def plural(noun: str) -> str:
    """The plural of a noun that may be one already."""
    words = irregular()
    if noun in words.same or noun in words.singular or len(noun) < 2:
        return noun
    if noun in words.plural:
        return words.plural[noun]
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")):
        return noun
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def singular(noun: str) -> str:
    """The singular of a noun that may be one already."""
    words = irregular()
    if noun in words.singular:
        return words.singular[noun]
    if noun in words.same or not noun.endswith("s") or noun.endswith(("ss", "us", "is")) or len(noun) < 4:
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "zes", "ches", "shes")):
        return noun[:-2]
    return noun[:-1]


def infinitive(word: str) -> str:
    """The base form of an irregular past (`lost`: lose); any other word as it is."""
    return _infinitives().get(word, word)


@lru_cache
def _infinitives() -> dict[str, str]:
    return {done: verb for verb, done in irregular().past.items()}


def past(verb: str) -> str:
    """The simple past of a verb's base form."""
    known = irregular().past
    if verb in known:
        return known[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in tuple("aeiou"):
        return verb[:-1] + "ied"
    return verb + "ed"
