"""Limits hold over all processes, over a moving window, and in this process alone while Redis is away."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tools.limiter import Limiter, looking, taking
from tools.settings import Settings


@pytest.fixture
async def limiter(settings: Settings) -> AsyncIterator[Limiter]:
    assert settings.redis_url is not None
    opened = Limiter(settings.redis_url.get_secret_value())
    yield opened
    await opened.close()


async def test_two_processes_count_together(limiter: Limiter, settings: Settings) -> None:
    assert settings.redis_url is not None
    other, who = Limiter(settings.redis_url.get_secret_value()), uuid4().hex
    rooms = await asyncio.gather(*((limiter, other)[turn % 2].take("5/hour", "door", who) for turn in range(12)))
    assert sorted(room.free for room in rooms) == [False] * 7 + [True] * 5
    full = await other.look("5/hour", "door", who)
    assert (full.free, full.remaining) == (False, 0) and 3500 < full.seconds <= 3600
    assert (await limiter.take("5/hour", "door", "somebody else")).remaining == 4
    await limiter.forget("5/hour", "door", who)
    assert (await other.take("5/hour", "door", who)).free
    await other.close()


async def test_what_lies_behind_the_window_counts_no_more(limiter: Limiter) -> None:
    who = uuid4().hex
    assert [(await limiter.take("2/second", who)).free for _ in range(3)] == [True, True, False]
    async with asyncio.timeout(30):
        while not (await limiter.look("2/second", who)).free:
            await asyncio.sleep(0.05)


async def test_several_questions_are_answered_at_once_and_looking_counts_nothing(limiter: Limiter) -> None:
    who = uuid4().hex
    for left in (2, 1, 0):
        looked, taken = await limiter.rooms(looking("3/hour", "a", who), taking("3/hour", "b", who))
        assert (looked.remaining, taken.remaining) == (3, left)
        assert looked.free and taken.free
    assert not (await limiter.take("3/hour", "b", who)).free


async def test_without_redis_this_process_counts_alone() -> None:
    limiter = Limiter("redis://127.0.0.1:1/0")
    found = [await limiter.take("2/minute", "door", "ada") for _ in range(3)]
    assert [room.free for room in found] == [True, True, False]
    assert found[2].remaining == 0 and 0 < found[2].seconds <= 60
    await limiter.forget("2/minute", "door", "ada")
    assert (await limiter.rooms(looking("2/minute", "door", "ada")))[0].remaining == 2
    await limiter.close()
