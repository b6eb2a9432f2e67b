"""A search in words, taken apart: what kind of thing is sought, and what is said of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from tomllib import loads
from typing import NamedTuple

from tools.vocabulary import expand, lemma, related, vocabulary, words

BASE, SYNONYM, RELATED, COMMON = 0.8, 0.5, 0.4, 0.5
"""What it counts to say the base form of a word (`sell` for sold), another word for it, a word of the same field; and
what a word counts that stands in nearly every table."""
_MOST_TERMS = 24
_MOST_WORDS = 120
_MOST_LEFT_OUT = 6
_SHORTEST_MISSPELT = 5


class Asked(NamedTuple):
    """A search as the rankers take it."""

    said: tuple[str, ...]
    """The words that count, as they were typed."""
    words: list[str]
    """The terms with their synonyms and related words, quoted for to_tsquery."""
    terms: list[int]
    """For each of `words` the number of the term it stands for."""
    weights: list[float]
    own: list[bool]
    """True for a word that was asked, or its base form; false for another word for it."""
    kinds: tuple[str, ...]
    """Entities that the search speaks of without seeking them: "complained" speaks of claims."""
    letters: tuple[tuple[str, int], ...]
    """Words that may be misspelt, each with the number of its term."""

    @property
    def text(self) -> str:
        """All words, for a mark wherever one of them stands."""
        return " | ".join(self.words)

    @property
    def probes(self) -> dict[str, int]:
        """What to look for in turn, most in agreement first: all terms, all but one, each by itself.

        With each the terms it needs, a bit for the number of each.
        """
        groups: dict[int, list[str]] = {}
        for word, term in zip(self.words, self.terms, strict=True):
            groups.setdefault(term, []).append(word)
        terms = list(groups)
        wanted = [terms]
        if 2 < len(terms) <= _MOST_LEFT_OUT:
            wanted += [[*terms[:at], *terms[at + 1 :]] for at in range(len(terms))]
        return {
            " & ".join(f"({' | '.join(groups[term])})" for term in some): sum(1 << term for term in some)
            for some in (*wanted, *([term] for term in terms))
        }

    def spelt(self, found: Mapping[str, Sequence[str]]) -> "Asked":
        """Add what misspelt words may have meant: word -> words that are spelt alike."""
        more = [(f"'{other}'", term) for word, term in self.letters for other in found.get(word, ())]
        return self._replace(
            words=[*self.words, *(word for word, _ in more)],
            terms=[*self.terms, *(term for _, term in more)],
            weights=[*self.weights, *(SYNONYM for _ in more)],
            own=[*self.own, *(True for _ in more)],
        )


class _Kinds(NamedTuple):
    called: Mapping[str, frozenset[str]]
    done: Mapping[str, frozenset[str]]
    openers: frozenset[str]
    leading: frozenset[str]


def sought(query: str, entities: Iterable[str]) -> tuple[str | None, str]:
    """Tell which of `entities` a search is after, and what it says of it; (None, query) when it names none.

    "the customer who complained about late delivery" -> ("customer", "who complained about late delivery").
    """
    said, kinds = words(query), _kinds()
    names = {name: entity for entity in entities for name in _names(entity)}
    start = next((at for at, word in enumerate(said) if word not in kinds.leading), len(said))
    end = next((at for at in range(start, len(said)) if _singular(said[at]) not in names), len(said))
    if end == start:
        return None, query
    head = next((at for at in range(end, len(said)) if said[at] in kinds.openers), len(said))
    if head > end and said[head - 1].endswith("s") and _singular(said[head - 1]) in names:
        meant = head - 1  # "product quality complaints about ..."
    elif head > end and not start and not said[end - 1].endswith("s"):
        return None, query  # "delivery late": nobody asks for a delivery
    else:
        meant = end - 1  # of "customer complaints about ..." complaints are sought
    return names[_singular(said[meant])], " ".join((*said[start:meant], *said[meant + 1 :]))


def ask(query: str, entities: Iterable[str] = ()) -> Asked:
    """Turn what is said into words for the rankers: base forms, synonyms, words of the same field."""
    stop, common = vocabulary().stop_words, vocabulary().common
    every = tuple(dict.fromkeys(word for word in words(query) if word not in stop))[:_MOST_TERMS]
    done = {verb for entity in set(entities) for verb in _kinds().done.get(entity, ())}
    # "complained": told by what kind of document it is, where there are such, and hardly ever said in one.
    said = tuple(word for word in every if lemma(word) not in done) or every
    found: dict[tuple[str, int], tuple[float, bool]] = {}
    for number, word in enumerate(said):
        weight = COMMON if lemma(word) in common else 1.0
        for other, part in ((word, 1.0), (lemma(word), BASE), *_others(lemma(word))):
            key = (f"'{other}'", number)
            found[key] = max(found.get(key, (0.0, False)), (weight * part, part >= BASE))
    listed = list(found.items())[:_MOST_WORDS]
    terms = {lemma(word) for word in every}
    return Asked(
        said=said,
        words=[word for (word, _), _ in listed],
        terms=[number for (_, number), _ in listed],
        weights=[weight for _, (weight, _) in listed],
        own=[own for _, (_, own) in listed],
        kinds=tuple(
            sorted(one for one in set(entities) if terms & (_names(one) | _kinds().done.get(one, frozenset())))
        ),
        letters=tuple((word, at) for at, word in enumerate(said) if len(word) >= _SHORTEST_MISSPELT and word.isalpha()),
    )


def _others(term: str) -> list[tuple[str, float]]:
    return [*((word, RELATED) for word in related(term)), *((word, SYNONYM) for word in expand(term))]


def _singular(word: str) -> str:
    """The base form of a noun; "complaining" is none, and stays."""
    return lemma(word) if word.endswith("s") else word


@lru_cache(maxsize=1000)
def _names(entity: str) -> frozenset[str]:
    """What people call an entity, in base forms."""
    own = entity.lower().replace("_", " ").split()[-1] if entity.strip() else ""
    return frozenset({lemma(own), *expand(own), *_kinds().called.get(entity, ())}) - {""}


@lru_cache(maxsize=1)
def _kinds() -> _Kinds:
    raw = loads(files("tools.documents").joinpath("kinds.toml").read_text(encoding="utf-8"))
    return _Kinds(
        called={entity: frozenset(said.split()) for entity, said in raw["called"].items()},
        done={entity: frozenset(said.split()) for entity, said in raw["done"].items()},
        openers=frozenset(raw["sought"]["openers"].split()),
        leading=frozenset(raw["sought"]["leading"].split()),
    )
