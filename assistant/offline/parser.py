"""From a question and trained tables to readings with SQL: the composition of all stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from assistant.offline import rank
from assistant.offline.assemble import drafts
from assistant.offline.build import Builder
from assistant.offline.clauses import Clauses
from assistant.offline.describe import Describer
from assistant.offline.forms import Form
from assistant.offline.grammar import grammar
from assistant.offline.joins import Graph
from assistant.offline.lexicon import Lexicon
from assistant.offline.mentions import Cover, covers
from assistant.offline.resolve import resolve
from assistant.offline.tokens import Token, tokenize
from assistant.offline.understanding import Probe, ReadingOf, Understanding
from tools.connectors.base import Dialect
from tools.errors import Invalid
from tools.schemas.catalog import TrainedTable

MOST_PROBES = 40
KEPT = 3
"""Readings given back."""


@dataclass(frozen=True)
class Candidate:
    """A form with its features and score, before it becomes a reading."""

    form: Form
    features: dict[str, float]
    score: float
    unknown: tuple[str, ...]


@lru_cache(maxsize=64)
def _world(tables: "_Tables") -> tuple[Lexicon, Graph]:
    lexicon = Lexicon(tables.tables)
    return lexicon, Graph(lexicon)


class _Tables:
    """Trained tables as a cache key: the same tables, trained at the same time, are the same world."""

    def __init__(self, tables: Sequence[TrainedTable]) -> None:
        self.tables = tuple(tables)
        self.mark = tuple((t.id, t.trained_at, t.notes, t.description) for t in tables)

    def __hash__(self) -> int:
        return hash(self.mark)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tables) and self.mark == other.mark


def probes(question: str, tables: Sequence[TrainedTable]) -> tuple[Probe, ...]:
    """Texts of the question worth looking up in the source; none when every word is understood.

    Quoted texts and names unknown so far, against text columns whose values were not all trained.
    """
    lexicon, _ = _world(_Tables(tables))
    tokens = tokenize(question)
    texts = _unexplained(tokens, lexicon)
    if not texts:
        return ()
    columns = list(lexicon.text_columns())
    found = [Probe(column.table, column.column.name, text) for text in texts for column in columns]
    return tuple(found[:MOST_PROBES])


def _unexplained(tokens: Sequence[Token], lexicon: Lexicon) -> list[str]:
    best = covers(lexicon, tokens, date.today(), {})[:1]
    texts: list[str] = [
        str(t.value) for t in tokens if t.kind == "quoted" and not lexicon.by_value.get(" ".join(t.lower.split()))
    ]
    run: list[Token] = []
    unknown = {item.start for cover in best for item in cover.items if item.kind == "unknown"}
    for index, token in enumerate(tokens):
        named = (
            token.kind == "word"
            and index > 0
            and token.capital
            and (index in unknown or (token.text[:1].isupper() and run))
        )
        if named or (index in unknown and token.capital):
            run.append(token)
        elif run:
            texts.extend(_names(run))
            run = []
    texts.extend(_names(run))
    return list(dict.fromkeys(texts))[:6]


def _names(run: Sequence[Token]) -> list[str]:
    words = [token.text for token in run]
    return [" ".join(words), *words] if len(words) in (2, 3) else [" ".join(words)] if words else []


def read(
    question: str,
    tables: Sequence[TrainedTable],
    dialect: Dialect,
    today: date,
    previous: Understanding | None = None,
    found: Mapping[Probe, Sequence[str]] | None = None,
) -> Understanding:
    """Read a question against trained tables; `found` is what the source holds of the probes."""
    lexicon, graph = _world(_Tables(tables))
    ranked = candidates(question, tables, today, found or {})
    builder, describer = Builder(graph, dialect), Describer(lexicon)
    readings: list[ReadingOf] = []
    for candidate in ranked:
        if len(readings) == KEPT:
            break
        try:
            sql = builder.sql(candidate.form)
        except Invalid:
            continue
        if any(sql == reading.sql for reading in readings):
            continue
        sure = rank.confidence(
            candidate.features | {"margin": ranked[0].score - ranked[1].score if len(ranked) > 1 else 3.0}
        )
        sentence = describer.sentence(candidate.form)
        readings.append(ReadingOf(sql, candidate.form, sentence, round(sure, 3), label=sentence[:60]))
    unknown = ranked[0].unknown if ranked else ()
    if not readings:
        return Understanding(question, unknown_words=unknown, declined=_declined(lexicon))
    return Understanding(question, tuple(readings), unknown)


def candidates(
    question: str, tables: Sequence[TrainedTable], today: date, found: Mapping[Probe, Sequence[str]]
) -> list[Candidate]:
    """All forms the question may mean, best first, each once."""
    lexicon, graph = _world(_Tables(tables))
    tokens = tokenize(question)
    if not tokens or not lexicon.tables:
        return []
    lemmas = frozenset(token.lemma for token in tokens if token.kind == "word")
    made: dict[Form, Candidate] = {}
    for place, cover in enumerate(covers(lexicon, tokens, today, found)):
        for candidate in _of_cover(cover, place, lexicon, graph, lemmas):
            if candidate.form not in made or made[candidate.form].score < candidate.score:
                made[candidate.form] = candidate
    return sorted(made.values(), key=lambda c: -c.score)


def _of_cover(cover: Cover, place: int, lexicon: Lexicon, graph: Graph, lemmas: frozenset[str]) -> list[Candidate]:
    sketch = Clauses(cover.items, lexicon).read()
    result = []
    for rung, assignment in enumerate(resolve(sketch, lexicon, graph)[:4]):
        for draft in drafts(sketch, assignment, lexicon, graph, lemmas):
            features = draft.features | {
                "cover": cover.score,
                "resolve": assignment.score,
                "worst": assignment.worst,
                "close": float(assignment.close),
                "rung": float(rung),
                "place": float(place),
            }
            result.append(Candidate(draft.form, features, rank.score(features), tuple(sketch.unknown)))
    return result


def _declined(lexicon: Lexicon) -> str:
    names = [entry.trained.shape.name for entry in lexicon.tables.values() if not entry.bridge][:8]
    return (
        f"Your data hold nothing that answers this. I can answer about: {', '.join(names)}."
        if names
        else "Nothing is trained yet."
    )


__all__ = ["Candidate", "candidates", "grammar", "probes", "read"]
