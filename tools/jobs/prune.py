"""The nightly pruning: of jobs that are over, the latest of each workspace are kept."""

from sqlalchemy import text

from tools.toolbox import Toolbox

PRUNE = text("""
WITH ranked AS (
    SELECT id, state IN ('failed', 'partial') AS failed,
        row_number() OVER (
            PARTITION BY workspace_id, state IN ('failed', 'partial')
            ORDER BY coalesce(finished_at, created_at) DESC, id DESC
        ) AS place
    FROM tabletalk.jobs
    WHERE state NOT IN ('queued', 'running', 'cancelling')
)
DELETE FROM tabletalk.jobs j USING ranked r
WHERE j.id = r.id AND r.place > CASE WHEN r.failed THEN cast(:failed AS int) ELSE cast(:completed AS int) END
""")
"""Events go with their job."""


async def prune(box: Toolbox) -> int:
    """Delete jobs beyond TABLETALK_KEPT_COMPLETED and TABLETALK_KEPT_FAILED in each workspace; gives how many."""
    kept = {"completed": box.settings.kept_completed, "failed": box.settings.kept_failed}
    async with box.store.begin_for_all() as session:
        gone = await session.execute(PRUNE, kept)
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE counts its rows
