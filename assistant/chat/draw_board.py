"""The board: what runs, what failed and why, what ran lately, who works, and what starts by itself."""

from typing import Any

from assistant.chat import draw_job, draw_schedule
from tools import jobs
from tools.jobs import JobStats, State
from tools.toolbox import Actor, Toolbox

LIVE: tuple[State, ...] = ("queued", "running", "cancelling")
RUNNING = 20
FAILED = 20
RECENT = 8


async def props(box: Toolbox, actor: Actor) -> dict[str, Any]:
    """Give what public/elements/Job.jsx lays out as a board, from the rows as they stand."""
    running = await jobs.list_jobs(box, actor, states=LIVE, limit=RUNNING)
    failed = await jobs.failures(box, actor, limit=FAILED)
    shown = {job.id for job in (*running, *failed)}
    recent = await jobs.list_jobs(box, actor, limit=RECENT + len(shown))
    stats = await jobs.queue_stats(box, actor)
    schedules = await jobs.schedules.list_schedules(box, actor)
    return {
        "board": True,
        "jobs": [],
        "queue": queue(stats),
        "queue_bad": stats.queue is None or not stats.queue.workers,
        "running": [draw_job.props(job) for job in running],
        "failed": [draw_job.props(job) for job in failed],
        "recent": [draw_job.props(job) for job in recent if job.id not in shown][:RECENT],
        "schedules": [draw_schedule.props(one) for one in schedules],
    }


def queue(stats: JobStats) -> str:
    """Say who works and what waits: `2 workers, 1 busy · waiting: train 0, sync 2, embed 0`."""
    if stats.queue is None:
        return str(stats.queue_error)
    alive = len(stats.queue.workers)
    if not alive:
        return "No worker is alive: jobs wait until one is started (`tabletalk worker`)."
    busy = sum(worker.state == "busy" for worker in stats.queue.workers)
    waiting = ", ".join(f"{kind} {count:,}" for kind, count in stats.queue.by_queue.items())
    return f"{alive} worker{'' if alive == 1 else 's'}, {busy} busy · waiting: {waiting}"
