"""What a session at a registered database is told of who asks, for policies of the database's own."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Nothing is told of anybody, until an admin says what."""
    column = sa.Column("session_settings", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    op.add_column("databases", column, schema="tabletalk")


def downgrade() -> None:
    """Drop it."""
    op.drop_column("databases", "session_settings", schema="tabletalk")
