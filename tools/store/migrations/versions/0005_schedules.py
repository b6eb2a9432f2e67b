"""Schedules, and who was told of a job's end."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make the table, and tie jobs to it; jobs that are over already are told of no more."""
    op.create_table(
        "schedules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False, start=1), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("database_id", sa.Uuid(), nullable=True),
        sa.Column("arguments", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("next_run", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_job_id", sa.BigInteger(), nullable=True),
        sa.Column("last_word", sa.Text(), nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["tabletalk.users.id"], name=op.f("fk_schedules_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["database_id"], ["tabletalk.databases.id"], name=op.f("fk_schedules_database_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["last_job_id"], ["tabletalk.jobs.id"], name=op.f("fk_schedules_last_job_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["tabletalk.workspaces.id"], name=op.f("fk_schedules_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        schema="tabletalk",
    )
    op.create_index(op.f("ix_schedules_workspace_id"), "schedules", ["workspace_id"], unique=False, schema="tabletalk")
    op.create_index(op.f("ix_schedules_database_id"), "schedules", ["database_id"], unique=False, schema="tabletalk")
    op.create_index(
        "ix_schedules_due",
        "schedules",
        ["next_run"],
        unique=False,
        schema="tabletalk",
        postgresql_where=sa.text("NOT paused"),
    )
    op.add_column("jobs", sa.Column("schedule_id", sa.BigInteger(), nullable=True), schema="tabletalk")
    op.add_column("jobs", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True), schema="tabletalk")
    op.create_foreign_key(
        "fk_jobs_schedule_id",
        "jobs",
        "schedules",
        ["schedule_id"],
        ["id"],
        source_schema="tabletalk",
        referent_schema="tabletalk",
        ondelete="SET NULL",
    )
    op.execute("UPDATE tabletalk.jobs SET told_at = now() WHERE finished_at IS NOT NULL")
    op.create_index(
        "ix_jobs_untold",
        "jobs",
        ["finished_at"],
        unique=False,
        schema="tabletalk",
        postgresql_where=sa.text("told_at IS NULL AND conversation_id IS NOT NULL AND finished_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Forget schedules."""
    op.drop_index("ix_jobs_untold", table_name="jobs", schema="tabletalk")
    op.drop_constraint("fk_jobs_schedule_id", "jobs", schema="tabletalk", type_="foreignkey")
    op.drop_column("jobs", "told_at", schema="tabletalk")
    op.drop_column("jobs", "schedule_id", schema="tabletalk")
    op.drop_table("schedules", schema="tabletalk")
