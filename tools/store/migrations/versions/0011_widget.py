"""Keys that put the chat into other pages, and who uses it there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "widget_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("origins", postgresql.JSONB(), nullable=False),
        sa.Column("tables", postgresql.JSONB(), nullable=False),
        sa.Column("role", sa.Text(), server_default="viewer", nullable=False),
        sa.Column("look", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("anonymous_daily", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        _to("widget_keys", "workspace_id", "workspaces", "CASCADE"),
        _to("widget_keys", "created_by", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_widget_keys"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_widget_keys_workspace_id_name"),
        sa.UniqueConstraint("public_id", name="uq_widget_keys_public_id"),
        schema="tabletalk",
    )
    op.create_table(
        "widget_guests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("anonymous", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("good_until", sa.DateTime(timezone=True), nullable=False),
        _to("widget_guests", "workspace_id", "workspaces", "CASCADE"),
        _to("widget_guests", "key_id", "widget_keys", "CASCADE"),
        _to("widget_guests", "user_id", "users", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_widget_guests"),
        sa.UniqueConstraint("key_id", "subject", name="uq_widget_guests_key_id_subject"),
        sa.UniqueConstraint("user_id", name="uq_widget_guests_user_id"),
        schema="tabletalk",
    )
    for table in ("widget_keys", "widget_guests"):
        op.create_index(f"ix_{table}_workspace_id", table, ["workspace_id"], schema="tabletalk")


def downgrade() -> None:
    """Forget both, and the users that were guests only."""
    op.execute("DELETE FROM tabletalk.users WHERE id IN (SELECT user_id FROM tabletalk.widget_guests)")
    op.drop_table("widget_guests", schema="tabletalk")
    op.drop_table("widget_keys", schema="tabletalk")


def _to(table: str, column: str, other: str, gone: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"tabletalk.{other}.id"], name=f"fk_{table}_{column}", ondelete=gone)
