"""A masked column has a mask of its own: what is shown in its place."""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TO_MASKS = """
UPDATE tabletalk.policies SET masked = coalesce(
    (SELECT jsonb_object_agg(name, 'empty') FROM jsonb_array_elements_text(masked) AS name), '{}'
)
"""
TO_NAMES = """
UPDATE tabletalk.policies SET masked = coalesce(
    (SELECT jsonb_agg(name) FROM jsonb_object_keys(masked) AS name), '[]'
)
"""


def upgrade() -> None:
    """Masks that are kept stay as they were: the column comes empty."""
    op.execute(TO_MASKS)
    op.alter_column("policies", "masked", server_default="{}", schema="tabletalk")


def downgrade() -> None:
    """Every mask becomes the one there was."""
    op.execute(TO_NAMES)
    op.alter_column("policies", "masked", server_default="[]", schema="tabletalk")
