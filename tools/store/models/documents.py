"""Synced rows as documents, and how their tables are synced."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from tools.store.models.base import Row, User, Workspace
from tools.store.models.databases import DatabaseRow
from tools.store.models.jobs import JobRow

DOCUMENT_SEARCH = "(setweight(to_tsvector('english', d.title), 'A') || setweight(to_tsvector('english', d.body), 'B'))"
"""The words of a document `d`, from its title and its text."""


class DocumentRow(Row):
    """One synced row of a registered database, normalised.

    There are no foreign keys, whose checks would be paid for each row. Documents go with their database by a trigger,
    and the transaction that writes some writes their `sync_states` too, which needs the database to be there until its
    end.
    """

    __tablename__ = "documents"
    __table_args__ = (UniqueConstraint("database_id", "table_name", "source_key"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID]
    database_id: Mapped[UUID]
    table_name: Mapped[str]
    """Qualified: `public.orders`."""
    source_key: Mapped[str]
    """The primary key as text, a JSON array where it has several columns; the row's hash where it has none."""
    entity: Mapped[str]
    """What the row is: customer, order, shipment ..."""
    title: Mapped[str]
    body: Mapped[str]
    """The row's text columns, one a line."""
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Values of columns with few of them: `status:paid`."""
    data: Mapped[dict[str, Any]]
    """The row's fields: numbers as numbers, dates as ISO 8601 text, binary as `0x...`."""
    happened_at: Mapped[datetime | None]
    """The row's main date."""
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    """Of entity, title, body, tags, date and data, 8 bytes: equal when nothing has changed."""
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When a sync first brought it."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When a sync last found it changed, gone or back."""
    deleted_at: Mapped[datetime | None]
    """Set once the row is gone at the source; such a document is found no more."""


class DocumentText(Row):
    """The words of one document as the index job made them; apart from its row, so that a load does not wait for them.

    It stands for its document as long as both have the same hash. Database and table are the document's: a search tells
    by them what it need not look up.
    """

    __tablename__ = "document_texts"
    __table_args__ = (Index("ix_document_texts_search", "search", postgresql_using="gin"),)
    document_id: Mapped[int] = mapped_column(ForeignKey(DocumentRow.id, ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID]
    database_id: Mapped[UUID]
    table_name: Mapped[str]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    """The document's when its words were made: another one now means it has changed since."""
    search: Mapped[Any] = mapped_column(TSVECTOR)
    """DOCUMENT_SEARCH."""


class DocumentBacklog(Row):
    """Documents that one step of a sync wrote, until the index job has made their words: a search reads them itself."""

    __tablename__ = "document_backlog"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID]
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"))
    table_name: Mapped[str]
    documents: Mapped[int]
    """How many were written."""
    ids: Mapped[Any] = mapped_column(INT8MULTIRANGE)
    """Where their ids lie; others may lie there too."""
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class DocumentEmbedding(Row):
    """What the embed job made of one document; apart from its row because vector updates are slow.

    Half-precision numbers, kept inside the row: reading all of them, which finds every near one, is then nine times
    quicker than with full ones out of line.
    """

    __tablename__ = "document_embeddings"
    __table_args__ = (Index("ix_document_embeddings_database_id_table_name", "database_id", "table_name"),)
    document_id: Mapped[int] = mapped_column(ForeignKey(DocumentRow.id, ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID]
    database_id: Mapped[UUID]
    table_name: Mapped[str]
    model: Mapped[str]
    dimension: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    """The document's when the vector was made: another one now means it has changed since."""
    embedding: Mapped[Any | None] = mapped_column(HALFVEC())
    """None where the text of rows may not leave for the embedding model: it is then found by its words."""


class DocumentLink(Row):
    """A document's reference to another one, along a foreign key; so that both ends find each other."""

    __tablename__ = "document_links"
    __table_args__ = (Index("ix_document_links_target", "database_id", "target_table", "target_key"),)
    document_id: Mapped[int] = mapped_column(ForeignKey(DocumentRow.id, ondelete="CASCADE"), primary_key=True)
    column_name: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    database_id: Mapped[UUID]
    table_name: Mapped[str]
    target_table: Mapped[str]
    target_key: Mapped[str]
    """The `source_key` of the document it refers to."""


class DocumentWord(Row):
    """A word of a database's documents, in its base form: what a misspelt one may have meant."""

    __tablename__ = "document_words"
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    documents: Mapped[int]
    """How many of them it stands in."""


class SyncPlanRow(Row):
    """What people changed in how a table becomes documents; the rest of its plan is derived afresh each time."""

    __tablename__ = "sync_plans"
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), primary_key=True)
    table_name: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    edits: Mapped[dict[str, Any]]
    """sync.plan.PlanChanges."""
    edited_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    edited_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SyncStateRow(Row):
    """How far the sync of one table is: what the next run builds on."""

    __tablename__ = "sync_states"
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), primary_key=True)
    table_name: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    mode: Mapped[str | None]
    """full or incremental: how the last run that ended well read it."""
    watermark: Mapped[str | None]
    """The highest value of the plan's watermark column that has been read, as text."""
    shape: Mapped[dict[str, Any] | None]
    """The connectors.base.TableSchema it was last synced with: drift is told from it."""
    plan: Mapped[str | None]
    """Fingerprint of the plan it was last synced with: another one means a full run."""
    resume: Mapped[dict[str, Any] | None]
    """Where a run that was cut off goes on: its job, the last key committed, the counts so far."""
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Of the last run that ended well: read, new, changed, unchanged, deleted, rejected."""
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    synced_at: Mapped[datetime | None]
    """When a run last ended well."""
    error: Mapped[str | None]
    """Why the last run did not end well."""


class SyncRejectRow(Row):
    """A source row that could not become a document, kept aside with the reason."""

    __tablename__ = "sync_rejects"
    __table_args__ = (Index("ix_sync_rejects_database_id_table_name", "database_id", "table_name"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey(JobRow.id, ondelete="SET NULL"), index=True)
    table_name: Mapped[str]
    source_key: Mapped[str]
    reason: Mapped[str]
    raw: Mapped[str]
    """The row as it was read, cut to 10,000 characters."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())
