"""What the buttons on cards of background work do: jobs, the board, schedules, the first sync."""

from typing import Any

from assistant.chat.cards import StoredCard
from assistant.chat.door import door
from assistant.chat.screen import change, redraw, show_under, watch
from tools import jobs, sync, upkeep
from tools.cards import Card, JobCard, ScheduleCard
from tools.errors import Invalid, NotFound
from tools.toolbox import Actor

Payload = dict[str, Any]
Answer = dict[str, Any]


# Jobs


async def look(person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """Draw the card's jobs as they stand, and follow them again: a connection may have missed some of it."""
    await watch(person, card, await redraw(card))
    return {}


async def cancel_job(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Cancel one job of the card."""
    await jobs.cancel(door().box, person, _job_id(card, payload))
    return await look(person, card, payload)


async def retry_job(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Queue one job of the card again."""
    await jobs.retry(door().box, person, _job_id(card, payload))
    return await look(person, card, payload)


async def retry_table(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Start the work of one job of the card again for one of its tables; the new job stands below."""
    job = await upkeep.start_part(door().box, person, _job_id(card, payload), str(payload.get("table")))
    await show_under(card, JobCard(job_id=job.id))
    return {}


async def retry_failed(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Queue again all that failed and was not made good."""
    if not card.whole_board:
        raise Invalid("Only the board tries all again.")
    again, refused = await jobs.retry_all(door().box, person)
    await look(person, card, payload)
    return {"text": " ".join([f"{len(again)} queued again.", *refused])}


def _job_id(card: StoredCard, payload: Payload) -> int:
    job_id = payload.get("job")
    # The board shows whatever job there is; whose it is, is asked where the job is looked up.
    if not isinstance(job_id, int) or (job_id not in card.job_ids and not card.whole_board):
        raise NotFound(f"This card shows no job {job_id!r}.")
    return job_id


# Schedules


async def start_schedule(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Start the job of a schedule now, beside its times."""
    job = await jobs.start_now(door().box, person, _schedule_id(card, payload), upkeep.start_scheduled)
    await change(card, fresh=False)
    await show_under(card, JobCard(job_id=job.id))
    return {}


async def settle_schedule(_person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """Leave a schedule that was just made to its times."""
    await change(card, fresh=False)
    return {}


async def change_schedule(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Give a schedule other times."""
    when = str(payload.get("when") or "")
    await jobs.schedules.change(door().box, person, _schedule_id(card, payload), when)
    await redraw(card)
    return {}


async def pause_schedule(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Let a schedule rest."""
    await jobs.schedules.pause(door().box, person, _schedule_id(card, payload))
    await redraw(card)
    return {}


async def resume_schedule(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Let a schedule go on."""
    await jobs.schedules.resume(door().box, person, _schedule_id(card, payload))
    await redraw(card)
    return {}


async def delete_schedule(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Say what deleting a schedule would do; delete it once that was agreed to."""
    number = _schedule_id(card, payload)
    if payload.get("approved") is not True:
        return {"ask": await jobs.schedules.consequence_of_removing(door().box, person, number)}
    await jobs.schedules.remove(door().box, person, number, approved_by=person.user_id)
    await redraw(card)
    return {}


def _schedule_id(card: StoredCard, payload: Payload) -> int:
    number = payload.get("schedule")
    if not isinstance(number, int) or (number not in card.schedule_ids and not card.whole_board):
        raise NotFound(f"This card shows no schedule {number!r}.")
    return number


# The first sync


async def first_sync(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Sync the registered database now, every night, or not at all."""
    name, box = registered(card), door().box
    shown: Card | None = None
    match payload.get("choice"):
        case "now":
            job = await sync.start_sync(box, person, name)
            said, shown = f"Its first sync began as job #{job.id}.", JobCard(job_id=job.id)
        case "nightly":
            made, planned = await sync.schedule_sync(box, person, name, when=upkeep.NIGHTLY)
            said = f"It is synced {made.when}."
            shown = ScheduleCard(schedule_ids=(made.id,), lines=sync.plan_lines(planned), fresh=True)
        case _:
            said = f"Not synced; say `sync {name}` when you like."
    await change(card, registered={**card.data["registered"], "synced": said})
    if shown is not None:
        await show_under(card, shown)
    return {}


def registered(card: StoredCard) -> str:
    """The name of the database that a card has just registered."""
    if card.type != "register" or not card.data.get("registered"):
        raise Invalid("Register the database first.")
    return str(card.data["name"])
