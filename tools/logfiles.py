"""Log files that several processes may write at once: one a day, the next number when one is full, old ones removed."""

import logging
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

DAYS = 7
BYTES = 20_000_000


class DayFiles(logging.Handler):
    """Writes lines to `NAME-2026-11-25.log`, then `NAME-2026-11-25.1.log` and so on.

    Nothing is ever renamed and each line is one appending write, so that web process, workers and their children can
    share the files. Opened at the first line, anew in a child.
    """

    def __init__(self, folder: Path, name: str, *, days: int = DAYS, size: int = BYTES) -> None:
        """Write below `folder`, which is made when it is missing; keep `days` days, at most `size` bytes a file."""
        super().__init__()
        self._folder, self._name, self._days, self._size = folder, name, days, size
        self._pattern = re.compile(rf"{re.escape(name)}-(\d{{4}}-\d\d-\d\d)(?:\.(\d+))?\.log")
        self._opened: tuple[int, str, int] | None = None
        """Process, day and descriptor of the file in hand."""

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line."""
        try:
            line = (self.format(record) + "\n").encode(errors="replace")
            os.write(self._file(len(line)), line)
        except Exception:  # noqa: BLE001  # logging's own rule: a full disk must not take the product down
            self.handleError(record)

    def close(self) -> None:
        """Close the file in hand."""
        self.acquire()
        try:
            self._shut()
        finally:
            self.release()
        super().close()

    def _file(self, more: int) -> int:
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        here = (os.getpid(), day)
        if self._opened is None or self._opened[:2] != here or not self._fits(self._opened[2], more):
            self._shut()
            self._opened = (*here, self._open(day, more))
        return self._opened[2]

    def _fits(self, descriptor: int, more: int) -> bool:
        # Asked of the file each time: others write to it too.
        size = os.fstat(descriptor).st_size
        return size == 0 or size + more <= self._size

    def _open(self, day: str, more: int) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_old()
        number = max((int(found[2] or 0) for found in self._found() if found[1] == day), default=0)
        while True:
            path = self._folder / f"{self._name}-{day}{f'.{number}' if number else ''}.log"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if self._fits(descriptor, more):
                return descriptor
            os.close(descriptor)
            number += 1

    def _remove_old(self) -> None:
        oldest = f"{datetime.now(UTC) - timedelta(days=self._days - 1):%Y-%m-%d}"
        for found in self._found():
            if found[1] < oldest:
                (self._folder / found[0]).unlink(missing_ok=True)

    def _found(self) -> list[re.Match[str]]:
        return [found for path in self._folder.iterdir() if (found := self._pattern.fullmatch(path.name))]

    def _shut(self) -> None:
        if self._opened is not None and self._opened[0] == os.getpid():
            os.close(self._opened[2])
        self._opened = None
