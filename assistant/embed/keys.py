"""Widget keys: which pages may show the chat, whose data their users see, and how it looks there."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Literal, cast, get_args
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from tools import audit, databases
from tools.connectors.base import Frozen
from tools.errors import Conflict, Invalid, NotFound
from tools.rights import may_manage
from tools.store.models import User, WidgetKeyRow
from tools.toolbox import Actor, Role, Toolbox

KEY, SECRET = "ttw_", "tts_"
"""How a key and a secret begin, so that a scanner finds one that leaked."""

Theme = Literal["auto", "light", "dark"]
Language = Literal["en", "de", "fr", "es"]

ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
COLOUR = re.compile(r"#[0-9a-f]{6}")
STANDARD_PORTS = {"http": 80, "https": 443}


class Look(Frozen):
    """How the chat looks and speaks in a page."""

    title: str = "Ask about your data"
    theme: Theme = "auto"
    accent: str = ""
    """A colour, `#0b6b75`; empty for our own."""
    language: Language = "en"
    hide_sql: bool = False


class WidgetKey(Frozen):
    """A key as it is listed; its secret was shown once."""

    id: UUID
    name: str
    key: str
    """Stands in the page."""
    origins: tuple[str, ...]
    tables: tuple[str, ...]
    role: Role
    look: Look
    anonymous_daily: int
    workspace_id: UUID
    created_at: datetime
    created_by: str | None
    revoked_at: datetime | None

    def allows(self, origin: str) -> bool:
        """Whether a page of `origin` may show the chat."""
        return self.revoked_at is None and any(_matches(origin, pattern) for pattern in self.origins)


class NewWidgetKey(Frozen):
    """A key that was just made."""

    secret: str
    """For the page's server, to be copied now: it cannot be shown again."""
    about: WidgetKey


async def create_key(
    box: Toolbox,
    actor: Actor,
    name: str,
    origins: Sequence[str],
    tables: Sequence[str],
    *,
    role: Role = "viewer",
    look: Look | None = None,
    anonymous_daily: int = 0,
) -> NewWidgetKey:
    """Make a key for pages of `origins`, whose users see `tables` (`shop`, `shop.orders`, `shop.stock_*`).

    Invalid for an origin, table, colour or number that cannot be; NotFound for a database that is not registered;
    Conflict when the name is taken. Who asks without a token shares `anonymous_daily` questions with all others.
    """
    may_manage(actor, "make widget keys")
    look = look or Look()
    _check(name, role, look, anonymous_daily)
    if role == "admin":
        raise Invalid("Who comes through a page cannot be an admin: viewer or editor.")
    row = WidgetKeyRow(
        id=uuid4(),
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        name=name,
        public_id=KEY + secrets.token_urlsafe(15),
        origins=[_origin(one) for one in origins],
        tables=await _tables(box, actor, tables),
        role=role,
        look=look.model_dump(),
        anonymous_daily=anonymous_daily,
    )
    if not row.origins:
        raise Invalid("Name at least one origin, as in https://portal.example.com.")
    secret = SECRET + secrets.token_urlsafe(32)
    row.secret = box.secrets.seal(secret, row.workspace_id, row.id)
    key = row.public_id
    async with box.store.begin(actor.workspace_id) as session:
        taken = select(WidgetKeyRow.id).where(
            WidgetKeyRow.workspace_id == actor.workspace_id, WidgetKeyRow.name == name
        )
        if await session.scalar(taken):
            raise Conflict(f"A widget key {name!r} exists already; choose another name.")
        told = f"{key} for {', '.join(row.origins)}; tables {', '.join(row.tables)}; {role}"
        session.add_all([row, audit.noted(actor, "create widget key", name, detail=told)])
    return NewWidgetKey(secret=secret, about=await find_key(box, actor, key))


async def list_keys(box: Toolbox, actor: Actor) -> tuple[WidgetKey, ...]:
    """The widget keys of the workspace, the newest first, those that are revoked too."""
    may_manage(actor, "see widget keys")
    query = (
        select(WidgetKeyRow, User.name)
        .outerjoin(User, User.id == WidgetKeyRow.created_by)
        .where(WidgetKeyRow.workspace_id == actor.workspace_id)
        .order_by(WidgetKeyRow.created_at.desc())
    )
    async with box.store.begin(actor.workspace_id) as session:
        return tuple(shown(row, maker) for row, maker in (await session.execute(query)).all())


async def find_key(box: Toolbox, actor: Actor, named: str) -> WidgetKey:
    """Give a key by its name or by the key itself; NotFound names those there are."""
    keys = await list_keys(box, actor)
    found = next((one for one in keys if named in (one.name, one.key)), None)
    if found is None:
        raise NotFound(f"No widget key {named!r}; there are: {', '.join(one.name for one in keys) or 'none'}.")
    return found


async def revoke_key(box: Toolbox, actor: Actor, named: str) -> WidgetKey:
    """End a key at once: its pages show nothing any more, and who is in a conversation is told at the next word."""
    may_manage(actor, "revoke widget keys")
    found = await find_key(box, actor, named)
    mine = update(WidgetKeyRow).where(WidgetKeyRow.id == found.id, WidgetKeyRow.workspace_id == actor.workspace_id)
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(mine.values(revoked_at=func.coalesce(WidgetKeyRow.revoked_at, func.now())))
        session.add(audit.noted(actor, "revoke widget key", found.name, detail=found.key))
    return await find_key(box, actor, found.key)


async def rotate_key(box: Toolbox, actor: Actor, named: str) -> NewWidgetKey:
    """Give a live key another secret; what the page's server signs with the old one is not good any more.

    Sessions that were begun with it go on for the hour they have. Invalid for a key that was revoked.
    """
    may_manage(actor, "rotate widget keys")
    found = await find_key(box, actor, named)
    if found.revoked_at is not None:
        raise Invalid(f"The widget key {found.name!r} was revoked; make another one.")
    secret = SECRET + secrets.token_urlsafe(32)
    mine = update(WidgetKeyRow).where(WidgetKeyRow.id == found.id, WidgetKeyRow.workspace_id == actor.workspace_id)
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(mine.values(secret=box.secrets.seal(secret, found.workspace_id, found.id)))
        session.add(audit.noted(actor, "rotate widget key", found.name, detail=found.key))
    return NewWidgetKey(secret=secret, about=found)


def snippet(key: WidgetKey, address: str) -> str:
    """What goes into the page; `address` is where its visitors reach Tabletalk."""
    source = f"{address.rstrip('/')}/embed/widget.js?key={key.key}"
    token = "" if key.anonymous_daily else ' data-token="/tabletalk-token"'
    return f'<script src="{escape(source)}"{token} defer></script>'


def shown(row: WidgetKeyRow, maker: str | None = None) -> WidgetKey:
    """A row as everybody reads it, without the secret."""
    return WidgetKey(
        id=row.id,
        name=row.name,
        key=row.public_id,
        origins=tuple(row.origins),
        tables=tuple(row.tables),
        role=cast(Role, row.role),
        look=Look.model_validate(row.look),
        anonymous_daily=row.anonymous_daily,
        workspace_id=row.workspace_id,
        created_at=row.created_at,
        created_by=maker,
        revoked_at=row.revoked_at,
    )


def _check(name: str, role: str, look: Look, anonymous_daily: int) -> None:
    if not name.strip() or name != name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid(f"{name!r} cannot be a key's name: 1 to 100 printable characters, no spaces around them.")
    if role not in get_args(Role):
        raise Invalid(f"No role {role!r}; one of: {', '.join(get_args(Role))}.")
    if look.accent and not COLOUR.fullmatch(look.accent):
        raise Invalid(f"{look.accent!r} is no colour; write it as #0b6b75.")
    if not look.title.strip() or len(look.title) > 80 or not look.title.isprintable():
        raise Invalid(f"{look.title!r} cannot be a title: 1 to 80 printable characters.")
    if not 0 <= anonymous_daily <= 100_000:
        raise Invalid(f"{anonymous_daily} questions a day cannot be: 0 (nobody without a token) to 100000.")


def _origin(text: str) -> str:
    origin = text.strip().rstrip("/").lower()
    if not ORIGIN.fullmatch(origin):
        raise Invalid(f"{text!r} is no origin; write scheme and host alone, as in https://portal.example.com.")
    parts = urlsplit(origin)
    standard = parts.port is not None and STANDARD_PORTS[parts.scheme] == parts.port
    return origin.rpartition(":")[0] if standard else origin  # as a browser writes it


def _matches(origin: str, pattern: str) -> bool:
    scheme, _, host = pattern.partition("://")
    if not host.startswith("*."):
        return origin == pattern
    below = rf"{scheme}://[a-z0-9-]+(\.[a-z0-9-]+)*{re.escape(host[1:])}"
    return re.fullmatch(below, origin) is not None


async def _tables(box: Toolbox, actor: Actor, tables: Sequence[str]) -> list[str]:
    patterns = [one.strip() for one in tables if one.strip()]
    if not patterns:
        raise Invalid("Name the tables its users may see: shop, shop.orders or shop.stock_*.")
    for pattern in patterns:
        await databases.get(box, actor, pattern.partition(".")[0])
    return patterns
