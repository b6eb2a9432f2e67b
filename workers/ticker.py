"""The ticker: sweeps and starts what is due every few seconds, in a process of its own so that no job holds it up."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable
from datetime import date, datetime

import structlog

from tools.documents import start_left
from tools.jobs import claim_due, prune, reset_clocks, silence, sweep
from tools.settings import Settings
from tools.toolbox import Toolbox, open_toolbox
from tools.upkeep import start_scheduled

log = structlog.get_logger(__name__)

TICK_LIMIT = 60
"""Seconds each part of a tick may take before it is given up and the next one begins."""
PRUNING_HOUR = 3
"""History is pruned at the first tick after this hour, by this machine's clock."""


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
        pruned: date | None = None
        while True:
            if not await _done(sweep(box, take_over=loop.time() >= trusted_from)):
                # The store was away for the workers too: give them the time to report before one counts as dead.
                trusted_from = loop.time() + silence(settings).total_seconds()
            await _done(start_due(box))
            await _done(start_left(box))
            now = datetime.now().astimezone()
            if now.hour >= PRUNING_HOUR and pruned != now.date() and await _done(prune(box)):
                pruned = now.date()
            await asyncio.sleep(settings.tick_seconds)


async def start_due(box: Toolbox, now: datetime | None = None) -> tuple[int, ...]:
    """Start the jobs of schedules that are due; a clock that was set back is noticed first."""
    await reset_clocks(box, now)
    return await claim_due(box, start_scheduled, now)


async def _done(work: Awaitable[object]) -> bool:
    """Do one part of a tick and tell whether it went well; what went wrong is logged, and the next tick tries again."""
    try:
        async with asyncio.timeout(TICK_LIMIT):
            await work
    except Exception as error:  # noqa: BLE001  # the clock must not stop for one bad tick
        log.warning("tick failed", reason=f"{type(error).__name__}: {error}".partition("\n")[0])
        return False
    return True
