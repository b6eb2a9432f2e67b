"""A local server that speaks the OpenAI chat protocol (streaming) and answers from a script."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse


@dataclass
class Say:
    """One scripted reply: text, or calls of tools as (name, arguments), or an HTTP error."""

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200


Step = Say | Callable[[list[dict[str, Any]]], Say]
"""A reply, or a function of the messages so far that makes one."""


class Stub:
    """The server's script and what it was sent."""

    def __init__(self) -> None:
        self.script: list[Step] = []
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    def app(self) -> FastAPI:
        """The web application: one route, as in the real protocol."""
        app = FastAPI()

        @app.post("/v1/chat/completions", response_model=None)
        async def complete(request: Request) -> JSONResponse | StreamingResponse:
            body = await request.json()
            self.requests.append(body)
            step = self.script.pop(0) if self.script else Say("The script is over.")
            say = step if isinstance(step, Say) else step(body["messages"])
            if say.status != 200:
                return JSONResponse({"error": {"message": "scripted failure", "type": "server_error"}}, say.status)
            if body.get("stream"):
                return StreamingResponse(_chunks(say, body["model"]), media_type="text/event-stream")
            return JSONResponse(_whole(say, body["model"]))

        return app


def _calls(say: Say) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call_{index}_{abs(hash((name, json.dumps(args, sort_keys=True)))) % 10**9}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(args)},
        }
        for index, (name, args) in enumerate(say.calls)
    ]


async def _chunks(say: Say, model: str) -> AsyncIterator[str]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return (
            "data: "
            + json.dumps(
                {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
            )
            + "\n\n"
        )

    yield chunk({"role": "assistant", "content": ""})
    for word in say.text.split(" ") if say.text else []:
        yield chunk({"content": word + " "})
        await asyncio.sleep(0)
    for call in _calls(say):
        yield chunk({"tool_calls": [call]})
    yield chunk({}, "tool_calls" if say.calls else "stop")
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    yield (
        "data: "
        + json.dumps(
            {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [], "usage": usage}
        )
        + "\n\n"
    )
    yield "data: [DONE]\n\n"


def _whole(say: Say, model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": say.text or None, "tool_calls": _calls(say) or None}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if say.calls else "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


@contextmanager
def serve() -> Iterator[Stub]:
    """Run the stub on a free loopback port; `stub.url` is the base URL to set as OPENAI_BASE_URL."""
    stub = Stub()
    server = uvicorn.Server(uvicorn.Config(stub.app(), host="127.0.0.1", port=0, log_level="warning"))
    socket = server.config.bind_socket()
    stub.url = f"http://127.0.0.1:{socket.getsockname()[1]}/v1"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.should_exit = True
        thread.join(10)
