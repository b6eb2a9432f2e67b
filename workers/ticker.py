"""The ticker: sweeps every few seconds, in a process of its own so that no job can hold it up."""

import asyncio
import contextlib
import signal

import structlog

from tools.jobs import sweep
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
        while True:
            await _tick(box)
            await asyncio.sleep(settings.tick_seconds)


async def _tick(box: Toolbox) -> None:
    """Do one round; whatever goes wrong in it is logged, and the next round tries again."""
    try:
        async with asyncio.timeout(TICK_LIMIT):
            await sweep(box)
    except Exception as error:  # noqa: BLE001  # the clock must not stop for one bad tick
        log.warning("tick failed", reason=f"{type(error).__name__}: {error}".partition("\n")[0])
