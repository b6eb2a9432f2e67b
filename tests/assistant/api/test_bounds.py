"""What a request may take, and what becomes of one that takes more, cannot be read, or fails inside."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from assistant.api.bounds import Bounds
from tools.settings import Settings

SETTINGS = Settings(request_bytes=1000, request_seconds=0.2, _env_file=None)


def client(answer: Callable[[Request], Any]) -> httpx.AsyncClient:
    """A client of an application that answers so, within bounds."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(Bounds(app, SETTINGS)), base_url="http://localhost")


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def test_what_is_within_passes() -> None:
    async with client(echo) as opened:
        assert (await opened.post("/x", content=b"a" * 1000)).content == b"a" * 1000


async def test_what_is_too_big_is_refused_before_it_is_read() -> None:
    async with client(echo) as opened:
        answer = await opened.post("/x", content=b"a" * 1001)
    assert (answer.status_code, answer.json()["detail"]) == (413, "A request has at most 1,000 bytes.")


@pytest.mark.parametrize("path", ["/a%00b", "/a?x=%00", "/%ff", "/a?x=%C3%28"])
async def test_an_address_that_is_no_text_is_refused(path: str) -> None:
    async with client(echo) as opened:
        assert (await opened.get(path)).status_code == 400


async def test_what_takes_too_long_is_ended_and_told() -> None:
    ended = asyncio.Event()

    async def forever(_request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Response()

    async with client(forever) as opened:
        answer = await opened.get("/x")
    assert answer.status_code == 504
    assert "No answer within 0.2 s" in answer.json()["detail"]
    assert ended.is_set()


async def test_a_stream_that_has_begun_goes_on() -> None:
    async def words() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0.5)  # past the bound, which held for the beginning alone
        yield b"two"

    async def stream(_request: Request) -> Response:
        return StreamingResponse(words())

    async with client(stream) as opened:
        assert (await opened.get("/x")).text == "one two"


async def test_what_fails_inside_tells_nothing_of_the_inside() -> None:
    async def fail(_request: Request) -> Response:
        raise ValueError("postgresql://app:hunter2@db/store")

    async with client(fail) as opened:
        answer = await opened.get("/x")
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal error")
    assert "hunter2" not in answer.text
    assert "ValueError" not in answer.text


async def test_a_client_that_leaves_is_no_failure() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": []}
    with capture_logs() as lines:
        await Bounds(app, SETTINGS)(scope, receive, send)
    assert sent == []
    assert [line["log_level"] for line in lines] == ["info"]


async def test_what_grows_too_big_on_the_way_is_cut_off() -> None:
    """Sent in pieces, without its length."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 100

    async with client(echo) as opened:
        assert (await opened.post("/x", content=pieces())).status_code == 413
