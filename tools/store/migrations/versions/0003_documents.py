"""What syncs bring: documents, how each table becomes documents, how far its sync is, and rows kept aside."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('english'::regconfig, title), 'A') || "
                "setweight(to_tsvector('english'::regconfig, body), 'B')",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name="fk_documents_database_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint(
            "database_id", "table_name", "source_key", name="uq_documents_database_id_table_name_source_key"
        ),
        schema="tabletalk",
    )
    op.create_index("ix_documents_search", "documents", ["search"], schema="tabletalk", postgresql_using="gin")
    op.create_table(
        "sync_plans",
        *_of_a_table("sync_plans"),
        sa.Column("edits", postgresql.JSONB(), nullable=False),
        sa.Column("edited_by", sa.Uuid(), nullable=True),
        sa.Column("edited_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["edited_by"], ["tabletalk.users.id"], name="fk_sync_plans_edited_by", ondelete="SET NULL"
        ),
        schema="tabletalk",
    )
    op.create_index("ix_sync_plans_workspace_id", "sync_plans", ["workspace_id"], schema="tabletalk")
    op.create_table(
        "sync_states",
        *_of_a_table("sync_states"),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("watermark", sa.Text(), nullable=True),
        sa.Column("shape", postgresql.JSONB(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("resume", postgresql.JSONB(), nullable=True),
        sa.Column("counts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        schema="tabletalk",
    )
    op.create_index("ix_sync_states_workspace_id", "sync_states", ["workspace_id"], schema="tabletalk")
    op.create_table(
        "sync_rejects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sync_rejects"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name="fk_sync_rejects_workspace_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name="fk_sync_rejects_database_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["tabletalk.jobs.id"], name="fk_sync_rejects_job_id", ondelete="SET NULL"),
        schema="tabletalk",
    )
    for name in ("workspace_id", "job_id"):
        op.create_index(f"ix_sync_rejects_{name}", "sync_rejects", [name], schema="tabletalk")
    op.create_index(
        "ix_sync_rejects_database_id_table_name", "sync_rejects", ["database_id", "table_name"], schema="tabletalk"
    )


def _of_a_table(name: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("database_id", "table_name", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=f"fk_{name}_database_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=f"fk_{name}_workspace_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("sync_rejects", "sync_states", "sync_plans", "documents"):
        op.drop_table(name, schema="tabletalk")
