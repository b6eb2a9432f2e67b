"""Verified question/SQL pairs: what a person corrected or confirmed once, found again for a question like it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from tools import databases, vocabulary
from tools.connectors.base import Frozen
from tools.errors import Invalid, NotAllowed, NotFound, QueryRejected
from tools.queries.guard import check
from tools.queries.history import get_query
from tools.queries.shapes import sight
from tools.reach import reaches
from tools.rights import may_change
from tools.store.models import DatabaseRow, ExampleRow, User
from tools.toolbox import Actor, Toolbox

SIMILAR = 0.6
"""Cosine similarity from which a verified question is worth telling."""


class Example(Frozen):
    """A verified question/SQL pair."""

    id: UUID
    database: str
    question: str
    sql: str
    tables: tuple[str, ...]
    created_by: str | None
    created_at: datetime


class FoundExample(Frozen):
    """An example with how near it is to a question."""

    example: Example
    similarity: float
    """0 to 1; 1 for the same question."""

    @property
    def exact(self) -> bool:
        """Whether it is the same question, but for case, spaces and the sign at its end."""
        return self.similarity == 1.0


async def save_example(
    box: Toolbox,
    actor: Actor,
    *,
    query_id: UUID | None = None,
    database: str | None = None,
    question: str | None = None,
    sql: str | None = None,
) -> Example:
    """Save a pair as verified: an entry of the history by `query_id`, or database, question and SQL.

    The same question saved again replaces its SQL. Invalid without a question; QueryRejected when the SQL may not run.
    """
    may_change(actor, "save verified queries")
    if query_id is not None:
        entry = await get_query(box, actor, query_id)
        database, question, sql = entry.database, question or entry.question, entry.sql_asked
        if entry.error is not None:
            raise Invalid(f"That query gave no rows to verify: {entry.error}")
    if not question or not question.strip() or not database or not sql:
        raise Invalid("A verified query needs its question, its database and its SQL.")
    target = await databases.target(box, actor, database)
    seen = await sight(box, actor, target)
    checked = check(sql, target.dialect, seen.catalog or None, reach=seen.reach)
    vector = (await box.embedder.embed([question]))[0]
    values = {
        "sql": sql,
        "tables": [".".join(filter(None, table)) for table in checked.tables],
        "model": box.embedder.name,
        "embedding": vector,
        "created_by": actor.user_id,
        "created_at": func.now(),
    }
    keyed = {"workspace_id": actor.workspace_id, "database_id": target.id, "question": question.strip()}
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(
            insert(ExampleRow)
            .values(**keyed, **values)
            .on_conflict_do_update(index_elements=["database_id", "question"], set_=values)
        )
    return next(one for one in await list_examples(box, actor, database) if one.question == question.strip())


async def find_examples(
    box: Toolbox, actor: Actor, database: str, question: str, limit: int = 3
) -> tuple[FoundExample, ...]:
    """The verified questions nearest to `question`, best first; none below a useful similarity."""
    everything = await list_examples(box, actor, database)
    if not everything or not question.strip():
        return ()
    same = [FoundExample(example=one, similarity=1.0) for one in everything if _plain(one.question) == _plain(question)]
    if same:
        return tuple(same[:1])
    vector = (await box.embedder.embed([question]))[0]
    distance = ExampleRow.embedding.cosine_distance(vector)
    nearest = (
        select(ExampleRow.id, distance)
        .where(
            ExampleRow.workspace_id == actor.workspace_id,
            ExampleRow.id.in_([one.id for one in everything]),
            ExampleRow.model == box.embedder.name,
        )
        .order_by(distance)
        .limit(limit)
    )
    async with box.store.begin(actor.workspace_id) as session:
        near = {row[0]: 1.0 - row[1] for row in await session.execute(nearest)}
    found = [FoundExample(example=one, similarity=min(near[one.id], 0.99)) for one in everything if one.id in near]
    return tuple(sorted((one for one in found if one.similarity >= SIMILAR), key=lambda one: -one.similarity))


async def list_examples(box: Toolbox, actor: Actor, database: str | None = None) -> tuple[Example, ...]:
    """The verified pairs of one database, or of all of the workspace, oldest first."""
    chosen = (
        select(ExampleRow, DatabaseRow.name, User.name)
        .join(DatabaseRow, DatabaseRow.id == ExampleRow.database_id)
        .outerjoin(User, User.id == ExampleRow.created_by)
        .where(ExampleRow.workspace_id == actor.workspace_id)
        .order_by(ExampleRow.created_at)
    )
    if database is not None:
        chosen = chosen.where(DatabaseRow.id == (await databases.get(box, actor, database)).id)
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.execute(chosen)).all()
        bound = {one.database for one in (await reaches(box, session, actor)).values() if one.restricted}
    found = (
        Example(
            id=row.id,
            database=name,
            question=row.question,
            sql=row.sql,
            tables=tuple(row.tables),
            created_by=by,
            created_at=row.created_at,
        )
        for row, name, by in rows
    )
    return tuple([one for one in found if one.database not in bound or await _seen(box, actor, one)])


async def _seen(box: Toolbox, actor: Actor, example: Example) -> bool:
    """Whether the person could run it: its SQL may name what they do not see."""
    target = await databases.target(box, actor, example.database)
    seen = await sight(box, actor, target)
    try:
        check(example.sql, target.dialect, seen.catalog or None, reach=seen.reach)
    except (QueryRejected, NotAllowed):
        return False
    return True


async def broken_examples(box: Toolbox, actor: Actor, database: str) -> tuple[tuple[Example, str], ...]:
    """Verified pairs whose SQL does not fit the tables of `database` any more, each with the reason."""
    target = await databases.target(box, actor, database)
    seen = await sight(box, actor, target)
    broken: list[tuple[Example, str]] = []
    for example in await list_examples(box, actor, database):
        try:
            check(example.sql, target.dialect, seen.catalog or None)
        except QueryRejected as error:
            broken.append((example, str(error)))
    return tuple(broken)


async def remove_example(box: Toolbox, actor: Actor, example_id: UUID) -> None:
    """Remove a verified pair; NotFound when the workspace has none of that id."""
    may_change(actor, "remove verified queries")
    async with box.store.begin(actor.workspace_id) as session:
        gone = await session.scalar(
            delete(ExampleRow)
            .where(ExampleRow.id == example_id, ExampleRow.workspace_id == actor.workspace_id)
            .returning(ExampleRow.id)
        )
    if gone is None:
        raise NotFound(f"No verified query {str(example_id)!r}; list_verified shows those there are.")


def _plain(question: str) -> tuple[str, ...]:
    return vocabulary.words(question)
