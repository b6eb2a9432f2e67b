"""How quickly batches go to an embedding model: so many a minute, of all jobs and workers together."""

from asyncio import sleep

from tools.toolbox import Toolbox


class Pace:
    """Lets so many batches of one model through in a minute; 0 lets everything through."""

    def __init__(self, box: Toolbox, batches_per_minute: int) -> None:
        self._box = box
        self._limit = f"{batches_per_minute}/minute" if batches_per_minute else ""

    async def wait(self) -> None:
        """Wait until there is room for one more batch, and take it."""
        while self._limit:
            room = await self._box.limiter.take(self._limit, "embed", self._box.embedder.name)
            if room.free:
                return
            await sleep(room.seconds)
