"""How often something may happen: counted in Redis for all processes, in this process alone while Redis is away."""

import math
import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict
from redis.exceptions import RedisError


class Room(BaseModel):
    """What a limit leaves after it was asked."""

    model_config = ConfigDict(frozen=True)

    free: bool
    """Whether there was room."""
    remaining: int
    seconds: int
    """Until there is room again, or more of it."""


class Limiter:
    """Limits as `limits` writes them, `5/minute` or `100/15 minutes`, over a moving window."""

    def __init__(self, redis_url: str) -> None:
        """Take the queue's URL; nothing is connected yet."""
        url = redis_url.replace("unix://", "redis+unix://", 1)
        self._storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix="tabletalk-limits",
            socket_connect_timeout=1,
            socket_timeout=1,
        )
        self._shared = MovingWindowRateLimiter(self._storage)
        self._alone = MovingWindowRateLimiter(MemoryStorage())

    async def take(self, limit: str, *who: str) -> Room:
        """Count one more of `who` against `limit`, as far as there is room."""
        item = parse(limit)
        try:
            return await _room(self._shared, item, who, await self._shared.hit(item, *who))
        except (RedisError, OSError):
            return await _room(self._alone, item, who, await self._alone.hit(item, *who))

    async def look(self, limit: str, *who: str) -> Room:
        """See whether there is room, and count nothing."""
        item = parse(limit)
        try:
            return await _room(self._shared, item, who, await self._shared.test(item, *who))
        except (RedisError, OSError):
            return await _room(self._alone, item, who, await self._alone.test(item, *who))

    async def forget(self, limit: str, *who: str) -> None:
        """Begin anew for `who`."""
        item = parse(limit)
        await self._alone.clear(item, *who)
        try:
            await self._shared.clear(item, *who)
        except (RedisError, OSError):
            return  # what it counted runs out by itself

    async def close(self) -> None:
        """Close every connection."""
        await self._storage.bridge.storage.aclose()  # type: ignore[attr-defined]  # the one way to reach the client


async def _room(limiter: MovingWindowRateLimiter, item: RateLimitItem, who: tuple[str, ...], free: bool) -> Room:
    window = await limiter.get_window_stats(item, *who)
    return Room(free=free, remaining=window.remaining, seconds=max(1, math.ceil(window.reset_time - time.time())))
