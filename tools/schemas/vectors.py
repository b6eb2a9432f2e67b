"""The vectors of trained tables: stored beside the model that made them, made anew when the model changes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import Frozen, TableSchema
from tools.schemas.tables import BUMP
from tools.schemas.wording import vector_text
from tools.store.models import DatabaseRow, NoteRow, TableEmbedding, TableRow
from tools.toolbox import Actor, Toolbox

BATCH = 200

UPSERT = text("""
INSERT INTO tabletalk.table_embeddings AS e (table_id, workspace_id, database_id, model, dimension, embedding)
SELECT t.id, t.workspace_id, t.database_id, :model, vector_dims(r.embedding), r.embedding
FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (id uuid, embedding vector)
JOIN tabletalk.tables t ON t.id = r.id AND t.workspace_id = :workspace
ON CONFLICT (table_id) DO UPDATE SET
    model = excluded.model, dimension = excluded.dimension, embedding = excluded.embedding
""")


class Reembedded(Frozen):
    """What `reembed` did."""

    model: str
    dimension: int | None
    databases: int
    tables: int
    """Tables whose vectors were made anew."""

    def __str__(self) -> str:
        if not self.tables:
            return f"Every trained table already has a vector of {self.model}."
        return f"{self.tables} tables of {self.databases} databases have vectors of {self.model} now."


async def store_vectors(
    session: AsyncSession, actor: Actor, model: str, vectors: Mapping[UUID, Sequence[float]]
) -> None:
    """Write the vectors of some tables (table id -> floats), in one statement."""
    rows = [{"id": str(key), "embedding": json.dumps([round(x, 7) for x in vector])} for key, vector in vectors.items()]
    await session.execute(UPSERT, {"model": model, "workspace": actor.workspace_id, "rows": json.dumps(rows)})


async def reembed(box: Toolbox, actor: Actor, *, force: bool = False) -> Reembedded:
    """Make the vectors of all trained tables of the workspace anew where another model made them, or all by `force`.

    ModelUnavailable leaves the old vectors as they are; batches that are done stay done.
    """
    texts = await _due(box, actor, force)
    touched: set[UUID] = set()
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        made = await box.embedder.embed([words for _, _, words in batch])
        async with box.store.begin(actor.workspace_id) as session:
            vectors = {key: vector for (key, _, _), vector in zip(batch, made, strict=True)}
            await store_vectors(session, actor, box.embedder.name, vectors)
            for database in {database for _, database, _ in batch}:
                touched.add(database)
                await session.execute(BUMP, {"database": database})
    return Reembedded(
        model=box.embedder.name, dimension=box.embedder.dimension, databases=len(touched), tables=len(texts)
    )


async def _due(box: Toolbox, actor: Actor, force: bool) -> list[tuple[UUID, UUID, str]]:
    """Table id, database id and text of every vector that is to be made."""
    notes = select(func.array_agg(NoteRow.text)).where(NoteRow.table_id == TableRow.id).scalar_subquery()
    query: Any = (
        select(TableRow, notes.label("notes"))
        .outerjoin(TableEmbedding, TableEmbedding.table_id == TableRow.id)
        .join(DatabaseRow, DatabaseRow.id == TableRow.database_id)
        .where(TableRow.workspace_id == actor.workspace_id, TableRow.trained_at.is_not(None))
        .order_by(TableRow.database_id)
    )
    if not force:
        query = query.where(TableEmbedding.model.is_distinct_from(box.embedder.name))
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.execute(query)).all()
    return [
        (
            row.id,
            row.database_id,
            vector_text(TableSchema.model_validate(row.snapshot), row.description, found or ()),
        )
        for row, found in rows
    ]
