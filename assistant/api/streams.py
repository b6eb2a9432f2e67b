"""Server-sent events: what happens, told as it happens."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from tools.jobs.patience import end

EVENTS = "text/event-stream"

PULSE_SECONDS = 15
"""A line that says nothing keeps proxies from closing a quiet stream."""

AHEAD = 16
"""Events that may wait for a slow reader before what makes them has to wait too."""

DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"content": {EVENTS: {"schema": {"type": "string"}}}, "description": "JSON, or events as they happen"}
}
"""For routes that answer JSON or, when it is asked for, a stream."""


def wanted(request: Request) -> bool:
    """Tell whether the caller asks for a stream."""
    return EVENTS in request.headers.get("accept", "")


def stream(events: AsyncGenerator[str, None]) -> StreamingResponse:
    """Answer with a stream of events; proxies are told not to hold it back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_pulsing(events), media_type=EVENTS, headers=headers)


def event(type_: str, data: BaseModel, number: int | None = None) -> str:
    """Write one event; with `number` a reader that lost the line can say where it was."""
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {type_}\ndata: {data.model_dump_json()}\n\n"


async def _pulsing(events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """The events, and a line that says nothing whenever there is none for a while.

    One task runs through them from beginning to end: what they hold open (a model's answer, a trace) belongs to it.
    """
    lines = asyncio.Queue[str | None](maxsize=AHEAD)

    async def run() -> None:
        try:
            async with aclosing(events):
                async for line in events:
                    await lines.put(line)
        finally:
            await lines.put(None)

    running = asyncio.create_task(run())
    try:
        while True:
            try:
                async with asyncio.timeout(PULSE_SECONDS):
                    line = await lines.get()
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if line is None:
                break
            yield line
        await running  # raises what went wrong, so that the line breaks off instead of ending well
    finally:
        await end(running)
