"""The phrases of a language, loaded from its file and found in a row of tokens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from tomllib import loads
from typing import Any

from assistant.offline.plurals import irregular, plural
from assistant.offline.tokens import Token


@dataclass(frozen=True, slots=True)
class Op:
    """What a phrase does: a kind (`compare`, `aggregate` ...), which one of it, and the column kind it implies."""

    kind: str
    value: str = ""
    hint: str = ""
    weak: bool = False


@dataclass(frozen=True)
class Grammar:
    """One language's phrases and word lists."""

    phrases: Mapping[tuple[str, ...], tuple[Op, ...]]
    longest: int
    fill: frozenset[str]
    numbers: Mapping[str, int]
    kinds: Mapping[str, tuple[tuple[str, ...], frozenset[str]]]
    values: Mapping[str, tuple[str, ...]]
    period: Mapping[str, Any]
    measures: Mapping[str, tuple[str, ...]]
    measure_columns: Mapping[str, tuple[str, ...]]
    follow_up: Mapping[str, tuple[str, ...]]
    people: frozenset[str]
    """Words for people, be the table called otherwise."""
    persons: frozenset[str]
    """Words for tables of people, whom `who` asks for."""
    opening: Mapping[str, frozenset[str]]
    """Where an opening may stand within a sentence: verbs, what follows them, and what may not go before."""
    articles: frozenset[str]
    """Words behind which a noun stands."""
    verb_openings: frozenset[str]
    """Words behind which a verb stands."""
    auxiliaries: frozenset[str]
    """Words that send the verb to the end: `what does a shop sell`."""
    objects: frozenset[str]
    """Words that follow a verb, and no noun: `carry it`."""
    pasts: frozenset[str]
    """What was done, in verbs whose past follows no rule."""
    direction: Mapping[str, frozenset[str]]
    """Words for either end of a way (`to`, `from`), and those that say it alone (`verbs`)."""
    doing: Mapping[str, str]
    """Verbs that say by what kind of column things are compared: `costing between 5 and 7`."""
    openings: frozenset[str]
    """Words that open a question only at the start of a sentence, and name a column elsewhere."""


_AT_START = (
    "name state report print present list describe identify provide select sort order find "
    "show number arrange rank give get return display tell fetch retrieve compute calculate"
)


@lru_cache(maxsize=4)
def grammar(language: str = "english") -> Grammar:
    """Load a language's file, once in a process."""
    raw = loads(files("assistant.offline").joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    phrases = _phrases(raw)
    return Grammar(
        phrases={phrase: tuple(ops) for phrase, ops in phrases.items()},
        longest=max(map(len, phrases)),
        fill=frozenset(raw["fill"]["words"]),
        numbers=raw["number"],
        kinds={name: (tuple(kind["up"]), frozenset(kind["down"])) for name, kind in raw["kind"].items()},
        values=_values(raw["values"], language),
        period=raw["period"],
        measures={name: tuple(words) for name, words in raw["measure"].items()},
        measure_columns={name: tuple(words) for name, words in raw["measure_columns"].items()},
        follow_up={name: tuple(words) for name, words in raw["follow_up"].items()},
        people=frozenset(raw["people"]["words"]),
        persons=frozenset({*raw["people"]["words"], *raw["people"]["more"]}),
        opening={name: frozenset(words) for name, words in raw["opening"].items()},
        articles=frozenset(raw["unknown"]["articles"]),
        verb_openings=frozenset(raw["unknown"]["verb_openings"]),
        auxiliaries=frozenset(raw["unknown"]["auxiliaries"]),
        objects=frozenset(raw["unknown"]["objects"]),
        pasts=frozenset({*irregular().past.values(), *raw["unknown"]["pasts"]}),
        direction={name: frozenset(words) for name, words in raw["direction"].items()},
        doing=raw["doing"],
        openings=frozenset(_AT_START.split()),
    )


def _phrases(raw: Mapping[str, Any]) -> dict[tuple[str, ...], list[Op]]:
    """Every phrase of a language's file with what it may do."""
    phrases: dict[tuple[str, ...], list[Op]] = {}
    for phrase, op in _said(raw):
        found = phrases.setdefault(tuple(phrase.split()), [])
        if op not in found:
            found.append(op)
    return phrases


def _said(raw: Mapping[str, Any]) -> Iterator[tuple[str, Op]]:
    for name in ("ask", "aggregate", "compare", "superlative", "frequent", "order", "group", "logic", "null"):
        for value, words in raw[name].items():
            yield from ((phrase, Op(name, value)) for phrase in words)
    for name in ("distinct", "everything", "negate", "unit", "fill"):
        words = raw[name]["words"] if name != "fill" else raw[name]["phrases"]
        yield from ((phrase, Op(name)) for phrase in words)
    for phrase, op in raw["comparative"].items():
        yield phrase, Op("compare", op["op"], op["kind"])
    for phrase, op in raw["superlative_kind"].items():
        best = Op("superlative", op["way"], op["kind"], op.get("weak", False))
        yield from ((phrase, best), (f"the {phrase}", best))
    for name, words in raw["measure"].items():
        yield from ((phrase, Op("measure", name)) for phrase in words)
    for phrase, kind in raw["how"].items():
        yield phrase, Op("ask", "how", kind)


def _values(words: Mapping[str, Sequence[str]], language: str) -> dict[str, tuple[str, ...]]:
    """How stored values may spell a word; a nation's adjective means the country, and its plural the people."""
    text = files("assistant.offline").joinpath(f"{language}_nations.toml").read_text(encoding="utf-8")
    found = {word: tuple(same) for word, same in words.items()}
    for word, country in loads(text)["nations"].items():
        for form in (word, plural(word)):
            found.setdefault(form, (country.lower(), word))
    return found


def phrases_at(tokens: Sequence[Token], start: int) -> list[tuple[int, Op]]:
    """All phrases that begin at a token, as (end, op), longest first."""
    lists = grammar()
    found: list[tuple[int, Op]] = []
    for length in range(min(lists.longest, len(tokens) - start), 0, -1):
        words = tuple(token.lower for token in tokens[start : start + length])
        if any(token.kind in ("quoted", "number", "date") for token in tokens[start : start + length]):
            continue
        if length == 1 and words[0] in lists.openings and not _opens(tokens, start):
            continue
        found.extend((start + length, op) for op in lists.phrases.get(words, ()))
    return found


def _opens(tokens: Sequence[Token], start: int) -> bool:
    if start == 0 or tokens[start - 1].kind == "sign":
        return True
    before = tokens[start - 1].lower
    if before in ("please", "then", "you"):
        return True
    after = tokens[start + 1].lower if start + 1 < len(tokens) else ""
    words = grammar().opening
    if tokens[start].lower in words["verbs"] and after in words["objects"] and before not in words["inside"]:
        return True
    return before == "and" and tokens[start].lower in (
        "list",
        "find",
        "show",
        "identify",
        "sort",
        "describe",
        "provide",
    )
