"""Runners and a crew for the tests: work that can be watched and interrupted from outside."""

import asyncio
import os
import sys
from pathlib import Path

from tools.jobs import Claim, Outcome
from tools.toolbox import Toolbox
from workers import __main__ as entry
from workers import runners


async def steps(box: Toolbox, claim: Claim) -> Outcome:
    """Note each step in a file, and wait before the end while a file called `hold` is there."""
    folder = Path(claim.job.arguments["folder"])
    with (folder / "trace").open("a") as trace:
        for step in range(5):
            trace.write(f"{os.getpid()} {step}\n")
            trace.flush()
            await claim.progress(step * 20, f"step {step}")
        while (folder / "hold").exists():
            await claim.progress(90, "holding")
            await asyncio.sleep(0.02)
    return Outcome(state="succeeded", message="done")


if __name__ == "__main__":
    runners.RUNNERS.clear()
    runners.RUNNERS["train"] = "probe.steps"
    sys.exit(entry.main())
