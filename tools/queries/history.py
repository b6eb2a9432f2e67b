"""Query history: everything that was asked and executed, searchable, each entry with its result and answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Table, and_, bindparam, insert, not_, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from tools import audit
from tools.connectors.base import Frozen, Rows
from tools.databases import Target
from tools.errors import NotFound, QueryTimedOut
from tools.queries.answer import Answer
from tools.reach import reaches
from tools.rights import only_own
from tools.store.models import AuditRow, QueryRow, Row, User
from tools.store.prepared import Prepared
from tools.toolbox import Actor, Toolbox


class Query(Frozen):
    """One entry: what was asked, what ran, what came of it."""

    id: UUID
    database: str
    question: str | None
    sql_asked: str
    sql_executed: str | None
    verdict: Literal["allowed", "rejected"]
    error: str | None
    """Why it was rejected, failed or was stopped; None when it gave rows."""
    tables: tuple[str, ...]
    rows: int | None
    truncated: bool
    milliseconds: float | None
    result: Rows | None
    """The rows as they were shown; only `get_query` fills it in."""
    answer: Answer | None
    liked: bool | None
    door: str
    conversation_id: str | None
    created_at: datetime
    created_by: str | None

    @property
    def slow(self) -> bool:
        """True when it was stopped because it took too long."""
        return bool(self.error) and str(self.error).startswith(QueryTimedOut.opening)


def new_entry(actor: Actor, database: Target, sql: str, question: str | None) -> QueryRow:
    """An entry to fill in while the query runs; `verdict` is rejected until the guard says otherwise."""
    return QueryRow(
        id=uuid4(),
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        database_id=database.id,
        database_name=database.name,
        conversation_id=actor.conversation_id,
        door=actor.door,
        question=question,
        sql_asked=sql.replace("\0", "\\0"),
        verdict="rejected",
        tables=[],
        truncated=False,
        reach="",
    )


async def keep(box: Toolbox, actor: Actor, entry: QueryRow, *, kept: bool = True) -> None:
    """Write an entry and what the audit log says of it; with `kept` False the latter alone."""
    verdict: audit.Verdict = "done" if entry.error is None else "failed"
    told = audit.noted(
        actor,
        "query",
        entry.database_name,
        verdict="refused" if entry.verdict == "rejected" else verdict,
        detail=entry.error or entry.sql_executed or "",
        rows=entry.rows,
        milliseconds=entry.milliseconds,
    )
    if not kept:
        await audit.record(box, told)
        return
    values = {f"query_{name}": getattr(entry, name) for name in WRITTEN}
    values.update((f"audit_{name}", getattr(told, name)) for name in audit.WRITTEN)
    async with box.store.begin_bare(entry.workspace_id) as wire:
        await KEEP.run(wire, **values)


WRITTEN = [
    "id", "workspace_id", "created_by", "database_id", "database_name", "conversation_id", "door", "question",
    "sql_asked", "sql_executed", "verdict", "error", "tables", "rows", "truncated", "reach", "milliseconds", "result",
]  # fmt: skip
"""The columns of a new entry; the rest comes later."""


def _table(row: type[Row]) -> Table:
    assert isinstance(row.__table__, Table)
    return row.__table__


def _bound(row: type[Row], prefix: str, names: Sequence[str]) -> dict[str, Any]:
    return {name: bindparam(f"{prefix}_{name}", type_=_table(row).c[name].type) for name in names}


KEEP = Prepared(
    insert(_table(QueryRow))
    .values(_bound(QueryRow, "query", WRITTEN))
    .add_cte(insert(_table(AuditRow)).values(_bound(AuditRow, "audit", audit.WRITTEN)).cte("told"))
)
"""Both rows in one statement: each query pays for it."""


async def list_queries(
    box: Toolbox,
    actor: Actor,
    *,
    database: str | None = None,
    search: str | None = None,
    conversation_id: str | None = None,
    limit: int = 20,
    before: UUID | None = None,
) -> tuple[Query, ...]:
    """The workspace's queries, newest first; `search` looks in question and SQL without regard to case.

    `before` is the id of the last one seen: those behind it come.
    """
    chosen = (
        select(QueryRow, User.name)
        .outerjoin(User, User.id == QueryRow.created_by)
        .where(QueryRow.workspace_id == actor.workspace_id)
        .order_by(QueryRow.created_at.desc(), QueryRow.id.desc())
        .limit(limit)
    )
    if database is not None:
        chosen = chosen.where(QueryRow.database_name == database)
    if before is not None:
        seen = select(QueryRow.created_at, QueryRow.id).where(QueryRow.id == before)
        chosen = chosen.where(tuple_(QueryRow.created_at, QueryRow.id) < seen.scalar_subquery())
    if conversation_id is not None:
        chosen = chosen.where(QueryRow.conversation_id == conversation_id)
    if search:
        chosen = chosen.where(
            or_(
                QueryRow.question.icontains(search, autoescape=True),
                QueryRow.sql_asked.icontains(search, autoescape=True),
            )
        )
    async with box.store.begin(actor.workspace_id) as session:
        found = (await session.execute(chosen.where(await _seen(box, session, actor)))).all()
    return tuple(_shown(row, name, whole=False) for row, name in found)


async def get_query(box: Toolbox, actor: Actor, query_id: UUID) -> Query:
    """One entry with its result; NotFound when the workspace has none of that id."""
    async with box.store.begin(actor.workspace_id) as session:
        found = (
            await session.execute(
                select(QueryRow, User.name)
                .outerjoin(User, User.id == QueryRow.created_by)
                .where(QueryRow.id == query_id, QueryRow.workspace_id == actor.workspace_id)
                .where(await _seen(box, session, actor))
            )
        ).first()
    if found is None:
        raise _missing(query_id)
    return _shown(found[0], found[1], whole=True)


async def _seen(box: Toolbox, session: AsyncSession, actor: Actor) -> ColumnElement[bool]:
    """Of the workspace's entries those a person may see: where policies bind them, what was read under the same."""
    bound = {key: one.fingerprint for key, one in (await reaches(box, session, actor)).items() if one.parted}
    # With a database its policies are forgotten: what others asked of it is then for admins.
    orphan = QueryRow.database_id.is_(None) & (QueryRow.created_by != actor.user_id)
    return and_(
        or_(
            QueryRow.database_id.is_(None), QueryRow.database_id.not_in(bound), *(_under(*one) for one in bound.items())
        ),
        not_(orphan) if actor.role != "admin" else true(),
        QueryRow.created_by == actor.user_id if only_own(actor) else true(),
    )


def _under(database_id: UUID, fingerprint: str) -> ColumnElement[bool]:
    return and_(QueryRow.database_id == database_id, QueryRow.reach == fingerprint)


async def set_answer(box: Toolbox, actor: Actor, query_id: UUID, answer: Answer) -> None:
    """Keep what is said beside a result: reading, confidence, chart."""
    await _change(box, actor, query_id, answer=answer.model_dump(mode="json"))


async def rate(box: Toolbox, actor: Actor, query_id: UUID, liked: bool | None) -> None:
    """Keep a thumb: up, down, or neither again."""
    await _change(box, actor, query_id, liked=liked)


async def _change(box: Toolbox, actor: Actor, query_id: UUID, **values: object) -> None:
    async with box.store.begin(actor.workspace_id) as session:
        changed = await session.scalar(
            update(QueryRow)
            .where(QueryRow.id == query_id, QueryRow.workspace_id == actor.workspace_id)
            .values(**values)
            .returning(QueryRow.id)
        )
    if changed is None:
        raise _missing(query_id)


def _missing(query_id: UUID) -> NotFound:
    return NotFound(f"No query {str(query_id)!r} in the history of this workspace.")


def _shown(row: QueryRow, name: str | None, *, whole: bool) -> Query:
    return Query(
        id=row.id,
        database=row.database_name,
        question=row.question,
        sql_asked=row.sql_asked,
        sql_executed=row.sql_executed,
        verdict="allowed" if row.verdict == "allowed" else "rejected",
        error=row.error,
        tables=tuple(row.tables),
        rows=row.rows,
        truncated=row.truncated,
        milliseconds=row.milliseconds,
        result=Rows.model_validate(row.result) if whole and row.result is not None else None,
        answer=Answer.model_validate(row.answer) if row.answer is not None else None,
        liked=row.liked,
        door=row.door,
        conversation_id=row.conversation_id,
        created_at=row.created_at,
        created_by=name,
    )
