"""What the model may call about background jobs and the schedules that start them."""

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools import jobs
from tools.cards import BoardCard, Card, JobCard, ScheduleCard
from tools.desk import Desk
from tools.jobs import Job, State, periods, schedules, words

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
        kind: Only jobs of this kind: `train`, `sync`, `index`, `embed` or `query`.
        since: Only jobs begun or ended since then: `today`, `this week`, `last 3 days`, or an ISO date.
        limit: At most so many.
    """
    start = periods.since(since) if since else None
    found = await jobs.list_jobs(
        ctx.deps.box, ctx.deps.actor, states=states, kind=kind, since=start, limit=max(1, min(limit, 100))
    )
    whole = states is None and kind is None and since is None
    if not found and not whole:
        return ToolReturn(return_value=words.nothing(states or (), kind, since))
    card = BoardCard() if whole else BoardCard(job_ids=tuple(job.id for job in found))
    return _shown("\n".join(map(str, found)) or "There are no jobs yet.", card)


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
async def retry_failed_jobs(
    ctx: RunContext[Desk], kind: str | None = None, since: str | None = None
) -> ToolReturn[str]:
    """Queue again all that failed or ended partly and was not done since.

    Args:
        kind: Only jobs of this kind: `train`, `sync`, `index`, `embed` or `query`.
        since: Only what failed since then: `today`, `this week`, `last 3 days`, or an ISO date.
    """
    start = periods.since(since) if since else None
    again, refused = await jobs.retry_all(ctx.deps.box, ctx.deps.actor, kind=kind, since=start)
    if not again:
        return ToolReturn(return_value=" ".join(["Nothing was left to try again.", *refused]))
    told = f"{len(again)} {'job is' if len(again) == 1 else 'jobs are'} queued again."
    return _shown(" ".join([told, *refused]), BoardCard(job_ids=tuple(job.id for job in again)))


@toolset.tool
async def list_schedules(ctx: RunContext[Desk], words: str = "") -> ToolReturn[str]:
    """List the schedules: what starts by itself, when, when next, and how the last time ended.

    Args:
        words: Only those that these words may mean: a database, a table, `sync`, `nightly`, a number. Empty for all.
    """
    found = await schedules.find_schedules(ctx.deps.box, ctx.deps.actor, words)
    if not found:
        return ToolReturn(return_value="There are no such schedules.")
    return _shown("\n".join(map(str, found)), ScheduleCard(schedule_ids=tuple(one.id for one in found)))


@toolset.tool
async def pause_schedule(ctx: RunContext[Desk], schedule_id: int) -> ToolReturn[str]:
    """Let a schedule rest until it is resumed; a job that runs goes on.

    Args:
        schedule_id: The schedule's number; list_schedules shows them.
    """
    one = await schedules.pause(ctx.deps.box, ctx.deps.actor, schedule_id)
    return _shown(f"Schedule {one.id} ({one.title}) is paused.", ScheduleCard(schedule_ids=(one.id,)))


@toolset.tool
async def resume_schedule(ctx: RunContext[Desk], schedule_id: int) -> ToolReturn[str]:
    """Let a paused schedule go on at its next time.

    Args:
        schedule_id: The schedule's number; list_schedules shows them.
    """
    one = await schedules.resume(ctx.deps.box, ctx.deps.actor, schedule_id)
    return _shown(f"Schedule {one.id} ({one.title}) goes on.", ScheduleCard(schedule_ids=(one.id,)))


@toolset.tool
async def change_schedule(
    ctx: RunContext[Desk], schedule_id: int, when: str, timezone: str | None = None
) -> ToolReturn[str]:
    """Give a schedule other times.

    Args:
        schedule_id: The schedule's number; list_schedules shows them.
        when: The new times in words (`weekdays at 7:30`) or as cron.
        timezone: An IANA name such as `Europe/Berlin`; the schedule's own when left out.
    """
    one = await schedules.change(ctx.deps.box, ctx.deps.actor, schedule_id, when, timezone)
    return _shown(str(one), ScheduleCard(schedule_ids=(one.id,)))


@toolset.tool(requires_approval=True)
async def delete_schedule(ctx: RunContext[Desk], schedule_id: int) -> str:
    """Delete a schedule; the person approves it first. Jobs it started and what they brought stay.

    Args:
        schedule_id: The schedule's number; list_schedules shows them.
    """
    actor = ctx.deps.actor
    gone = await schedules.remove(ctx.deps.box, actor, schedule_id, approved_by=actor.user_id)
    return f"Schedule {gone.id} ({gone.title}, {gone.when}) is deleted."


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
