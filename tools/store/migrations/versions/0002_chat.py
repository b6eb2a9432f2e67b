"""What the chat shows of a conversation: its list, its steps, its cards."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make the schema `chat`."""
    op.execute("CREATE SCHEMA IF NOT EXISTS chat")
    op.create_table(
        "threads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_threads"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["tabletalk.users.id"],
            name="fk_threads_user_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["tabletalk.workspaces.id"],
            name="fk_threads_workspace_id",
            ondelete="CASCADE",
        ),
        schema="chat",
    )
    op.create_index(
        "ix_threads_recent",
        "threads",
        ["workspace_id", "user_id", sa.text("updated_at DESC")],
        schema="chat",
    )
    for table in ("steps", "cards"):
        op.create_table(
            table,
            sa.Column("id", sa.Text(), nullable=False),
            sa.Column("thread_id", sa.Text(), nullable=False),
            sa.Column(
                "created_at",
                sa.DateTime(timezone=True),
                server_default=sa.text("now()"),
                nullable=False,
            ),
            sa.Column("data", postgresql.JSONB(), nullable=False),
            *([sa.Column("step_id", sa.Text(), nullable=False)] if table == "cards" else []),
            sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                ["thread_id"],
                ["chat.threads.id"],
                name=f"fk_{table}_thread_id",
                ondelete="CASCADE",
            ),
            schema="chat",
        )
        op.create_index(f"ix_{table}_thread_id", table, ["thread_id", "created_at"], schema="chat")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP SCHEMA chat CASCADE")
