"""How often something may happen: counted in Redis for all processes, in this process alone while Redis is away."""

import math
import time
from functools import lru_cache
from typing import NamedTuple
from uuid import uuid4

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PREFIX = "tabletalk-limits"

SCRIPT = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local told = {}
for i, key in ipairs(KEYS) do
    local most, window, counts = tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3]), ARGV[i * 3 + 1]
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
    local used = redis.call('ZCARD', key)
    local free = used < most
    if free and counts == '1' then
        redis.call('ZADD', key, now, ARGV[1] .. i)
        redis.call('PEXPIRE', key, window)
        used = used + 1
    end
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or now
    told[i] = {free and 1 or 0, used, oldest + window - now}
end
return told
"""
"""All questions of one request in one round trip: a set per window, of the moments (by the clock of Redis) in it."""


class Room(BaseModel):
    """What a limit leaves after it was asked."""

    model_config = ConfigDict(frozen=True)

    free: bool
    """Whether there was room."""
    remaining: int
    seconds: int
    """Until there is room again, or more of it."""


class Asked(NamedTuple):
    """One question: a limit as `limits` writes them, `5/minute` or `100/15 minutes`, and whom it is for."""

    limit: str
    who: tuple[str, ...]
    counts: bool
    """Whether one more is counted, as far as there is room; else it is only looked."""


def taking(limit: str, *who: str) -> Asked:
    """Ask for one more of `who`."""
    return Asked(limit, who, counts=True)


def looking(limit: str, *who: str) -> Asked:
    """Ask whether there is room, and count nothing."""
    return Asked(limit, who, counts=False)


class Limiter:
    """Limits over a moving window."""

    def __init__(self, redis_url: str) -> None:
        """Take the queue's URL; nothing is connected yet."""
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 1), decode_responses=True
        )
        self._script = self._redis.register_script(SCRIPT)
        self._alone = MovingWindowRateLimiter(MemoryStorage())

    async def rooms(self, *asked: Asked) -> tuple[Room, ...]:
        """Answer several questions at once."""
        keys, values = [], [uuid4().hex]
        for one in asked:
            item = _item(one.limit)
            keys.append(":".join((PREFIX, *one.who, one.limit)))
            values += [str(item.amount), str(item.get_expiry() * 1000), str(int(one.counts))]
        try:
            told = await self._script(keys=keys, args=values)
        except (RedisError, OSError):
            return tuple([await self._room_alone(one) for one in asked])
        return tuple(
            _room(bool(free), _item(one.limit).amount - used, milliseconds / 1000)
            for one, (free, used, milliseconds) in zip(asked, told, strict=True)
        )

    async def take(self, limit: str, *who: str) -> Room:
        """Count one more of `who` against `limit`, as far as there is room."""
        return (await self.rooms(taking(limit, *who)))[0]

    async def look(self, limit: str, *who: str) -> Room:
        """See whether there is room, and count nothing."""
        return (await self.rooms(looking(limit, *who)))[0]

    async def forget(self, limit: str, *who: str) -> None:
        """Begin anew for `who`."""
        await self._alone.clear(_item(limit), *who)
        try:
            await self._redis.delete(":".join((PREFIX, *who, limit)))
        except (RedisError, OSError):
            return  # what it counted runs out by itself

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()

    async def _room_alone(self, asked: Asked) -> Room:
        item = _item(asked.limit)
        free = await (self._alone.hit if asked.counts else self._alone.test)(item, *asked.who)
        window = await self._alone.get_window_stats(item, *asked.who)
        return _room(free, window.remaining, window.reset_time - time.time())


@lru_cache(maxsize=64)
def _item(limit: str) -> RateLimitItem:
    return parse(limit)


def _room(free: bool, remaining: int, seconds: float) -> Room:
    return Room(free=free, remaining=max(0, remaining), seconds=max(1, math.ceil(seconds)))
