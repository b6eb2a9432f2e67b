"""What columns and tables are, told from their names by the word lists of plan.toml."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from tomllib import loads
from typing import NamedTuple

from tools.connectors.base import Column, TableSchema
from tools.vocabulary import lemma, name_terms, split_name, vocabulary

Words = tuple[str, ...]

_ENDINGS = frozenset({"at", "on", "date", "time", "timestamp", "ts", "utc", "datetime"})
"""Last words of a date's name that say only that it is one."""


class Entity(NamedTuple):
    """One kind of thing, and what tells it."""

    name: str
    words: tuple[Words, ...]
    columns: tuple[Words, ...]


class Lists(NamedTuple):
    """The word lists of plan.toml in base forms."""

    entities: tuple[Entity, ...]
    title: tuple[tuple[Words, ...], ...]
    date: tuple[Words, ...]
    watermark: tuple[Words, ...]
    birth: tuple[Words, ...]
    tag: tuple[Words, ...]
    money: tuple[Words, ...]
    secret: tuple[Words, ...]


@lru_cache(maxsize=1)
def lists() -> Lists:
    """Load the word lists, once in a process."""
    raw = loads(files("tools.sync").joinpath("plan.toml").read_text(encoding="utf-8"))
    columns = raw["columns"]
    return Lists(
        entities=tuple(
            Entity(entity["name"], _based(entity["words"]), _based(entity["columns"])) for entity in raw["entities"]
        ),
        title=tuple(_based(group) for group in columns["title"]),
        date=_based(columns["date"]),
        watermark=_based(columns["watermark"]),
        birth=_based(columns["birth"]),
        tag=_based(columns["tag"]),
        money=_based(columns["money"]),
        secret=tuple(tuple(words.split()) for words in columns["secret"]) + vocabulary().secret,
    )


def entity_of(shape: TableSchema) -> str:
    """What a row of this table is: `customer`, `order line`; the table's own last word where no list knows it."""
    terms = name_terms(shape.name)
    held = [name_terms(column.name) for column in shape.columns]
    best: tuple[int, int, int, str] = (0, 0, 0, "")
    for entity in lists().entities:
        longest = max((len(words) for words in entity.words if ends(terms, words)), default=0)
        inside = max((len(words) for words in entity.words if holds(terms, words)), default=0)
        fitting = bool(entity.columns) and all(any(holds(name, words) for name in held) for words in entity.columns)
        score = (longest, inside, int(fitting), entity.name)
        if score[:3] > best[:3]:
            best = score
    if best[0] or best[1] or best[2]:
        return best[3]
    neutral = vocabulary().neutral
    return next((term for term in reversed(terms) if term not in neutral), terms[-1] if terms else shape.name)


def looks_secret(column: Column, more: Sequence[str] = ()) -> bool:
    """True when a column's name says that its values must stay at the source; `more` are parts of names to add."""
    lowered = column.name.lower()
    if any(part in lowered for part in more):
        return True
    terms = tuple(lemma(part) if part.endswith("s") else part for part in split_name(column.name))
    if terms[-1:] == ("key",) and column.family in ("text", "binary"):
        return True
    harmless = len(terms) > 1 and terms[-1] in vocabulary().harmless
    return not harmless and any(holds(terms, words) for words in lists().secret)


def rank(name: str, wanted: Sequence[Words]) -> int | None:
    """The place in `wanted` of the first words that a column's name is, or ends with; None where it is none."""
    terms = name_terms(name)
    bare = terms[:-1] if len(terms) > 1 and terms[-1] in _ENDINGS else terms
    for place, words in enumerate(wanted):
        if words in (terms, bare):
            return place
    for place, words in enumerate(wanted):
        if ends(terms, words) or ends(bare, words):
            return place + len(wanted)
    return None


def ends(terms: Sequence[str], words: Words) -> bool:
    """True when `terms` end with `words`."""
    return tuple(terms[-len(words) :]) == words


def holds(terms: Sequence[str], words: Words) -> bool:
    """True when `words` stand in `terms` one behind the other."""
    width = len(words)
    return any(tuple(terms[at : at + width]) == words for at in range(len(terms) - width + 1))


def _based(texts: Sequence[str] | Sequence[Sequence[str]]) -> tuple[Words, ...]:
    parts = [text if isinstance(text, str) else " ".join(text) for text in texts]
    return tuple(tuple(lemma(word) for word in part.split()) for part in parts)
