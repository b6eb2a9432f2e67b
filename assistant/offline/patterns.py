"""Sentence patterns of commands: read from text once, matched against tokens with slips of the keyboard forgiven."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from assistant.offline.plurals import forms_of

TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'(?=\W|$)|[\w$#%*.\-]*[\w$%*](?:['’]\w+)?|[:=,;?!.]")
PATTERN = re.compile(r"[()\[\]|]|<\w+>|@\w+|[^\s()\[\]|<>@]+")
SLOP = 0.01
"""What skipping a filler costs: less than any slip, so that a pattern that names the word wins."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or mark of a sentence, lower-case, and where it stands in the text as typed."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a pattern that takes something of the sentence."""

    kind: str


@dataclass(frozen=True, slots=True)
class Either:
    """Alternatives; an empty one makes the rest optional."""

    ways: tuple[tuple["Part", ...], ...]


Part = str | Slot | Either


@dataclass(frozen=True, slots=True)
class Match:
    """One way a pattern covers a sentence."""

    cost: float
    literal: int
    """Words of the pattern that stand in the sentence."""
    slots: tuple[tuple[str, object], ...] = ()
    words: tuple[str, ...] = ()


Taker = Callable[[str, int], Iterator[tuple[int, object, float]]]
"""Slot kind and position -> ends, values and costs of what the slot may take there."""


def tokenize(text: str, contractions: Mapping[str, str]) -> list[Token]:
    """Words and marks of `text`; a contraction gives its words, each standing where the whole stood."""
    tokens: list[Token] = []
    for found in TOKEN.finditer(text):
        word = found.group().lower().replace("’", "'")
        tokens.extend(Token(part, found.start(), found.end()) for part in contractions.get(word, word).split())
    return tokens


def compile_pattern(text: str, classes: Mapping[str, tuple[tuple[str, ...], ...]]) -> tuple[Part, ...]:
    """Read a pattern; ValueError for a bracket without its pair or a class that is not defined."""
    parts, rest = _sequence(PATTERN.findall(text), 0, classes)
    if rest != len(PATTERN.findall(text)):
        raise ValueError(f"The pattern {text!r} closes a bracket it never opened.")
    return parts


def _sequence(
    symbols: list[str], at: int, classes: Mapping[str, tuple[tuple[str, ...], ...]]
) -> tuple[tuple[Part, ...], int]:
    parts: list[Part] = []
    while at < len(symbols) and symbols[at] not in (")", "]", "|"):
        symbol = symbols[at]
        if symbol in "([":
            ways, at = _ways(symbols, at + 1, ")" if symbol == "(" else "]", classes)
            parts.append(Either(ways if symbol == "(" else (*ways, ())))
        elif symbol.startswith("<"):
            parts.append(Slot(symbol[1:-1]))
        elif symbol.startswith("@"):
            if symbol[1:] not in classes:
                raise ValueError(f"The class {symbol!r} is not defined; known: {', '.join(sorted(classes))}.")
            parts.append(Either(classes[symbol[1:]]))
        else:
            parts.append(symbol)
        at += 1
    return tuple(parts), at


def _ways(
    symbols: list[str], at: int, closing: str, classes: Mapping[str, tuple[tuple[str, ...], ...]]
) -> tuple[tuple[tuple[Part, ...], ...], int]:
    ways: list[tuple[Part, ...]] = []
    while True:
        way, at = _sequence(symbols, at, classes)
        ways.append(way)
        if at >= len(symbols) or symbols[at] not in ("|", closing):
            raise ValueError(f"The pattern {' '.join(symbols)!r} lacks a {closing!r}.")
        if symbols[at] == closing:
            return tuple(ways), at
        at += 1


def literals(parts: tuple[Part, ...]) -> Iterator[str]:
    """Every word a pattern may ask for."""
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Either):
            for way in part.ways:
                yield from literals(way)


@dataclass
class Matcher:
    """Matches patterns against one sentence."""

    tokens: list[Token]
    filler: frozenset[str]
    protected: frozenset[str]
    """Words of the schema: they are never taken for a slip of another word."""
    take: Taker
    max_cost: float = 2.1
    _costs: dict[tuple[str, int], float | None] = field(default_factory=dict)

    def best(self, parts: tuple[Part, ...]) -> Match | None:
        """The cheapest way in which `parts` cover every token, or None."""
        found = [match for end, match in self._walk(parts, 0, Match(0, 0)) if self._says_no_more(end)]
        return min(found, key=lambda match: (match.cost, -match.literal), default=None)

    def ends(self, parts: tuple[Part, ...], at: int) -> Iterator[tuple[int, Match]]:
        """Every way in which `parts` cover tokens from `at` on, with the place after them."""
        yield from self._walk(parts, at, Match(0, 0))

    def _walk(self, parts: tuple[Part, ...], at: int, so_far: Match) -> Iterator[tuple[int, Match]]:
        if not parts:
            yield at, so_far
            return
        yield from self._step(parts[0], parts[1:], at, so_far)
        if at < len(self.tokens) and self.tokens[at].text in self.filler and not isinstance(parts[0], Either):
            skipped = Match(so_far.cost + SLOP, so_far.literal, so_far.slots, so_far.words)
            yield from self._walk(parts, at + 1, skipped)

    def _says_no_more(self, at: int) -> bool:
        return all(token.text in self.filler or token.text in "?!." for token in self.tokens[at:])

    def _step(self, first: Part, rest: tuple[Part, ...], at: int, so_far: Match) -> Iterator[tuple[int, Match]]:
        if isinstance(first, Either):
            for way in first.ways:
                yield from self._walk(way + rest, at, so_far)
        elif isinstance(first, Slot):
            for end, value, cost in self.take(first.kind, at):
                if so_far.cost + cost <= self.max_cost:
                    slots = (*so_far.slots, (first.kind, value))
                    yield from self._walk(rest, end, Match(so_far.cost + cost, so_far.literal, slots, so_far.words))
        elif at < len(self.tokens):
            slip = self._slip(first, at)
            if slip is not None and so_far.cost + slip <= self.max_cost:
                words = (*so_far.words, first)
                yield from self._walk(rest, at + 1, Match(so_far.cost + slip, so_far.literal + 1, so_far.slots, words))

    def _slip(self, word: str, at: int) -> float | None:
        key = (word, at)
        if key not in self._costs:
            self._costs[key] = slip(word, self.tokens[at].text, self.protected)
        return self._costs[key]


def slip(word: str, typed: str, protected: frozenset[str] = frozenset()) -> float | None:
    """What it costs to take `typed` for `word`: 0 for the same word or its other number, 1 for a slip; else None."""
    if word == typed or typed in forms_of(word):
        return 0.0
    if len(word) < 4 or len(typed) < 4 or typed in protected or not typed.isalpha():
        return None
    if len(word) == 4:
        return 1.0 if sorted(word) == sorted(typed) and OSA.distance(word, typed) == 1 else None
    allowed = 1 if len(word) < 9 else 2
    near = OSA.distance(word, typed, score_cutoff=allowed) <= allowed
    return 1.0 if near and (typed[0] == word[0] or typed[1:2] == word[1:2]) else None
