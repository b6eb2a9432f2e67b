"""What the model may call about background jobs."""

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools import jobs
from tools.cards import BoardCard, Card, JobCard
from tools.desk import Desk
from tools.jobs import Job, State, periods

toolset = FunctionToolset[Desk]()


@toolset.tool
async def job_status(ctx: RunContext[Desk], job_id: int) -> ToolReturn[str]:
    """Tell how a background job stands: its state, progress, counts, and why it failed.

    Args:
        job_id: The job's number.
    """
    job = await jobs.get(ctx.deps.box, ctx.deps.actor, job_id)
    return _shown(str(job), JobCard(job_id=job.id))


@toolset.tool
async def list_jobs(
    ctx: RunContext[Desk],
    states: list[State] | None = None,
    kind: str | None = None,
    since: str | None = None,
    limit: int = 20,
) -> ToolReturn[str]:
    """List background jobs, newest first, as one board with their progress, reasons and buttons.

    Args:
        states: Only jobs in these states; failed ones are `failed` and `partial`, live ones `queued`, `running` and
            `cancelling`. Leave it out for all.
        kind: Only jobs of this kind: `train`, `sync` or `embed`.
        since: Only jobs begun or ended since then: `today`, `this week`, `last 3 days`, or an ISO date.
        limit: At most so many.
    """
    start = periods.since(since) if since else None
    found = await jobs.list_jobs(
        ctx.deps.box, ctx.deps.actor, states=states, kind=kind, since=start, limit=max(1, min(limit, 100))
    )
    if not found:
        return ToolReturn(return_value="There are no such jobs.")
    return _shown("\n".join(map(str, found)), BoardCard(job_ids=tuple(job.id for job in found)))


@toolset.tool
async def cancel_job(ctx: RunContext[Desk], job_id: int) -> ToolReturn[str]:
    """Cancel a job that waits or runs; what it has committed stays.

    Args:
        job_id: The job's number.
    """
    job = await jobs.cancel(ctx.deps.box, ctx.deps.actor, job_id)
    return _shown(_told(job), JobCard(job_id=job.id))


@toolset.tool
async def retry_job(ctx: RunContext[Desk], job_id: int) -> ToolReturn[str]:
    """Queue a job again that has failed, was cancelled or ended partly.

    Args:
        job_id: The job's number.
    """
    job = await jobs.retry(ctx.deps.box, ctx.deps.actor, job_id)
    return _shown(f"Job {job.id} ({job.title}) is queued again; its card shows the progress.", JobCard(job_id=job.id))


@toolset.tool
async def queue_stats(ctx: RunContext[Desk]) -> ToolReturn[str]:
    """Tell how many jobs wait, run and have failed lately, and whether workers are alive."""
    return ToolReturn(return_value=str(await jobs.queue_stats(ctx.deps.box, ctx.deps.actor)))


def _told(job: Job) -> str:
    if job.state == "cancelled":
        return f"Job {job.id} ({job.title}) is cancelled; it had not begun."
    return f"Job {job.id} ({job.title}) is being cancelled; its card tells when it has stopped."


def _shown(text: str, card: Card) -> ToolReturn[str]:
    return ToolReturn(return_value=text, metadata={"cards": [card.model_dump(mode="json")]})
