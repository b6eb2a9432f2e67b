"""Which jobs are over and have not been told of yet in the conversation they belong to."""

from datetime import timedelta

from sqlalchemy import func, select, update

from tools.jobs.job import Job, job_of
from tools.store.models import JobRow, User
from tools.toolbox import Toolbox

BATCH = 50
SETTLED = timedelta(seconds=0.5)
"""The card of a job that ended at once may not stand in its conversation yet."""


async def untold(box: Toolbox) -> tuple[Job, ...]:
    """Jobs of all workspaces that are over and whose conversation has not been told, the oldest end first."""
    query = (
        select(JobRow, User.name)
        .outerjoin(User, User.id == JobRow.created_by)
        .where(JobRow.told_at.is_(None), JobRow.conversation_id.is_not(None))
        .where(JobRow.finished_at < func.now() - SETTLED)
        .order_by(JobRow.finished_at)
        .limit(BATCH)
    )
    async with box.store.begin_for_all() as session:
        return tuple(job_of(row[0], row[1]) for row in await session.execute(query))


async def mark_told(box: Toolbox, job: Job) -> None:
    """Note that the end of `job` was told; one that has been started again meanwhile will be told anew."""
    told = update(JobRow).where(JobRow.id == job.id, JobRow.finished_at == job.finished_at)
    async with box.store.begin(job.workspace_id) as session:
        await session.execute(told.values(told_at=func.now()))


async def ended_before(box: Toolbox, job: Job) -> Job | None:
    """The job that the same schedule started before `job`; None for the first one."""
    query = (
        select(JobRow, User.name)
        .outerjoin(User, User.id == JobRow.created_by)
        .where(JobRow.schedule_id == job.schedule_id, JobRow.id < job.id)
        .order_by(JobRow.id.desc())
        .limit(1)
    )
    async with box.store.begin(job.workspace_id) as session:
        row = (await session.execute(query)).first()
    return job_of(row[0], row[1]) if row else None
