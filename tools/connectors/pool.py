"""A small pool of open connections to one database, shared by both dialects."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from tools.errors import AssistantError, DatabaseUnreachable

Connection = TypeVar("Connection")


@dataclass(frozen=True)
class Handling(Generic[Connection]):
    """What a pool must know of a dialect's connections."""

    open: Callable[[], Awaitable[Connection]]
    usable: Callable[[Connection], bool]
    close: Callable[[Connection], Awaitable[None]]
    """Part in peace."""
    abandon: Callable[[Connection], Awaitable[None]]
    """Stop at the server whatever still runs, then drop the connection; must not raise."""


@dataclass
class _Idle(Generic[Connection]):
    connection: Connection
    opened: float
    since: float


class Pool(Generic[Connection]):
    """At most `size` connections, opened when needed; the one used last is used first.

    One that idled for `idle_seconds`, or lived for `life_seconds`, is replaced: firewalls drop silent
    connections, and a new one sees schemas made since.
    """

    def __init__(
        self, handling: Handling[Connection], size: int, *, idle_seconds: float = 240, life_seconds: float = 1800
    ) -> None:
        self._handling = handling
        self._free = asyncio.Semaphore(size)
        self._idle: list[_Idle[Connection]] = []
        self._idle_seconds = idle_seconds
        self._life_seconds = life_seconds
        self._leaving: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Connection]:
        """Lend a connection, waiting for a free one.

        Whoever raises an AssistantError has left the session clean, so the connection is kept. After anything
        else, a cancelled task included, it is abandoned in the background.
        """
        async with self._free:
            if self._closed:
                raise DatabaseUnreachable("This connection pool is closed. Ask again.")
            place = await self._take()
            try:
                yield place.connection
            except AssistantError:
                self._give(place)
                raise
            except BaseException:
                self._leave(self._handling.abandon(place.connection))
                raise
            self._give(place)

    async def _take(self) -> _Idle[Connection]:
        now = asyncio.get_running_loop().time()
        while self._idle:
            place = self._idle.pop()
            fresh = now - place.since < self._idle_seconds and now - place.opened < self._life_seconds
            if fresh and self._handling.usable(place.connection):
                return place
            self._leave(self._handling.close(place.connection))
        return _Idle(await self._handling.open(), now, now)

    def _give(self, place: _Idle[Connection]) -> None:
        if self._closed or not self._handling.usable(place.connection):
            self._leave(self._handling.close(place.connection))
            return
        loop = asyncio.get_running_loop()
        place.since = loop.time()
        self._idle.append(place)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._part_idle)

    def _part_idle(self) -> None:
        """Close what has idled too long: a database nobody asks holds no connections of ours."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._idle and loop.time() - self._idle[0].since >= self._idle_seconds:
            self._leave(self._handling.close(self._idle.pop(0).connection))
        if self._idle:
            self._sweep = loop.call_at(self._idle[0].since + self._idle_seconds, self._part_idle)

    def _leave(self, parting: Awaitable[None]) -> None:
        task = asyncio.ensure_future(parting)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Close all idle connections and wait for those that are parting; lent ones follow when given back."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._leave(self._handling.close(self._idle.pop().connection))
        if self._leaving:
            await asyncio.wait(tuple(self._leaving), timeout=10)
