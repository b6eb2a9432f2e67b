"""Stands in for the parent-death signal where the kernel has none: run as a script with a pipe as its stdin.

Lines `+pid signal` and `-pid` add and remove children; the end of the pipe means that their parent is gone.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 10


def main() -> None:
    """Read until the pipe closes, signal what is left, and kill what has not ended after the grace."""
    children: dict[int, int] = {}
    for line in sys.stdin:
        if line.startswith("+"):
            pid, death_signal = line[1:].split()
            children[int(pid)] = int(death_signal)
        else:
            children.pop(int(line[1:]), None)
    for pid, death_signal in children.items():
        _send(pid, death_signal)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_send(pid, 0) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in children:
        _send(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        return True
    return False


if __name__ == "__main__":
    main()
