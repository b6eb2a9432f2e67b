"""What the buttons on cards do: every one names its card, and everything else is read from our own rows."""

from collections.abc import Awaitable, Callable
from typing import Any

import chainlit as cl
from pydantic import SecretStr, ValidationError

from assistant.chat import draw_documents, draw_register, draw_result, turn
from assistant.chat import work_actions as work
from assistant.chat.cards import StoredCard
from assistant.chat.door import actor, door
from assistant.chat.screen import change, redraw, say, show_under
from assistant.chat.work_actions import registered
from tools import audit, databases, documents, queries, schemas, upkeep
from tools.cards import DocumentsCard, JobCard, ResultCard
from tools.connectors.base import Address
from tools.errors import AssistantError, Conflict, Invalid, NotFound
from tools.toolbox import Actor

Payload = dict[str, Any]
Answer = dict[str, Any]
Deed = Callable[[Actor, StoredCard, Payload], Awaitable[Answer]]


def register_actions() -> None:
    """Tell Chainlit of every button; an error raised on purpose comes back to the card as its text."""
    for deed in (rows, rerun, wait, verify, rate, decide, open_row, related, check_address, register, close_form):
        _offer(deed)
    for deed in (tables, train, work.look, work.cancel_job, work.retry_job, work.retry_table, work.retry_failed):
        _offer(deed)
    for deed in (work.start_schedule, work.settle_schedule, work.change_schedule, work.pause_schedule):
        _offer(deed)
    for deed in (work.resume_schedule, work.delete_schedule, work.first_sync):
        _offer(deed)


def _offer(deed: Deed) -> None:
    async def pressed(action: cl.Action) -> Answer:
        try:
            person = await actor()
            card = await door().history.find_card(cl.context.session.thread_id, str(action.payload.get("card")))
            return await deed(person, card, action.payload)
        except AssistantError as error:
            await audit.note_refusal(door().box, error)
            return {"error": str(error)}

    cl.action_callback(deed.__name__)(pressed)


# Results


async def rows(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """More rows of a result's table."""
    start = payload.get("start")
    if not isinstance(start, int) or start < 0:
        raise Invalid(f"No page starts at {start!r}.")
    return {"rows": await draw_result.more_rows(door().box, person, draw_result.query_id(card.data), start)}


async def rerun(person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """Ask the database the same query again; the new result stands below."""
    result = await queries.rerun(door().box, person, draw_result.query_id(card.data))
    await say("Asked again:", ResultCard(query_id=result.id))
    return {}


async def wait(person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """Have a worker ask a query that took too long; its job stands below."""
    job = await queries.start_in_background(door().box, person, draw_result.query_id(card.data))
    await show_under(card, JobCard(job_id=job.id))
    return {"text": "Its result will stand in this conversation when it is there."}


async def verify(person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """Keep question and SQL as a verified example."""
    await queries.save_example(door().box, person, query_id=draw_result.query_id(card.data))
    await redraw(card)
    return {"text": "Saved. Similar questions will use this query and say so."}


async def rate(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Thumbs up, down, or neither again."""
    liked = payload.get("liked")
    await queries.rate(door().box, person, draw_result.query_id(card.data), liked if isinstance(liked, bool) else None)
    return {"text": "Thank you." if liked is True else ""}


# Approvals


async def decide(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Approve or refuse the calls that wait; the turn then goes on."""
    if card.type != "approval":
        raise Invalid(f"This card asks for no approval; it is a {card.type}.")
    if card.data.get("decided"):
        raise Conflict(f"This was answered before: {card.data['decided']}")
    approved = payload.get("approved") is True
    await change(card, decided="Approved." if approved else "Kept; nothing was done.")
    turn.in_background(person, None, {call["id"]: approved for call in card.data["calls"]})
    return {}


# Documents


async def open_row(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Read the live row of a document that the card shows."""
    return draw_documents.row(await documents.open_row(door().box, person, _document_id(card, payload)))


async def related(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """What a document that the card shows is linked with."""
    found = await documents.related(door().box, person, _document_id(card, payload))
    return {"documents": draw_documents.related(found)}


def _document_id(card: StoredCard, payload: Payload) -> int:
    if card.type != "documents":
        raise Invalid(f"This card shows no documents but a {card.type}.")
    shown = {hit.id for hit in DocumentsCard.model_validate(card.data).hits}
    if (document := payload.get("document")) not in shown:
        raise NotFound(f"This card shows no document {document!r}.")
    return int(document)


# Registering: the password is in `payload` alone, and goes nowhere but into the address


async def check_address(_person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Knock at the address in the form without keeping anything."""
    _form(card)
    greeting = await databases.try_address(door().box, _address(payload))
    return {"lines": draw_register.greeting_lines(greeting)}


async def register(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Register the database in the form; the form gives way to what was found."""
    _form(card)
    name = str(payload.get("fields", {}).get("name", "")).strip()
    database = await databases.register(door().box, person, name, _address(payload))
    found = await draw_register.found(door().box, person, database)
    job = await upkeep.sync_by_itself(door().box, person, database)
    if job is not None:
        found |= {"synced": f"Its first sync began by itself as job #{job.id} (TABLETALK_AUTO_SYNC)."}
    await change(card, name=database.name, registered=found)
    if job is not None:
        await show_under(card, JobCard(job_id=job.id))
    return {}


async def close_form(_person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """Put the form away."""
    _form(card)
    await change(card, closed="Nothing was registered.")
    return {}


async def tables(person: Actor, card: StoredCard, _payload: Payload) -> Answer:
    """The names of the registered database's tables, to choose from."""
    return {"tables": await draw_register.table_names(door().box, person, registered(card))}


async def train(person: Actor, card: StoredCard, payload: Payload) -> Answer:
    """Train all tables, some of them, or none for now."""
    name = registered(card)
    chosen = payload.get("tables")
    if not chosen:
        later = f"Not trained yet; say `train {name}` when you like."
        await change(card, registered={**card.data["registered"], "trained": later})
        return {}
    wanted = "*" if chosen == "*" else [str(table) for table in chosen]
    job = await schemas.start_training(door().box, person, name, wanted)
    await change(card, registered={**card.data["registered"], "trained": f"Training began as job #{job.id}."})
    await show_under(card, JobCard(job_id=job.id))
    return {}


def _form(card: StoredCard) -> None:
    if card.type != "register":
        raise Invalid(f"This card is no form but a {card.type}.")
    if card.data.get("registered") or card.data.get("closed"):
        raise Conflict("This form was used before; say `register a database` for a new one.")


def _address(payload: Payload) -> Address:
    fields = payload.get("fields")
    if not isinstance(fields, dict):
        raise Invalid("The form came without its fields; open it again.")
    if url := str(fields.get("url") or "").strip():
        return databases.address_from_url(url)
    try:
        return Address(
            dialect=fields.get("dialect"),
            host=str(fields.get("host", "")).strip(),
            port=fields.get("port"),
            database=str(fields.get("database", "")).strip(),
            username=str(fields.get("username", "")).strip(),
            password=SecretStr(str(fields.get("password", ""))),
            tls=fields.get("tls", "prefer"),
            tls_ca=str(fields.get("tls_ca") or "").strip() or None,
        )
    except ValidationError as error:
        # Only the names of what is wrong: pydantic's own text would repeat the values.
        wrong = ", ".join(sorted({str(fault["loc"][0]) for fault in error.errors(include_input=False)}))
        raise Invalid(f"Please correct: {wrong}.") from None
