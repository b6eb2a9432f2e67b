"""What RQ calls, by name: one job, from its id to its outcome."""

import asyncio
import os
import signal
import threading

import structlog
from rq import get_current_job

from tools import telemetry
from tools.jobs import attempt
from tools.queue import TRACE
from tools.settings import load_settings
from tools.toolbox import open_toolbox
from workers.runners import runner_of

log = structlog.get_logger(__name__)

STOP_SECONDS = 8
"""A work horse that has not handed its job back by then ends without; the sweep takes the job over."""


def execute(job_id: int) -> None:
    """Work on the job of this id, in a loop and with connections of its own.

    SIGTERM hands the job back to the queue. RQ hears of no failure: the job's row tells how it ended.
    """
    try:
        asyncio.run(_execute(job_id))
    except asyncio.CancelledError:
        log.info("asked to stop, job handed back", job_id=job_id)


async def _execute(job_id: int) -> None:
    me = asyncio.current_task()
    assert me is not None

    def stop() -> None:
        me.cancel()
        last_resort = threading.Timer(STOP_SECONDS, os._exit, (1,))
        last_resort.daemon = True
        last_resort.start()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    settings = load_settings()
    telemetry.start(settings, "worker")
    try:
        async with open_toolbox(settings) as box:
            telemetry.watch_engine(box.store.engine)
            with telemetry.linked("job", _trace(), **{"tabletalk.job": job_id}):
                await attempt(box, job_id, runner_of)
    finally:
        telemetry.stop()


def _trace() -> dict[str, str]:
    """The trace in which the job was handed over."""
    message = get_current_job()
    return dict(message.meta.get(TRACE, {})) if message is not None else {}
