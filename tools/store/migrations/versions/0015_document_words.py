"""Words of documents in a table of their own, and what of them is still to be made; they were a column of documents."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Move them: nothing has to be read anew."""
    op.create_table(
        "document_texts",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        schema="tabletalk",
    )
    # Who owns the table would see nothing of it; it is forced again, with all others, at the end of a migration.
    op.execute("ALTER TABLE tabletalk.documents NO FORCE ROW LEVEL SECURITY")
    op.execute("""
        INSERT INTO tabletalk.document_texts (document_id, workspace_id, database_id, table_name, hash, search)
        SELECT id, workspace_id, database_id, table_name, hash, search FROM tabletalk.documents
        WHERE deleted_at IS NULL
    """)
    op.create_primary_key("pk_document_texts", "document_texts", ["document_id"], schema="tabletalk")
    op.create_foreign_key(
        "fk_document_texts_document_id",
        "document_texts",
        "documents",
        ["document_id"],
        ["id"],
        source_schema="tabletalk",
        referent_schema="tabletalk",
        ondelete="CASCADE",
    )
    op.create_index(
        "ix_document_texts_search", "document_texts", ["search"], schema="tabletalk", postgresql_using="gin"
    )
    op.drop_column("documents", "search", schema="tabletalk")
    op.create_table(
        "document_backlog",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("ids", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_document_backlog"),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name="fk_document_backlog_database_id", ondelete="CASCADE"
        ),
        schema="tabletalk",
    )


def downgrade() -> None:
    """Make them a column again, as it was computed."""
    for name in ("document_backlog", "document_texts"):
        op.drop_table(name, schema="tabletalk")
    computed = (
        "setweight(to_tsvector('english'::regconfig, title), 'A') || "
        "setweight(to_tsvector('english'::regconfig, body), 'B')"
    )
    column = sa.Column("search", postgresql.TSVECTOR(), sa.Computed(computed, persisted=True), nullable=False)
    op.add_column("documents", column, schema="tabletalk")
    op.create_index("ix_documents_search", "documents", ["search"], schema="tabletalk", postgresql_using="gin")
