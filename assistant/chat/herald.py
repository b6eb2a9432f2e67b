"""Telling a conversation what came of work that nobody watched: at once where it is open, else when it is opened."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from chainlit.emitter import ChainlitEmitter
from chainlit.server import sio
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.step import StepDict
from chainlit.utils import utc_now

from assistant.chat import draw_drift
from assistant.chat.cards import StoredCard, draw, element
from assistant.chat.history import ChatHistory
from tools import jobs
from tools.cards import Card, DriftCard, JobCard, ResultCard
from tools.errors import StoreUnavailable
from tools.jobs import Job
from tools.jobs.patience import end
from tools.toolbox import Actor, Toolbox
from tools.words import counted

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How late an end is told whose message was lost."""
OTHERS_FIRST = timedelta(seconds=3)
"""How long a web process that does not have the conversation open leaves it to one that may."""
NAMESPACE = UUID("7d7a7e2c-58f5-4e0b-9a43-0d6a3f3a1f6e")

ENDS = {
    "succeeded": "is done.",
    "partial": "is only partly done.",
    "empty": "found nothing to do.",
    "failed": "failed.",
}


async def tell_forever(box: Toolbox, history: ChatHistory) -> None:
    """Tell of every job that ends, as soon as it does; what ended while no web process ran is told first."""
    news = asyncio.Event()
    listening = asyncio.create_task(_listen(box, news))
    try:
        while True:
            news.clear()
            try:
                await tell(box, history)
            except StoreUnavailable as error:
                log.warning("jobs are not told of: %s", error)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await news.wait()
                    await asyncio.sleep(jobs.told.SETTLED.total_seconds() + 0.1)
            except TimeoutError:
                pass  # no message came: look all the same
    finally:
        await end(listening)


async def tell(box: Toolbox, history: ChatHistory) -> int:
    """Tell of what has ended and was not told of yet; gives how many messages that made."""
    made = 0
    for job in await jobs.untold(box):
        here = bool(_open_sessions(str(job.conversation_id)))
        if not here and job.finished_at is not None and datetime.now(UTC) - job.finished_at < OTHERS_FIRST:
            continue  # told in a moment, if nobody before whom it stands open tells it
        try:
            made += await _tell(box, history, job)
        except StoreUnavailable:
            raise
        except Exception:
            # Its card tells it all the same; the next job's end must not wait behind this one for ever.
            log.exception("the end of job %s could not be told", job.id)
        await jobs.mark_told(box, job)
    return made


async def _tell(box: Toolbox, history: ChatHistory, job: Job) -> bool:
    person = await history.author(job.conversation_id or "")
    if person is None or person.workspace_id != job.workspace_id:
        return False
    if job.kind == "query" and job.state == "succeeded":
        await _deliver(box, person, history, job, "Here is what took longer:", [_result(job)])
        return True
    cards = await history.cards(str(job.conversation_id))
    stands = any(job.id in card.job_ids for card in cards)
    seen = stands and bool(_open_sessions(str(job.conversation_id)))
    words = await worth_telling(box, person, job, shown=seen)
    if words:
        shown: list[Card] = [] if stands else [JobCard(job_id=job.id)]
        shown += [DriftCard(job_id=job.id)] if draw_drift.found_by(job) else []
        await _deliver(box, person, history, job, words, shown)
    return bool(words)


async def worth_telling(box: Toolbox, person: Actor, job: Job, *, shown: bool) -> str:
    """What to say of the end of `job`; empty when nobody needs to hear of it.

    Changes of a database are always told. Scheduled work that went well is told the first time, and when it had not
    gone well before; work that other work began, when it did not go well; the rest when its card stood before nobody's
    eyes.
    """
    changed = await _changes(box, person, job)
    if job.state == "cancelled":
        return changed
    if job.schedule_id is not None:
        before = await jobs.ended_before(box, job)
        quiet = job.state == "succeeded" and before is not None and before.state == "succeeded"
    else:
        quiet = shown or (job.state == "succeeded" and await _by_itself(box, person, job))
    said = "" if quiet else f"{job.title}{', by its schedule,' if job.schedule_id else ''} {ENDS[job.state]}"
    return "\n\n".join(part for part in (said, changed) if part)


def _result(job: Job) -> ResultCard:
    return ResultCard(query_id=UUID(job.counts["query_id"]))


async def _by_itself(box: Toolbox, person: Actor, job: Job) -> bool:
    """Whether another job began it: the training of a table that a sync found changed."""
    return any(event.data.get("door") == "worker" for event in await jobs.events(box, person, job.id))


async def _changes(box: Toolbox, person: Actor, job: Job) -> str:
    """What the job found changed in its database, what is learned anew, and how many verified queries that broke."""
    found = draw_drift.found_by(job)
    if found is None:
        return ""
    told = [draw_drift.words(found)]
    if trained := job.counts.get("trained"):
        told.append(f"{counted(trained, 'table')} trained again.")
    elif job.kind == "sync" and found.changed:
        several = len(found.changed)
        told.append("1 table is trained again." if several == 1 else f"{several:,} tables are trained again.")
    if broken := await draw_drift.broken_by(box, person, job):
        told.append("1 verified query fails now." if len(broken) == 1 else f"{len(broken)} verified queries fail now.")
    return " ".join(told)


async def _deliver(
    box: Toolbox, person: Actor, history: ChatHistory, job: Job, words: str, shown: Sequence[Card]
) -> None:
    # The same end gives the same message: told twice, after a crash in between, it stands there once.
    step_id = str(uuid5(NAMESPACE, f"{job.id} {job.finished_at}"))
    thread_id = str(job.conversation_id)
    step = _message(step_id, thread_id, words)
    cards = [_card(one, step_id, thread_id) for one in shown]
    await history.append(person, step, cards)
    drawn = [(card, await draw(box, person, card)) for card in cards]
    for session in _open_sessions(thread_id):
        emitter = ChainlitEmitter(session)
        await emitter.send_step(step)
        for card, props in drawn:
            await emitter.send_element(element(card, props))


def _card(card: Card, step_id: str, thread_id: str) -> StoredCard:
    name = str(uuid5(NAMESPACE, f"{'card' if card.type != 'drift' else card.type} {step_id}"))
    return StoredCard(id=name, thread_id=thread_id, step_id=step_id, data=card.model_dump(mode="json"))


def _open_sessions(thread_id: str) -> list[WebsocketSession]:
    """Browsers that have the conversation open now; a session whose line broke waits for it in vain."""
    return [
        session
        for session in list(ws_sessions_id.values())
        if session.thread_id == thread_id and sio.manager.is_connected(session.socket_id, "/")
    ]


def _message(step_id: str, thread_id: str, text: str) -> StepDict:
    now = utc_now()
    return StepDict(
        id=step_id,
        threadId=thread_id,
        parentId=None,
        createdAt=now,
        start=now,
        end=now,
        output=text,
        name="Tabletalk",
        type="assistant_message",
        language=None,
        streaming=False,
        isError=False,
        waitForAnswer=False,
        metadata={},
        tags=None,
    )


async def _listen(box: Toolbox, news: asyncio.Event) -> None:
    async with aclosing(box.queue.subscribe(jobs.OVER)) as messages:
        async for _ in messages:
            news.set()
