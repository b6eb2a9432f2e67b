"""How registered databases are read from the store, with what is known and trained of each."""

from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import Greeting
from tools.databases.database import Database, Target
from tools.errors import NotFound
from tools.store.models import DatabaseRow, TableRow, User
from tools.store.prepared import Prepared
from tools.store.session import Store
from tools.toolbox import Actor

Found = tuple[DatabaseRow, str | None, int, int]


COUNTS = (
    select(TableRow.database_id, func.count().label("tables"), func.count(TableRow.trained_at).label("trained"))
    .where(TableRow.workspace_id == bindparam("workspace"))
    .group_by(TableRow.database_id)
    .subquery()
)
ALL = (
    select(DatabaseRow, User.name, func.coalesce(COUNTS.c.tables, 0), func.coalesce(COUNTS.c.trained, 0))
    .outerjoin(User, User.id == DatabaseRow.created_by)
    .outerjoin(COUNTS, COUNTS.c.database_id == DatabaseRow.id)
    .where(DatabaseRow.workspace_id == bindparam("workspace"))
    .order_by(DatabaseRow.name)
)
"""The databases of a workspace by name, each with its maker's name and its tables, known and trained."""
ONE = ALL.where(DatabaseRow.name == bindparam("name"))


async def find(session: AsyncSession, actor: Actor, name: str) -> Found:
    """The row called `name`, in any case; NotFound names those there are."""
    named = {"workspace": actor.workspace_id, "name": name.strip().lower()}
    found = (await session.execute(ONE, named)).first()
    if found is not None and in_sight(actor, found[0].name):
        return found[0], found[1], found[2], found[3]
    raise await _missing(session, actor, name)


async def find_target(store: Store, actor: Actor, name: str) -> tuple[Target, Any]:
    """What is needed to read from the database called `name`, and its row; every query asks for that."""
    async with store.begin_bare(actor.workspace_id) as wire:
        row = await CALLED.first(wire, workspace=actor.workspace_id, name=name.strip().lower())
    if row is None or not in_sight(actor, row.name):
        async with store.begin(actor.workspace_id) as session:
            raise await _missing(session, actor, name)
    return Target.model_validate({field: getattr(row, field) for field in Target.model_fields}), row


CALLED = Prepared(
    select(DatabaseRow).where(DatabaseRow.workspace_id == bindparam("workspace"), DatabaseRow.name == bindparam("name"))
)


async def _missing(session: AsyncSession, actor: Actor, name: str) -> NotFound:
    names = await session.scalars(
        select(DatabaseRow.name).where(DatabaseRow.workspace_id == actor.workspace_id).order_by(DatabaseRow.name)
    )
    registered = ", ".join(one for one in names if in_sight(actor, one))
    rest = f"registered: {registered}." if registered else "none is registered yet: say `register a database`."
    return NotFound(f"No database named {name!r}; {rest}")


def in_sight(actor: Actor, database: str) -> bool:
    """Whether a person who sees only some tables sees any of this database."""
    return not actor.tables or any(fnmatchcase(database, one.partition(".")[0].lower()) for one in actor.tables)


def shown(found: Found) -> Database:
    """What a row and its counts say, without the credential."""
    row, maker, tables, trained = found
    return Database.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "dialect": row.dialect,
            "host": row.host,
            "port": row.port,
            "database": row.database,
            "username": row.username,
            "tls": row.tls,
            "greeting": Greeting.model_validate(row.greeting) if row.greeting else None,
            "last_error": row.last_error,
            "checked_at": row.checked_at,
            "reached_at": row.reached_at,
            "tables": tables,
            "trained": trained,
            "session_settings": row.session_settings,
            "created_at": row.created_at,
            "created_by": maker,
        }
    )
