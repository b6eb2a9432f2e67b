"""Links spans of a question to the names of tables and columns: whole, in part, by synonym, misspelt."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from rapidfuzz.distance import DamerauLevenshtein

from assistant.offline.grammar import grammar
from assistant.offline.lexicon import LIGHT, ColumnEntry, Lexicon, TableEntry, Word
from assistant.offline.links import NAME, Item, Link
from assistant.offline.tokens import Token, stem
from tools.schemas.vocabulary import expand, lemma, related, split_name


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
        if start == 0 and len(tokens) > end and span[0].lower in _ORDERING and not _whole(lexicon, span):
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


def _whole(lexicon: Lexicon, span: Sequence[Token]) -> bool:
    """True for several words that are a name as they stand: `List price of all products`."""
    return len(span) > 1 and bool(_squeezed(lexicon, span))


def _squeezed(lexicon: Lexicon, span: Sequence[Token]) -> Sequence[TableEntry | ColumnEntry]:
    text = "".join(c for token in span for c in token.lower if c.isalnum())
    if len(text) < 3:
        return ()
    found = lexicon.by_squeezed.get(text, [])
    return found or (lexicon.by_squeezed.get(text.removesuffix("s"), []) if len(text) > 3 else [])


_NAMING = frozenset({"named", "called", "titled", "has", "have", "live", "lives", "living", "lived"})
"""Words that lead to a value and name no column, though they share a stem with one."""
_ORDERING = frozenset({"show", "list", "find", "give", "return", "display", "describe", "get", "tell", "fetch"})
"""Words that open a question as orders: a table may be called so, but is not meant there."""
JOINING = frozenset({"of", "the", "a", "per", "they", "were", "was", "it", "is", "are", "their", "its"})


def _named(lexicon: Lexicon, span: Sequence[Token]) -> tuple[tuple[Link, ...], tuple[Link, ...]]:  # noqa: C901, PLR0912  # one list of cases
    content = [part for t in span if t.lower not in JOINING for part in _written_out(lexicon, t.lower)]
    crossing = any(t.lower in JOINING for t in span)
    if not content or (span[0].lower in JOINING and not _squeezed(lexicon, span)):
        return (), ()
    if crossing and _tail_is_table(lexicon, span):
        return (), ()
    scores: dict[int, tuple[TableEntry | ColumnEntry, float, bool]] = {}
    for entry in _candidates(lexicon, content):
        quality, weak = _fit(entry, content)
        if (
            not _counts_ids(entry, span)
            and quality > 0.3
            and not (len(content) == 1 and content[0] in grammar().fill and quality < 0.8 and content[0] not in NOUNS)
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
    if len(content) == 1 and not any(link.score >= PEOPLE for link in (*tables, *columns)):
        tables.extend(_people(lexicon, lemma(content[0])))
    if len(content) == 1 and content[0] in ("name", "names"):
        tabled = {link.table for link in columns if link.score > 0.9}
        columns.extend(
            Link(t.name, NAME, score=0.9) for t in lexicon.tables.values() if t.name not in tabled and t.named
        )
    if [lemma(word) for word in content] == ["id"]:
        columns = _with_keys(lexicon, columns)
    if [lemma(word) for word in content] == ["full", "name"] and not any(link.score > 0.9 for link in columns):
        columns = [Link(t.name, NAME, score=1.0) for t in lexicon.tables.values() if len(t.display) > 1] or columns
    if len(content) == 1 and any(link.score >= 0.97 for link in tables):
        columns = [c for c in columns if c.score >= 0.95 or not _participle(lexicon, c)]
    columns = [_of_table(lexicon, link, tables) for link in columns]
    return _best(tables), _best(columns)


def _of_table(lexicon: Lexicon, link: Link, tables: Sequence[Link]) -> Link:
    """A number that refers to a table of the same name means the thing there: `region` is no number of a region."""
    entry = lexicon.column(link.ref)
    refers = link.column != NAME and entry.number and "id" not in entry.lemmas
    named = refers and any(other.score >= SAID and _refers(lexicon, entry, other.table) for other in tables)
    return replace(link, score=round(link.score - REFERS, 4)) if named else link


def _with_keys(lexicon: Lexicon, columns: list[Link]) -> list[Link]:
    """For `ids`: the key of each table is meant as much as a column that is called just so."""
    keys = [(t.name, t.key[0]) for t in lexicon.tables.values() if len(t.key) == 1 and t.key[0].lower().endswith("id")]
    return [link for link in columns if (link.table, link.column) not in keys] + [
        Link(table, key, score=1.0) for table, key in keys
    ]


def _refers(lexicon: Lexicon, entry: ColumnEntry, table: str) -> bool:
    """True for a column that points to a table, by a key or, where none is declared, by its name."""
    if entry.target or table == entry.table:
        return entry.target == table
    return entry.lemmas == {word.lemma for word in lexicon.tables[table].words} and len(lexicon.tables[table].key) == 1


def _people(lexicon: Lexicon, word: str) -> list[Link]:
    """Tables of people for a word for people that no name bears: `students`, where rows have first and last names."""
    if word not in grammar().people:
        return []
    found = [t for t in lexicon.tables.values() if len(t.display) > 1 and t.name not in lexicon.roles]
    unnamed = [table for table in found if table.words[-1].lemma not in grammar().persons]
    return [Link(table.name, score=PEOPLE) for table in unnamed or found]


def _counts_ids(entry: TableEntry | ColumnEntry, span: Sequence[Token]) -> bool:
    """`number of students` counts; it does not name a student number."""
    counted = len(span) > 2 and span[0].lower in ("number", "numbers", "count") and span[1].lower == "of"
    if not counted:
        return False
    if isinstance(entry, TableEntry) or entry.identifier or not entry.number:
        return True
    own = [word.lemma for word in entry.words]
    return len(own) > 1 and own[-1] == "number"  # card_number tells one card from another


def _tail_is_table(lexicon: Lexicon, span: Sequence[Token]) -> bool:
    """`ids of the students`: the table is a mention of its own, unless a column is called so."""
    places = [i for i, token in enumerate(span) if token.lower == "of"]
    if not places or _squeezed(lexicon, span):
        return False
    tail = [token.lower for token in span[places[-1] + 1 :] if token.lower not in JOINING]
    return bool(tail) and any(isinstance(e, TableEntry) and _fit(e, tail)[0] > 0.95 for e in _candidates(lexicon, tail))


def _participle(lexicon: Lexicon, link: Link) -> bool:
    """True for `ordered_at` or `is_open`: the noun `order` does not name it."""
    return lexicon.column(link.ref).column.family in ("date", "datetime", "bool")


NOUNS = frozenset(
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
    for place, word in enumerate(content):
        near: dict[int, TableEntry | ColumnEntry] = {}
        for other, _ in variants(word):
            near.update((id(e), e) for e in lexicon.by_word.get(other, ()))
        near.update((id(e), e) for e in lexicon.by_stem.get(stem(word), ()))
        if len(content) > 1 and word in ("number", "numbers"):
            near.update((id(e), e) for e in lexicon.by_word.get("id", ()))
        if not near and len(word) >= 4:
            near.update((id(e), e) for e in _compound(lexicon, lemma(word)))
        if not near and len(word) >= 5:
            near.update((id(e), e) for e in _misspelt(lexicon, word))
        if place and place == len(content) - 1 and word in _TRAILING:  # grade number, where the column is `grade`
            near.update(sets or {})
        sets = near if sets is None else {key: e for key, e in sets.items() if key in near}
        if not sets:
            return []
    return list((sets or {}).values())


def _compound(lexicon: Lexicon, base: str) -> list[TableEntry | ColumnEntry]:
    """Entries with a word that ends in this one: a room may be a `classroom`."""
    if LIGHT.get(base, 1.0) < 1.0:
        return []
    return [entry for known, entries in lexicon.by_word.items() if _heads(base, known) for entry in entries]


def _heads(base: str, known: str) -> bool:
    return len(base) >= 4 and len(known) >= len(base) + 3 and known.endswith(base)


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
    if lemma(word) in lexicon.by_word or len(word) < 2:
        return (word,)
    parts = split_name(word)
    return parts if parts != (word,) and all(lemma(part) in lexicon.by_word for part in parts) else (word,)


REFERS = 0.3
"""How much less a number is meant that refers to a table of the same name."""
SAID = 0.95
"""A part is named by its noun: `winner`, not `won`."""
PLAYED = 0.92
"""A table's own name goes before a part that a table plays."""
PEOPLE = 0.5
"""How well a word for people names a table of other people."""
TOLD = 0.93
"""How much less a comment names a column than its own name does."""
_TRAILING = frozenset({"number", "numbers", "code", "codes", "name", "names", "type", "types", "address", "addresses"})
"""Nouns that may follow a column's own words: `phone number` for `phone`."""
_IDS = frozenset({"id", "identifier", "number", "code", "key"})


def _fit(entry: TableEntry | ColumnEntry, content: Sequence[str]) -> tuple[float, bool]:
    """How well the words of a span name an entry: covered share of its weight, times nearness of the words.

    The second value says that some word is only related.
    """
    best = _fit_words(entry.words, content)
    nameless = isinstance(entry, ColumnEntry) and entry.number and content[-1] in ("name", "names")
    if (
        not best[0]
        and len(content) > 1
        and content[-1] in _TRAILING
        and isinstance(entry, ColumnEntry)
        and not nameless
    ):
        quality, weak = _fit_words(entry.words, content[:-1])
        numbered = entry.number and content[-1] in ("number", "numbers")
        best = (0.93 * quality, weak) if entry.column.family == "text" or entry.identifier or numbered else best
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
    if entry.told:
        quality, weak = _fit_words(entry.told, content)
        best = max(best, (TOLD * quality, weak))
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
    if _heads(lemma(word), other) and LIGHT.get(lemma(word), 1.0) == 1.0:
        return 0.65
    if len(word) >= 5 and len(other) >= 5 and DamerauLevenshtein.distance(lemma(word), other, score_cutoff=1) <= 1:
        return 0.7
    return 0.0
