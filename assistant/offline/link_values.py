"""Links spans of a question to stored values: as they stand, in another number or case, as an adjective."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.offline.forms import Ref
from assistant.offline.grammar import grammar
from assistant.offline.lexicon import Lexicon
from assistant.offline.links import Item, Link
from assistant.offline.tokens import Token, plain, stem
from tools.schemas.vocabulary import lemma


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
        add(" ".join(stem(word) for word in text.split()), 0.85)
        add(text + "s", 0.85)
        add(text.removesuffix("s"), 0.85)
    for same in grammar().values.get(text, ()):
        add(same, 0.8)
    return tuple(sorted(links.values(), key=lambda link: -link.score))[:8]
