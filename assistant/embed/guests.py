"""Guests: who uses the chat in somebody's page, as far as the page vouches for them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from assistant.accounts.people import check_attributes
from assistant.accounts.who import find_person
from assistant.embed.keys import WidgetKey, shown
from tools.connectors.base import Frozen
from tools.errors import Invalid, NotAllowed, NotFound, NotSignedIn, TooMany
from tools.store.models import User, WidgetGuestRow, WidgetKeyRow
from tools.toolbox import Actor, Toolbox

PREFIX = "widget:"
"""How the user names of guests begin."""

ALGORITHM = "HS256"
LONGEST = timedelta(minutes=5)
"""A page vouches for its user now, not for later."""
LEEWAY = timedelta(seconds=10)
"""Clocks differ."""
SESSION = timedelta(hours=1)
AUDIENCE = "tabletalk-widget"

NEWCOMERS = "30/hour"
"""Visitors without a token that one address may bring, per key."""
KNOCKS = "120/minute"
"""Sessions that one address may ask for, whatever comes of it: an office shares one."""
PACE = "20/minute"
"""Questions of one guest."""


class Guest(Frozen):
    """A guest with the key that let them in."""

    actor: Actor
    key: WidgetKey
    anonymous: bool


class Session(Frozen):
    """What a page's script gets for its user: good for the frame, and for nothing else."""

    session: str
    expires_in: int
    """Seconds."""
    guest: str
    """Tells one guest from another, and says nothing else of them."""


async def find_by_public_id(box: Toolbox, key: str) -> WidgetKey:
    """Give a live key as a page names it; NotFound, in the same words, when it is unknown or revoked."""
    row = await _row(box, key)
    return shown(row)


async def admit(
    box: Toolbox, key: str, origin: str, *, token: str = "", before: str = "", address: str = ""
) -> Session:
    """Let a page's user in: by the `token` the page's server signed, or without one where the key allows that.

    `before` is the session of a visitor without a token, to stay the same visitor. NotFound for a key that is none,
    NotAllowed for another page's origin, NotSignedIn for a token that is not good, TooMany for too many visitors.
    """
    room = await box.limiter.take(KNOCKS, "widget-knocks", address)
    if not room.free:
        raise TooMany("Too many visits from this address; try again in a minute.", room.seconds)
    row = await _row(box, key)
    about = shown(row)
    if not about.allows(origin):
        raise NotAllowed(f"The widget key is not for pages of {origin!r}.")
    if token:
        subject, attributes = _vouched(token, box.secrets.open(row.secret, row.workspace_id, row.id), about)
    elif about.anonymous_daily:
        subject, attributes = await _visitor(box, about, before, address), {}
    else:
        raise NotSignedIn("This page has to say who its user is: its server signs a token, see `data-token`.")
    until = datetime.now(UTC) + SESSION
    async with box.store.begin_for_all() as session:
        guest_id = await _write(session, row, subject, attributes, anonymous=not token, until=until)
    claims = {"aud": AUDIENCE, "sub": str(guest_id), "exp": until, "iat": datetime.now(UTC), "origin": origin}
    signed = jwt.encode(claims, box.secrets.signing_key, algorithm=ALGORITHM)
    return Session(session=signed, expires_in=int(SESSION.total_seconds()), guest=str(guest_id))


async def guest_of_session(box: Toolbox, session: str) -> Guest:
    """Give who is behind a frame's session; NotSignedIn when it is over, or its page may not show the chat any more."""
    claims = _claims(box, session)
    guest = await _find(box, WidgetGuestRow.id == UUID(claims["sub"]))
    if guest is None or not guest.key.allows(claims["origin"]):
        raise NotSignedIn("This session has ended; load the page again.")
    return guest


async def find_guest(box: Toolbox, user_name: str) -> Guest:
    """Give the guest of that user name; NotSignedIn when their session is over or the key was revoked."""
    guest = await _find(box, User.name == user_name)
    if guest is None or guest.key.revoked_at is not None:
        raise NotSignedIn("This session has ended; load the page again.")
    return guest


async def actor_called(box: Toolbox, user_name: str, workspace_id: UUID | None = None) -> Actor:
    """Give who goes by a user name in the chat: a guest, or a member in the workspace they chose or the one asked for.

    NotFound for a member who does not belong there (any more).
    """
    if user_name.startswith(PREFIX):
        return (await find_guest(box, user_name)).actor
    return await find_person(box.store, user_name, workspace_id)


async def take_question(box: Toolbox, guest: Guest) -> None:
    """Count a question against the guest's pace and, without a token, against the key's budget; TooMany says when."""
    room = await box.limiter.take(PACE, "widget-pace", str(guest.actor.user_id))
    if not room.free:
        raise TooMany(f"That was quick. Ask again in {room.seconds} s.", room.seconds)
    if guest.anonymous:
        day = await box.limiter.take(f"{guest.key.anonymous_daily}/day", "widget-budget", str(guest.key.id))
        if not day.free:
            raise TooMany("The questions for today are used up. Sign in, or come back tomorrow.", day.seconds)


# What a page signed


def _vouched(token: str, secret: str, key: WidgetKey) -> tuple[str, dict[str, str]]:
    """Read a host's token: who, and with which attributes."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=key.key,
            leeway=LEEWAY,
            options={"require": ["exp", "aud", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise NotSignedIn("The page's token has expired; its server signs a new one for each visit.") from None
    except jwt.InvalidAudienceError:
        raise NotSignedIn(f"The page's token is not for this key: its `aud` has to be {key.key!r}.") from None
    except jwt.InvalidTokenError as error:
        raise NotSignedIn(f"The page's token is not valid: {error}.") from None
    if datetime.fromtimestamp(claims["exp"], UTC) > datetime.now(UTC) + LONGEST + LEEWAY:
        raise NotSignedIn("The page's token is good for too long: `exp` may be five minutes ahead at most.")
    subject, attributes = claims["sub"], claims.get("attributes", {})
    if not 1 <= len(subject) <= 200 or not subject.isprintable():
        raise Invalid("The token's `sub` cannot be a person: 1 to 200 printable characters.")
    if not isinstance(attributes, dict) or not all(isinstance(one, str) for one in attributes.values()):
        raise Invalid("The token's `attributes` have to be an object of texts.")
    check_attributes(attributes)
    return f"u:{subject}", attributes


async def _visitor(box: Toolbox, key: WidgetKey, before: str, address: str) -> str:
    """The visitor that `before` was given to, or a new one."""
    if before:
        try:
            claims = _claims(box, before, leeway=timedelta(days=1))
            known = await _find(box, WidgetGuestRow.id == UUID(claims["sub"]), late=True)
        except NotSignedIn:
            known = None
        if known is not None and known.anonymous and known.key.id == key.id:
            return known.actor.user_name.removeprefix(f"{PREFIX}{key.key}:")
    room = await box.limiter.take(NEWCOMERS, "widget-newcomers", str(key.id), address)
    if not room.free:
        raise TooMany("Too many visitors from this address; try again later.", room.seconds)
    return f"v:{uuid4().hex}"


def _claims(box: Toolbox, session: str, leeway: timedelta = timedelta(0)) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            session,
            box.secrets.signing_key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            leeway=leeway,
            options={"require": ["exp", "aud", "sub"]},
        )
    except jwt.InvalidTokenError:
        raise NotSignedIn("This session has ended; load the page again.") from None
    return claims


# Rows


async def _row(box: Toolbox, key: str) -> WidgetKeyRow:
    query = select(WidgetKeyRow).where(WidgetKeyRow.public_id == key, WidgetKeyRow.revoked_at.is_(None))
    async with box.store.begin_for_all() as session:
        row = await session.scalar(query)
    if row is None:
        raise NotFound(f"No widget key {key!r}; `tabletalk embed create` makes one.")
    return row


async def _find(box: Toolbox, who: Any, *, late: bool = False) -> Guest | None:
    query = (
        select(WidgetGuestRow, WidgetKeyRow, User.name)
        .join(WidgetKeyRow, WidgetKeyRow.id == WidgetGuestRow.key_id)
        .join(User, User.id == WidgetGuestRow.user_id)
        .where(who)
    )
    async with box.store.begin_for_all() as session:
        found = (await session.execute(query)).first()
    if found is None or (found[0].good_until < datetime.now(UTC) and not late):
        return None
    guest, key = found[0], shown(found[1])
    actor = Actor(
        user_id=guest.user_id,
        user_name=found[2],
        workspace_id=guest.workspace_id,
        role=key.role,
        door="widget",
        attributes=guest.attributes,
        tables=key.tables,
        sql_shown=not key.look.hide_sql,
    )
    return Guest(actor=actor, key=key, anonymous=guest.anonymous)


async def _write(
    session: AsyncSession,
    key: WidgetKeyRow,
    subject: str,
    attributes: dict[str, str],
    *,
    anonymous: bool,
    until: datetime,
) -> UUID:
    """Make the guest, or note what the page says of them now; two tabs may do so at once."""
    name = f"{PREFIX}{key.public_id}:{subject}"
    await session.execute(insert(User).values(name=name).on_conflict_do_nothing())
    user_id = await session.scalar(select(User.id).where(User.name == name))
    said = {"attributes": attributes, "good_until": until}
    guest_id: UUID | None = await session.scalar(
        insert(WidgetGuestRow)
        .values(
            workspace_id=key.workspace_id,
            key_id=key.id,
            user_id=user_id,
            subject=subject,
            anonymous=anonymous,
            **said,
        )
        .on_conflict_do_update(index_elements=["key_id", "subject"], set_=said)
        .returning(WidgetGuestRow.id)
    )
    assert guest_id is not None, "an upsert returns its row"
    return guest_id
