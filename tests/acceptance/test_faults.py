"""Everything that Tabletalk stands on is killed, one at a time, in the middle of a training: nothing may be lost."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from assistant import conversation
from assistant.accounts import local_person
from assistant.events import Done, Shown
from tools import databases, jobs, queries, schemas
from tools.embedded import servers
from tools.settings import Settings
from tools.store.models import LIVE_STATES
from tools.toolbox import Actor, Toolbox, open_toolbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
TABLES = 300
"""So many that the training is still under way when the blow falls."""

MAKE_TABLES = f"""
DO $$ BEGIN FOR i IN 1..{TABLES} LOOP
    EXECUTE format('CREATE TABLE parcel_%s (id int PRIMARY KEY, town text, weight int)', i);
    EXECUTE format('INSERT INTO parcel_%s SELECT n, ''town '' || n %% 7, n FROM generate_series(1, 50) n', i);
END LOOP; END $$
"""


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        yield Settings(home=Path(folder), port=port, demo=False, database_url=None, redis_url=None, _env_file=None)


@pytest.fixture(scope="module")
def supervisor(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant.cli", "up"],
        cwd=ROOT,
        env=settings.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        if "ready" in line:
            break
    else:
        pytest.fail("".join(told))
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def children(pid: int) -> dict[int, str]:
    """Direct children of a process: id -> command line."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, IndexError):
            continue  # it has ended meanwhile
        if parent == pid:
            found[int(entry.name)] = command
    return found


def victim(supervisor: subprocess.Popen[str], what: str) -> int:
    return next(pid for pid, command in children(supervisor.pid).items() if what in command)


async def over(box: Toolbox, actor: Actor, job_id: int) -> jobs.Job:
    async with asyncio.timeout(180):
        async for job in jobs.follow(box, actor, job_id):
            if job.state not in LIVE_STATES:
                return job
    raise AssertionError("the job was no longer followed before it was over")


async def healthy(settings: Settings) -> None:
    """Wait until the web process answers again."""
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}") as web:
        while True:
            try:
                if (await web.get("/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def ask(box: Toolbox, actor: Actor, question: str) -> object:
    """Ask and give the number that comes back."""
    shown = None
    async for event in conversation.run(box, actor, question):
        if isinstance(event, Shown) and event.card.type == "result":
            shown = await queries.get_query(box, actor, event.card.query_id)
    assert isinstance(event, Done)
    assert shown is not None and shown.result is not None
    return shown.result.rows[0][0]


@pytest.mark.parametrize("what", ["-m workers", "postgres", "valkey", "assistant.web"])
async def test_a_kill_in_the_middle_of_a_training_loses_nothing(
    settings: Settings, supervisor: subprocess.Popen[str], what: str
) -> None:
    name = f"parcels_{uuid4().hex[:6]}"
    with servers(settings) as filled:
        assert filled.database_url is not None
        url = filled.database_url.get_secret_value()
        admin = await asyncpg.connect(url)
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        there = await asyncpg.connect(url, database=name)
        await there.execute(MAKE_TABLES)
        await there.close()
        async with open_toolbox(filled) as box:
            actor = await local_person(box.store)
            here = actor.model_copy(update={"conversation_id": uuid4().hex})
            address = databases.address_from_url(url).model_copy(update={"database": name})
            await databases.register(box, actor, name, address)
            await schemas.refresh(box, actor, name)
            assert await ask(box, here, f"run this SQL in {name}: SELECT count(*) AS parcels FROM parcel_1") == 50
            job = await schemas.start_training(box, actor, name)
            async for state in jobs.follow(box, actor, job.id):
                assert state.state in LIVE_STATES, "the training was over before the blow; make more tables"
                if state.progress > 5:
                    break
            os.kill(victim(supervisor, what), signal.SIGKILL)

            ended = await over(box, actor, job.id)
            assert (ended.state, ended.error) == ("succeeded", None)
            assert [one.trained for one in await schemas.status(box, actor, name)] == [TABLES]
            await healthy(settings)
            # The same conversation goes on: what was said before the blow is still there.
            assert await ask(box, here, "run this SQL: SELECT count(*) AS parcels FROM parcel_2") == 50
            said = await queries.list_queries(box, actor, conversation_id=here.conversation_id)
            assert len(said) == 2
            await databases.forget(box, actor, name, approved_by=actor.user_id)
