"""One question put to the store: four rankers over a workspace's tables, fused there in one round trip."""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple
from uuid import UUID

from pgvector.sqlalchemy import Vector
from sqlalchemy import ARRAY, Float, Integer, Text, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.toolbox import Actor, Toolbox
from tools.vocabulary import expand, lemma, related, split_name, vocabulary, words

CANDIDATES = 60
"""Tables a ranker may name."""
TUNING = {
    "fusion": 5.0,  # the smaller, the more a first place counts
    "by_name": 1.0,
    "by_text": 0.3,
    "by_vector": 0.8,
    "by_letters": 0.5,
    "name_weight": 4.0,  # a hit in the table's name, against 1 in its description or values
    "column_weight": 1.5,
    "farthest": 0.98,  # cosine distance: beyond it nothing is shared
    "alike": 0.38,  # strict word similarity of a misspelt word
}
"""How much what counts, tuned by tests/benchmarks/bench_retrieval.py."""
OFFLINE_VECTORS = 0.3
"""What `by_vector` counts with the offline embedder: it sees the same words as the rankers by name and text."""
SYNONYM, RELATED, COMMON = 0.7, 0.35, 0.4
_MOST_TERMS = 40
_SORTING = re.compile(
    r"\b(?:alphabetic(?:al)?|lexicographic(?:al)?|ascending|descending|increasing|decreasing|chronological|reverse)\s+order\b"
    r"|\border\s+by\b",
    re.IGNORECASE,
)
"""How rows are sorted says nothing of a table called `orders`."""


class Asked(NamedTuple):
    """A question as the rankers take it."""

    text: str
    """Its words for full text, joined by `or`."""
    words: list[str]
    """Its terms, their synonyms and related words, quoted for to_tsquery."""
    terms: list[int]
    """For each of `words` the number of the term it stands for."""
    weights: list[float]
    letters: list[str]
    """Words that may be misspelt names."""


class Hit(NamedTuple):
    """One table that a ranker named; `id` is None for a database in which nothing was found."""

    database_id: UUID
    database: str
    version: int
    id: UUID | None
    score: float
    places: Sequence[str]
    """`names 1`, `meaning 3`: each ranker that named it, and where."""


def ask(question: str) -> Asked:
    """Turn a question into words for the rankers: base forms, synonyms, abbreviations written out."""
    lists = vocabulary()
    said = [word for word in words(_SORTING.sub(" ", question)) if word not in lists.stop_words][:_MOST_TERMS]
    terms = list(dict.fromkeys(lemma(part) for word in said for part in split_name(word) or (word,)))
    found: dict[tuple[str, int], float] = {}
    for number, term in enumerate(terms):
        weight = COMMON if term in lists.common else 1.0
        for other, part in ((term, 1.0), *_others(term)):
            key = (f"'{other}'", number)
            found[key] = max(found.get(key, 0.0), weight * part)
    return Asked(
        text=" or ".join(said),
        words=[word for word, _ in found],
        terms=[number for _, number in found],
        weights=list(found.values()),
        letters=[word for word in dict.fromkeys(said) if len(word) >= 5 and word not in lists.common],
    )


def _others(term: str) -> list[tuple[str, float]]:
    return [*((word, RELATED) for word in related(term)), *((word, SYNONYM) for word in expand(term))]


async def rank(
    box: Toolbox, session: AsyncSession, actor: Actor, question: str, vector: Sequence[float], database: UUID | None
) -> list[Hit]:
    """Rank the tables of one database, or of all in the workspace, best first; `vector` is the question's."""
    asked = ask(question)
    values: dict[str, object] = {
        "workspace": actor.workspace_id,
        "databases": [database] if database else None,
        "text": asked.text,
        "words": asked.words,
        "terms": asked.terms,
        "weights": asked.weights,
        "letters": asked.letters,
        "vector": list(vector),
        "model": box.embedder.name,
        "dimension": len(vector),
        "candidates": CANDIDATES,
    }
    if box.embedder.offline:
        values["by_vector"] = OFFLINE_VECTORS
    rows = await session.execute(_statement(await _has_trigrams(box, session)), {**TUNING, **values})
    return [
        Hit(row.database_id, row.name, row.catalog_version, row.id, row.score or 0.0, row.places or ()) for row in rows
    ]


@lru_cache
def _statement(trigrams: bool) -> TextClause:
    """The ranking; without pg_trgm nothing is alike by its letters."""
    raw = files("tools.schemas").joinpath("retrieval.sql").read_text(encoding="utf-8")
    similarity = "public.strict_word_similarity(m.word, s.name)" if trigrams else "0.0"
    typed = {
        "databases": ARRAY(Uuid),
        "words": ARRAY(Text),
        "terms": ARRAY(Integer),
        "weights": ARRAY(Float),
        "letters": ARRAY(Text),
        "vector": Vector(),
    }
    numbers = [bindparam(name, type_=Float()) for name in TUNING]
    return text(raw.replace("{similarity}", similarity)).bindparams(
        *(bindparam(name, type_=kind) for name, kind in typed.items()), *numbers
    )


async def _has_trigrams(box: Toolbox, session: AsyncSession) -> bool:
    held = box.memo.get("trigrams", 0)
    if held is None:
        held = bool(await session.scalar(text("SELECT to_regproc('public.strict_word_similarity') IS NOT NULL")))
        box.memo.put("trigrams", 0, held)
    return bool(held)
