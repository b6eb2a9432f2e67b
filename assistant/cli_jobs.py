"""`tabletalk sync`, `jobs` and `schedules`: background work from a terminal, with a live bar and exit codes.

Exit codes: 0 done, 1 failed or cancelled (or refused, with the reason), 2 wrong usage, 3 done only in part.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assistant import printing
from assistant.command_line import As, Json, with_box

if TYPE_CHECKING:
    from tools.jobs import Job, Schedule
    from tools.sync import SyncOptions
    from tools.toolbox import Actor, Toolbox

# What a command needs of the capabilities is imported inside it: `tabletalk --help` stays quick.

jobs_app = typer.Typer(help="Background work.", no_args_is_help=True)
schedules_app = typer.Typer(help="Work that starts by itself.", no_args_is_help=True)

PARTLY = 3
"""The exit code of work that was done only in part."""
JOB = ("id", "title", "state", "percent", "stage", "error")
SCHEDULE = ("id", "title", "when", "next_run", "paused", "last_run", "last_state", "last_word")

Tables = Annotated[list[str] | None, typer.Argument(help="Tables or patterns such as stock_*; all when left out.")]
Mode = Annotated[Literal["auto", "full", "incremental"], typer.Option(help="full reads all, incremental what changed.")]
Since = Annotated[str | None, typer.Option(help="Only rows from then on: a date, or a window such as '18 months'.")]
Until = Annotated[str | None, typer.Option(help="Only rows before then.")]
Where = Annotated[str | None, typer.Option(help="A condition in SQL, checked: \"status = 'paid'\".")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many rows of each table.")]
Zone = Annotated[str | None, typer.Option(help="Europe/Berlin ...; else TABLETALK_TIMEZONE, or this machine's.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def exit_code(job: "Job") -> int:
    """What the shell is told of how a job ended; 0 also for one that goes on without being watched."""
    return {"failed": 1, "cancelled": 1, "cancelling": 1, "partial": PARTLY}.get(job.state, 0)


def sync_command(  # noqa: PLR0917  # typer reads the options from the signature
    database: str,
    tables: Tables = None,
    mode: Mode = "auto",
    since: Since = None,
    until: Until = None,
    where: Where = None,
    limit: Limit = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell what would be read.")] = False,
    detach: Annotated[bool, typer.Option(help="Do not wait for the end.")] = False,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Bring rows of a database into documents that can be searched, and follow the job to its end."""
    from tools import sync

    wanted = tables or ["*"]
    options = _options(mode, since, until, where, limit)
    if dry_run:
        seen = with_box(lambda box, actor: sync.preview(box, actor, database, wanted, options), user)
        printing.show(seen.tables, ("table", "mode", "rows", "watermark", "entity", "left_out", "error"), as_json)
        return

    async def work(box: "Toolbox", actor: "Actor") -> "Job":
        job = await sync.start_sync(box, actor, database, wanted, options)
        return job if detach else await printing.watch(box, actor, job)

    _end(with_box(work, user), as_json)


@jobs_app.command("list")
def list_jobs(
    state: Annotated[list[str] | None, typer.Option(help="Only these: running, failed ...; repeatable.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only train, sync, index, embed or query.")] = None,
    since: Annotated[str | None, typer.Option(help="'this week', 'last 3 days', 2026-11-01 ...")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Json = False,
    user: As = None,
) -> None:
    """List jobs, the newest first."""
    from tools import jobs

    start = jobs.periods.since(since) if since else None
    states = [jobs.check_state(one) for one in state] if state else None
    found = with_box(
        lambda box, actor: jobs.list_jobs(box, actor, states=states, kind=kind, since=start, limit=limit), user
    )
    printing.show(found, JOB, as_json)


@jobs_app.command("show")
def show_job(job: int, as_json: Json = False, user: As = None) -> None:
    """Show one job with its tables and all that happened to it."""
    from tools import jobs
    from tools.jobs import JobEvent

    async def work(box: "Toolbox", actor: "Actor") -> tuple["Job", tuple[JobEvent, ...]]:
        return await jobs.get(box, actor, job), await jobs.events(box, actor, job)

    found, happened = with_box(work, user)
    if as_json:
        events = ",".join(event.model_dump_json() for event in happened)
        sys.stdout.write(f'{{"job":{found.model_dump_json()},"events":[{events}]}}\n')
        return
    printing.narrate(str(found))
    for table in jobs.words.tables(found):
        printing.narrate(f"  {table.name}: {table.reason or table.words}")
    rows = [(event.id, f"{event.at.astimezone():%d %b %H:%M:%S}", event.type, _said(event.data)) for event in happened]
    printing.print_table(("event", "at", "what", "details"), rows)


@jobs_app.command("follow")
def follow_job(job: int, as_json: Json = False, user: As = None) -> None:
    """Follow a job to its end; with --json each event is a line."""
    from tools import jobs

    async def work(box: "Toolbox", actor: "Actor") -> "Job":
        if as_json:
            async for event in jobs.follow_events(box, actor, job):
                sys.stdout.write(event.model_dump_json() + "\n")
                sys.stdout.flush()
            return await jobs.get(box, actor, job)
        return await printing.watch(box, actor, await jobs.get(box, actor, job))

    found = with_box(work, user)
    if not as_json:
        printing.show([found], JOB, as_json)
    raise typer.Exit(exit_code(found))


@jobs_app.command("cancel")
def cancel_job(job: int, as_json: Json = False, user: As = None) -> None:
    """Ask a job to stop; what it has committed stays."""
    from tools import jobs

    printing.show([with_box(lambda box, actor: jobs.cancel(box, actor, job), user)], ("id", "title", "state"), as_json)


@jobs_app.command("retry")
def retry_job(
    job: Annotated[int | None, typer.Argument(help="Its number.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that failed and was not done since.")] = False,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Start a failed or cancelled job again, or all that failed."""
    from tools import jobs

    if (job is None) != every:
        raise typer.BadParameter("Name a job, or say --all.")
    if job is not None:
        again = [with_box(lambda box, actor: jobs.retry(box, actor, job), user)]
    else:
        retried, refused = with_box(jobs.retry_all, user)
        again = list(retried)
        for reason in refused:
            printing.narrate(reason)
    printing.show(again, ("id", "title", "state"), as_json)


@jobs_app.command("stats")
def job_stats(as_json: Json = False, user: As = None) -> None:
    """Count what waits, runs and has failed, and see which workers are alive; exit code 1 without a worker."""
    from tools import jobs

    stats = with_box(jobs.queue_stats, user)
    if as_json:
        sys.stdout.write(f"{stats.model_dump_json()}\n")
    else:
        waiting = stats.queue.by_queue if stats.queue else {}
        rows = [("queued", stats.queued), ("running", stats.running), ("failed", stats.failed)]
        rows += [(f"waiting: {kind}", count) for kind, count in waiting.items()]
        rows += [("workers", len(stats.queue.workers) if stats.queue else 0)]
        printing.print_table(("what", "count"), rows)
        printing.narrate(str(stats))
    raise typer.Exit(0 if stats.queue and stats.queue.workers else 1)


@schedules_app.command("list")
def list_schedules(as_json: Json = False, user: As = None) -> None:
    """List what starts by itself, the next first."""
    from tools import jobs

    printing.show(with_box(jobs.schedules.list_schedules, user), SCHEDULE, as_json)


@schedules_app.command("add")
def add_schedule(  # noqa: PLR0917  # typer reads the options from the signature
    when: Annotated[str, typer.Argument(help="'every night at 2', 'weekdays at 7:30', or cron: '0 2 * * *'.")],
    database: str,
    tables: Tables = None,
    kind: Annotated[Literal["sync", "train"], typer.Option(help="What is started.")] = "sync",
    mode: Mode = "auto",
    since: Since = None,
    until: Until = None,
    where: Where = None,
    limit: Limit = None,
    timezone: Zone = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Sync or train tables again and again by themselves."""
    from tools import schemas, sync

    wanted = tables or ["*"]
    options = _options(mode, since, until, where, limit)

    async def work(box: "Toolbox", actor: "Actor") -> "Schedule":
        if kind == "train":
            return await schemas.schedule_training(box, actor, database, wanted, when=when, timezone=timezone)
        made, planned = await sync.schedule_sync(box, actor, database, wanted, options, when=when, timezone=timezone)
        for line in sync.plan_lines(planned):
            printing.narrate(line)
        return made

    printing.show([with_box(work, user)], SCHEDULE, as_json)


@schedules_app.command("pause")
def pause_schedule(schedule: int, as_json: Json = False, user: As = None) -> None:
    """Let a schedule rest until it is resumed."""
    from tools import jobs

    one = with_box(lambda box, actor: jobs.schedules.pause(box, actor, schedule), user)
    printing.show([one], SCHEDULE, as_json)


@schedules_app.command("resume")
def resume_schedule(schedule: int, as_json: Json = False, user: As = None) -> None:
    """Let a paused schedule go on at its next time."""
    from tools import jobs

    one = with_box(lambda box, actor: jobs.schedules.resume(box, actor, schedule), user)
    printing.show([one], SCHEDULE, as_json)


@schedules_app.command("change")
def change_schedule(schedule: int, when: str, timezone: Zone = None, as_json: Json = False, user: As = None) -> None:
    """Give a schedule other times."""
    from tools import jobs

    one = with_box(lambda box, actor: jobs.schedules.change(box, actor, schedule, when, timezone), user)
    printing.show([one], SCHEDULE, as_json)


@schedules_app.command("delete")
def delete_schedule(schedule: int, yes: Yes = False, as_json: Json = False, user: As = None) -> None:
    """Delete a schedule; jobs it started and what they brought stay."""
    from tools import jobs

    if not yes:
        told = with_box(lambda box, actor: jobs.schedules.consequence_of_removing(box, actor, schedule), user)
        typer.confirm(f"{told} Go on?", abort=True, err=True)
    gone = with_box(lambda box, actor: jobs.schedules.remove(box, actor, schedule, approved_by=actor.user_id), user)
    printing.show([gone], SCHEDULE, as_json)


def _options(
    mode: Literal["auto", "full", "incremental"],
    since: str | None,
    until: str | None,
    where: str | None,
    limit: int | None,
) -> "SyncOptions":
    from tools.sync import SyncOptions

    return SyncOptions(mode=mode, since=since, until=until, where=where, limit=limit)


def _end(job: "Job", as_json: bool) -> None:
    """Print a job that is over and leave with its exit code."""
    printing.show([job], JOB, as_json)
    raise typer.Exit(exit_code(job))


def _said(data: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in data.items() if not isinstance(value, (dict, list)))
