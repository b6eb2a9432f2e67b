"""Noticing that the other end of a line is gone, without waiting for the two hours of the system's defaults."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from tools.connectors.reach import Unreached
from tools.errors import AssistantError

Line = TypeVar("Line")

IDLE_SECONDS, BETWEEN_SECONDS, PROBES = 20, 10, 3
"""A line that is silent for the first is probed; one whose probes stay without an answer is broken."""


def probe_silence(line: Any) -> None:
    """Have the system probe a connected socket (as a transport gives it) while nothing comes; local ones need none."""
    if line is None or line.family not in (socket.AF_INET, socket.AF_INET6):
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {"TCP_KEEPIDLE": IDLE_SECONDS, "TCP_KEEPINTVL": BETWEEN_SECONDS, "TCP_KEEPCNT": PROBES}
    for name, value in wanted.items():
        if hasattr(socket, name):  # Windows and old systems have not all of them
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def asked_elsewhere(
    another: Callable[[], Awaitable[Line]],
    ask: Callable[[Line], Awaitable[object]],
    close: Callable[[Line], object],
    errors: type[Exception] | tuple[type[Exception], ...],
    seconds: float,
) -> bool:
    """Ask by a line of its own, for `seconds` at most, whether a server is at work for a silent one.

    One that turns the other line away, with words, is there; one that fails to answer by it is not.
    """
    try:
        other = await another()
    except Unreached as error:
        return error.answers
    try:
        async with asyncio.timeout(seconds):
            return bool(await ask(other))
    except errors:
        return False
    finally:
        close(other)


class Ear:
    """Hears, while its block runs, that a line has fallen silent without being closed, and hangs up.

    It asks only when nothing has come for `seconds`: `at_work` knows, by another line, whether the server is busy with
    what this one waits for. A long sort is; a server that has sent all it had, or waits for us to take it, is not.
    """

    def __init__(self, seconds: float, at_work: Callable[[], Awaitable[bool]], hang_up: Callable[[], None]) -> None:
        """Nothing is listened to yet."""
        self._seconds, self._at_work, self._hang_up = seconds, at_work, hang_up
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._wait(self._seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def hearing(
        self, sink: Callable[[bytes], Coroutine[Any, Any, None]]
    ) -> Callable[[bytes], Coroutine[Any, Any, None]]:
        """Give a sink that tells us of each block; while it is busy with one, it is we who are silent."""

        async def passed_on(block: bytes) -> None:
            self._busy = True
            try:
                await sink(block)
            finally:
                self._busy, self._last = False, self._loop.time()

        return passed_on

    def _wait(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self._last + self._seconds - self._loop.time()
        if self._busy or left > 0:
            self._wait(max(left, self._seconds / 10))
        else:
            self._asking = self._loop.create_task(self._ask())

    async def _ask(self) -> None:
        asked = self._loop.time()
        try:
            at_work = await self._at_work()
        except (AssistantError, OSError, TimeoutError):
            at_work = False
        if at_work or self._busy or self._last > asked:
            self._wait(self._seconds)
        else:
            self._hang_up()
