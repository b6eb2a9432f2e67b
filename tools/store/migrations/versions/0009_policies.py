"""Row policies, column masks and hidden tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "policies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("predicate", sa.Text(), server_default="", nullable=False),
        sa.Column("masked", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name="fk_policies_workspace_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name="fk_policies_created_by", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name="fk_policies_database_id", ondelete="CASCADE"
        ),
        schema="tabletalk",
    )
    for column in ("workspace_id", "database_id"):
        op.create_index(f"ix_policies_{column}", "policies", [column], schema="tabletalk")
    reach = sa.Column("reach", sa.Text(), server_default="", nullable=False)
    op.add_column("queries", reach, schema="tabletalk")


def downgrade() -> None:
    """Drop them."""
    op.drop_column("queries", "reach", schema="tabletalk")
    op.drop_table("policies", schema="tabletalk")
