"""Conversations, the queries they ran, and the examples that were verified."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pgvector.sqlalchemy import Vector
from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tools.store.models.base import Owned, Row, User, Workspace
from tools.store.models.databases import DatabaseRow


class ConversationRow(Owned, Row):
    """A conversation, by the id every door uses for it (Chainlit's thread id)."""

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(server_default="")
    state: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """What the next turn needs: the database in hand, calls awaiting approval, the last reading."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TurnRow(Owned, Row):
    """One exchange: the model messages it added, and what it cost."""

    __tablename__ = "turns"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey(ConversationRow.id, ondelete="CASCADE"), index=True)
    messages: Mapped[list[Any]]
    model: Mapped[str]
    input_tokens: Mapped[int] = mapped_column(server_default="0")
    output_tokens: Mapped[int] = mapped_column(server_default="0")
    cost: Mapped[float | None]
    """US dollars; None where the price is not known."""


class ReplyRow(Row):
    """What a request with an Idempotency-Key was answered: sent again, it gets the same."""

    __tablename__ = "replies"
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    """Of the request: another one under the same key is refused."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    status: Mapped[int | None]
    """None while the request is being carried out."""
    body: Mapped[str | None]


class QueryRow(Owned, Row):
    """One entry of query history: what was asked, what ran, what came of it."""

    __tablename__ = "queries"
    __table_args__ = (Index("ix_queries_recent", "workspace_id", text("created_at DESC")),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    database_id: Mapped[UUID | None] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="SET NULL"))
    database_name: Mapped[str]
    conversation_id: Mapped[str | None] = mapped_column(index=True)
    door: Mapped[str] = mapped_column(server_default="chat")
    question: Mapped[str | None]
    sql_asked: Mapped[str]
    sql_executed: Mapped[str | None]
    verdict: Mapped[str]
    """allowed or rejected."""
    error: Mapped[str | None]
    """Why it was rejected or failed."""
    tables: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    rows: Mapped[int | None]
    truncated: Mapped[bool] = mapped_column(server_default=text("false"))
    reach: Mapped[str] = mapped_column(server_default="")
    """Fingerprint of the policies it was read under; empty where everything was seen."""
    milliseconds: Mapped[float | None]
    result: Mapped[dict[str, Any] | None]
    """connectors.base.Rows as it was shown: for downloads and for a conversation opened again."""
    answer: Mapped[dict[str, Any] | None]
    """What stood beside the result: reading, confidence and its reasons, warnings, chart."""
    liked: Mapped[bool | None]


class ExampleRow(Owned, Row):
    """A verified question/SQL pair."""

    __tablename__ = "examples"
    __table_args__ = (UniqueConstraint("database_id", "question"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"))
    question: Mapped[str]
    sql: Mapped[str]
    tables: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    model: Mapped[str] = mapped_column(server_default="")
    """The embedding model of `embedding`."""
    embedding: Mapped[Any | None] = mapped_column(Vector())
