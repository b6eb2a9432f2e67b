"""Keys that a run has come across, kept in a file while it goes on: the memory it takes stays the same."""

from collections.abc import AsyncIterator
from tempfile import TemporaryFile

BLOCK = 524_288


class Spool:
    """Lines of keys, in any order and with repeats; `close` throws them away."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by its owner

    def add(self, lines: str) -> None:
        """Keep keys, one a line."""
        if lines:
            self._file.write(lines.encode() + b"\n")

    async def blocks(self) -> AsyncIterator[bytes]:
        """All that was kept, in blocks of any cut."""
        self._file.seek(0)
        while block := self._file.read(BLOCK):
            yield block

    def close(self) -> None:
        """Throw the file away."""
        self._file.close()
