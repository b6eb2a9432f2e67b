"""What is trained and how fresh it is; and forgetting what training has learned."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text

from tools import databases
from tools.connectors.base import Frozen
from tools.errors import NotAllowed
from tools.rights import may_change
from tools.schemas.catalog import TrainedTable
from tools.schemas.matching import chosen, patterns
from tools.schemas.tables import BUMP, Known, known
from tools.schemas.wording import describe_by_rule, search_lines
from tools.store.models import Member
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

FORGET = text("""
WITH forgotten AS (
    UPDATE tabletalk.tables SET
        trained_at = NULL, trained_fingerprint = NULL, values = '{}', samples = '[]', left_out = '[]',
        description = :description, search_text = :search_text
    WHERE id = :id AND workspace_id = :workspace
    RETURNING id
)
DELETE FROM tabletalk.table_embeddings e USING forgotten WHERE e.table_id = forgotten.id
""")


class TableStatus(Frozen):
    """How fresh the training of one table is."""

    table: str
    """Its qualified name."""
    trained_at: datetime | None
    stale: bool
    values: int
    """Columns whose frequent values are known."""
    left_out: tuple[str, ...]
    rows: int | None


class TrainingStatus(Frozen):
    """How fresh the training of one database is."""

    database: str
    tables: tuple[TableStatus, ...]
    model: str
    """The embedding model in use."""
    other_models: tuple[str, ...]
    """Models that some vectors were made by and that are in use no more: `tabletalk reembed` makes them anew."""

    @property
    def trained(self) -> int:
        """How many tables are trained."""
        return sum(table.trained_at is not None for table in self.tables)

    @property
    def stale(self) -> tuple[str, ...]:
        """Tables that have changed since their training."""
        return tuple(table.table for table in self.tables if table.stale)

    @property
    def last_trained_at(self) -> datetime | None:
        """When the last of its tables was trained."""
        return max((table.trained_at for table in self.tables if table.trained_at is not None), default=None)

    def __str__(self) -> str:
        total = len(self.tables)
        parts = [
            f"{self.database}: {self.trained} of {total} tables trained" if total else f"{self.database}: no tables"
        ]
        if self.last_trained_at is not None:
            parts.append(f"last on {self.last_trained_at:%d %B %Y at %H:%M} UTC")
        if self.stale:
            parts.append(f"changed since: {', '.join(self.stale)}")
        if self.other_models:
            parts.append(f"vectors of another model ({', '.join(self.other_models)}): run `tabletalk reembed`")
        return "; ".join(parts) + "."


async def status(box: Toolbox, actor: Actor, database: str | None = None) -> tuple[TrainingStatus, ...]:
    """Tell which tables are trained and how fresh, of one database or of all in the workspace."""
    names = [database] if database else [found.name for found in await databases.list_databases(box, actor)]
    return tuple([_status(box, await known(box, actor, name)) for name in names])


def _status(box: Toolbox, about: Known) -> TrainingStatus:
    return TrainingStatus(
        database=about.name,
        tables=tuple(
            TableStatus(
                table=table.shape.qualified_name,
                trained_at=table.trained_at,
                stale=table.stale,
                values=len(table.values),
                left_out=table.left_out,
                rows=table.shape.row_estimate,
            )
            for table in about.tables
        ),
        model=box.embedder.name,
        other_models=tuple(sorted({model for model, _ in about.models} - {box.embedder.name})),
    )


class Untrained(Frozen):
    """What `untrain` forgot."""

    database: str
    tables: tuple[str, ...]

    def __str__(self) -> str:
        return f"Forgot the training of {len(self.tables)} tables of {self.database}: {', '.join(self.tables[:8])}."


async def untrain(
    box: Toolbox, actor: Actor, database: str, tables: str | Sequence[str], approved_by: UUID
) -> Untrained:
    """Forget values, samples and vectors of tables by name or pattern; shapes, notes and edited descriptions stay.

    `approved_by` is the person who agreed; the database itself is not touched.
    """
    may_change(actor, "forget training")
    about = await known(box, actor, database)
    gone = [table for table in chosen(about.tables, patterns(tables), database) if table.trained_at is not None]
    async with box.store.begin(actor.workspace_id) as session:
        if await session.get(Member, (actor.workspace_id, approved_by)) is None:
            raise NotAllowed("Forgetting training needs the yes of a member of this workspace.")
        for table in gone:
            description = table.description if table.edited else describe_by_rule(table.shape)
            words = search_lines(table.shape, description, {}, table.notes)
            place = {"id": table.id, "workspace": actor.workspace_id}
            await session.execute(FORGET, {**place, "description": description, "search_text": words})
        await session.execute(BUMP, {"database": about.id})
    log.info("untrained", database=database, tables=len(gone), approved_by=str(approved_by))
    return Untrained(database=database, tables=tuple(table.shape.qualified_name for table in gone))


async def consequence_of_untraining(
    box: Toolbox, actor: Actor, database: str, tables: str | Sequence[str] = "*"
) -> str:
    """Say what `untrain` would do: how much goes, and what is not touched."""
    about = await known(box, actor, database)
    gone = [table for table in chosen(about.tables, patterns(tables), database) if table.trained_at is not None]
    if not gone:
        return f"None of these tables of {database} is trained; nothing would change."
    return (
        f"This forgets what was learned of {len(gone)} tables of {database} ({_named(gone)}): frequent values, samples "
        "and vectors. Their shapes, notes and descriptions written by people stay; the database itself is not touched."
    )


def _named(tables: Sequence[TrainedTable]) -> str:
    names = [table.shape.name for table in tables]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
