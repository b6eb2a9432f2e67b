"""Links spans of a question to tables, columns and values, and picks covers of the question by such spans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Literal

from rapidfuzz.distance import DamerauLevenshtein

from assistant.offline.forms import Ref
from assistant.offline.grammar import Op, grammar, phrases_at
from assistant.offline.lexicon import ColumnEntry, Lexicon, TableEntry, Word
from assistant.offline.periods import Period, period_at
from assistant.offline.tokens import Token, plain, stem
from assistant.offline.understanding import Probe
from tools.schemas.vocabulary import expand, lemma, related, split_name

Kind = Literal["table", "column", "value", "number", "period", "text", "op", "unknown"]
BREADTH = 4
"""Covers kept for a question."""


@dataclass(frozen=True, slots=True)
class Link:
    """One thing of the schema that a span may name."""

    table: str
    column: str = ""
    value: str = ""
    score: float = 1.0
    weak: bool = False
    """Tied only by a related word (`released`, `earn`), not by the name or a synonym."""

    @property
    def ref(self) -> Ref:
        """The column."""
        return Ref(self.table, self.column)


@dataclass(frozen=True, slots=True)
class Item:
    """A span of tokens with one role in the question."""

    kind: Kind
    start: int
    end: int
    text: str = ""
    op: Op | None = None
    links: tuple[Link, ...] = ()
    value: str | int | float | date | Period | None = None
    alt: tuple[Link, ...] = ()
    """For a table the columns, for a column the tables, that the same words may name."""

    @property
    def score(self) -> float:
        """Quality of the best link."""
        return self.links[0].score if self.links else 0.0

    def is_op(self, *kinds: str) -> bool:
        """True for an operator phrase of one of these kinds."""
        return self.op is not None and self.op.kind in kinds


@dataclass(frozen=True, slots=True)
class Cover:
    """A row of items that explains the whole question."""

    items: tuple[Item, ...]
    score: float


@lru_cache(maxsize=20_000)
def variants(word: str) -> tuple[tuple[str, float], ...]:
    """Words a schema may use for this one, with how near they are."""
    base = lemma(word)
    found = {base: 1.0, word: 1.0}
    for other in expand(word):
        found.setdefault(lemma(other), 0.8)
    for other in related(word):
        found.setdefault(lemma(other), 0.55)
    return tuple(found.items())


def links_at(lexicon: Lexicon, tokens: Sequence[Token], start: int) -> list[Item]:
    """Items for tables and columns that begin at a token: every length, each with its links, best first."""
    items: list[Item] = []
    for end in range(start + 1, min(len(tokens), start + 6) + 1):
        if tokens[end - 1].kind != "word" and not (tokens[end - 1].kind == "number" and end - start > 1):
            break
        span = tokens[start:end]
        if span[-1].lower == "'s":  # `dog's` written together is no plural
            continue
        if span[-1].lower in (
            "of",
            "the",
            "'s",
            "they",
            "were",
            "was",
            "it",
            "their",
            "its",
            "per",
            "a",
            "in",
            "on",
            "by",
            "for",
            "and",
            "or",
            "to",
            "at",
            "is",
            "are",
        ) and not _squeezed(lexicon, span):
            continue
        tables, columns = _named(lexicon, span)
        text = " ".join(token.text for token in span)
        if len(span) == 1 and span[0].lower in _NAMING:
            continue
        if tables:
            items.append(Item("table", start, end, text, links=tables, alt=columns))
        if columns:
            items.append(Item("column", start, end, text, links=columns, alt=tables))
    return items


def shared_head(lexicon: Lexicon, tokens: Sequence[Token], start: int) -> Item | None:
    """`first` in `first and last name`: a word that shares the noun behind the next one."""
    spot = start + 1
    while spot < len(tokens) and spot < start + 5 and tokens[spot].lower not in ("and", "or"):
        if tokens[spot].lower != "," and tokens[spot - 1].lower != ",":
            return None
        spot += 1
    if spot == start + 1 and (spot >= len(tokens) or tokens[spot].lower not in ("and", "or")):
        return None
    for last in range(spot + 2, min(len(tokens), spot + 4)):
        noun, other = tokens[last], tokens[spot + 1 : last + 1]
        if noun.kind != "word":
            return None
        _, theirs = _named(lexicon, other)
        _, mine = _named(lexicon, (tokens[start], noun))
        good = tuple(link for link in mine if link.score > 0.85)
        if good and theirs and theirs[0].score > 0.85 and good[0].ref != theirs[0].ref:
            return Item("column", start, start + 1, tokens[start].text, links=good)
    return None


def _squeezed(lexicon: Lexicon, span: Sequence[Token]) -> Sequence[TableEntry | ColumnEntry]:
    text = "".join(c for token in span for c in token.lower if c.isalnum())
    if len(text) < 3:
        return ()
    found = lexicon.by_squeezed.get(text, [])
    return found or (lexicon.by_squeezed.get(text.removesuffix("s"), []) if len(text) > 3 else [])


_NAMING = frozenset({"named", "called", "titled", "has", "have", "live", "lives", "living", "lived"})
"""Words that lead to a value and name no column, though they share a stem with one."""
_JOINING = frozenset({"of", "the", "a", "per", "they", "were", "was", "it", "is", "are", "their", "its"})


def _named(lexicon: Lexicon, span: Sequence[Token]) -> tuple[tuple[Link, ...], tuple[Link, ...]]:  # noqa: C901, PLR0912  # one list of cases
    content = [part for t in span if t.lower not in _JOINING for part in _written_out(lexicon, t.lower)]
    crossing = any(t.lower in _JOINING for t in span)
    if not content or (span[0].lower in _JOINING and not _squeezed(lexicon, span)):
        return (), ()
    if crossing and _tail_is_table(lexicon, span):
        return (), ()
    scores: dict[int, tuple[TableEntry | ColumnEntry, float, bool]] = {}
    for entry in _candidates(lexicon, content):
        quality, weak = _fit(entry, content)
        if (
            not _counts_ids(entry, span)
            and quality > 0.3
            and not (len(content) == 1 and content[0] in grammar().fill and quality < 0.8 and content[0] not in _NOUNS)
        ):
            scores[id(entry)] = (entry, quality, weak)
    for entry in _squeezed(lexicon, span):
        scores[id(entry)] = (entry, 1.02, False)
    tables, columns = [], []
    for entry, quality, weak in scores.values():
        if isinstance(entry, TableEntry):
            if crossing and quality < 1.02:
                continue
            if entry.name not in lexicon.roles or quality >= SAID:
                played = PLAYED if entry.name in lexicon.roles else 1.0
                tables.append(Link(entry.name, score=round(quality * played, 4), weak=weak))
        else:
            columns.append(Link(entry.table, entry.column.name, score=round(quality, 4), weak=weak))
    if len(content) == 1 and content[0] in ("name", "names"):
        tabled = {link.table for link in columns if link.score > 0.9}
        columns.extend(
            Link(t.name, NAME, score=0.9) for t in lexicon.tables.values() if t.name not in tabled and t.named
        )
    if [lemma(word) for word in content] == ["full", "name"] and not any(link.score > 0.9 for link in columns):
        columns = [Link(t.name, NAME, score=1.0) for t in lexicon.tables.values() if len(t.display) > 1] or columns
    if len(content) == 1 and any(link.score >= 0.97 for link in tables):
        columns = [c for c in columns if c.score >= 0.95 or not _participle(lexicon, c)]
    return _best(tables), _best(columns)


def _counts_ids(entry: TableEntry | ColumnEntry, span: Sequence[Token]) -> bool:
    """`number of students` counts; it does not name a student number."""
    counted = len(span) > 2 and span[0].lower in ("number", "numbers", "count") and span[1].lower == "of"
    return counted and (isinstance(entry, TableEntry) or entry.identifier or not entry.number)


def _tail_is_table(lexicon: Lexicon, span: Sequence[Token]) -> bool:
    """`ids of the students`: the table is a mention of its own, unless a column is called so."""
    places = [i for i, token in enumerate(span) if token.lower == "of"]
    if not places or _squeezed(lexicon, span):
        return False
    tail = [token.lower for token in span[places[-1] + 1 :] if token.lower not in _JOINING]
    return bool(tail) and any(isinstance(e, TableEntry) and _fit(e, tail)[0] > 0.95 for e in _candidates(lexicon, tail))


def _participle(lexicon: Lexicon, link: Link) -> bool:
    """True for `ordered_at` or `is_open`: the noun `order` does not name it."""
    return lexicon.column(link.ref).column.family in ("date", "datetime", "bool")


SAID = 0.95
"""A part is named by its noun: `winner`, not `won`."""
PLAYED = 0.92
"""A table's own name goes before a part that a table plays."""
NAME = "@name"
"""Stands for the columns that name a row of a table, whatever they are."""
_NOUNS = frozenset(
    {
        "date",
        "dates",
        "detail",
        "details",
        "item",
        "items",
        "order",
        "orders",
        "time",
        "times",
        "total",
        "value",
        "values",
        "result",
        "results",
        "record",
        "records",
        "kind",
        "list",
    }
)


def _best(links: list[Link]) -> tuple[Link, ...]:
    links.sort(key=lambda link: -link.score)
    return tuple(link for link in links if link.score >= links[0].score - 0.35)[:24] if links else ()


def _candidates(lexicon: Lexicon, content: Sequence[str]) -> list[TableEntry | ColumnEntry]:
    """Entries that share a word with each word of the span."""
    sets: dict[int, TableEntry | ColumnEntry] | None = None
    for word in content:
        near: dict[int, TableEntry | ColumnEntry] = {}
        for other, _ in variants(word):
            near.update((id(e), e) for e in lexicon.by_word.get(other, ()))
        near.update((id(e), e) for e in lexicon.by_stem.get(stem(word), ()))
        if len(content) > 1 and word in ("number", "numbers"):
            near.update((id(e), e) for e in lexicon.by_word.get("id", ()))
        if not near and len(word) >= 5:
            near.update((id(e), e) for e in _misspelt(lexicon, word))
        sets = near if sets is None else {key: e for key, e in sets.items() if key in near}
        if not sets:
            return []
    return list((sets or {}).values())


def _misspelt(lexicon: Lexicon, word: str) -> list[TableEntry | ColumnEntry]:
    base = lemma(word)
    return [
        entry
        for known, entries in lexicon.by_word.items()
        if known[:1] == base[:1]
        and abs(len(known) - len(base)) <= 1
        and len(known) >= 5
        and DamerauLevenshtein.distance(known, base, score_cutoff=1) <= 1
        for entry in entries
    ]


def _written_out(lexicon: Lexicon, word: str) -> tuple[str, ...]:
    """`birthday` and `dob` are a birth date, when no name bears them as they stand."""
    if lemma(word) in lexicon.by_word or len(word) < 3:
        return (word,)
    parts = split_name(word)
    return parts if len(parts) > 1 and all(lemma(part) in lexicon.by_word for part in parts) else (word,)


_TRAILING = frozenset({"number", "numbers", "code", "codes", "name", "names", "type", "types"})
"""Nouns that may follow a column's own words: `phone number` for `phone`."""
_IDS = frozenset({"id", "identifier", "number", "code", "key"})


def _fit(entry: TableEntry | ColumnEntry, content: Sequence[str]) -> tuple[float, bool]:
    """How well the words of a span name an entry: covered share of its weight, times nearness of the words.

    The second value says that some word is only related.
    """
    best = _fit_words(entry.words, content)
    if not best[0] and len(content) > 1 and content[-1] in _TRAILING and isinstance(entry, ColumnEntry):
        quality, weak = _fit_words(entry.words, content[:-1])
        best = (0.93 * quality, weak) if entry.column.family == "text" or entry.identifier else best
    if (
        isinstance(entry, ColumnEntry)
        and "id" in entry.lemmas
        and len(content) > 1
        and content[-1] in ("number", "numbers")
    ):
        quality, weak = _fit_words(entry.words, (*content[:-1], "id"))
        best = max(best, (0.93 * quality, weak))
    if isinstance(entry, ColumnEntry) and "id" in entry.lemmas and best[0] < 0.9:
        best = (min(best[0], 0.5), best[1]) if not {lemma(word) for word in content} & _IDS else best
    if isinstance(entry, ColumnEntry) and entry.raw:
        best = max(best, _fit_words(entry.raw, content))
    return best


def _fit_words(words: Sequence[Word], content: Sequence[str]) -> tuple[float, bool]:
    left = list(words)
    covered = nearness = 0.0
    weak = False
    for word in content:
        best, pick = 0.0, None
        for other in left:
            near = _near(word, other.lemma)
            if near > best:
                best, pick = near, other
        if pick is None:
            return 0.0, False
        left.remove(pick)
        covered += pick.weight * best
        nearness += best
        weak = weak or best < 0.6
    total = sum(word.weight for word in words) or 1.0
    return (0.85 * covered / total + 0.15 * nearness / len(content) if covered else 0.0), weak


@lru_cache(maxsize=100_000)
def _near(word: str, other: str) -> float:
    for same, near in variants(word):
        if same == other:
            return near
    if stem(word) == stem(other):
        return 0.88
    if len(word) >= 5 and len(other) >= 5 and DamerauLevenshtein.distance(lemma(word), other, score_cutoff=1) <= 1:
        return 0.7
    return 0.0


def values_at(lexicon: Lexicon, tokens: Sequence[Token], start: int, found: Mapping[str, Sequence[Link]]) -> list[Item]:
    """Items for stored values that begin at a token."""
    items: list[Item] = []
    if tokens[start].kind == "quoted":
        links = _value_links(lexicon, plain(str(tokens[start].value)), found)
        return [
            Item(
                "value" if links else "text",
                start,
                start + 1,
                tokens[start].text,
                links=links,
                value=str(tokens[start].value),
            )
        ]
    for end in range(start + 1, min(len(tokens), start + lexicon.longest_value) + 1):
        last = tokens[end - 1]
        if last.kind == "quoted" or (last.kind == "sign" and last.lower not in ".&:,()") or last.lower == "'s":
            break
        if last.kind == "sign":
            continue
        text = plain(" ".join(token.lower for token in tokens[start:end]))
        if end - start == 1 and (text in _TOO_COMMON or (len(text) < 2 and not last.capital)):
            continue
        links = _value_links(lexicon, text, found)
        if links:
            shown = " ".join(token.text for token in tokens[start:end])
            if end - start == 1 and last.kind == "number":
                links = tuple(replace(link, score=link.score * 0.5) for link in links)
            items.append(Item("value", start, end, shown, links=links, value=shown))
    return items


_TOO_COMMON = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "is",
        "are",
        "be",
        "to",
        "for",
        "by",
        "and",
        "or",
        "not",
        "all",
        "any",
        "with",
        "i",
        "it",
        "as",
        "do",
        "does",
        "did",
        "that",
        "who",
        "what",
        "which",
        "name",
        "names",
        "id",
        "no",
        "list",
        "how",
        "many",
        "number",
        "from",
        "has",
        "have",
        "had",
        "than",
        "more",
        "most",
        "average",
        "total",
    ]
)


def _value_links(lexicon: Lexicon, text: str, found: Mapping[str, Sequence[Link]]) -> tuple[Link, ...]:
    links: dict[Ref, Link] = {}

    def add(key: str, score: float) -> None:
        for entry, stored in lexicon.by_value.get(key, ()):
            links.setdefault(entry.ref, Link(entry.table, entry.column.name, stored, score))
        for link in found.get(key, ()):
            links.setdefault(link.ref, replace(link, score=score))

    add(text, 1.0)
    if not links:
        add(" ".join(lemma(word) for word in text.split()), 0.9)
        add(text + "s", 0.85)
        add(text.removesuffix("s"), 0.85)
    for same in grammar().values.get(text, ()):
        add(same, 0.8)
    return tuple(sorted(links.values(), key=lambda link: -link.score))[:8]


def covers(lexicon: Lexicon, tokens: Sequence[Token], today: date, found: Mapping[Probe, Sequence[str]]) -> list[Cover]:
    """The best rows of items that explain a question, best first."""
    looked: dict[str, list[Link]] = {}
    for probe, stored in found.items():
        for value in stored:
            looked.setdefault(plain(probe.text), []).append(Link(probe.table, probe.column, value))
    best: list[list[tuple[float, tuple[Item, ...]]]] = [[] for _ in range(len(tokens) + 1)]
    best[0] = [(0.0, ())]
    for start in range(len(tokens)):
        if not best[start]:
            continue
        for item, worth in _arcs(lexicon, tokens, start, today, looked):
            best[item.end].extend((score + worth, (*path, item)) for score, path in best[start])
        for end in range(start + 1, len(tokens) + 1):
            if len(best[end]) > BREADTH:
                best[end] = sorted(best[end], key=lambda pair: -pair[0])[:BREADTH]
    return [Cover(path, score) for score, path in sorted(best[-1], key=lambda pair: -pair[0])[:BREADTH]]


_STRENGTH = {"logic": 0.25, "ask": 0.5, "everything": 0.8, "unit": 0.3, "measure": 1.0, "null": 0.6, "distinct": 0.7}


def _arcs(  # noqa: C901  # one list of cases
    lexicon: Lexicon, tokens: Sequence[Token], start: int, today: date, looked: Mapping[str, Sequence[Link]]
) -> list[tuple[Item, float]]:
    token = tokens[start]
    if token.kind == "sign" and token.lower not in ("%", "<", ">", "=", "<=", ">=", "<>", "!="):
        return [(Item("op", start, start + 1, token.text, Op("sign", token.lower)), 0.0)]
    arcs: list[tuple[Item, float]] = []
    named = links_at(lexicon, tokens, start)
    for end, op in phrases_at(tokens, start):
        if op.kind == "measure" and any(
            item.end >= end and item.kind == "column" and item.score >= 0.8 for item in named
        ):
            continue
        strength = _STRENGTH.get(op.kind, 0.75) * (0.4 if op.weak else 1.0)
        if op.kind == "unit" and end - start > 1 and start and tokens[start - 1].kind == "number":
            strength = 1.2  # `18 years old` is no year and no age of its own
        length = (end - start) ** 1.25
        arcs.append((Item("op", start, end, " ".join(t.text for t in tokens[start:end]), op), strength * length))
    if period := period_at(tokens, start, today):
        arcs.append(
            (
                Item("period", start, period[0], " ".join(t.text for t in tokens[start : period[0]]), value=period[1]),
                1.1 * (period[0] - start) ** 1.2,
            )
        )
    arcs.extend((item, _worth(item, tokens)) for item in named)
    if token.kind == "word" and (shared := shared_head(lexicon, tokens, start)):
        arcs.append((shared, 1.5))
    arcs.extend((item, _worth(item, tokens)) for item in values_at(lexicon, tokens, start, looked))
    if token.kind == "word" and token.lower in grammar().period["units"]:
        bucket = Op("bucket", grammar().period["units"][token.lower])
        arcs.append((Item("op", start, start + 1, token.text, bucket), 0.4))
    number = (
        token.value if token.kind == "number" else grammar().numbers.get(token.lower) if token.kind == "word" else None
    )
    if isinstance(number, int | float):
        arcs.append((Item("number", start, start + 1, token.text, value=number), 0.9))
    worded = any(item.end == start + 1 and item.kind == "op" and not item.is_op("ask", "unit") for item, _ in arcs)
    nouns = token.lower in _NOUNS and any(
        i.end == start + 1 and i.kind in ("column", "table") and i.score >= 0.6 for i, _ in arcs
    )
    if not worded and not nouns and (token.lower in grammar().fill or token.lower == "'s"):
        arcs.append((Item("op", start, start + 1, token.text, Op("fill")), 0.05))
    elif token.kind == "word" and not any(item.end == start + 1 and item.kind != "unknown" for item, _ in arcs):
        arcs.append((Item("unknown", start, start + 1, token.text), -0.5))
    elif token.kind == "word":
        arcs.append((Item("unknown", start, start + 1, token.text), -1.2))
    return arcs


def _worth(item: Item, tokens: Sequence[Token]) -> float:
    length = sum(1 for token in tokens[item.start : item.end] if token.lower not in _JOINING) + 0.1 * sum(
        1 for token in tokens[item.start : item.end] if token.lower in _JOINING
    )
    worth: float = item.score * length**1.3
    if item.kind == "value":
        capital = any(token.capital for token in tokens[item.start : item.end]) or tokens[item.start].kind == "quoted"
        worth *= 1.1 if capital else 0.93
        if item.start == 0 and item.end == 1:
            worth *= 0.6
    if item.kind == "table":
        worth += 0.04
    if item.links and item.links[0].weak:
        worth *= 0.8
    if item.kind == "text":
        worth = 0.5
    if item.kind in ("table", "column") and length == 1 and tokens[item.start].lower in grammar().fill:
        worth *= 0.75
    return worth
