"""The ticker: sweeps every few seconds, in a process of its own so that no job can hold it up."""

import asyncio
import contextlib
import signal

import structlog

from tools.jobs import silence, sweep
from tools.settings import Settings
from tools.toolbox import Toolbox, open_toolbox

log = structlog.get_logger(__name__)

TICK_LIMIT = 60
"""Seconds a single tick may take before it is given up and the next one begins."""


def tick_forever(settings: Settings) -> None:
    """Tick until SIGTERM; a store or queue that is away is waited for."""
    with contextlib.suppress(asyncio.CancelledError):  # asked to stop
        asyncio.run(_tick_forever(settings))


async def _tick_forever(settings: Settings) -> None:
    me = asyncio.current_task()
    assert me is not None
    loop = asyncio.get_running_loop()
    for asked in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(asked, me.cancel)
    async with open_toolbox(settings) as box:
        trusted_from = loop.time()
        while True:
            if not await _tick(box, take_over=loop.time() >= trusted_from):
                # The store was away for the workers too: give them the time to report before one counts as dead.
                trusted_from = loop.time() + silence(settings).total_seconds()
            await asyncio.sleep(settings.tick_seconds)


async def _tick(box: Toolbox, *, take_over: bool) -> bool:
    """Do one round and tell whether it went well; what went wrong is logged, and the next round tries again."""
    try:
        async with asyncio.timeout(TICK_LIMIT):
            await sweep(box, take_over=take_over)
    except Exception as error:  # noqa: BLE001  # the clock must not stop for one bad tick
        log.warning("tick failed", reason=f"{type(error).__name__}: {error}".partition("\n")[0])
        return False
    return True
