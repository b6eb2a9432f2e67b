"""What is made of documents after a sync: their vectors, the links between them, their words."""

from collections.abc import Sequence

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "document_embeddings",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        *_owned(),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", pgvector.sqlalchemy.HALFVEC(), nullable=True),
        sa.PrimaryKeyConstraint("document_id", name="pk_document_embeddings"),
        _of_a_document("document_embeddings"),
        schema="tabletalk",
    )
    # Inside the row, as long as a page takes it: out of line each vector would be fetched by itself.
    op.execute("ALTER TABLE tabletalk.document_embeddings ALTER COLUMN embedding SET STORAGE MAIN")
    op.create_index(
        "ix_document_embeddings_database_id_table_name",
        "document_embeddings",
        ["database_id", "table_name"],
        schema="tabletalk",
    )
    op.create_table(
        "document_links",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        *_owned(),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("target_table", sa.Text(), nullable=False),
        sa.Column("target_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "column_name", name="pk_document_links"),
        _of_a_document("document_links"),
        schema="tabletalk",
    )
    op.create_index(
        "ix_document_links_target",
        "document_links",
        ["database_id", "target_table", "target_key"],
        schema="tabletalk",
    )
    op.create_table(
        "document_words",
        *_owned(),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("database_id", "word", name="pk_document_words"),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name="fk_document_words_database_id", ondelete="CASCADE"
        ),
        schema="tabletalk",
    )


def _owned() -> tuple[SchemaItem, ...]:
    return (sa.Column("workspace_id", sa.Uuid(), nullable=False), sa.Column("database_id", sa.Uuid(), nullable=False))


def _of_a_document(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["document_id"], ["tabletalk.documents.id"], name=f"fk_{name}_document_id", ondelete="CASCADE"
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("document_words", "document_links", "document_embeddings"):
        op.drop_table(name, schema="tabletalk")
