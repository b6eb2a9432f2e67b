"""Which tables have documents: what a search may look through."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.errors import NotFound
from tools.reach import Bounds
from tools.toolbox import Actor

SOURCES = text("""
SELECT b.id AS database_id, b.name AS database, t.table_name, t.entity
FROM tabletalk.databases b CROSS JOIN LATERAL (
    -- one step of the unique index a table, however many documents there are
    WITH RECURSIVE found AS (
        (SELECT d.table_name, d.entity FROM tabletalk.documents d
         WHERE d.database_id = b.id ORDER BY d.table_name LIMIT 1)
        UNION ALL
        SELECT n.table_name, n.entity FROM found f CROSS JOIN LATERAL (
            SELECT d.table_name, d.entity FROM tabletalk.documents d
            WHERE d.database_id = b.id AND d.table_name > f.table_name ORDER BY d.table_name LIMIT 1
        ) n
    )
    SELECT * FROM found
) t
WHERE b.workspace_id = :workspace
ORDER BY b.name, t.table_name
""")


class Source(NamedTuple):
    """One synced table."""

    database_id: UUID
    database: str
    table: str
    entity: str

    @property
    def key(self) -> tuple[UUID, str]:
        """What its documents are found by."""
        return self.database_id, self.table


async def sources(session: AsyncSession, actor: Actor, bounds: Bounds) -> list[Source]:
    """Give every table of the workspace that has documents, of those that are not closed to the person."""
    rows = await session.execute(SOURCES, {"workspace": actor.workspace_id})
    found = [Source(row.database_id, row.database, row.table_name, row.entity) for row in rows]
    return [one for one in found if one.key not in bounds.closed]


def of_database(found: Sequence[Source], database: str | None) -> list[Source]:
    """Keep the tables of one database, or all; NotFound says what has been synced."""
    mine = [one for one in found if database is None or one.database == database.strip().lower()]
    if mine:
        return mine
    synced = ", ".join(dict.fromkeys(one.database for one in found))
    if database is None or not synced:
        raise NotFound(f"No document is here yet: say `sync {database or 'shop'}`, and its rows become searchable.")
    raise NotFound(f"No document of {database!r} is here; synced: {synced}. Say `sync {database}` first.")


def of_table(found: Sequence[Source], table: str) -> list[Source]:
    """Keep the tables called `table`, qualified or not; NotFound names near ones."""
    wanted = table.strip().strip('"`').lower()
    mine = [one for one in found if wanted in (one.table.lower(), one.table.lower().rpartition(".")[2])]
    if not mine:
        raise NotFound(f"No documents of a table {table!r}; {_near(wanted, (one.table for one in found))}.")
    return mine


def of_entity(found: Sequence[Source], entity: str) -> list[Source]:
    """Keep the tables whose rows are `entity`, in singular or plural; NotFound names those there are."""
    wanted = entity.strip().lower()
    mine = [one for one in found if one.entity.lower() in (wanted, wanted.removesuffix("s"))]
    if not mine:
        raise NotFound(f"No documents that are {entity!r}; {_near(wanted, (one.entity for one in found))}.")
    return mine


def _near(wanted: str, names: Iterable[str]) -> str:
    known = sorted(set(names))
    from rapidfuzz.process import extract

    near = [found[0] for found in extract(wanted, known, limit=3, score_cutoff=60)]
    return f"{'near' if near else 'there are'}: {', '.join(near or known[:12])}"
