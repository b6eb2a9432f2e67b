"""Two web processes on one store and queue behind a sticky proxy, and workers of two hosts."""

import asyncio
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import socketio

from assistant.accounts import local_person
from tests.assistant.chat.conftest import Site, new_source, serving
from tests.openai_stub import Say, serve
from tools import databases, jobs
from tools.jobs import Job
from tools.settings import Settings
from tools.toolbox import open_toolbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

README = (Path(__file__).parents[2] / "README.md").read_text()
ADDRESSES = ("127.0.0.2", "127.0.0.3")
"""Where visitors come from: the proxy sends the first to one web process, the second to the other."""
PATIENCE = 60


@dataclass
class Pair:
    """The two hosts, each with a web process and a worker in a home of its own."""

    sites: tuple[Site, Site]
    settings: Settings


@pytest.fixture(scope="module")
def pair(settings: Settings) -> Iterator[Pair]:
    with ExitStack() as stack:
        stub = stack.enter_context(serve())
        source = stack.enter_context(new_source(settings))
        homes = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tabletalk-host-"))) for _ in range(2)]
        sites = [stack.enter_context(serving(settings, stub, source, home, **FEW)) for home in homes]
        yield Pair((sites[0], sites[1]), settings)


FEW = {"TABLETALK_REQUESTS_PER_MINUTE": "6"}


@asynccontextmanager
async def proxy(pair: Pair) -> AsyncIterator[str]:
    """Carry each line to the web process that its address belongs to, as the proxy of the README does."""

    async def carry(near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        site = pair.sites[ADDRESSES.index(answer.get_extra_info("peername")[0])]
        far, onward = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(pump(near, onward), pump(far, answer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class Visitor:
    """A browser without a screen: a socket to the chat, and what came over it."""

    def __init__(self, url: str, address: str) -> None:
        self.url = url
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0)))
        self.thread = ""
        self.said: list[str] = []
        self._news = asyncio.Event()

    async def open(self) -> None:
        """Open the chat and wait until it listens."""
        async with self.http.post(f"{self.url}/auth/header") as answer:
            cookie = answer.headers["set-cookie"].split(";")[0]
        self.wire = socketio.AsyncClient(reconnection=False, http_session=self.http)
        self.wire.on("new_message", lambda step: self._hear(step["output"]))
        self.wire.on("update_message", lambda step: self._hear(step["output"]))
        self.wire.on("stream_token", lambda data: self._hear(data["token"]))
        self.wire.on("first_interaction", self._begun)
        self.wire.on("task_end", lambda *_: self._hear("(over)"))
        who = {"clientType": "webapp", "sessionId": str(uuid4()), "threadId": "", "userEnv": "{}", "chatProfile": ""}
        headers = {"Cookie": cookie}
        await self.wire.connect(
            self.url, socketio_path="/ws/socket.io", transports=["websocket"], auth=who, headers=headers
        )
        await self.wire.emit("connection_successful")
        await self.hears("(over)")

    async def say(self, text: str) -> None:
        """Say something and wait for the end of the turn."""
        self.said.clear()
        step = {"id": str(uuid4()), "name": "user", "type": "user_message", "output": text, "createdAt": None}
        await self.wire.emit("client_message", {"message": step, "fileReferences": []})

    async def hears(self, words: str) -> None:
        """Wait until the words have come."""
        async with asyncio.timeout(PATIENCE):
            while words not in "".join(self.said):
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        """Leave."""
        await self.wire.disconnect()
        await self.http.close()

    def _hear(self, text: str) -> None:
        self.said.append(text)
        self._news.set()

    def _begun(self, data: dict[str, Any]) -> None:
        self.thread = data["thread_id"]
        self._news.set()


async def register(pair: Pair) -> str:
    name = f"sales_{uuid4().hex[:6]}"
    async with aiohttp.ClientSession() as http:
        body = {"name": name, "url": pair.sites[0].source}
        async with http.post(f"{pair.sites[0].url}/api/v1/databases", json=body) as answer:
            assert answer.status == 201, await answer.text()
            job = (await answer.json())["job"]["id"]
        assert (await over(pair, job)).state == "succeeded"
    return name


async def over(pair: Pair, job_id: int) -> Job:
    """The job, once a worker has ended it."""
    async with open_toolbox(pair.settings) as box, asyncio.timeout(PATIENCE):
        person = await local_person(box.store)
        while (job := await jobs.get(box, person, job_id)).live:
            await asyncio.sleep(0.1)
        return job


async def test_what_ends_is_told_where_its_conversation_is_open(pair: Pair) -> None:
    name = await register(pair)
    pair.sites[0].stub.script[:] = [Say("Good morning."), Say("Good evening.")]
    async with proxy(pair) as url, open_toolbox(pair.settings) as box:
        visitors = [Visitor(url, address) for address in ADDRESSES]
        for visitor, words in zip(visitors, ("Good morning", "Good evening"), strict=True):
            await visitor.open()
            await visitor.say("hello")
            await visitor.hears(words)
            await visitor.hears("(over)")
        person = await local_person(box.store)
        assert len({visitor.thread for visitor in visitors}) == 2
        for turn in range(4):
            here, elsewhere = visitors[turn % 2], visitors[1 - turn % 2]
            here.said.clear()
            elsewhere.said.clear()
            author = person.model_copy(update={"conversation_id": here.thread})
            job = await jobs.start(box, author, "train", name, database_id=await database_id(pair, name))
            await here.hears(f"{job.title} is done.")
            assert job.title not in "".join(elsewhere.said)
        for visitor in visitors:
            await visitor.close()


async def database_id(pair: Pair, name: str) -> Any:
    async with open_toolbox(pair.settings) as box:
        return (await databases.get(box, await local_person(box.store), name)).id


async def test_what_one_process_keeps_the_other_reads_counts_and_ends(pair: Pair) -> None:
    name = await register(pair)
    first, second = (f"{site.url}/api/v1" for site in pair.sites)
    async with aiohttp.ClientSession() as http:
        sql = {"sql": "SELECT count(*) FROM customers"}
        async with http.post(f"{second}/databases/{name}/query", json=sql) as answer:  # its password is opened there
            assert (await answer.json())["rows"] == [[30]]
        async with http.post(f"{first}/keys", json={"name": uuid4().hex[:8], "scope": "read"}) as answer:
            key = await answer.json()
        bearing = {"Authorization": f"Bearer {key['key']}"}
        seen = []
        for turn in range(7):
            async with http.get(f"{(first, second)[turn % 2]}/databases", headers=bearing) as answer:
                seen.append(answer.status)
        assert seen == [200] * 6 + [429]
        async with http.delete(f"{first}/keys/{key['about']['id']}") as answer:
            assert answer.status in (200, 204)
        async with http.get(f"{second}/databases", headers=bearing) as answer:
            assert answer.status == 401


async def test_the_worker_of_one_host_does_what_the_other_one_started(pair: Pair) -> None:
    name = await register(pair)
    async with open_toolbox(pair.settings) as box:
        assert len((await box.queue.stats()).workers) >= 2
    gone = pair.sites[0].worker
    gone.send_signal(signal.SIGTERM)
    gone.wait(PATIENCE)
    async with aiohttp.ClientSession() as http:
        body = {"tables": "*", "force": True}
        async with http.post(f"{pair.sites[0].url}/api/v1/databases/{name}/training", json=body) as answer:
            job = await answer.json()
        assert (await over(pair, job["id"])).state == "succeeded"
        async with http.get(f"{pair.sites[1].url}/api/v1/jobs/{job['id']}") as answer:
            assert (await answer.json())["state"] == "succeeded"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not there to read its configuration")
def test_nginx_takes_the_configuration_of_the_readme(tmp_path: Path) -> None:
    found = re.search(r"```nginx\n(.*?)```", README, re.DOTALL)
    assert found is not None
    told = found[1].replace("chat1.internal", "127.0.0.1").replace("chat2.internal", "127.0.0.2")
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{told}\n}}\n")
    checked = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-c", str(whole)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
