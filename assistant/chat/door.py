"""What Chainlit's callbacks have at hand: Chainlit calls plain functions, so the toolbox waits for them here."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import chainlit as cl
import structlog

from assistant.address import client_address
from assistant.chat.herald import tell_forever
from assistant.chat.history import ChatHistory
from tools.errors import NotAllowed, StoreUnavailable
from tools.jobs.patience import patiently
from tools.toolbox import Actor, Toolbox

log = logging.getLogger(__name__)

TURN_SECONDS = 20
"""How long one waits for a store that is restarting, before that is said."""


@dataclass
class Door:
    """The open toolbox, the conversations, and the background tasks that push to browsers."""

    box: Toolbox
    history: ChatHistory
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the turn, in its Chainlit session; a second one of the same name replaces the first."""
        if name in self.tasks:
            self.tasks[name].cancel()
        task = self.tasks[name] = asyncio.create_task(work)
        task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self.tasks.get(name) is task:
            del self.tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a card is no longer followed: %s", error)


_open: list[Door] = []
"""The one open door. Chainlit keeps its callbacks in one registry per process, so one is all there can be."""


@asynccontextmanager
async def open_door(box: Toolbox) -> AsyncIterator[Door]:
    """Let Chainlit's callbacks use `box` for the length of the block."""
    door = Door(box, ChatHistory(box))
    _open.append(door)
    telling = asyncio.create_task(tell_forever(box, door.history))
    telling.add_done_callback(_told)
    try:
        yield door
    finally:
        _open.remove(door)
        running = [*door.tasks.values(), telling]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the ends of jobs are told no more", exc_info=error)


def door() -> Door:
    """Give the open door; StoreUnavailable before the start and after the end of the web process."""
    if not _open:
        raise StoreUnavailable("Tabletalk is starting; try again in a moment.")
    return _open[-1]


async def actor() -> Actor:
    """Give the person whose browser this is, in the conversation in hand.

    A store that restarts is waited for: what was typed or pressed just now need not be done again.
    """
    session = cl.context.session
    if session.user is None:
        raise NotAllowed("Sign in first.")
    thread_id, name = session.thread_id, session.user.identifier
    person = await patiently(lambda: door().history.person_in(thread_id, name), TURN_SECONDS)
    structlog.contextvars.bind_contextvars(user_id=str(person.user_id), conversation_id=thread_id)
    return person.model_copy(update={"conversation_id": thread_id, "address": client_address()})
