"""Every row of the chat tells its workspace too: row-level security stands on it."""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

FILL = "UPDATE chat.{table} own SET workspace_id = t.workspace_id FROM chat.threads t WHERE t.id = own.thread_id"


def upgrade() -> None:
    """Take the workspace over from the conversation."""
    for table in ("steps", "cards"):
        op.execute(
            f"ALTER TABLE chat.{table} ADD COLUMN workspace_id uuid REFERENCES tabletalk.workspaces ON DELETE CASCADE"
        )
        op.execute(FILL.format(table=table))
        op.execute(f"ALTER TABLE chat.{table} ALTER COLUMN workspace_id SET NOT NULL")
        op.create_index(f"ix_{table}_workspace_id", table, ["workspace_id"], schema="chat")


def downgrade() -> None:
    """Leave it to the conversation again."""
    for table in ("steps", "cards"):
        op.drop_column(table, "workspace_id", schema="chat")
