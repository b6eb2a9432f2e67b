"""Children that cannot outlive the process that started them, whatever ends it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
"""Loaded here and not in the child: after a fork a child should touch as little as it can."""


def die_with_parent(death_signal: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send `death_signal` to this process when its parent dies; Linux only, elsewhere nothing.

    `parent` is the pid the caller expects: when it is gone already, this process ends at once. The signal is
    bound to the THREAD that forked, so that thread must live as long as the process. A change of uid clears it.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(0)


def spawn(
    command: Sequence[str],
    *,
    death_signal: int,
    output: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: tuple[int, int] | None = None,
    linux: bool = _LIBC is not None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own (Ctrl-C is ours to pass on), bound to this process's life.

    `account` is the (uid, gid) to drop to. Without Linux's parent-death signal a watchdog process stands in.
    """
    uid, gid = account or (None, None)
    process = subprocess.Popen(  # noqa: S603  # our own command lines
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
        user=uid,
        group=gid,
        extra_groups=[] if account else None,
        preexec_fn=_bind(os.getpid(), death_signal) if linux else None,  # noqa: PLW1509  # one prebound C call
    )
    if not linux:
        _watchdog.add(process, death_signal)
    return process


def _bind(parent: int, death_signal: int) -> Callable[[], None]:
    def bind() -> None:
        die_with_parent(death_signal, parent)

    return bind


class _Watchdog:
    """A small process that reads our pipe; when it closes we are gone, and it ends our children."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, process: subprocess.Popen[bytes], death_signal: int) -> None:
        self._tell(f"+{process.pid} {int(death_signal)}")

    def remove(self, pid: int) -> None:
        if self._process is not None:
            self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, str(Path(__file__).with_name("watchdog.py"))],
                    stdin=subprocess.PIPE,
                    start_new_session=True,
                )
            assert self._process.stdin is not None
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


_watchdog = _Watchdog()


def reaped(pid: int) -> None:
    """Say that a child from `spawn` has ended and its pid may be another's from now on."""
    _watchdog.remove(pid)
