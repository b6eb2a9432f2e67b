"""One search put to the store: two rankers over the documents of some tables, fused there in one round trip."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, Float, Integer, Text, TextClause, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents import indexes
from tools.documents.asked import Asked
from tools.documents.backlog import PLACES, THERE, UNMADE, WORDS
from tools.documents.sources import Source
from tools.store.models import DOCUMENT_SEARCH
from tools.toolbox import Actor, Toolbox

CANDIDATES = 60
"""Documents a ranker may name."""
PARTED = 5
"""So many times as many, where a person sees but a part of a table."""
TUNING = {
    "fusion": 10.0,  # the smaller, the more a first place counts
    "by_words": 1.0,
    "by_vector": 0.8,
    "title_weight": 1.6,  # a hit in the title, against 1 in the text
    "kind_weight": 1.3,  # a claim, where something was complained about
    "farthest": 0.9,  # cosine distance: beyond it little is shared
    "floor": 0.3,  # what a document counts that says none of the words
}
"""How much what counts, tuned by tests/benchmarks/bench_search.py."""
OFFLINE_VECTORS = 0.3
"""What `by_vector` counts with the offline embedder: it sees the same words."""
MOST = 4_000
"""Documents whose words are weighed: those that say all of a search come first, then all but one word of it."""
SHORT_LIST = 300
"""Documents whose words are looked at closely."""

FOUND = """
    (SELECT DISTINCT id, wanted FROM (
        SELECT h.id, h.wanted FROM probes p CROSS JOIN LATERAL (
            SELECT d.id, s.wanted FROM tabletalk.document_texts t JOIN scope s USING (database_id, table_name)
            JOIN tabletalk.documents d ON d.id = t.document_id AND d.hash = t.hash
            WHERE t.search @@ p.query AND t.workspace_id = :workspace AND d.deleted_at IS NULL
                AND t.database_id = ANY (:databases) AND t.table_name = ANY (:tables_{wanted})
                AND s.wanted = {wanted} {filters}
            LIMIT :most
        ) h LIMIT :most
    ) AS probed)
    UNION ALL
    (SELECT DISTINCT id, wanted FROM (
        SELECT h.id, h.wanted FROM probes p CROSS JOIN LATERAL (
            SELECT u.id, u.wanted FROM unmade u
            WHERE u.wanted = {wanted} AND u.may & p.terms = p.terms
                AND (SELECT {words} @@ p.query FROM tabletalk.documents d WHERE d.id = u.id)
            LIMIT :most
        ) h LIMIT :most
    ) AS read)
"""
"""Along the index of words, and of what is not in it yet by reading what may say it."""
UNMADE_THERE = f"""
    SELECT d.id, lower(concat(d.title, chr(10), d.body)) AS said FROM tabletalk.documents d
    WHERE {THERE} AND {UNMADE} {{filters}} OFFSET 0
"""  # noqa: S608 - constants
EXACT = """
    (SELECT e.document_id AS id, s.wanted, (e.embedding <=> q.embedding)::float8 AS distance
     FROM question q CROSS JOIN scope s JOIN tabletalk.document_embeddings e USING (database_id, table_name)
     {documents}
     WHERE s.wanted = {wanted} AND e.workspace_id = :workspace AND e.model = :model AND e.dimension = :dimension
        AND e.embedding IS NOT NULL {filters}
     ORDER BY 3 LIMIT :nearest)
"""
"""Every vector is read: none is missed."""
INDEXED = """
    (SELECT e.id, s.wanted, e.distance FROM (
        SELECT e.document_id AS id, e.database_id, e.table_name,
            ({column} <=> {vector})::float8 AS distance
        FROM tabletalk.document_embeddings e
        {documents}
        WHERE e.workspace_id = :workspace AND {model}
            AND e.database_id = ANY (:databases) AND e.table_name = ANY (:tables_{wanted}) {filters}
        ORDER BY {column} <=> {vector} LIMIT :nearest
     ) e JOIN scope s USING (database_id, table_name) WHERE s.wanted = {wanted})
"""
"""Along the index of the model; a table of another database that is called alike is left out afterwards."""
NOTHING = "SELECT CAST(NULL AS bigint) AS id, true AS wanted, CAST(NULL AS float8) AS distance WHERE false"
SAID = text(f"""
SELECT d.id, array_agg(DISTINCT a.term) AS terms
FROM (SELECT d.id, {WORDS} AS search FROM tabletalk.documents d WHERE d.id = ANY (:ids) OFFSET 0) d
JOIN unnest(:words, :terms) AS a (word, term) ON d.search @@ to_tsquery('english', a.word)
GROUP BY d.id
""").bindparams(  # noqa: S608 - constants
    bindparam("words", type_=ARRAY(Text)),
    bindparam("terms", type_=ARRAY(Integer)),
    bindparam("ids", type_=ARRAY(BigInteger)),
)
DOCUMENTS = "JOIN tabletalk.documents d ON d.id = e.document_id"


class Filters(NamedTuple):
    """What the documents that speak of it must have."""

    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Place(NamedTuple):
    """A document that a ranker named."""

    id: int
    wanted: bool
    """True for what is sought, false for what may lead to it."""
    score: float
    covered: float
    """The part of the search's words that it says, by their weight: 0 to 1."""
    by_meaning: bool


async def rank(
    box: Toolbox,
    session: AsyncSession,
    actor: Actor,
    asked: Asked,
    vector: Sequence[float] | None,
    wanted: Sequence[Source],
    others: Sequence[Source] = (),
    filters: Filters = Filters(),  # noqa: B008  # frozen
    *,
    parted: bool = False,
) -> list[Place]:
    """Rank the documents of `wanted`, and by themselves those of `others`; without a `vector` by their words alone.

    Where policies have `parted` a table, more are named: the person does not see all of them.
    """
    scope = [(one, True) for one in wanted] + [(one, False) for one in others]
    size = len(vector or ())
    indexed = bool(size) and await indexes.pays(box, session, [one for one, _ in scope], size)
    values: dict[str, object] = {
        "workspace": actor.workspace_id,
        "databases": [one.database_id for one, _ in scope],
        "tables": [one.table for one, _ in scope],
        "tables_true": [one.table for one in wanted],
        "tables_false": [one.table for one in others],
        "wanted": [is_wanted for _, is_wanted in scope],
        "words": asked.words,
        "terms": asked.terms,
        "weights": asked.weights,
        "own": asked.own,
        "text": asked.text,
        "kinds": list(asked.kinds),
        "vector": list(vector) if vector else None,
        "model": box.embedder.name,
        "dimension": size,
        "documents": await _documents(session),
        "candidates": CANDIDATES * (PARTED if parted else 1),
        # Some of the nearest may be gone at the source since, or be left out afterwards.
        "nearest": CANDIDATES * 2 * (PARTED if parted else 1),
        "most": MOST,
        "probes": list(asked.probes),
        "needed": list(asked.probes.values()),
        "short_list": SHORT_LIST,
        **{name: value for name, value in filters._asdict().items() if value is not None},
    }
    tuned = {**TUNING, "by_vector": OFFLINE_VECTORS} if box.embedder.offline else TUNING
    used = tuple(name for name, value in filters._asdict().items() if value is not None)
    near = indexes.condition(box.embedder.name, size) if indexed else None
    if indexed:
        await session.execute(indexes.THOROUGH)
    statement = _statement(near, used, others=bool(others), vector=bool(size))
    bound = {name: value for name, value in {**tuned, **values}.items() if name in statement._bindparams}  # noqa: SLF001
    rows = await session.execute(statement, bound)
    return [
        Place(row.id, row.wanted, row.score, row.covered, any(place.startswith("meaning") for place in row.places))
        for row in rows
    ]


async def said_by(session: AsyncSession, asked: Asked, ids: Sequence[int]) -> dict[int, frozenset[int]]:
    """Tell which terms of a search each document says; one that says none is left out."""
    rows = await session.execute(SAID, {"words": asked.words, "terms": asked.terms, "ids": list(ids)})
    return {row.id: frozenset(row.terms) for row in rows}


async def _documents(session: AsyncSession) -> float:
    """About how many documents there are; only how rare a word is is told from it."""
    known = await session.scalar(text("SELECT reltuples FROM pg_class WHERE oid = 'tabletalk.documents'::regclass"))
    return max(float(known or 0), 1000.0)


@lru_cache(maxsize=64)
def _statement(near: indexes.Condition | None, filters: tuple[str, ...], *, others: bool, vector: bool) -> TextClause:
    raw = files("tools.documents").joinpath("search.sql").read_text(encoding="utf-8")
    conditions = {
        "tag": "AND d.tags @> ARRAY[CAST(:tag AS text)]",
        "since": "AND d.happened_at >= :since",
        "until": "AND d.happened_at < :until",
    }
    filtered = " ".join(conditions[name] for name in filters)
    parts = {"filters": filtered, "documents": DOCUMENTS if filters else ""}
    if near is not None:
        parts |= {"model": near.where, "column": near.column, "vector": near.vector}
    sides = ("true", "false") if others else ("true",)
    lists = [(EXACT if near is None else INDEXED).format(wanted=wanted, **parts) for wanted in sides]
    found = [FOUND.format(wanted=wanted, filters=filtered, words=DOCUMENT_SEARCH) for wanted in sides]
    typed = {
        "databases": ARRAY(Uuid),
        "tables": ARRAY(Text),
        "tables_true": ARRAY(Text),
        "tables_false": ARRAY(Text),
        "wanted": ARRAY(Boolean),
        "words": ARRAY(Text),
        "terms": ARRAY(Integer),
        "weights": ARRAY(Float),
        "kinds": ARRAY(Text),
        "vector": HALFVEC(),
        "tag": Text(),
        "since": DateTime(timezone=True),
        "until": DateTime(timezone=True),
        "documents": Float(),
        "own": ARRAY(Boolean),
        "probes": ARRAY(Text),
        "needed": ARRAY(BigInteger),
        **{name: Float() for name in TUNING},
    }
    replaced = {
        "{found}": " UNION ALL ".join(found),
        "{near}": " UNION ALL ".join(lists) if vector else NOTHING,
        "{places}": PLACES.format(chosen="b.database_id = ANY (:databases)"),
        "{unmade}": UNMADE_THERE.format(filters=filtered),
        "{words}": WORDS,
    }
    for place, put in replaced.items():
        raw = raw.replace(place, put)
    made = text(raw)
    return made.bindparams(
        *(bindparam(name, type_=kind) for name, kind in typed.items() if name in made._bindparams)  # noqa: SLF001
    )
