"""The crew on real servers: killed, stopped and cut off in the middle of a job, which all the same ends truthfully."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tools import jobs
from tools.embedded import places_of, servers
from tools.jobs import Job
from tools.settings import Settings
from tools.store.session import migrate
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("probe.py")
HEARTBEAT = 0.5


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Servers of this module's own, with fast clocks: its workers must not take the jobs of other tests."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-crew-") as folder:
        Path(folder).chmod(0o711)  # pytest's own folders are closed to the servers' account
        fast = Settings(home=Path(folder), heartbeat_seconds=HEARTBEAT, tick_seconds=0.2, _env_file=None)
        with servers(fast) as filled:
            assert filled.database_url is not None
            migrate(filled.database_url.get_secret_value())
            yield filled


Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def crew(settings: Settings) -> Iterator[Start]:
    """Starts crews, and ends those that are left."""
    assert settings.database_url is not None and settings.redis_url is not None
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TABLETALK_HOME": str(settings.home),
        "TABLETALK_DATABASE_URL": settings.database_url.get_secret_value(),
        "TABLETALK_REDIS_URL": settings.redis_url.get_secret_value(),
        "TABLETALK_HEARTBEAT_SECONDS": str(HEARTBEAT),
        "TABLETALK_TICK_SECONDS": "0.2",
        "TABLETALK_RETRY_SECONDS": "0.1",
        "TABLETALK_WORKER_PROCESSES": "1",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([sys.executable, PROBE], env=environment)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hold").touch()
    return tmp_path


async def started(toolbox: Toolbox, actor: Actor, folder: Path) -> Job:
    """Start a job that holds, and wait until it does."""
    job = await jobs.start(toolbox, actor, "train", f"shop-{uuid4().hex[:6]}", arguments={"folder": str(folder)})
    return await until(toolbox, actor, job.id, lambda job: job.stage == "holding")


async def until(toolbox: Toolbox, actor: Actor, job_id: int, met: Callable[[Job], bool]) -> Job:
    """Follow a job until it is as wanted."""
    async with asyncio.timeout(60), contextlib.aclosing(jobs.follow(toolbox, actor, job_id)) as states:
        async for job in states:
            if met(job):
                return job
    raise AssertionError(f"never so: {job!r}")


def horses(folder: Path) -> list[int]:
    """Processes that worked on the job, in order."""
    lines = (folder / "trace").read_text().splitlines()
    return list(dict.fromkeys(int(line.split()[0]) for line in lines))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def gone(*pids: int) -> None:
    """Wait until none of these processes is left (a zombie that nobody has reaped yet does not count)."""
    async with asyncio.timeout(20):
        while any(alive(pid) for pid in pids):
            await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def done(job: Job) -> bool:
    return not job.live


async def test_a_job_is_run_and_its_worker_is_seen(toolbox: Toolbox, actor: Actor, crew: Start, folder: Path) -> None:
    crew()
    job = await started(toolbox, actor, folder)

    stats = await jobs.queue_stats(toolbox, actor)
    assert stats.running == 1
    assert stats.queue is not None and [worker.job_id for worker in stats.queue.workers] == [job.id]

    (folder / "hold").unlink()
    over = await until(toolbox, actor, job.id, done)
    assert (over.state, over.progress, over.stage, over.attempts) == ("succeeded", 100, "done", 1)


async def test_a_cancel_reaches_the_worker(toolbox: Toolbox, actor: Actor, crew: Start, folder: Path) -> None:
    crew()
    job = await started(toolbox, actor, folder)
    await jobs.cancel(toolbox, actor, job.id)
    assert (await until(toolbox, actor, job.id, done)).state == "cancelled"


async def test_a_killed_worker_takes_its_horse_along_and_the_next_one_finishes(
    toolbox: Toolbox, actor: Actor, crew: Start, folder: Path
) -> None:
    crew()
    job = await started(toolbox, actor, folder)
    horse = horses(folder)[0]
    os.kill(parent_of(horse), signal.SIGKILL)
    await gone(horse)

    (folder / "hold").unlink()
    over = await until(toolbox, actor, job.id, done)
    assert (over.state, over.attempts) == ("succeeded", 2)
    assert len(horses(folder)) == 2
    assert "taken over" in [event.type for event in await jobs.events(toolbox, actor, job.id)]


async def test_a_killed_horse_is_noticed_too(toolbox: Toolbox, actor: Actor, crew: Start, folder: Path) -> None:
    crew()
    job = await started(toolbox, actor, folder)
    os.kill(horses(folder)[0], signal.SIGKILL)

    (folder / "hold").unlink()
    over = await until(toolbox, actor, job.id, done)
    assert (over.state, over.attempts) == ("succeeded", 2)


async def test_a_horse_that_froze_is_fenced_when_it_thaws(
    toolbox: Toolbox, actor: Actor, crew: Start, folder: Path
) -> None:
    crew()
    job = await started(toolbox, actor, folder)
    orphan = horses(folder)[0]
    os.kill(orphan, signal.SIGSTOP)
    crew()  # the first crew's only worker waits for its frozen horse
    (folder / "hold").unlink()
    over = await until(toolbox, actor, job.id, done)
    assert (over.state, over.attempts) == ("succeeded", 2)
    before = await jobs.events(toolbox, actor, job.id)

    os.kill(orphan, signal.SIGCONT)
    await gone(orphan)
    assert await jobs.get(toolbox, actor, job.id) == over
    assert await jobs.events(toolbox, actor, job.id) == before


async def test_a_crew_that_is_asked_to_stop_hands_its_job_back(
    toolbox: Toolbox, actor: Actor, crew: Start, folder: Path
) -> None:
    first = crew()
    job = await started(toolbox, actor, folder)
    family = [first.pid, *children_of(first.pid), *horses(folder)]
    first.terminate()
    back = await until(toolbox, actor, job.id, lambda job: job.state == "queued")
    assert (back.attempts, back.error) == (0, None)
    assert await asyncio.to_thread(first.wait, 20) == 0
    await gone(*family)

    (folder / "hold").unlink()
    crew()
    over = await until(toolbox, actor, job.id, done)
    assert (over.state, over.attempts) == ("succeeded", 1)


async def test_nothing_is_left_of_a_crew_that_is_killed(
    toolbox: Toolbox, actor: Actor, crew: Start, folder: Path
) -> None:
    first = crew()
    job = await started(toolbox, actor, folder)
    family = [*children_of(first.pid), *horses(folder)]
    assert len(family) == 3
    first.kill()
    await gone(*family)

    (folder / "hold").unlink()
    crew()
    assert (await until(toolbox, actor, job.id, done)).state == "succeeded"


@pytest.mark.parametrize("server", ["postgres", "valkey"])
async def test_a_server_that_dies_in_the_middle_costs_the_job_nothing(
    toolbox: Toolbox, actor: Actor, crew: Start, folder: Path, settings: Settings, server: str
) -> None:
    crew()
    job = await started(toolbox, actor, folder)
    victim = server_pid(toolbox, settings, server)
    os.kill(victim, signal.SIGKILL)
    await gone(victim)
    (folder / "hold").unlink()

    over = await until(toolbox, actor, job.id, done)
    assert (over.state, over.attempts) == ("succeeded", 1)
    assert len(horses(folder)) == 1

    # And the next one runs too: the crew has found its way back.
    again = await jobs.start(toolbox, actor, "train", f"shop-{uuid4().hex[:6]}", arguments={"folder": str(folder)})
    assert (await until(toolbox, actor, again.id, done)).state == "succeeded"


def server_pid(toolbox: Toolbox, settings: Settings, server: str) -> int:
    """The embedded server of this home, by what it says of itself."""
    if server == "valkey":
        return int(toolbox.queue._redis.info("server")["process_id"])
    return int((places_of(settings).state / "postgres" / "postmaster.pid").read_text().split()[0])
