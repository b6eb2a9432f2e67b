"""From a document back to its row: what the last sync brought, what it is linked with, and the row as it is now."""

from typing import Any

from sqlalchemy import ARRAY, BigInteger, bindparam, select, text

from tools import databases, schemas
from tools.connectors.base import Frozen, ResultColumn
from tools.documents.document import Document, RelatedDocument
from tools.documents.links import neighbours
from tools.documents.live import by_keys, unseen
from tools.errors import NotFound
from tools.reach import bounded_tables
from tools.schemas.privacy import looks_private
from tools.store.models import DatabaseRow, DocumentRow
from tools.toolbox import Actor, Toolbox

BRIEF = text("""
SELECT d.id, d.database_id, b.name AS database, d.table_name, d.source_key, d.entity, d.title, d.happened_at
FROM tabletalk.documents d JOIN tabletalk.databases b ON b.id = d.database_id
WHERE d.id = ANY (:ids) AND d.deleted_at IS NULL
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


class LiveRow(Frozen):
    """A document's row as the database has it now."""

    document: int
    database: str
    table: str
    sql: str
    columns: tuple[ResultColumn, ...]
    values: tuple[Any, ...]
    milliseconds: float


async def document(box: Toolbox, actor: Actor, document_id: int) -> Document:
    """Give a document as the last sync brought it; NotFound when this workspace has none of that number."""
    query = (
        select(DocumentRow, DatabaseRow.name)
        .join(DatabaseRow, DatabaseRow.id == DocumentRow.database_id)
        .where(DocumentRow.workspace_id == actor.workspace_id, DocumentRow.id == document_id)
    )
    async with box.store.begin(actor.workspace_id) as session:
        found = (await session.execute(query)).first()
        bounds = await bounded_tables(box, session, actor)
    hidden = await unseen(box, actor, [document_id], bounds)
    if found is None or document_id in hidden.ids:
        told = " ".join(
            (f"No document {document_id!r} in this workspace; a search tells their numbers.", *hidden.reasons)
        )
        raise NotFound(told)
    row, database = found
    shared = Document.model_fields.keys() - {"database", "table", "tags"}
    return Document(
        **{name: getattr(row, name) for name in shared}, database=database, table=row.table_name, tags=tuple(row.tags)
    )


async def related(box: Toolbox, actor: Actor, document_id: int) -> tuple[RelatedDocument, ...]:
    """Give what a document refers to, then what refers to it, the latest first; NotFound when it is not there."""
    one = await document(box, actor, document_id)
    async with box.store.begin(actor.workspace_id) as session:
        near = await neighbours(session, one.id)
        bounds = await bounded_tables(box, session, actor)
        brief = (await session.execute(BRIEF, {"ids": [other.id for other in near]})).all()
    hidden = await unseen(box, actor, [row.id for row in brief], bounds)
    rows = {row.id: row for row in brief if row.id not in hidden.ids}
    return tuple(
        RelatedDocument(
            id=other.id,
            database=rows[other.id].database,
            table=rows[other.id].table_name,
            source_key=rows[other.id].source_key,
            entity=rows[other.id].entity,
            title=rows[other.id].title or f"{rows[other.id].entity} {rows[other.id].source_key}",
            happened_at=rows[other.id].happened_at,
            relation=other.relation,
        )
        for other in near
        if other.id in rows
    )


async def open_row(box: Toolbox, actor: Actor, document_id: int) -> LiveRow:
    """Read a document's row as it is now, checked, bounded and kept in the history like any other query.

    NotFound when the row is gone at the source; Invalid when nothing tells it apart from others.
    """
    from tools import queries  # a job that makes documents opens no row, and need not carry the guard

    one = await document(box, actor, document_id)
    shape = (await schemas.describe(box, actor, one.database, one.table)).shape
    columns = [c.name for c in shape.columns if c.name in one.data or not looks_private(c.name)]
    dialect = (await databases.target(box, actor, one.database)).dialect
    sql = f"{by_keys(shape, [one.source_key], columns, dialect)} LIMIT 1"
    result = await queries.run(box, actor, one.database, sql, question=f"The row of document {one.id}")
    if not result.rows:
        raise NotFound(
            f"{one.table} of {one.database} has no row {one.source_key} any more; "
            f"the document is as it was synced on {one.changed_at:%d %B %Y}."
        )
    return LiveRow(
        document=one.id,
        database=one.database,
        table=one.table,
        sql=result.sql,
        columns=result.columns,
        values=result.rows[0],
        milliseconds=result.milliseconds,
    )
