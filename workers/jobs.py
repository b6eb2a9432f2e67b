"""What RQ calls, by name: one job, from its id to its outcome."""

import asyncio
import os
import signal
import threading

import structlog

from tools.jobs import attempt
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
    async with open_toolbox(load_settings()) as box:
        await attempt(box, job_id, runner_of)
