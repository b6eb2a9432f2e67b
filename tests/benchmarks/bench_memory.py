"""Measures the memory of the process that works on a sync, as the workers run it, over tables of 12 mixed columns.

    python -m tests.benchmarks.bench_memory [--rows 200000 600000] [--only postgres|mysql]

Wanted: 100 MB at the most, whatever the size of the table.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench_sync import Bench, benches, store_url
from tests.benchmarks.place import store
from tools import jobs, sync
from tools.settings import Settings
from tools.sync import SyncOptions
from tools.toolbox import open_toolbox

LOOK_SECONDS = 0.02
WANTED = 100
ALONE = "DELETE FROM tabletalk.jobs; DELETE FROM tabletalk.document_backlog"
"""No job follows the sync before: its process would be measured, too."""


@contextmanager
def crew(settings: Settings) -> Iterator[int]:
    """Run the workers with the default settings; gives the process that forks them."""
    assert settings.redis_url is not None
    environment = {
        **os.environ,
        "TABLETALK_HOME": str(settings.home),
        "TABLETALK_DATABASE_URL": store_url(settings),
        "TABLETALK_REDIS_URL": settings.redis_url.get_secret_value(),
        "TABLETALK_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "workers"], env=environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def children(pid: int) -> list[int]:
    """The processes that a process has forked and that live."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def highest(pid: int) -> float:
    """The most memory that a process has had so far, in MB; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024 if "VmHWM:" in status else 0


async def measure(bench: Bench, settings: Settings, **options: str) -> float:
    """Have workers sync the table; gives the most memory of the process that did, in MB."""
    await bench.owner.execute(ALONE)
    with crew(settings) as pid:
        return await _synced(bench, pid, **options)


async def _synced(bench: Bench, pid: int, **options: str) -> float:
    job = await sync.start_sync(bench.box, bench.actor, "bench", "sales", SyncOptions.model_validate(options))
    most = 0.0
    while (done := await jobs.get(bench.box, bench.actor, job.id)).live:
        for _ in range(10):
            most = max([most, *(highest(horse) for worker in children(pid) for horse in children(worker))])
            await asyncio.sleep(LOOK_SECONDS)
    assert done.state == "succeeded", done.error
    return most


async def main(options: argparse.Namespace, settings: Settings) -> None:
    async with open_toolbox(settings) as box:
        async for bench in benches(box, options.only):
            for rows in options.rows:
                await bench.fill(rows)
                await bench.clean()
                first = await measure(bench, settings)
                again = await measure(bench, settings, mode="full")
                print(
                    f"  {bench.dialect}, {rows:>7,} rows: {first:.0f} MB for a first load, "
                    f"{again:.0f} MB for a full one over what is there (target {WANTED} at most)"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 600_000])
    parser.add_argument("--only", choices=("postgres", "mysql"))
    with store(sync_starts_a_minute=0, log_level="WARNING") as filled:
        asyncio.run(main(parser.parse_args(), filled))
