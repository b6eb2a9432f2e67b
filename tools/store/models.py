"""The tables of the store, one class each; every row belongs to a workspace and names who made it."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pgvector.sqlalchemy import HALFVEC, Vector
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LIVE_STATES = ("queued", "running", "cancelling")
"""States of a job that is not over."""


SEARCH = " || ".join(
    f"setweight(to_tsvector('english'::regconfig, split_part(search_text, chr(10), {line})), '{weight}')"
    for line, weight in enumerate("ABCD", start=1)
)
"""How a table's `search` is computed from its `search_text`."""

DOCUMENT_SEARCH = (
    "setweight(to_tsvector('english'::regconfig, title), 'A') || "
    "setweight(to_tsvector('english'::regconfig, body), 'B')"
)
"""How a document's `search` is computed."""


class Row(DeclarativeBase):
    """Base of all tables: they live in a schema of their own, Chainlit's in `chat`."""

    metadata = MetaData(
        schema="tabletalk",
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: Text,
    }


class Workspace(Row):
    """What a team shares."""

    __tablename__ = "workspaces"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class User(Row):
    """A person; `password_hash` is argon2, None where no password login exists (local mode)."""

    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(unique=True)
    """Who they are to the identity provider they sign in with: its address and their id there."""
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey(Workspace.id, ondelete="SET NULL"))
    """The workspace they chose to work in, of those they belong to."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


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


class Owned:
    """Columns of every row that belongs to a workspace."""

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey(User.id, ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


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
    """Grows with every change to its tables and notes: what a process has read stays good while this stands."""


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
    masked: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))


class NoteRow(Owned, Row):
    """What a person told us about the data: "revenue means paid orders without returns"."""

    __tablename__ = "notes"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), index=True)
    table_id: Mapped[UUID | None] = mapped_column(ForeignKey(TableRow.id, ondelete="CASCADE"))
    text: Mapped[str]


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


class JobRow(Owned, Row):
    """One recorded piece of background work; Postgres holds the truth, RQ carries the id."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_live",
            "workspace_id",
            "kind",
            "target",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running', 'cancelling')"),
        ),
        Index("ix_jobs_recent", "workspace_id", text("id DESC")),
        Index(
            "ix_jobs_untold",
            "finished_at",
            postgresql_where=text("told_at IS NULL AND conversation_id IS NOT NULL AND finished_at IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1), primary_key=True)
    kind: Mapped[str] = mapped_column(String)
    target: Mapped[str]
    """What it works on, in words a person knows: `shop`, `warehouse.orders`."""
    database_id: Mapped[UUID | None] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="SET NULL"))
    arguments: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="queued")
    """queued, running, cancelling; then succeeded, partial, empty, failed or cancelled."""
    progress: Mapped[float] = mapped_column(server_default="0")
    """0 to 100."""
    stage: Mapped[str] = mapped_column(server_default="")
    """What is being done now, in words: `analysed orders`."""
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Numbers of the outcome: tables, trained, failed, left_out ...; per kind."""
    error: Mapped[str | None]
    """Why it failed, in words a person can act on."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    max_attempts: Mapped[int] = mapped_column(server_default="3")
    claim: Mapped[UUID | None]
    """Who may write: an orphan whose claim was taken over can no longer report."""
    heartbeat_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    """A retry waits until then."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    conversation_id: Mapped[str | None]
    """The conversation that shows its card."""
    schedule_id: Mapped[int | None] = mapped_column(
        ForeignKey("tabletalk.schedules.id", ondelete="SET NULL", use_alter=True, name="fk_jobs_schedule_id")
    )
    """The schedule that started it."""
    told_at: Mapped[datetime | None]
    """When its conversation was told of its end, or was seen to show it; None while nobody has seen to that."""


class ScheduleRow(Owned, Row):
    """Work that starts by itself: when it comes, what it does, and what came of the last time."""

    __tablename__ = "schedules"
    __table_args__ = (Index("ix_schedules_due", "next_run", postgresql_where=text("NOT paused")),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=1), primary_key=True)
    kind: Mapped[str]
    """The kind of job it starts."""
    target: Mapped[str]
    """What that works on, in words a person knows: `shop`, `shop: orders, stock`."""
    database_id: Mapped[UUID | None] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"), index=True)
    arguments: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Of the function that starts it, as they were said: `18 months` is counted from each run."""
    cron: Mapped[str]
    timezone: Mapped[str]
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    next_run: Mapped[datetime | None]
    """None while it is paused."""
    last_run: Mapped[datetime | None]
    last_job_id: Mapped[int | None] = mapped_column(ForeignKey(JobRow.id, ondelete="SET NULL"))
    last_word: Mapped[str | None]
    """Why the last time started nothing; None when it started a job."""
    conversation_id: Mapped[str | None]
    """The conversation it was made in, which is told of what happens."""


class JobEventRow(Row):
    """One thing that happened to a job, kept so that a late reader misses nothing."""

    __tablename__ = "job_events"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey(Workspace.id, ondelete="CASCADE"), index=True)
    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id, ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    type: Mapped[str] = mapped_column(String)
    """queued, started, progress, retrying, finished, cancel asked ..."""
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class DocumentRow(Row):
    """One synced row of a registered database, normalised.

    `search` is generated: filled by an update after the load it would cost each row a second version. There is no
    foreign key to the workspace, whose check would be paid for each row: the database's says it.
    """

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("database_id", "table_name", "source_key"),
        Index("ix_documents_search", "search", postgresql_using="gin"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    workspace_id: Mapped[UUID]
    database_id: Mapped[UUID] = mapped_column(ForeignKey(DatabaseRow.id, ondelete="CASCADE"))
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
    """Of entity, title, body, tags, date and data, 16 bytes: equal when nothing has changed."""
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When a sync first brought it."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When a sync last found it changed, gone or back."""
    deleted_at: Mapped[datetime | None]
    """Set once the row is gone at the source; such a document is found no more."""
    search: Mapped[Any] = mapped_column(TSVECTOR, Computed(DOCUMENT_SEARCH, persisted=True))


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
