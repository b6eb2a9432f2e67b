"""Server-sent events: what happens, told as it happens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

EVENTS = "text/event-stream"

PULSE_SECONDS = 15
"""A line that says nothing keeps proxies from closing a quiet stream."""

DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"content": {EVENTS: {"schema": {"type": "string"}}}, "description": "JSON, or events as they happen"}
}
"""For routes that answer JSON or, when it is asked for, a stream."""


def wanted(request: Request) -> bool:
    """Tell whether the caller asks for a stream."""
    return EVENTS in request.headers.get("accept", "")


def stream(events: AsyncIterator[str]) -> StreamingResponse:
    """Answer with a stream of events; proxies are told not to hold it back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_pulsing(events), media_type=EVENTS, headers=headers)


def event(type_: str, data: BaseModel, number: int | None = None) -> str:
    """Write one event; with `number` a reader that lost the line can say where it was."""
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {type_}\ndata: {data.model_dump_json()}\n\n"


async def _pulsing(events: AsyncIterator[str]) -> AsyncIterator[str]:
    following = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait((following,), timeout=PULSE_SECONDS)
            if not done:
                yield ": still here\n\n"
                continue
            line = following.result()
            if line is None:
                return
            yield line
            following = asyncio.ensure_future(anext(events, None))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
