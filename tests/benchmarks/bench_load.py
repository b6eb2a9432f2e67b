"""Measures the web process under load: chats and REST clients side by side, one dead and one slow source among them.

    python -m tests.benchmarks.bench_load [--seconds 180] [--chats 50] [--clients 200] [--pause 5]

Each client comes with an API key of its own, asks, waits for the answer, pauses, and asks again; a chat pauses four
times as long, as people do. Wanted: no error, the 95th percentile of a guarded one-row query over REST at 100 ms or
less (what the emptiest route takes in the same run stands beside it), memory flat after the first third, and a model
that calls tools without end stopped at its budget. A source that does not answer and one that is slow are asked all the
while, and nobody else may feel it: `--without-ill` leaves them out, to compare.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import socketio

from tests.assistant.chat.conftest import SEED, Site
from tests.benchmarks.place import place, resident
from tests.openai_stub import Say, Step

ONE_ROW = "SELECT name, country FROM customers WHERE id = 7"
ANSWER = "All is well."
LOOPING = "go round and round"
TURN_SECONDS = 60


@dataclass
class Seen:
    """What some clients saw: milliseconds by what they did, and what went wrong."""

    times: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def took(self, what: str, begun: float) -> None:
        self.times.setdefault(what, []).append((time.perf_counter() - begun) * 1000)

    def add(self, other: "Seen") -> None:
        for what, times in other.times.items():
            self.times.setdefault(what, []).extend(times)
        self.faults += other.faults


class Endless(list[Step]):
    """A script that never ends: the instant model."""

    def pop(self, _index: Any = -1) -> Step:
        return reply


def reply(messages: list[dict[str, Any]]) -> Say:
    """Answer at once; who asks to go round and round gets a call of a tool, each time anew."""
    said = [message["content"] for message in messages if message["role"] == "user"]
    if said and LOOPING in str(said[-1]):
        return Say(calls=[("list_databases", {})])
    return Say(ANSWER)


async def rest_client(url: str, key: str, sql: str, until: float, pause: float, seen: Seen) -> None:
    """Ask one query again and again, and the emptiest route beside it."""
    async with aiohttp.ClientSession(headers={"X-API-Key": key}) as http:
        await asyncio.sleep(random.random() * pause)
        while time.time() < until:
            begun = time.perf_counter()
            async with http.get(f"{url}/healthz") as answer:
                await answer.read()
            seen.took("health", begun)
            begun = time.perf_counter()
            async with http.post(f"{url}/api/v1/databases/sales/query", json={"sql": sql}) as answer:
                body = await answer.json()
            if answer.status != 200:
                seen.faults[f"{answer.status} {body.get('detail', '')}"[:160]] += 1
            elif body["rows"] != [["Customer 7", "Spain"]]:
                seen.faults[f"wrong rows: {body['rows']}"[:160]] += 1
            seen.took("query", begun)
            await asyncio.sleep(pause * (0.5 + random.random()))


async def patient_client(url: str, database: str, sql: str, until: float, seen: Seen) -> None:
    """Ask a database that is slow or dead: it answers late, or an error in words does, and nobody else may feel it."""
    async with aiohttp.ClientSession() as http:
        while time.time() < until:
            begun = time.perf_counter()
            async with http.post(f"{url}/api/v1/databases/{database}/query", json={"sql": sql}) as answer:
                body = await answer.json()
            if answer.status != (502 if database == "dead" else 200):
                seen.faults[f"{database}: {answer.status} {body}"[:160]] += 1
            seen.took(f"query of the {database} one", begun)
            await asyncio.sleep(0.2)


async def chat_client(url: str, until: float, pause: float, *, seen: Seen, message: str = "a question") -> None:
    """One person in a browser tab, without the browser: each turn from the message to the end of the answer."""
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/auth/header") as answer:
            cookie = answer.headers["set-cookie"].split(";")[0]
        wire = socketio.AsyncClient(reconnection=False)
        words: list[str] = []
        begun_there, ended = asyncio.Event(), asyncio.Event()

        def begin(*_: Any) -> None:
            ended.clear()
            begun_there.set()

        async def turn_over() -> None:
            await begun_there.wait()
            await ended.wait()

        wire.on("task_start", begin)
        wire.on("task_end", lambda *_: ended.set())
        wire.on("stream_token", lambda data: words.append(data["token"]))
        wire.on("stream_start", lambda data: words.append(data["output"]))
        who = {"clientType": "webapp", "sessionId": str(uuid4()), "threadId": "", "userEnv": "{}", "chatProfile": ""}
        await wire.connect(
            url, socketio_path="/ws/socket.io", transports=["websocket"], auth=who, headers={"Cookie": cookie}
        )
        await wire.emit("connection_successful")
        async with asyncio.timeout(30):
            await turn_over()
        await asyncio.sleep(random.random() * pause)
        while time.time() < until:
            begun_there.clear()
            words.clear()
            begun = time.perf_counter()
            step = {"id": str(uuid4()), "name": "user", "type": "user_message", "output": message, "createdAt": None}
            await wire.emit("client_message", {"message": step, "fileReferences": []})
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await turn_over()
            except TimeoutError:
                seen.faults["a turn did not end"] += 1
            said = "".join(words)
            if (LOOPING if message == LOOPING else ANSWER) not in (LOOPING if "was stopped" in said else said):
                seen.faults[f"chat said {said!r}"[:160]] += 1
            seen.took("looping turn" if message == LOOPING else "turn", begun)
            await asyncio.sleep(pause * (0.5 + random.random()))
        await wire.disconnect()


def crowd(clients: list[tuple[Callable[..., Awaitable[None]], tuple[Any, ...]]]) -> Seen:
    """Run clients in this process; what one of them raises is a fault like any other."""

    async def run() -> Seen:
        seen = Seen()

        async def one(client: Callable[..., Awaitable[None]], arguments: tuple[Any, ...]) -> None:
            try:
                await client(*arguments, seen=seen)
            except Exception as error:  # noqa: BLE001  # a fault is what is counted here
                seen.faults[f"{type(error).__name__}: {error}"[:160]] += 1

        await asyncio.gather(*(one(client, arguments) for client, arguments in clients))
        return seen

    return asyncio.run(run())


class Cable:
    """A TCP line to a server that can be made slow; so slow that it is dead, though it stays open."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path, self.seconds, self.port = socket_path, 0.0, 0
        self._server: asyncio.Server | None = None

    async def lay(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _carry(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        far, onward = await asyncio.open_unix_connection(self._socket_path)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                await asyncio.sleep(self.seconds)
                target.write(data)
                await target.drain()
            target.close()

        with suppress(asyncio.CancelledError):  # the benchmark is over
            await asyncio.gather(pump(near, onward), pump(far, answer), return_exceptions=True)


async def register(site: Site, name: str, url: str) -> None:
    """Register and train a database over REST, as a client would."""
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{site.url}/api/v1/databases", json={"name": name, "url": url}) as answer:
            body = await answer.json()
            assert answer.status == 201, body
        async with asyncio.timeout(60):
            while True:
                async with http.get(f"{site.url}/api/v1/jobs/{body['job']['id']}") as answer:
                    job = await answer.json()
                if job["state"] == "succeeded":
                    return
                await asyncio.sleep(0.2)


async def make_keys(url: str, count: int) -> list[str]:
    """So many API keys."""
    keys = []
    async with aiohttp.ClientSession() as http:
        for number in range(count):
            async with http.post(f"{url}/api/v1/keys", json={"name": f"client {number}", "scope": "read"}) as answer:
                keys.append((await answer.json())["key"])
    return keys


async def measure(site: Site, socket: Path, options: argparse.Namespace) -> None:
    admin = await asyncpg.connect(host=str(socket.parent), user="app", database="postgres")
    await admin.execute("CREATE DATABASE load_source")
    await admin.close()
    there = await asyncpg.connect(host=str(socket.parent), user="app", database="load_source")
    await there.execute(SEED)
    await there.close()
    slow, dead = Cable(str(socket)), Cable(str(socket))
    await slow.lay()
    await dead.lay()
    straight = f"postgresql://app@/load_source?host={socket.parent}"
    await register(site, "sales", straight)
    await register(site, "slow", f"postgresql://app@127.0.0.1:{slow.port}/load_source")
    await register(site, "dead", f"postgresql://app@127.0.0.1:{dead.port}/load_source")
    slow.seconds, dead.seconds = 0.1, 86_400

    keys = await make_keys(site.url, options.clients)
    begun, until = time.time(), time.time() + options.seconds
    rest = [(rest_client, (site.url, key, ONE_ROW, until, options.pause)) for key in keys]
    ill = [(patient_client, (site.url, name, ONE_ROW, until)) for name in ("dead", "slow")] * 2
    ill = [] if options.without_ill else ill
    chats = [(chat_client, (site.url, until, options.pause * 4))] * options.chats
    loops = [(partial(chat_client, message=LOOPING), (site.url, until, options.pause * 4))]
    memory: list[tuple[float, float]] = []
    busy = spent(site.web.pid)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        CROWDS[:] = [rest + ill, chats + loops]
        parts = [loop.run_in_executor(pool, crowd_number, number) for number in (0, 1)]
        while not all(part.done() for part in parts):
            memory.append((time.time() - begun, resident(site.web.pid)))
            await asyncio.wait(parts, timeout=1)
        seen = Seen()
        for part in parts:
            seen.add(part.result())
    show(seen, memory, options)
    print(f"  web process: {(spent(site.web.pid) - busy) / (time.time() - begun):.0%} of a processor")


CROWDS: list[Any] = []
"""What the forked processes run; functions do not travel to them, an index does."""


def crowd_number(number: int) -> Seen:
    return crowd(CROWDS[number])


def spent(pid: int) -> float:
    """Seconds of a processor that a process has had (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(seen: Seen, memory: list[tuple[float, float]], options: argparse.Namespace) -> None:
    print(f"{options.clients} REST clients and {options.chats} chats for {options.seconds:.0f} s")
    print(f"  faults: {json.dumps(dict(seen.faults.most_common(8)), indent=4) if seen.faults else 'none'}")
    for what, times in sorted(seen.times.items()):
        times.sort()
        at = f"p95 {times[int(len(times) * 0.95)]:7.1f} ms, worst {times[-1]:7.1f} ms"
        print(f"  {what:24} {len(times):6} times, median {statistics.median(times):7.1f} ms, {at}")
    p95 = {what: times[int(len(times) * 0.95)] for what, times in seen.times.items()}
    print(f"  guarded query over the emptiest route, at p95: {p95['query'] / p95['health']:.1f}x")
    warm = [size for second, size in memory if second > options.seconds / 3]
    print(f"  web process: {warm[0]:.0f} MB after a third of the time, {warm[-1]:.0f} MB at the end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--chats", type=int, default=50)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--pause", type=float, default=5, help="seconds between two queries of a client, on average")
    parser.add_argument("--without-ill", action="store_true", help="no slow and no dead source")
    options = parser.parse_args()
    with place() as here:
        assert here.settings.database_url is not None
        url = here.settings.database_url.get_secret_value()
        here.stub.script = Endless([reply])
        socket = next(Path(url.split("host=")[1].split("&")[0]).glob(".s.PGSQL.*[0-9]"))
        with here.product(TABLETALK_QUERY_SECONDS="5", TABLETALK_REQUESTS_PER_MINUTE="100000") as site:
            asyncio.run(measure(site, socket, options))
            shutil.copy(site.log, Path(tempfile.gettempdir()) / "tabletalk-load.log")


if __name__ == "__main__":
    main()
