"""What Chainlit calls: each callback translates one thing from the browser, and nothing more.

Chainlit loads this file by its path, registers what is decorated, and keeps one registry per process.
"""

import asyncio
import logging
import warnings
from typing import Any

import chainlit as cl
from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.types import ThreadDict
from starlette.datastructures import Headers

from assistant import accounts
from assistant.address import client_address
from assistant.chat import commands, in_page, runtime, turn
from assistant.chat.actions import register_actions
from assistant.chat.cards import draw
from assistant.chat.door import actor, door
from assistant.chat.history import STORE_SECONDS, ChatHistory
from assistant.chat.login import STAMP
from assistant.chat.screen import catch_up, say, watch
from assistant.embed import PREFIX
from tools import audit
from tools.errors import AssistantError, NotSignedIn, TooMany
from tools.jobs.patience import patiently
from tools.settings import load_settings
from tools.toolbox import Actor

# Each Chainlit session asks for the profiles once more from a loop that already runs, and drops the coroutine.
warnings.filterwarnings("ignore", "coroutine 'profiles' was never awaited", RuntimeWarning)

log = logging.getLogger(__name__)

STARTERS = (
    ("Which products sell best?", "Which products sell best?"),
    ("Orders per month this year", "Orders per month this year"),
    ("Which customers returned most?", "Which customers returned most?"),
    ("What can I ask?", "What can I ask?"),
)

register_actions()


@cl.data_layer
def history() -> ChatHistory:
    """Conversations are kept in our own store."""
    return door().history


async def _session_of(person: Actor) -> cl.User:
    """Whom Chainlit writes into the session's cookie."""
    return cl.User(
        identifier=person.user_name, metadata={STAMP: await accounts.stamp(door().box.store, person.user_name)}
    )


if load_settings().local:

    @cl.header_auth_callback
    async def local_person(_headers: Headers) -> cl.User:
        """Everybody who reaches a local set-up is its one person; assistant/web.py keeps foreign pages out."""

        async def session() -> cl.User:
            return await _session_of(await accounts.local_person(door().box.store))

        return await patiently(session, STORE_SECONDS)

else:

    @cl.password_auth_callback
    async def sign_in(name: str, password: str) -> cl.User | None:
        """Let in whose password it is; assistant/chat/login.py tells who has tried too often how long to wait."""
        try:
            person = await accounts.sign_in(door().box, name, password, client_address())
        except (NotSignedIn, TooMany):
            return None
        return await _session_of(person)


if load_settings().oidc_issuer and not load_settings().local:

    @cl.oauth_callback
    async def sign_on(
        _provider: str, _token: str, claims: dict[str, Any], _default: cl.User, _id_token: str | None = None
    ) -> cl.User | None:
        """Let in whom the identity provider vouches for; why not stands in the log."""
        try:
            person = await accounts.signed_on(door().box, claims, client_address())
        except AssistantError as error:
            log.warning("single sign-on refused: %s", error)
            return None
        return await _session_of(person)


@cl.set_chat_profiles
async def profiles(user: cl.User | None) -> list[cl.ChatProfile]:
    """One profile: Chainlit shows its text and starters on the first screen."""
    if user is not None and user.identifier.startswith(PREFIX):
        return [await in_page.profile(user.identifier)]
    starters = [cl.Starter(label=label, message=message) for label, message in STARTERS]
    text = runtime.welcome()
    if not door().box.settings.model:
        starters.append(cl.Starter(label="Connect a model", message="/model"))
        text += "\n\n`offline model` answers without a key."
    return [cl.ChatProfile(name="Tabletalk", icon="/public/mark.svg", markdown_description=text, starters=starters)]


@cl.on_chat_start
async def begin() -> None:
    """Offer the commands; in somebody's page there are none."""
    if not await in_page.is_there():
        await cl.context.emitter.set_commands(commands.MENU)


@cl.on_chat_resume
async def resume(thread: ThreadDict) -> None:
    """Offer the commands and follow jobs that still run; the cards themselves come drawn with the thread."""
    await begin()
    person = await actor()
    cards = await door().history.cards(thread["id"])
    boards = [card for card in cards if card.whole_board]
    for card in [*(card for card in cards if card.job_ids), *boards[-1:]]:
        await watch(person, card, await draw(door().box, person, card))
    door().spawn(f"{cl.context.session.id} catch up", catch_up(thread))


@cl.on_message
async def hear(message: cl.Message) -> None:
    """Carry out a command, or take a turn of the conversation."""
    await cl.context.emitter.send_window_message({"tabletalk": "thread", "id": cl.context.session.thread_id})
    typed = message.content.strip()
    # A command picked from the menu is not part of the text; who picks one and types another means the other.
    text = f"/{message.command} {typed}" if message.command and not typed.startswith("/") else typed
    if message.command and not typed:
        await _named_after(text)
    command = commands.parse(text)
    try:
        person = await actor()
        if person.door == "widget":
            await in_page.hear(person, text)
        else:
            await (turn.take(person, text) if command is None else commands.carry_out(person, command))
    except asyncio.CancelledError:
        if command is not None:  # a turn says so itself
            await say(turn.STOPPED)
        raise
    except AssistantError as error:
        await audit.note_refusal(door().box, error)
        await say(f"**{error.title}.** {error}")


async def _named_after(command: str) -> None:
    """Name a conversation after the command it begins with: Chainlit names it by the text, and there is none."""
    thread_id = cl.context.session.thread_id
    if await door().history.name_first(thread_id, command):
        await cl.context.emitter.emit("first_interaction", {"interaction": command, "thread_id": thread_id})


@cl.on_window_message
async def from_page(data: Any) -> None:
    """Take what the page around the chat says."""
    try:
        await in_page.from_page(data)
    except AssistantError as error:
        await say(f"**{error.title}.** {error}")


@sio.on("stop")  # in place of Chainlit's own, which adds words of its own
async def stop(socket_id: str) -> None:
    """Cancel the turn in hand; the turn itself says so when it has ended."""
    session = WebsocketSession.get(socket_id)
    if session is not None and session.current_task is not None:
        session.current_task.cancel()
