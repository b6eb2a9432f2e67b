"""Cards on the screen: shown under their message, drawn again when their rows change."""

import asyncio
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import chainlit as cl
from chainlit.session import WebsocketSession
from chainlit.types import ThreadDict

from assistant.chat import draw_job
from assistant.chat.cards import Drawn, StoredCard, draw, element
from assistant.chat.door import actor, door
from tools import jobs
from tools.cards import Card
from tools.jobs.patience import end
from tools.toolbox import Actor

BOARD_SECONDS = 0.5
LOOK_SECONDS = 30


async def say(text: str, *cards: Card) -> None:
    """Show a message with `cards` under it."""
    message = await cl.Message(text).send()
    for card in cards:
        await show_data(message.thread_id, message.id, card.model_dump(mode="json"))


async def show_under(above: StoredCard, card: Card) -> None:
    """Show `card` below another one, in the same message."""
    await show_data(above.thread_id, above.step_id, card.model_dump(mode="json"))


async def show_data(thread_id: str, step_id: str, data: dict[str, Any]) -> None:
    """Show a new card under the message `step_id`."""
    await show_card(StoredCard(id=str(uuid4()), thread_id=thread_id, step_id=step_id, data=data))


async def show_card(card: StoredCard) -> None:
    """Keep `card` and draw it; one with live jobs then moves by itself."""
    await door().history.save_card(card)
    person = await actor()
    await watch(person, card, await _send(person, card))


async def redraw(card: StoredCard) -> Drawn:
    """Draw `card` as its rows stand now, and send it to the browser."""
    return await _send(await actor(), card)


async def _send(person: Actor, card: StoredCard) -> Drawn:
    drawn = await draw(door().box, person, card)
    await cl.context.emitter.send_element(element(card, drawn))
    return drawn


async def change(card: StoredCard, **data: Any) -> Drawn:
    """Keep what a person decided on `card`, and draw it anew."""
    changed = card.model_copy(update={"data": {**card.data, **data}})
    await door().history.save_card(changed)
    return await redraw(changed)


async def watch(person: Actor, card: StoredCard, drawn: Drawn) -> None:
    """Follow every live job of `card`, each beside the turn; a whole board follows all of the workspace."""
    if card.whole_board:
        door().spawn(f"{cl.context.session.id} {card.id}", _follow_all(person, card))
    for shown in drawn.props.get("jobs", []):
        if shown["live"]:
            door().spawn(f"{cl.context.session.id} {card.id} {shown['id']}", _follow(person, card, drawn, shown["id"]))


async def catch_up(thread: ThreadDict) -> None:
    """Show what came into a conversation while the browser was being given it as it stood a moment before."""
    now = await door().history.get_thread(thread["id"])
    if now is None:
        return
    shown = {one["id"] for one in (*thread["steps"], *(thread["elements"] or ()))}
    for step in now["steps"]:
        if step["id"] not in shown:
            await cl.context.emitter.send_step(step)
    for card in now["elements"] or ():
        if card["id"] not in shown:
            await cl.context.emitter.send_element(card)


async def _follow(person: Actor, card: StoredCard, drawn: Drawn, job_id: int) -> None:
    session, emitter = cl.context.session, cl.context.emitter
    async with aclosing(jobs.follow(door().box, person, job_id)) as states:
        async for job in states:
            if WebsocketSession.get_by_id(session.id) is None:
                return
            # Several jobs of one board share `drawn`: each replaces its own line.
            lines = drawn.props["jobs"]
            at = next(index for index, line in enumerate(lines) if line["id"] == job_id)
            lines[at] = draw_job.props(job)
            await emitter.send_element(element(card, drawn))


async def _follow_all(person: Actor, card: StoredCard) -> None:
    """Draw a board again when jobs of the workspace have changed, twice a second at most."""
    session, emitter, news = cl.context.session, cl.context.emitter, asyncio.Event()
    listening = asyncio.create_task(_listen(jobs.workspace_channel(person.workspace_id), news))
    try:
        while WebsocketSession.get_by_id(session.id) is not None:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await news.wait()
            except TimeoutError:
                continue  # only to see whether somebody still looks
            await asyncio.sleep(BOARD_SECONDS)  # what comes meanwhile is in the picture too
            news.clear()
            await emitter.send_element(element(card, await draw(door().box, person, card)))
    finally:
        await end(listening)


async def _listen(channel: str, news: asyncio.Event) -> None:
    async with aclosing(door().box.queue.subscribe(channel)) as messages:
        async for _ in messages:
            news.set()
