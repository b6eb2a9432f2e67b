"""Programs at the door: whose token or key came along, and whether they come too often."""

from assistant.accounts.keys import PREFIX, actor_of_key
from assistant.accounts.people import LOCAL_USER, local_person
from assistant.accounts.throttle import too_many
from assistant.accounts.tokens import actor_of_access
from assistant.accounts.who import find_person
from tools.errors import NotFound, NotSignedIn
from tools.limiter import Room, looking, taking
from tools.toolbox import Actor, Toolbox

REFUSED = "30/minute"
"""Tokens and keys that are not good, from one address: guessing must not pay."""


async def actor_of_program(box: Toolbox, credential: str | None, address: str) -> tuple[Actor, Room | None]:
    """Give the person behind an access token or an API key, and how much room they have left for requests.

    In local mode, without either, it is the one person there is, who is not held back. NotSignedIn without a good one;
    TooMany when bad ones come too often from the address. Whether there is room is for `turn_back` to say, once the
    door has told how much.
    """
    if not credential:  # whoever sits before this machine need not be held back
        return (await _local(box)).model_copy(update={"address": address}), None
    person = await _known(box, credential, address)
    refused, room = await box.limiter.rooms(
        looking(REFUSED, "rest-refused", address),
        taking(f"{box.settings.requests_per_minute}/minute", "rest", str(person.user_id)),
    )
    _turn_back_guesses(refused)
    return person.model_copy(update={"address": address}), room


def turn_back(room: Room | None) -> None:
    """Raise TooMany when there is no room for another request."""
    if room is not None and not room.free:
        raise too_many("requests", room.seconds)


async def _local(box: Toolbox) -> Actor:
    if not box.settings.local:
        raise NotSignedIn("Sign in first: send an access token or an API key as `Authorization: Bearer ...`.")
    try:
        return await find_person(box.store, LOCAL_USER)
    except NotFound:  # the very first request
        return await local_person(box.store)


async def _known(box: Toolbox, credential: str, address: str) -> Actor:
    try:
        return await (actor_of_key if credential.startswith(PREFIX) else actor_of_access)(box, credential)
    except NotSignedIn:
        _turn_back_guesses(await box.limiter.take(REFUSED, "rest-refused", address))
        raise


def _turn_back_guesses(room: Room) -> None:
    if not room.free:
        raise too_many("wrong tokens or keys", room.seconds)
