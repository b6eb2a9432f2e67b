"""The first tables."""

from collections.abc import Sequence

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        schema="tabletalk",
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("name", name=op.f("uq_workspaces_name")),
        schema="tabletalk",
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_conversations_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["tabletalk.workspaces.id"],
            name=op.f("fk_conversations_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        schema="tabletalk",
    )
    op.create_index(
        op.f("ix_conversations_workspace_id"), "conversations", ["workspace_id"], unique=False, schema="tabletalk"
    )
    op.create_table(
        "databases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("tls", sa.Text(), server_default="prefer", nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("greeting", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("catalog_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_databases_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_databases_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_databases")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_databases_workspace_id_name")),
        schema="tabletalk",
    )
    op.create_index(op.f("ix_databases_workspace_id"), "databases", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_table(
        "members",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), server_default="admin", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["tabletalk.users.id"], name=op.f("fk_members_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_members_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_members")),
        schema="tabletalk",
    )
    op.create_table(
        "examples",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("tables", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.vector.VECTOR(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_examples_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=op.f("fk_examples_database_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_examples_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_examples")),
        sa.UniqueConstraint("database_id", "question", name=op.f("uq_examples_database_id_question")),
        schema="tabletalk",
    )
    op.create_index(op.f("ix_examples_workspace_id"), "examples", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=True),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("stage", sa.Text(), server_default="", nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default="3", nullable=False),
        sa.Column("claim", sa.Uuid(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_jobs_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=op.f("fk_jobs_database_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_jobs_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        schema="tabletalk",
    )
    op.create_index(
        "ix_jobs_recent", "jobs", ["workspace_id", sa.literal_column("id DESC")], unique=False, schema="tabletalk"
    )
    op.create_index(op.f("ix_jobs_workspace_id"), "jobs", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_index(
        "uq_jobs_live",
        "jobs",
        ["workspace_id", "kind", "target"],
        unique=True,
        schema="tabletalk",
        postgresql_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
    )
    op.create_table(
        "queries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=True),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("door", sa.Text(), server_default="chat", nullable=False),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("sql_asked", sa.Text(), nullable=False),
        sa.Column("sql_executed", sa.Text(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("tables", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("truncated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("milliseconds", sa.Double(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("liked", sa.Boolean(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_queries_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=op.f("fk_queries_database_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_queries_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queries")),
        schema="tabletalk",
    )
    op.create_index(
        op.f("ix_queries_conversation_id"), "queries", ["conversation_id"], unique=False, schema="tabletalk"
    )
    op.create_index(
        "ix_queries_recent",
        "queries",
        ["workspace_id", sa.literal_column("created_at DESC")],
        unique=False,
        schema="tabletalk",
    )
    op.create_index(op.f("ix_queries_workspace_id"), "queries", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_table(
        "tables",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trained_fingerprint", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("description_edited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("samples", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("left_out", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("search_text", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                " || ".join(
                    f"setweight(to_tsvector('english'::regconfig, "
                    f"split_part(search_text, chr(10), {line})), '{weight}')"
                    for line, weight in enumerate("ABCD", start=1)
                ),
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_tables_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=op.f("fk_tables_database_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_tables_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tables")),
        sa.UniqueConstraint("database_id", "schema_name", "name", name=op.f("uq_tables_database_id_schema_name_name")),
        schema="tabletalk",
    )
    op.create_index("ix_tables_search", "tables", ["search"], unique=False, schema="tabletalk", postgresql_using="gin")
    op.create_index(op.f("ix_tables_workspace_id"), "tables", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_table(
        "turns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("messages", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("output_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["tabletalk.conversations.id"],
            name=op.f("fk_turns_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_turns_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_turns_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turns")),
        schema="tabletalk",
    )
    op.create_index(op.f("ix_turns_conversation_id"), "turns", ["conversation_id"], unique=False, schema="tabletalk")
    op.create_index(op.f("ix_turns_workspace_id"), "turns", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_table(
        "job_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["tabletalk.jobs.id"], name=op.f("fk_job_events_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_job_events_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_events")),
        schema="tabletalk",
    )
    op.create_index(op.f("ix_job_events_job_id"), "job_events", ["job_id"], unique=False, schema="tabletalk")
    op.create_index(
        op.f("ix_job_events_workspace_id"), "job_events", ["workspace_id"], unique=False, schema="tabletalk"
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("table_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_notes_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=op.f("fk_notes_database_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["table_id"], ["tabletalk.tables.id"], name=op.f("fk_notes_table_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_notes_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        schema="tabletalk",
    )
    op.create_index(op.f("ix_notes_database_id"), "notes", ["database_id"], unique=False, schema="tabletalk")
    op.create_index(op.f("ix_notes_workspace_id"), "notes", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_table(
        "table_embeddings",
        sa.Column("table_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.vector.VECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["database_id"],
            ["tabletalk.databases.id"],
            name=op.f("fk_table_embeddings_database_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["table_id"], ["tabletalk.tables.id"], name=op.f("fk_table_embeddings_table_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["tabletalk.workspaces.id"],
            name=op.f("fk_table_embeddings_workspace_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("table_id", name=op.f("pk_table_embeddings")),
        schema="tabletalk",
    )
    op.create_index(
        op.f("ix_table_embeddings_database_id"), "table_embeddings", ["database_id"], unique=False, schema="tabletalk"
    )
    op.create_index(
        op.f("ix_table_embeddings_workspace_id"), "table_embeddings", ["workspace_id"], unique=False, schema="tabletalk"
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_index(op.f("ix_table_embeddings_workspace_id"), table_name="table_embeddings", schema="tabletalk")
    op.drop_index(op.f("ix_table_embeddings_database_id"), table_name="table_embeddings", schema="tabletalk")
    op.drop_table("table_embeddings", schema="tabletalk")
    op.drop_index(op.f("ix_notes_workspace_id"), table_name="notes", schema="tabletalk")
    op.drop_index(op.f("ix_notes_database_id"), table_name="notes", schema="tabletalk")
    op.drop_table("notes", schema="tabletalk")
    op.drop_index(op.f("ix_job_events_workspace_id"), table_name="job_events", schema="tabletalk")
    op.drop_index(op.f("ix_job_events_job_id"), table_name="job_events", schema="tabletalk")
    op.drop_table("job_events", schema="tabletalk")
    op.drop_index(op.f("ix_turns_workspace_id"), table_name="turns", schema="tabletalk")
    op.drop_index(op.f("ix_turns_conversation_id"), table_name="turns", schema="tabletalk")
    op.drop_table("turns", schema="tabletalk")
    op.drop_index(op.f("ix_tables_workspace_id"), table_name="tables", schema="tabletalk")
    op.drop_index("ix_tables_search", table_name="tables", schema="tabletalk", postgresql_using="gin")
    op.drop_table("tables", schema="tabletalk")
    op.drop_index(op.f("ix_queries_workspace_id"), table_name="queries", schema="tabletalk")
    op.drop_index("ix_queries_recent", table_name="queries", schema="tabletalk")
    op.drop_index(op.f("ix_queries_conversation_id"), table_name="queries", schema="tabletalk")
    op.drop_table("queries", schema="tabletalk")
    op.drop_index(
        "uq_jobs_live",
        table_name="jobs",
        schema="tabletalk",
        postgresql_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
    )
    op.drop_index(op.f("ix_jobs_workspace_id"), table_name="jobs", schema="tabletalk")
    op.drop_index("ix_jobs_recent", table_name="jobs", schema="tabletalk")
    op.drop_table("jobs", schema="tabletalk")
    op.drop_index(op.f("ix_examples_workspace_id"), table_name="examples", schema="tabletalk")
    op.drop_table("examples", schema="tabletalk")
    op.drop_table("members", schema="tabletalk")
    op.drop_index(op.f("ix_databases_workspace_id"), table_name="databases", schema="tabletalk")
    op.drop_table("databases", schema="tabletalk")
    op.drop_index(op.f("ix_conversations_workspace_id"), table_name="conversations", schema="tabletalk")
    op.drop_table("conversations", schema="tabletalk")
    op.drop_table("workspaces", schema="tabletalk")
    op.drop_table("users", schema="tabletalk")
