"""Searching documents: by words and by meaning, of what is sought itself and of what is linked with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import ARRAY, Text, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents.asked import Asked, ask, sought
from tools.documents.backlog import not_indexed
from tools.documents.document import DocumentHit, FoundDocuments, ShownDocument
from tools.documents.embedding import WITHHELD
from tools.documents.links import lead
from tools.documents.live import unseen
from tools.documents.ranking import TUNING, Filters, Place, rank, said_by
from tools.documents.snippets import shown
from tools.documents.sources import Source, of_database, of_entity, of_table, sources
from tools.documents.spelling import with_spellings
from tools.errors import Invalid, ModelUnavailable
from tools.jobs import periods
from tools.reach import Bounds, bounded_tables
from tools.store.models import LIVE_STATES, JobRow
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

MOST_HITS = 100
MOST_QUERY = 1000
"""Characters of a search."""
THROUGH = 0.9
"""What a hit counts that only a linked document speaks for, against one that says it itself."""
FURTHER = 0.15
"""What each further linked document adds."""
SHOWN_EVIDENCE = 3
LEAST = 0.1
"""The part of the best hit's score below which a hit is none."""
WEAK = 0.5
"""The part of the best other document's score below which a guess of what is sought was wrong."""
MOSTLY = 0.6
"""A document that says so much of the search by itself needs no other to speak for it."""


class _Scope(NamedTuple):
    wanted: list[Source]
    others: list[Source]
    said: str
    """The search without the name of what is sought."""
    seeking: str
    guessed: bool = False
    """True where the words of the search told what is sought, and nobody named it."""


ANOTHER_MODEL = text("""
SELECT b.database_id, e.model FROM unnest(:databases) AS b (database_id) CROSS JOIN LATERAL (
    SELECT e.model FROM tabletalk.document_embeddings e WHERE e.database_id = b.database_id LIMIT 1
) e
WHERE e.model <> ALL (:models)
""").bindparams(bindparam("databases", type_=ARRAY(Uuid)), bindparam("models", type_=ARRAY(Text)))
"""One vector of each database tells the model of all: the job that makes them goes through to the end."""


class _Found(NamedTuple):
    score: float
    own: Place | None
    evidence: tuple[int, ...]
    """Linked documents that speak for it, best first."""


async def search_documents(
    box: Toolbox,
    actor: Actor,
    query: str,
    *,
    database: str | None = None,
    table: str | None = None,
    entity: str | None = None,
    tag: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 10,
) -> FoundDocuments:
    """Find documents by what they say or mean, best first.

    `entity` and `table` tell what is sought; it may be found by what a linked document says: the customer whose claim
    speaks of late delivery. Left out, "the customer who ..." tells it. `tag`, `since` and `until` (exclusive) hold for
    the documents that say it. NotFound when nothing of that name is synced; Invalid for an empty query.
    """
    if not query.strip() or len(query) > MOST_QUERY:
        raise Invalid(f"Say in up to {MOST_QUERY} characters what to search for: late delivery.")
    filters = Filters(tag, since, until)
    async with box.store.begin(actor.workspace_id) as session:
        bounds = await bounded_tables(box, session, actor)
        there = of_database(await sources(session, actor, bounds), database)
        scope = _scope(there, query, table, entity)
        asked = await with_spellings(
            box, session, _whole(bounds, there), ask(scope.said, {one.entity for one in there})
        )
        warnings = (
            *await not_indexed(session, there),
            *await _still_made(session, there),
            *await _of_another_model(box, session, there),
        )
    vector, unavailable = await _vector(box, scope.said)
    async with box.store.begin(actor.workspace_id) as session:
        parted = any(one.key in bounds.parted for one in there)
        places = await rank(box, session, actor, asked, vector, scope.wanted, scope.others, filters, parted=parted)
        between = [one for one in there if one.key not in bounds.parted]
        leads = await lead(session, [place.id for place in places if not place.wanted], scope.wanted, between)
    hidden = await unseen(
        box, actor, {*(place.id for place in places), *(k for ids in leads.values() for k in ids)}, bounds
    )
    places = [place for place in places if place.id not in hidden.ids]
    leads = {key: ids - hidden.ids for key, ids in leads.items() if key not in hidden.ids}
    async with box.store.begin(actor.workspace_id) as session:
        said = (
            await said_by(session, asked, [*leads, *{key for keys in leads.values() for key in keys}]) if leads else {}
        )
        found = _joined(places, leads, said, max(1, len(asked.said)))
        if scope.guessed and _better_elsewhere(places, found):
            scope = _Scope(there, [], scope.said, "")
            found = _joined([place._replace(wanted=True) for place in places], {}, {}, 1)
        best = _best(found)[: max(1, min(limit, MOST_HITS))]
        ids = {*best, *(one for key in best for one in found[key].evidence[:SHOWN_EVIDENCE])}
        rows = await shown(session, actor, ids, asked.text)
    return FoundDocuments(
        query=query,
        read_as=_read_as(asked, scope, filters),
        words=asked.text,
        hits=tuple(_hit(rows, found[key], rows[key], found[best[0]].score) for key in best if key in rows),
        warnings=(*unavailable, *warnings, *hidden.reasons, *_parts(bounds, there)),
    )


def moment(words: str | None) -> datetime | None:
    """Give the time that `last 3 months`, `this week` or an ISO date begins; Invalid says how to put it."""
    return periods.since(words) if words else None


def _scope(there: list[Source], query: str, table: str | None, entity: str | None) -> _Scope:
    """Tell what is sought and what may lead to it; all of it, when nothing is named."""
    if table is None and entity is None:
        seeking, said = sought(query, {one.entity for one in there})
        if seeking is None or not ask(said).said:
            return _Scope(there, [], query, "")
        return _parted(there, of_entity(there, seeking), said, seeking)._replace(guessed=True)
    wanted = of_entity(there, entity) if entity else there
    wanted = of_table(wanted, table) if table else wanted
    _, said = sought(query, {one.entity for one in wanted})
    return _parted(there, wanted, said if ask(said).said else query, wanted[0].entity)


def _parted(there: list[Source], wanted: list[Source], said: str, seeking: str) -> _Scope:
    keys = {one.key for one in wanted}
    return _Scope(wanted, [one for one in there if one.key not in keys], said, seeking)


async def _vector(box: Toolbox, said: str) -> tuple[list[float] | None, tuple[str, ...]]:
    """The search's vector; without it, why documents are found by words alone."""
    try:
        return (await box.embedder.embed([said]))[0], ()
    except ModelUnavailable as error:
        log.warning("search without vectors", reason=str(error))
        return None, (f"{error} Documents are found by their words alone.",)


def _whole(bounds: Bounds, there: Sequence[Source]) -> list[Source]:
    """Those whose database the person sees whole: the words of others would be told by a spelling."""
    bound = {database for database, _ in (*bounds.closed, *bounds.parted)}
    return [one for one in there if one.database_id not in bound]


def _parts(bounds: Bounds, there: Sequence[Source]) -> tuple[str, ...]:
    """Say of which tables only a part was looked through."""
    parts = ", ".join(one.table for one in there if one.key in bounds.parted)
    return (f"Of {parts}, only what you may see.",) if parts else ()


async def _still_made(session: AsyncSession, there: Sequence[Source]) -> tuple[str, ...]:
    names = {one.database_id: one.database for one in there}
    query = select(JobRow.database_id, JobRow.progress).where(
        JobRow.kind == "embed", JobRow.state.in_(LIVE_STATES), JobRow.database_id.in_(names)
    )
    return tuple(
        f"Vectors of {names[row.database_id]} are still being made ({row.progress:.0f} %): "
        "what has changed lately is found by its words alone."
        for row in await session.execute(query)
    )


async def _of_another_model(box: Toolbox, session: AsyncSession, there: Sequence[Source]) -> tuple[str, ...]:
    names = {one.database_id: one.database for one in there}
    values = {"databases": list(names), "models": [box.embedder.name, WITHHELD]}
    return tuple(
        f"Vectors of the documents of {names[row.database_id]} are made by {row.model}, and the embedding model now is "
        f"{box.embedder.name}: they are found by their words alone. Run `tabletalk reembed`."
        for row in await session.execute(ANOTHER_MODEL, values)
    )


def _joined(
    places: Sequence[Place], leads: Mapping[int, frozenset[int]], said: Mapping[int, frozenset[int]], terms: int
) -> dict[int, _Found]:
    """Add to each document sought what the documents that lead to it say.

    What the two say together counts: a customer in Berlin, and a claim about late delivery.
    """
    found = {place.id: _Found(place.score, place, ()) for place in places if place.wanted}
    floor, nothing = TUNING["floor"], frozenset[int]()
    for place in (place for place in places if not place.wanted):  # best first
        for key in leads.get(place.id, ()):
            before = found.get(key, _Found(0.0, None, ()))
            other, own = said.get(place.id, nothing), said.get(key, nothing)
            together = (floor + len(other | own) / terms) / (floor + len(other) / terms)
            counts = THROUGH * together if not before.evidence else FURTHER
            found[key] = _Found(before.score + counts * place.score, before.own, (*before.evidence, place.id))
    return found


def _best(found: Mapping[int, _Found]) -> list[int]:
    """Give the documents worth showing, best first."""
    best = sorted(found, key=lambda key: (-found[key].score, -key))
    return [key for key in best if found[key].score >= LEAST * found[best[0]].score]


def _better_elsewhere(places: Sequence[Place], found: Mapping[int, _Found]) -> bool:
    """Tell whether what was taken for the thing sought is none: others say it far better, and lead nowhere."""
    best = max((one.score for one in found.values()), default=0.0)
    return best < WEAK * max((place.score for place in places if not place.wanted), default=0.0)


def _hit(rows: Mapping[int, ShownDocument], one: _Found, mine: ShownDocument, top: float) -> DocumentHit:
    evidence = tuple(rows[key] for key in one.evidence[:SHOWN_EVIDENCE] if key in rows)
    return DocumentHit(
        **dict(mine), score=round(one.score / (top or 1.0), 4), why=_why(one, mine, evidence), evidence=evidence
    )


def _why(one: _Found, mine: ShownDocument, evidence: Sequence[ShownDocument]) -> str:
    reasons = [f"says {', '.join(mine.says[:5])}"] if mine.says else []
    if evidence and (one.own is None or one.own.covered < MOSTLY):
        first, more = evidence[0], len(one.evidence) - 1
        said = f"says {', '.join(first.says[:5])}" if first.says else "is near in meaning"
        reasons.append(f"a linked {first.entity} {said}" + (f", and {more} more" if more else ""))
    return "; ".join(reasons) or "near in meaning"


def _read_as(asked: Asked, scope: _Scope, filters: Filters) -> str:
    words = ", ".join(asked.said) or scope.said
    what = (
        f"{scope.seeking} documents that say, or are linked with one that says"
        if scope.seeking
        else "documents that say"
    )
    parts = [f"{what}: {words}"]
    if filters.tag:
        parts.append(f"tagged {filters.tag}")
    if filters.since:
        parts.append(f"from {filters.since:%d %B %Y}")
    if filters.until:
        parts.append(f"before {filters.until:%d %B %Y}")
    return ", ".join(parts)
