"""The index of vectors, where documents are many."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents.sources import Source
from tools.toolbox import Toolbox

log = structlog.get_logger(__name__)

EXACT_NUMBERS = 100_000 * 512
"""So many numbers of vectors are read whole for one search: tens of milliseconds, and nothing is missed."""
MOST_DIMENSIONS = 4000
"""Of a half-precision vector in an index of pgvector."""
THOROUGH = text(
    "SELECT set_config('hnsw.ef_search', '1000', true), set_config('hnsw.iterative_scan', 'relaxed_order', true)"
)
"""With less, filtered searches miss a third of what is near."""

READY = text("SELECT coalesce(bool_and(indisvalid), false) FROM pg_index WHERE indexrelid = to_regclass(:name)")
MANY = text("""
SELECT count(*) FROM (
    SELECT FROM tabletalk.document_embeddings e
    JOIN unnest(CAST(:databases AS uuid[]), CAST(:tables AS text[])) AS s (database_id, table_name)
        USING (database_id, table_name)
    LIMIT :most
) AS counted
""")
LARGEST = text("""
SELECT coalesce(max(vectors), 0) FROM (
    SELECT count(embedding) AS vectors FROM tabletalk.document_embeddings
    WHERE model = :model AND dimension = :dimension GROUP BY workspace_id
) AS each_workspace
""")


class Condition(NamedTuple):
    """How a search must be put for the index of a model to serve it."""

    column: str
    vector: str
    where: str


def condition(model: str, dimension: int) -> Condition:
    """Give the condition for a model's vectors; its name stands as a literal, as in the index."""
    quoted = model.replace("'", "''").replace(":", "\\:")
    return Condition(
        column=f"CAST(e.embedding AS halfvec({dimension}))",
        vector=f"CAST(:vector AS halfvec({dimension}))",
        where=f"e.model = '{quoted}' AND e.dimension = {dimension}",
    )


async def pays(box: Toolbox, session: AsyncSession, scope: Sequence[Source], dimension: int) -> bool:
    """Tell whether a search of these tables is better served by the index: it is there, and they are many."""
    name = name_of(box.embedder.name, dimension)
    if not await session.scalar(READY, {"name": name}):
        return False
    most = EXACT_NUMBERS // dimension
    values = {"databases": [one.database_id for one in scope], "tables": [one.table for one in scope]}
    return int(await session.scalar(MANY, {**values, "most": most + 1}) or 0) > most


async def build_if_it_pays(box: Toolbox, model: str, dimension: int) -> bool:
    """Make the index of a model's vectors when a workspace has too many to read; True when it was made now.

    Built beside whatever reads and writes meanwhile; one that was cut off is made anew.
    """
    if dimension > MOST_DIMENSIONS:
        return False
    name = name_of(model, dimension)
    async with box.store.begin_for_all() as session:
        largest = int(await session.scalar(LARGEST, {"model": model, "dimension": dimension}) or 0)
        ready = await session.scalar(READY, {"name": name})
    if ready or largest * dimension <= EXACT_NUMBERS:
        return False
    wanted = condition(model, dimension)
    column, where = wanted.column.replace("e.", "", 1), wanted.where.replace("e.", "")
    await box.store.alone(
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
        f"CREATE INDEX CONCURRENTLY {name.partition('.')[2]} ON tabletalk.document_embeddings "
        f"USING hnsw (({column}) halfvec_cosine_ops) WHERE {where}",
    )
    log.info("vector index made", model=model, dimension=dimension, vectors=largest)
    return True


def name_of(model: str, dimension: int) -> str:
    """The index of a model's vectors, qualified."""
    return f"tabletalk.ix_document_vectors_{blake2b(model.encode(), digest_size=6).hexdigest()}_{dimension}"
