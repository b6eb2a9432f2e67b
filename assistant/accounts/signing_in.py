"""Signing in with a name and a password."""

from contextlib import suppress

import structlog
from sqlalchemy import select

from assistant.accounts import throttle
from assistant.accounts.passwords import is_right
from assistant.accounts.who import find_person
from tools import audit
from tools.errors import NotFound, NotSignedIn
from tools.store.models import User
from tools.toolbox import Actor, Door, Toolbox

log = structlog.get_logger(__name__)


async def sign_in(box: Toolbox, name: str, password: str, address: str = "", door: Door = "chat") -> Actor:
    """Give the person whose name and password these are.

    NotSignedIn otherwise, in the same words and after the same time for any reason; TooMany after too many tries of
    this name from this `address`.
    """
    name = name[:100]
    await throttle.admit(box, name, address)
    async with box.store.begin_for_all() as session:
        stored = await session.scalar(select(User.password_hash).where(User.name == name))
    if not await is_right(password, stored):
        await throttle.failed(box, name, address)
        await _note_failure(box, name, address, door, known=stored is not None)
        raise NotSignedIn("User name or password is wrong.")
    await throttle.succeeded(box, name, address)
    try:
        person = (await find_person(box.store, name)).model_copy(update={"address": address, "door": door})
    except NotFound:  # their workspace was removed, or they from it
        raise NotSignedIn("You are a member of no workspace any more; ask an admin.") from None
    await audit.record(box, audit.noted(person, "sign in", name))
    return person


async def _note_failure(box: Toolbox, name: str, address: str, door: Door, *, known: bool) -> None:
    """A failure of somebody there is stands in their workspace's audit log, one of nobody in the log alone."""
    log.warning("sign-in refused", address=address, known=known)
    if known:
        with suppress(NotFound):  # a member of no workspace any more: there is no log to keep it in
            person = (await find_person(box.store, name)).model_copy(update={"address": address, "door": door})
            await audit.record(box, audit.noted(person, "sign in", name, verdict="refused", detail="wrong password"))
