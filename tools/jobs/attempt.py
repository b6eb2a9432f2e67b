"""One attempt at a job: claim it, run its runner, and write down truthfully how that ended."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from redis.exceptions import RedisError

from tools.errors import AssistantError
from tools.jobs.claim import Claim, take
from tools.jobs.job import JobCancelled, Outcome, reason_of
from tools.jobs.patience import store_away
from tools.toolbox import Toolbox

log = structlog.get_logger(__name__)

Runner = Callable[[Toolbox, Claim], Awaitable[Outcome]]
"""What does the work of one kind of job. It reports by `claim.progress`, raises what stops it, returns an Outcome."""

LONGEST_WAIT = 300
"""Seconds between two attempts, at most."""
STOPPING_SECONDS = 2
"""What a runner gets to tidy up once its task is cancelled."""


async def attempt(box: Toolbox, job_id: int, runner_of: Callable[[str], Runner]) -> None:
    """Work on a job if it is there to be claimed; `runner_of` gives the runner of its kind.

    Raises CancelledError when this worker is asked to stop: the job is then handed back, nothing counted.
    """
    claim = await take(box, job_id)
    if claim is None:
        log.info("job not there to be claimed", job_id=job_id)
        return
    job = claim.job
    structlog.contextvars.bind_contextvars(job_id=job.id, kind=job.kind, database_id=str(job.database_id or ""))
    log.info("job began", target=job.target, attempt=job.attempts)
    work = asyncio.create_task(_run(box, claim, runner_of))
    try:
        async with claim.kept_alive(work):
            done, _ = await asyncio.wait({work}, timeout=box.settings.job_seconds)
            if not done:
                await _stop(work)
    except asyncio.CancelledError:
        await _to_the_end(_hand_back(claim, work))
        raise
    await _to_the_end(_report(box, claim, work, overran=not done))


async def _run(box: Toolbox, claim: Claim, runner_of: Callable[[str], Runner]) -> Outcome:
    return await runner_of(claim.job.kind)(box, claim)


async def _hand_back(claim: Claim, work: "asyncio.Task[Outcome]") -> None:
    await _stop(work)
    await claim.release()


async def _to_the_end(writing: Coroutine[Any, Any, None]) -> None:
    """Finish writing how it ended even when this worker is asked to stop meanwhile."""
    task = asyncio.create_task(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _stop(work: "asyncio.Task[Outcome]") -> None:
    work.cancel()
    await asyncio.wait({work}, timeout=STOPPING_SECONDS)


async def _report(box: Toolbox, claim: Claim, work: "asyncio.Task[Outcome]", *, overran: bool) -> None:
    """Write the end of the attempt; one whose claim was taken over has nothing to say."""
    error = asyncio.CancelledError() if not work.done() or work.cancelled() else work.exception()
    if claim.lost:
        log.warning("job taken over by another worker, result dropped", job_id=claim.job.id)
    elif overran:
        await claim.fail(f"Ran longer than {box.settings.job_seconds} s and was stopped (TABLETALK_JOB_SECONDS).")
    elif error is None:
        await claim.finish(work.result())
    elif claim.cancelled and isinstance(error, (JobCancelled, asyncio.CancelledError)):
        await claim.cancel()
    elif passing(error) and claim.job.attempts < claim.job.max_attempts:
        # Counted within this set of attempts: a retry by hand starts a new one.
        used = claim.job.attempts - max(0, claim.job.max_attempts - box.settings.job_attempts)
        await claim.postpone(reason_of(error), wait_before(max(1, used), box.settings.retry_seconds))
    else:
        await claim.fail(_in_words(claim, error))


def passing(error: BaseException) -> bool:
    """True when trying again in a moment may work: a line that broke, a server that restarts or is busy."""
    if isinstance(error, AssistantError):
        return error.passing
    return store_away(error) or isinstance(error, (RedisError, TimeoutError))


def wait_before(attempts: int, base: float) -> float:
    """Seconds to wait after so many attempts: doubling up to five minutes, spread so that no crowd returns at once."""
    return float(min(LONGEST_WAIT, base * 2 ** min(attempts - 1, 20)) * random.uniform(0.5, 1.5))  # noqa: S311


def _in_words(claim: Claim, error: BaseException) -> str:
    """Why it failed, for the person; what they cannot use goes to the log, with its traceback."""
    if not isinstance(error, AssistantError):
        log.error("job failed unexpectedly", job_id=claim.job.id, kind=claim.job.kind, exc_info=error)
    reason = reason_of(error)
    tried = f" Tried {claim.job.attempts} times." if passing(error) and claim.job.attempts > 1 else ""
    return f"{reason}{tried}"
