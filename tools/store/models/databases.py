"""Registered databases and what is known of their tables."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pgvector.sqlalchemy import Vector
from sqlalchemy import (
    BigInteger,
    Computed,
    ForeignKey,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from tools.store.models.base import Owned, Row, Workspace

SEARCH = " || ".join(
    f"setweight(to_tsvector('english'::regconfig, split_part(search_text, chr(10), {line})), '{weight}')"
    for line, weight in enumerate("ABCD", start=1)
)
"""How a table's `search` is computed from its `search_text`."""


class DatabaseRow(Owned, Row):
    """A registered database; `credentials` is AES-GCM over JSON, bound to workspace and row id."""

    __tablename__ = "databases"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    dialect: Mapped[str]
    host: Mapped[str]
    port: Mapped[int]
    database: Mapped[str]
    username: Mapped[str]
    tls: Mapped[str] = mapped_column(server_default="prefer")
    credentials: Mapped[bytes]
    greeting: Mapped[dict[str, Any] | None]
    """The last connectors.base.Greeting."""
    last_error: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    reached_at: Mapped[datetime | None]
    """When it last answered: "does not answer since ..." is told from it."""
    catalog_version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Grows with every change to its tables, notes and policies: what a process has read is good while this stands."""
    session_settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """What its own policies ask of a session: setting or variable -> attribute of the person."""


class TableRow(Owned, Row):
    """One table of a registered database: its last snapshot, and what training learned of it."""

    __tablename__ = "tables"
    __table_args__ = (
        UniqueConstraint("database_id", "schema_name", "name"),
        Index("ix_tables_search", "search", postgresql_using="gin"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"))
    schema_name: Mapped[str]
    name: Mapped[str]
    snapshot: Mapped[dict[str, Any]]
    """connectors.base.TableSchema."""
    fingerprint: Mapped[str]
    fetched_at: Mapped[datetime] = mapped_column(server_default=func.now())
    trained_at: Mapped[datetime | None]
    trained_fingerprint: Mapped[str | None]
    """The fingerprint at training; another one now means the table has changed since."""
    description: Mapped[str] = mapped_column(server_default="")
    description_edited: Mapped[bool] = mapped_column(server_default=text("false"))
    """True once a person has written the description: training then keeps it."""
    values: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Column -> its frequent values."""
    samples: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """Rows as column -> value, secret and personal columns left out."""
    left_out: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """Columns whose values training did not read."""
    search_text: Mapped[str] = mapped_column(server_default="")
    """The words retrieval matches, on four lines: the table's name; its columns' names; comments, description and
    notes; frequent values."""
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed(SEARCH, persisted=True))
    """The four lines as words weighted A to D."""


class TableEmbedding(Row):
    """The vector of one trained table; apart from its row because vector updates are slow."""

    __tablename__ = "table_embeddings"
    table_id: Mapped[UUID] = mapped_column(ForeignKey(TableRow.id, ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), index=True)
    model: Mapped[str]
    dimension: Mapped[int]
    embedding: Mapped[Any] = mapped_column(Vector())


class NoteRow(Owned, Row):
    """What a person told us about the data: "revenue means paid orders without returns"."""

    __tablename__ = "notes"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), index=True)
    table_id: Mapped[UUID | None] = mapped_column(ForeignKey(TableRow.id, ondelete="CASCADE"))
    text: Mapped[str]
