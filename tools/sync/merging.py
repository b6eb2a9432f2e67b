"""Sorting new words into their index beside the writers of a large load, so that little is left at its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.exc import DBAPIError

from tools import documents
from tools.errors import StoreUnavailable
from tools.jobs.patience import end
from tools.toolbox import Toolbox

log = structlog.get_logger(__name__)

MERGE_BYTES = 128_000_000
"""Of lines written since the words were last sorted; so much costs a search a tenth of a second at most."""


class Merging:
    """Counts what is written, and has words sorted into their index once that is much."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, size: int) -> None:
        """Count some bytes of lines; never waits."""
        self._bytes += size
        if self._bytes >= MERGE_BYTES and (self._task is None or self._task.done()):
            self._bytes = 0
            self._task = asyncio.create_task(self._merge())

    async def stop(self) -> None:
        """Leave the rest to the job that follows a sync."""
        if self._task is not None:
            await end(self._task)

    async def _merge(self) -> None:
        try:
            await documents.merge_words(self._box)
        except (StoreUnavailable, DBAPIError) as error:
            # The index finds everything all the same, and whoever writes meets a store that is away by himself
            log.info("words not merged", reason=str(error).partition("\n")[0])


@asynccontextmanager
async def merging(box: Toolbox) -> AsyncIterator[Merging]:
    """Merge within the block."""
    work = Merging(box)
    try:
        yield work
    finally:
        await work.stop()
