"""Streams of events: one task from end to end, a pulse in silence, and an end when nobody reads."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from assistant.api import streams


async def read(events: AsyncGenerator[str, None]) -> list[str]:
    return [str(line) async for line in streams.stream(events).body_iterator]


async def test_one_task_makes_all_events() -> None:
    tasks = set()

    async def events() -> AsyncGenerator[str, None]:
        for number in range(40):
            tasks.add(asyncio.current_task())
            yield f"{number}"

    assert await read(events()) == [f"{number}" for number in range(40)]
    assert len(tasks) == 1


async def test_silence_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PULSE_SECONDS", 0.01)
    pulse = asyncio.Event()

    async def events() -> AsyncGenerator[str, None]:
        await pulse.wait()
        yield "at last"

    seen = []
    async for line in streams.stream(events()).body_iterator:
        seen.append(line)
        pulse.set()
    assert (seen[0], seen[-1]) == (": still here\n\n", "at last")


async def test_what_goes_wrong_breaks_the_stream_off() -> None:
    async def events() -> AsyncGenerator[str, None]:
        yield "one"
        raise ValueError("went wrong")

    body = aiter(streams.stream(events()).body_iterator)
    assert await anext(body) == "one"
    with pytest.raises(ValueError, match="went wrong"):
        await anext(body)


async def test_a_reader_that_leaves_ends_what_it_read() -> None:
    ended = asyncio.Event()

    async def events() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "more"
        finally:
            ended.set()

    body = streams.stream(events()).body_iterator
    assert await anext(aiter(body)) == "more"
    await body.aclose()  # type: ignore[attr-defined]  # a generator
    async with asyncio.timeout(5):
        await ended.wait()
