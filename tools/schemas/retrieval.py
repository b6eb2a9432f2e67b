"""Finding the tables a question is about: ranked by the store, then joined by the tables that link them."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from tools.connectors.base import Dialect, Frozen
from tools.reach import reaches
from tools.schemas.catalog import TrainedTable
from tools.schemas.ranking import Hit, rank
from tools.schemas.tables import Known, inside, known, recall, seen
from tools.toolbox import Actor, Toolbox

NEIGHBOUR = 0.3
"""The part of a found table's score that goes to the tables it is linked with."""
_FIT_TABLES = 3
"""A database fits as well as so many of its best tables."""


class FoundTable(Frozen):
    """A table that retrieval offers, and why."""

    database: str
    table: TrainedTable
    score: float
    """0 to 1, relative to the best table of this question; 0 for one that only comes along."""
    why: str
    """`names 1, meaning 3`; `linked with orders`; `the whole database`."""


class DatabaseFit(Frozen):
    """A database that a question may be about."""

    name: str
    dialect: Dialect
    score: float
    """0 to 1, relative to the best; 0 where nothing of it was found."""
    tables: int
    """All tables known of it, offered or not."""
    notes: tuple[str, ...]
    """What people said about the database as a whole."""
    warning: str = ""
    """What makes retrieval weaker here, and the command that mends it."""


class Retrieved(Frozen):
    """What a question is about: databases and tables, each best first."""

    databases: tuple[DatabaseFit, ...]
    tables: tuple[FoundTable, ...]

    @property
    def database(self) -> str | None:
        """The database that fits best; None when nothing of any was found."""
        return self.databases[0].name if self.databases and self.databases[0].score > 0 else None


class _Place(NamedTuple):
    score: float
    why: str


async def retrieve(
    box: Toolbox,
    actor: Actor,
    question: str,
    database: str | None = None,
    limit: int = 10,
    *,
    databases: Collection[str] = (),
    schemas: Collection[str] = (),
) -> Retrieved:
    """Find the tables a question is about, in one database or, with None, in all of the workspace.

    The best-fitting database comes whole when it has at most `settings.whole_catalogue_tables` tables; of larger ones
    come the `limit` best. `databases` and `schemas` name those that a conversation is about, where it is not about
    all: what lies outside is not found. NotFound when `database` is not registered.
    """
    named = (await known(box, actor, database)).id if database else None
    vector = (await box.embedder.embed([question]))[0]
    async with box.store.begin(actor.workspace_id) as session:
        hits = await rank(box, session, actor, question, vector, named)
        whole_of = await recall(box, session, {hit.database_id: (hit.database, hit.version) for hit in hits})
        bounds = await reaches(box, session, actor)
    about = {
        key: inside(seen(one, bounds[key]), schemas)
        for key, one in whole_of.items()
        if not databases or one.name in databases
    }
    if actor.tables:
        about = {key: one for key, one in about.items() if one.tables}
    places = _spread(_places(hits), about.values())
    fits = _fits(box, places, about.values())
    best = next((one for one in about.values() if one.name == fits[0].name), None) if fits else None
    if fits and fits[0].score == 0 and named is None:
        best = None
    whole = best if best is not None and len(best.tables) <= box.settings.whole_catalogue_tables else None
    return Retrieved(databases=fits, tables=_offered(places, about.values(), whole, limit))


def _places(hits: Iterable[Hit]) -> dict[UUID, _Place]:
    return {hit.id: _Place(hit.score, ", ".join(hit.places)) for hit in hits if hit.id is not None}


def _spread(places: Mapping[UUID, _Place], about: Iterable[Known]) -> dict[UUID, _Place]:
    """Give a part of each table's score to its foreign-key neighbours: a table between two found ones gets both."""
    spread = dict(places)
    for one in about:
        beside = {other for key in places for other in one.links.get(key, ())}
        for key in beside:
            found = [other for other in one.links[key] if other in places]
            near = sorted(found, key=lambda other: (-places[other].score, other))[:2]
            own = places.get(key) or _Place(0.0, f"linked with {' and '.join(one.name_of(other) for other in near)}")
            score = own.score + NEIGHBOUR * sum(places[other].score for other in near)
            best = places[near[0]].score
            if own.score < best:
                score = min(score, best)  # what is linked comes after what was found, not before it
            spread[key] = _Place(score, own.why)
    return spread


def _fits(box: Toolbox, places: Mapping[UUID, _Place], about: Iterable[Known]) -> tuple[DatabaseFit, ...]:
    scores = {one.id: _fit(places, one) for one in about}
    top = max(scores.values(), default=0.0) or 1.0
    found = [
        DatabaseFit(
            name=one.name,
            dialect=one.dialect,
            score=round(scores[one.id] / top, 4),
            tables=len(one.tables),
            notes=one.general_notes,
            warning=_warning(box, one),
        )
        for one in about
    ]
    return tuple(sorted(found, key=lambda fit: (-fit.score, fit.name)))


def _fit(places: Mapping[UUID, _Place], one: Known) -> float:
    scores = sorted((place.score for key, place in places.items() if key in one.numbers), reverse=True)
    return sum(score / (place + 1) for place, score in enumerate(scores[:_FIT_TABLES]))


def _warning(box: Toolbox, one: Known) -> str:
    others = sorted({model for model, _ in one.models} - {box.embedder.name})
    dimension = box.embedder.dimension
    wrong = [size for model, size in one.models if model == box.embedder.name and dimension not in (None, size)]
    if others or wrong:
        what = f"made by {', '.join(others)}" if others else f"of {wrong[0]} dimensions"
        now = box.embedder.name if others else f"{box.embedder.name} with {dimension}"
        return (
            f"Vectors of {one.name} are {what}, and the embedding model now is {now}: its tables are found by words "
            "alone. Run `tabletalk reembed`."
        )
    return ""


def _offered(
    places: Mapping[UUID, _Place], about: Iterable[Known], whole: Known | None, limit: int
) -> tuple[FoundTable, ...]:
    found = [(one, one.tables[one.numbers[key]]) for one in about for key in places if key in one.numbers]
    ranked = sorted(found, key=lambda pair: (-places[pair[1].id].score, pair[1].shape.qualified_name))
    top = places[ranked[0][1].id].score if ranked else 1.0
    offered = [_found(one, table, places[table.id], top) for one, table in ranked[:limit]]
    if whole is not None:
        there = {found.table.id for found in offered}
        rest = [table for _, table in ranked if table.id not in there] + [
            table for table in whole.tables if table.id not in places
        ]
        mine = {table.id for table in whole.tables}
        come_along = _Place(0.0, "the whole database")
        offered += [_found(whole, t, places.get(t.id, come_along), top) for t in rest if t.id in mine]
    return tuple(offered)


def _found(one: Known, table: TrainedTable, place: _Place, top: float) -> FoundTable:
    return FoundTable(database=one.name, table=table, score=round(place.score / top, 4), why=place.why)
