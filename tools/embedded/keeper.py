"""One child process, kept alive: started, waited for, started again when it dies, stopped in the end."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.embedded import lifeline
from tools.errors import StoreUnavailable

LOG_BYTES = 5_000_000
"""A log file is moved to `.1` when it has grown past this."""
STEADY_SECONDS = 10
"""A child that lived so long is healthy again: its earlier deaths are forgotten."""
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each restart in a row; after the last one the keeper gives up."""

Tell = Callable[[str], None]


def quiet(_line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Child:
    """How to start one process, to know that it is ready, and to stop it."""

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    """Runs before each start, in the keeper's thread."""
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    """Sent by the kernel when the supervisor dies."""
    ready_seconds: float = 60
    stop_seconds: float = 15
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: tuple[int, int] | None = None
    """The (uid, gid) to drop to."""


class Keeper:
    """Keeps one child alive from a thread of its own: a parent-death signal belongs to the thread that forked."""

    def __init__(self, child: Child, tell: Tell = quiet, lost: Tell = quiet) -> None:
        """`tell` gets a line when the child died and is started again, `lost` one when the keeper gives up."""
        self.child = child
        self.trouble: str | None = None
        """Why the keeper gave up; None while it is at work."""
        self.process: subprocess.Popen[bytes] | None = None
        self._tell, self._lost = tell, lost
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name=f"keep-{child.name}", daemon=True)

    def start(self) -> None:
        """Start the child; returns at once, `wait_ready` waits."""
        self._thread.start()

    def wait_ready(self) -> None:
        """Return when the child is ready; StoreUnavailable with the reason when it will not be."""
        deadline = time.monotonic() + self.child.ready_seconds
        while not self._is_ready():
            if self.trouble or self._stopping.is_set():
                raise StoreUnavailable(self.trouble or f"{self.child.name} was stopped before it was ready.")
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"{self.child.name} is not ready after {self.child.ready_seconds:.0f} s; "
                    f"see {str(self.child.log)!r}. Last words: {last_words(self.child.log)}"
                )
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop the child for good: its stop signal first, SIGKILL when it takes too long."""
        self._stopping.set()
        with self._lock:
            process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(self.child.stop_signal)
            self._thread.join(self.child.stop_seconds)
            if process.poll() is None:
                process.kill()
        if self._thread.ident is not None:
            self._thread.join()

    def bound_log(self) -> None:
        """Move the log aside when it has grown too long; the child goes on writing to the same file."""
        log = self.child.log
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.with_suffix(".log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)

    def _is_ready(self) -> bool:
        process = self.process
        return process is not None and process.poll() is None and self.child.ready()

    def _keep(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                ended = self._run_once()
            except Exception as error:  # noqa: BLE001  # the edge of a thread: nobody above would see it
                self._give_up(f"{self.child.name} cannot be started: {error}")
                return
            if self._stopping.is_set():
                return
            deaths = 1 if time.monotonic() - started > STEADY_SECONDS else deaths + 1
            if deaths > len(PAUSES):
                self._give_up(
                    f"{self.child.name} {ended} {deaths} times in a row; see {str(self.child.log)!r}. "
                    f"Last words: {last_words(self.child.log)}"
                )
                return
            self._tell(f"{self.child.name} {ended}; starting it again")
            self._stopping.wait(PAUSES[deaths - 1])

    def _run_once(self) -> str:
        self.child.prepare()
        self.child.log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._stopping.is_set():
                return "stopped"
            with self.child.log.open("ab") as output:
                process = lifeline.spawn(
                    self.child.command,
                    death_signal=self.child.death_signal,
                    output=output,
                    env=self.child.env,
                    cwd=self.child.cwd,
                    account=self.child.account,
                )
            self.process = process
        code = process.wait()
        lifeline.reaped(process.pid)
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _give_up(self, reason: str) -> None:
        self.trouble = reason
        self._lost(reason)


def last_words(log: Path) -> str:
    """Give the last telling line of a log: an error if there is one, else the last line."""
    if not log.exists():
        return "(no log)"
    lines = [line.strip() for line in log.read_bytes()[-8192:].decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror", "No space"))]
    return (telling or lines or ["(empty log)"])[-1][-400:]
