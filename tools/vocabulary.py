"""What words mean in names of tables and columns: splitting, base forms, abbreviations and synonyms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import zip_longest
from tomllib import loads

from tools import english

_WORD = re.compile(r"[^\W_]+(?:'s\b)?")
_CAMEL = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ])")
_NAME_PART = re.compile(r"\d+|[^\W\d_]+")
_ENDINGS = (
    "id",
    "ids",
    "no",
    "nr",
    "num",
    "name",
    "names",
    "date",
    "code",
    "type",
    "key",
    "time",
    "number",
    "count",
    "at",
)
"""Last words of column names that are often written without a gap: `customerid`, `orderdate`."""
_HEADS = ("top", "max", "min", "avg", "num", "tot", "sub", "pre", "home", "last", "first", "total", "new", "old", "net")
"""First words of the same kind: `topspeed`, `maxoccupancy`."""


@dataclass(frozen=True)
class Vocabulary:
    """The word lists of vocabulary.toml, ready to look up; all keys are base forms."""

    abbreviations: Mapping[str, tuple[str, ...]]
    tails: Mapping[str, str]
    lemmas: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]]
    related: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[int, ...]]
    """Word -> the numbers of the synonym groups it stands in."""
    stop_words: frozenset[str]
    """Words of a question that name nothing."""
    common: frozenset[str]
    """Words of nearly every table: they tell tables apart badly."""
    neutral: frozenset[str]
    """Words in a table's name that say its kind, not what it is about."""
    secret: tuple[tuple[str, ...], ...]
    """Words in a column's name that say its values are secret."""
    personal: tuple[tuple[str, ...], ...]
    """Words in a column's name that say its values are personal, unless the name ends in a harmless one."""
    harmless: frozenset[str]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Load the word lists, once in a process."""
    raw = loads(files("tools").joinpath("vocabulary.toml").read_text(encoding="utf-8"))
    groups = [tuple(dict.fromkeys(group)) for group in raw["synonyms"]["groups"]]
    numbers: dict[str, tuple[int, ...]] = {}
    for number, group in enumerate(groups):
        for word in group:
            numbers[word] = (*numbers.get(word, ()), number)
    return Vocabulary(
        abbreviations={key: tuple(value.split()) for key, value in raw["abbreviations"].items()},
        tails=raw["tail"],
        lemmas=raw["lemmas"],
        synonyms=_links(groups),
        related=_links([tuple(dict.fromkeys(group)) for group in raw["synonyms"]["related"]], first_only=True),
        groups=numbers,
        stop_words=frozenset(raw["stop"]["words"].split()),
        common=frozenset(raw["common"]["words"].split()),
        neutral=frozenset(raw["neutral"]["words"].split()),
        secret=tuple(tuple(words.split()) for words in raw["private"]["secret"]),
        personal=tuple(tuple(words.split()) for words in raw["private"]["personal"]),
        harmless=frozenset(raw["private"]["harmless"]),
    )


def _links(groups: list[tuple[str, ...]], first_only: bool = False) -> dict[str, tuple[str, ...]]:
    """Word -> the others of its groups; with `first_only` the later words link to the first alone."""
    links: dict[str, dict[str, None]] = {}
    for group in groups:
        for word in group:
            others = group if not first_only or word == group[0] else group[:1]
            links.setdefault(word, {}).update(dict.fromkeys(other for other in others if other != word))
    return {word: tuple(others) for word, others in links.items()}


@lru_cache(maxsize=50_000)
def lemma(word: str) -> str:
    """Give the base form of one English word, lower case: `cities` -> `city`, `sold` -> `sell`."""
    word = word.lower().removesuffix("'s")
    known = vocabulary().lemmas.get(word)
    if known is not None:
        return known
    if len(word) < 3 or not word.isascii() or not word.isalpha():
        return word
    return english.base_form(word).lower()


def words(text: str) -> tuple[str, ...]:
    """Split running text into its words and numbers, lower case, in order, nothing left out."""
    return tuple(word.removesuffix("'s") for word in _WORD.findall(text.lower().replace("’", "'")))


def terms(text: str) -> tuple[str, ...]:
    """Give the base forms of the words of a question that name something, each once, in order."""
    stop = vocabulary().stop_words
    found = (lemma(word) for word in words(text) if word not in stop)
    return tuple(dict.fromkeys(word for word in found if word not in stop))


def expand(word: str) -> tuple[str, ...]:
    """Give the synonyms of a word, as base forms without the word itself; () when it has none."""
    return vocabulary().synonyms.get(lemma(word), ())


def related(word: str) -> tuple[str, ...]:
    """Give words of the same field (`buy` -> order, purchase; `old` -> age), weaker than synonyms."""
    return vocabulary().related.get(lemma(word), ())


@lru_cache(maxsize=50_000)
def split_name(name: str) -> tuple[str, ...]:
    """Split the name of a table or column into full lower-case words: `custOrdDt` -> customer, order, date.

    Splits at underscores, other signs, digits and capitals, then parts what was written together
    (`orderdate`, `stuid`), then writes abbreviations out. Plurals stay: see `lemma`.
    """
    parts: list[str] = []
    for chunk in _NAME_PART.findall(_CAMEL.sub("_", name)):
        parts.extend(_part_glued(chunk.lower()))
    full: list[str] = []
    for part, following in zip_longest(parts, parts[1:]):
        full.extend(_write_out(part, tail=len(parts) > 1 and following in (None, "of")))
    return tuple(full)


def name_terms(name: str) -> tuple[str, ...]:
    """Give the base forms of the words in a name: `ord_dtls` -> order, detail."""
    return tuple(lemma(word) for word in split_name(name))


def _write_out(part: str, *, tail: bool) -> tuple[str, ...]:
    lists = vocabulary()
    if tail and part in lists.tails:
        return (lists.tails[part],)
    return lists.abbreviations.get(part, (part,))


def _part_glued(chunk: str) -> tuple[str, ...]:
    """Part a word that is two or three known ones written together; a known word stays whole."""
    lists = vocabulary()
    if len(chunk) < 5 or chunk in lists.abbreviations or chunk in lists.lemmas or is_word(chunk):
        return (chunk,)
    for ending in _ENDINGS:
        head = chunk.removesuffix(ending)
        if head != chunk and len(head) >= 2 and (_is_part(head) or (len(head) >= 3 and is_word(head))):
            return (*_part_glued(head), ending)
    for head in _HEADS:
        tail = chunk.removeprefix(head)
        if tail != chunk and len(tail) >= 4 and (_is_part(tail) or is_word(tail)):
            return (head, tail)
    for cut in range(len(chunk) - 3, 2, -1):
        head, tail = chunk[:cut], chunk[cut:]
        if (_is_part(head) or (len(head) >= 4 and is_word(head))) and (
            _is_part(tail) or (len(tail) >= 4 and is_word(tail))
        ):
            return (head, tail)
    return (chunk,)


def _is_part(text: str) -> bool:
    """An abbreviation or a word of the synonym lists: safe to see inside a longer chunk."""
    lists = vocabulary()
    return text in lists.abbreviations or text in lists.groups or lemma(text) in lists.groups


@lru_cache(maxsize=20_000)
def is_word(text: str) -> bool:
    """Tell whether a lower-case text is an English word."""
    return text in vocabulary().groups or english.is_known(text)
