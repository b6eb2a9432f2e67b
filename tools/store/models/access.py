"""Who may come in, by what, what they may see, and what they did."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

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


class Member(Row):
    """A user's place in a workspace: viewer, editor or admin."""

    __tablename__ = "members"
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(server_default="admin")
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """What row policies ask of them here: `region` -> `north`."""


class RefreshTokenRow(Row):
    """One refresh token of a session: good for one exchange; its hash is all that is kept."""

    __tablename__ = "refresh_tokens"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    session_id: Mapped[UUID] = mapped_column(index=True)
    """Shared by all tokens that came of one sign-in."""
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"))
    hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKeyRow(Owned, Row):
    """A key of a program; it acts as who made it, within its scope. Its hash is all that is kept."""

    __tablename__ = "api_keys"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    prefix: Mapped[str]
    """Its first letters, to tell keys apart."""
    hash: Mapped[bytes] = mapped_column(unique=True)
    scope: Mapped[str]
    """read, write or admin."""
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class WidgetKeyRow(Owned, Row):
    """What puts the chat into somebody's pages: which pages, whose data, and how it looks there."""

    __tablename__ = "widget_keys"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    public_id: Mapped[str] = mapped_column(unique=True)
    """Stands in the page's source: it names the key and proves nothing."""
    secret: Mapped[bytes]
    """Signs who the page's users are; AES-GCM, bound to workspace and row id."""
    origins: Mapped[list[Any]]
    """Pages that may show it: `https://portal.example.com`, `https://*.example.com`."""
    tables: Mapped[list[Any]]
    """Tables its users see, as patterns."""
    role: Mapped[str] = mapped_column(server_default="viewer")
    look: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Theme, accent colour, language, title, and whether queries are shown."""
    anonymous_daily: Mapped[int] = mapped_column(server_default="0")
    """Questions a day, of all who come without a token; 0 lets none in."""
    revoked_at: Mapped[datetime | None]


class WidgetGuestRow(Row):
    """Somebody who uses the chat in another's page: a user without a membership, known by what the page signed."""

    __tablename__ = "widget_guests"
    __table_args__ = (UniqueConstraint("key_id", "subject"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    key_id: Mapped[UUID] = mapped_column(ForeignKey(WidgetKeyRow.id, ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), unique=True)
    subject: Mapped[str]
    """What the page calls them."""
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    anonymous: Mapped[bool] = mapped_column(server_default=text("false"))
    good_until: Mapped[datetime]
    """When their session ends, unless the page vouches for them again."""


class PolicyRow(Owned, Row):
    """Which rows and columns of a table are seen, by everybody or by one role."""

    __tablename__ = "policies"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), index=True)
    table_name: Mapped[str]
    """`schema.table`, or `*` for all that are not named."""
    role: Mapped[str | None]
    predicate: Mapped[str] = mapped_column(server_default="")
    """In the database's own SQL, with attributes as {user.region}."""
    masked: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Column -> what is shown in its place."""
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))


class AuditRow(Row):
    """One deed, as it stands for ever: nobody's role may change or remove it."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_recent", "workspace_id", text("id DESC")),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    who: Mapped[str]
    """Their name then: it stays when the account goes."""
    door: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    verdict: Mapped[str]
    """done, refused or failed."""
    detail: Mapped[str]
    rows: Mapped[int | None]
    milliseconds: Mapped[float | None]
