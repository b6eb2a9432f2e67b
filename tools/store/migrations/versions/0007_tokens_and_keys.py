"""Tokens, keys, attributes of members, and the workspace a person chose."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NOW = sa.text("now()")


def upgrade() -> None:
    """Make them."""
    op.add_column("users", sa.Column("subject", sa.Text(), nullable=True), schema="tabletalk")
    op.create_unique_constraint("uq_users_subject", "users", ["subject"], schema="tabletalk")
    op.add_column("users", sa.Column("workspace_id", sa.Uuid(), nullable=True), schema="tabletalk")
    op.create_foreign_key(
        "fk_users_workspace_id",
        "users",
        "workspaces",
        ["workspace_id"],
        ["id"],
        source_schema="tabletalk",
        referent_schema="tabletalk",
        ondelete="SET NULL",
    )
    attributes = sa.Column("attributes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column("members", attributes, schema="tabletalk")
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=name != "expires_at")
            for name in ("expires_at", "used_at", "revoked_at")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_tokens"),
        sa.UniqueConstraint("hash", name="uq_refresh_tokens_hash"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["tabletalk.users.id"], name="fk_refresh_tokens_user_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name="fk_refresh_tokens_workspace_id", ondelete="CASCADE"
        ),
        schema="tabletalk",
    )
    for column in ("session_id", "user_id"):
        op.create_index(f"ix_refresh_tokens_{column}", "refresh_tokens", [column], schema="tabletalk")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=True)
            for name in ("expires_at", "last_used_at", "revoked_at")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("hash", name="uq_api_keys_hash"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name="fk_api_keys_workspace_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name="fk_api_keys_created_by", ondelete="SET NULL"
        ),
        schema="tabletalk",
    )
    op.create_index("ix_api_keys_workspace_id", "api_keys", ["workspace_id"], schema="tabletalk")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("api_keys", schema="tabletalk")
    op.drop_table("refresh_tokens", schema="tabletalk")
    op.drop_column("members", "attributes", schema="tabletalk")
    op.drop_column("users", "workspace_id", schema="tabletalk")
    op.drop_column("users", "subject", schema="tabletalk")
