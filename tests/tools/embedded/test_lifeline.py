"""Children end with their parent: by the kernel's signal on Linux, by the watchdog where there is none."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PARENT = """
import subprocess, sys, time
from tools.embedded import lifeline
linux = sys.argv[1] == "kernel"
children = [
    lifeline.spawn([sys.executable, "-c", sys.argv[2]], death_signal=15, output=subprocess.DEVNULL, linux=linux)
    for _ in range(2)
]
ended = lifeline.spawn(["true"], death_signal=15, output=subprocess.DEVNULL, linux=linux)
ended.wait()
lifeline.reaped(ended.pid)
print(*[child.pid for child in children], flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("means", ["kernel", "watchdog"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_does_not_outlive_its_parent(means: str, number: int) -> None:
    script = "import time; time.sleep(600)"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, means, script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    assert all(map(lives, children))
    parent.send_signal(number)
    parent.wait()
    deadline = time.monotonic() + 20
    while any(map(lives, children)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
