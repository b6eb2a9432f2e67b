"""The audit log."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("who", "door", "address", "action", "target", "verdict", "detail")
        ),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name="fk_audit_workspace_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["tabletalk.users.id"], name="fk_audit_user_id", ondelete="SET NULL"),
        schema="tabletalk",
    )
    op.create_index("ix_audit_recent", "audit", ["workspace_id", sa.text("id DESC")], schema="tabletalk")


def downgrade() -> None:
    """Drop it."""
    op.drop_table("audit", schema="tabletalk")
