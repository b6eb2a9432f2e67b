"""How many jobs there are, of all workspaces together: for whoever runs the machine."""

from sqlalchemy import func, select

from tools.store.models import JobRow
from tools.toolbox import Toolbox


async def census(box: Toolbox) -> dict[tuple[str, str], int]:
    """Count jobs by kind and state; it names nobody."""
    query = select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state)
    async with box.store.begin_for_all() as session:
        return {(kind, state): count for kind, state, count in await session.execute(query)}
