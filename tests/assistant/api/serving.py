"""The API on a socket of its own, in a thread of this process: for whoever must speak real HTTP to it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.assistant.api.conftest import mounted
from tools.settings import Settings
from tools.toolbox import Actor, open_toolbox


@contextmanager
def serving(settings: Settings, person: Actor | None = None) -> Iterator[str]:
    """Serve until the end of the block; gives the URL below which everything lies."""
    ready, failed = threading.Event(), list[BaseException]()
    listening = socket.create_server(("127.0.0.1", 0))
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        async with open_toolbox(settings) as box:
            app, _ = mounted(box, person)
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
            servers.append(server)
            ready.set()
            await server.serve([listening])

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  # told in the other thread
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    assert not failed, failed
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        servers[0].should_exit = True
        thread.join(30)
    assert not failed, failed
