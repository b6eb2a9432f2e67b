"""Picks covers of a question: rows of spans, each linked to the schema or an operator, that explain all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from assistant.offline.grammar import Op, grammar, phrases_at
from assistant.offline.lexicon import Lexicon
from assistant.offline.link_names import JOINING, NOUNS, links_at, shared_head
from assistant.offline.link_values import values_at
from assistant.offline.links import NAME, Item, Link
from assistant.offline.periods import period_at
from assistant.offline.tokens import Token, plain
from assistant.offline.understanding import Probe

OWN_NAME = 0.97
"""From here on a table is called by its own name."""
BREADTH = 4
"""Covers kept for a question."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A row of items that explains the whole question."""

    items: tuple[Item, ...]
    score: float


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


def _dated(lexicon: Lexicon, item: Item, token: Token) -> bool:
    """True for `sold` where a date tells when: what was done, no number of pieces."""
    entries = [lexicon.column(link.ref) for link in item.links if link.score >= 0.6]
    return item.end == item.start + 1 and any(
        entry.column.family in ("date", "datetime") and token.lemma in entry.lemmas for entry in entries
    )


def _is_table(item: Item, named: Sequence[Item], tokens: Sequence[Token]) -> bool:
    """True for a value in plain lower case that is a table's own name as well: `papers`, where a type is `Paper`."""
    plainly = not any(token.capital or token.kind == "quoted" for token in tokens[item.start : item.end])
    return plainly and any(
        other.end == item.end and other.kind == "table" and other.score >= OWN_NAME for other in named
    )


_MEMBERS = frozenset({"member", "members"})
_BODIES = frozenset({"staff", "faculty", "crew", "team", "board", "cast", "family", "committee", "personnel"})
"""Words for a body of people: its members are the people themselves."""
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
            item.end >= end and item.kind == "column" and (item.score >= 0.8 or _dated(lexicon, item, token))
            for item in named
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
    arcs.extend(
        (item, _worth(item, tokens))
        for item in values_at(lexicon, tokens, start, looked)
        if not _is_table(item, named, tokens)
    )
    if token.kind == "word" and token.lower in grammar().period["units"]:
        bucket = Op("bucket", grammar().period["units"][token.lower])
        arcs.append((Item("op", start, start + 1, token.text, bucket), 0.4))
    if numbered := _number_at(tokens, start):
        end, number = numbered
        arcs.append(
            (
                Item("number", start, end, " ".join(t.text for t in tokens[start:end]), value=number),
                0.9 * (end - start) ** 1.3,
            )
        )
    worded = any(item.end == start + 1 and item.kind == "op" and not item.is_op("ask", "unit") for item, _ in arcs)
    nouns = token.lower in NOUNS and any(
        i.end == start + 1 and i.kind in ("column", "table") and i.score >= 0.6 for i, _ in arcs
    )
    if token.lower in _MEMBERS and start and tokens[start - 1].lower in _BODIES:
        arcs.append((Item("op", start, start + 1, token.text, Op("fill")), 0.3))
    if not worded and not nouns and (token.lower in grammar().fill or token.lower == "'s"):
        arcs.append((Item("op", start, start + 1, token.text, Op("fill")), 0.05))
    elif token.kind == "word" and not any(item.end == start + 1 and item.kind != "unknown" for item, _ in arcs):
        arcs.append((Item("unknown", start, start + 1, token.text), -0.5))
    elif token.kind == "word":
        arcs.append((Item("unknown", start, start + 1, token.text), -1.2))
    return arcs


def _number_at(tokens: Sequence[Token], start: int) -> tuple[int, int | float] | None:
    """A number in figures or words, with the index after it: `2 million`."""
    token, words = tokens[start], grammar().numbers
    number = token.value if token.kind == "number" else words.get(token.lower) if token.kind == "word" else None
    if not isinstance(number, int | float):
        return None
    scale = words.get(tokens[start + 1].lower, 0) if start + 1 < len(tokens) and tokens[start + 1].kind == "word" else 0
    if scale >= 1000 and number < 1000:
        scaled = number * scale
        return start + 2, int(scaled) if float(scaled).is_integer() else scaled
    return start + 1, number


def _worth(item: Item, tokens: Sequence[Token]) -> float:
    length = sum(1 for token in tokens[item.start : item.end] if token.lower not in JOINING) + 0.1 * sum(
        1 for token in tokens[item.start : item.end] if token.lower in JOINING
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


__all__ = ["NAME", "Cover", "Item", "Link", "covers"]
