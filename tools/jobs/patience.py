"""Waiting out a store that is restarting: a job must not fail because its report could not be written at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from tools.errors import StoreUnavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")

PATIENCE_SECONDS = 60
"""A store that takes longer to come back is a fault; one after a crash replays its log first."""
RESTARTING = ("57P01", "57P02", "57P03", "08000", "08001", "08003", "08004", "08006")
"""SQLSTATEs of a PostgreSQL that is going down, coming up, or lost the line."""


async def patiently(operation: Callable[[], Awaitable[T]], seconds: float = PATIENCE_SECONDS) -> T:
    """Run `operation`, again and again for `seconds` while the store is away.

    It may have been committed although the line broke before the answer came: it must bear being repeated.
    """
    loop = asyncio.get_running_loop()
    end, wait = loop.time() + seconds, 0.05
    while True:
        try:
            return await operation()
        except (StoreUnavailable, DBAPIError, OSError) as error:
            if not store_away(error) or loop.time() + wait > end:
                raise
            log.info("store away, waiting", reason=str(error).partition("\n")[0])
        await asyncio.sleep(wait)
        wait = min(wait * 2, 1.0)


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel `tasks` until they are over: a single cancel gets lost in some libraries (`wait_for` before 3.12)."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.2)


def store_away(error: BaseException) -> bool:
    """True when `error` says that the store did not answer, and not that it refused."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in RESTARTING
    return isinstance(error, (StoreUnavailable, OSError))
