"""Reading a source in chunks: the next one arrives while the last is written."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tools.connectors.base import BulkReader, BulkReading

CHUNK_BYTES = 3_000_000
"""What is committed at once, about; three such chunks are held, whatever the size of the table.

Two are written while one is read.
"""
CHUNK_ROWS = 20_000

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MEANT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True)
class Chunk:
    """Some whole lines of COPY text."""

    number: int
    """From 1, over all attempts of a job."""
    data: bytes
    rows: int

    @property
    def last_key(self) -> str:
        """The source key of the last line."""
        start = self.data.rfind(b"\n", 0, len(self.data) - 1) + 1
        return unescaped(self.data[start : self.data.index(b"\t", start)])


def unescaped(field: bytes) -> str:
    """What a field of COPY text means."""
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), field).decode(errors="replace")


class _Cutter:
    """Takes blocks of any cut and hands on chunks of whole lines."""

    def __init__(self, first: int, out: "asyncio.Queue[Chunk | None]") -> None:
        self._number = first
        self._out = out
        self._blocks: list[bytes] = []
        self._bytes = 0
        self._rows = 0

    async def add(self, block: bytes) -> None:
        """Take a block; waits while the chunk before is still being written."""
        self._blocks.append(block)
        self._bytes += len(block)
        self._rows += block.count(b"\n")
        if self._rows and (self._bytes >= CHUNK_BYTES or self._rows >= CHUNK_ROWS):
            await self._cut()

    async def end(self) -> None:
        """Hand on what is left."""
        if self._rows:
            await self._cut()
        await self._out.put(None)

    async def _cut(self) -> None:
        rest = self._cut_last()
        chunk = Chunk(self._number, b"".join(self._blocks), self._rows)
        self._blocks, self._bytes, self._rows = rest, sum(map(len, rest)), 0
        self._number += 1
        await self._out.put(chunk)
        del chunk
        await self._out.join()

    def _cut_last(self) -> list[bytes]:
        """Take away what comes behind the last whole line, and give it."""
        rest: list[bytes] = []
        while not (end := self._blocks[-1].rfind(b"\n") + 1):
            rest.insert(0, self._blocks.pop())
        if tail := self._blocks[-1][end:]:
            rest.insert(0, tail)
            self._blocks[-1] = self._blocks[-1][:end]
        return rest


@asynccontextmanager
async def chunks(source: BulkReader, reading: BulkReading, first: int = 1) -> AsyncIterator[AsyncIterator[Chunk]]:
    """Read in the background and give the chunks as they come; leaving the block stops the read at the source."""
    queue: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=1)
    cutter = _Cutter(first, queue)

    async def pour() -> None:
        await source.pour(reading, cutter.add)
        await cutter.end()

    task = asyncio.create_task(pour())
    try:
        yield _until_done(queue, task)
    finally:
        while not task.done():  # a single cancel can get lost in a library
            task.cancel()
            await asyncio.wait({task}, timeout=0.5)
        if not task.cancelled():
            task.exception()  # the reader of the chunks has had it


async def _until_done(queue: "asyncio.Queue[Chunk | None]", task: "asyncio.Task[None]") -> AsyncIterator[Chunk]:
    while True:
        getting = asyncio.ensure_future(queue.get())
        try:
            await asyncio.wait({getting, task}, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done() and task.exception() is not None:
                task.result()
            chunk = await getting
            queue.task_done()
        finally:
            getting.cancel()
        if chunk is None:
            task.result()
            return
        yield chunk
