"""API keys: what a program comes in with, shown once, kept as a hash, and never more than its maker may do."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import bindparam, func, select, true, update

from assistant.accounts.who import PERSONS, person_of
from tools import audit
from tools.connectors.base import Frozen
from tools.errors import Invalid, NotFound, NotSignedIn
from tools.rights import at_most, may_manage
from tools.store.models import ApiKeyRow, Member, User
from tools.store.prepared import Prepared
from tools.toolbox import Actor, Role, Toolbox

Scope = Literal["read", "write", "admin"]

ROLE_OF: dict[str, Role] = {"read": "viewer", "write": "editor", "admin": "admin"}
PREFIX = "ttk_"
SHOWN = 12
"""So many letters of a key are kept readable, to tell keys apart."""
LONGEST_DAYS = 3650

SEEN_EVERY = timedelta(minutes=1)


class ApiKey(Frozen):
    """A key as it is listed; the key itself was shown once."""

    id: UUID
    name: str
    prefix: str
    scope: Scope
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(Frozen):
    """A key that was just made."""

    key: str
    """To be copied now: it cannot be shown again."""
    about: ApiKey


async def create_key(box: Toolbox, actor: Actor, name: str, scope: Scope = "read", days: int | None = 365) -> NewKey:
    """Make a key that acts as its maker, within `scope`, for `days` (None: until it is revoked)."""
    may_manage(actor, "make keys")
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid(f"{name!r} cannot be a key's name: 1 to 100 printable characters.")
    if scope not in get_args(Scope):
        raise Invalid(f"No scope {scope!r}; one of: {', '.join(get_args(Scope))}.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"A key is good for 1 to {LONGEST_DAYS} days; {days} are not.")
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKeyRow(
        id=uuid4(),
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        name=name.strip(),
        prefix=key[:SHOWN],
        hash=_hash(key),
        scope=scope,
        expires_at=datetime.now(UTC) + timedelta(days=days) if days is not None else None,
    )
    key_id = row.id
    async with box.store.begin(actor.workspace_id) as session:
        session.add_all(
            [row, audit.noted(actor, "create key", row.name, detail=f"{row.prefix}..., {scope}, {days} days")]
        )
    return NewKey(key=key, about=next(one for one in await list_keys(box, actor) if one.id == key_id))


async def list_keys(box: Toolbox, actor: Actor) -> tuple[ApiKey, ...]:
    """The keys of the workspace, the newest first, those that are over too."""
    may_manage(actor, "see keys")
    fields = [name for name in ApiKey.model_fields if name != "created_by"]
    columns = [getattr(ApiKeyRow, name) for name in fields]
    query = (
        select(User.name, *columns)
        .outerjoin(User, User.id == ApiKeyRow.created_by)
        .where(ApiKeyRow.workspace_id == actor.workspace_id)
        .order_by(ApiKeyRow.created_at.desc())
    )
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.execute(query)).all()
    named = (dict(zip(["created_by", *fields], row, strict=True)) for row in rows)
    return tuple(ApiKey.model_validate(row) for row in named)


async def revoke_key(box: Toolbox, actor: Actor, key: UUID | str) -> ApiKey:
    """End a key, named by id, name or prefix, at once; NotFound when none or several are so called."""
    may_manage(actor, "revoke keys")
    wanted = str(key)
    live = [one for one in await list_keys(box, actor) if one.revoked_at is None]
    found = [one for one in live if wanted in (str(one.id), one.name, one.prefix)]
    if len(found) != 1:
        known = ", ".join(f"{one.name} ({one.prefix}...)" for one in live) or "none"
        raise NotFound(f"{'Several keys are' if found else 'No key is'} called {wanted!r}; there are: {known}.")
    mine = update(ApiKeyRow).where(ApiKeyRow.id == found[0].id, ApiKeyRow.workspace_id == actor.workspace_id)
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(mine.values(revoked_at=func.now()))
        session.add(audit.noted(actor, "revoke key", found[0].name, detail=f"{found[0].prefix}..."))
    return next(one for one in await list_keys(box, actor) if one.id == found[0].id)


async def actor_of_key(box: Toolbox, key: str) -> Actor:
    """Give who acts by a key, with the lesser of its maker's role and its scope.

    NotSignedIn, in the same words, when it is unknown, expired, revoked, or its maker has left.
    """
    async with box.store.begin_bare_for_all() as wire:
        row = await BY_HASH.first(wire, hash=_hash(key))
        if row is not None and row.unseen:
            await SEEN.run(wire, key=row.key_id)
    if row is None:
        raise NotSignedIn("This API key is not valid (any more); ask an admin for another.")
    maker = person_of(row)
    return maker.model_copy(update={"door": "rest", "role": at_most(maker.role, ROLE_OF[row.scope])})


BY_HASH = Prepared(
    PERSONS.add_columns(
        ApiKeyRow.id.label("key_id"),
        ApiKeyRow.scope,
        func.coalesce(ApiKeyRow.last_used_at < func.now() - SEEN_EVERY, true()).label("unseen"),
    )
    .join(ApiKeyRow, (ApiKeyRow.created_by == User.id) & (ApiKeyRow.workspace_id == Member.workspace_id))
    .where(
        ApiKeyRow.hash == bindparam("hash"),
        ApiKeyRow.revoked_at.is_(None),
        func.coalesce(ApiKeyRow.expires_at > func.now(), true()),
    )
)
"""A key that is good, with who made it and is a member still."""
SEEN = Prepared(update(ApiKeyRow).where(ApiKeyRow.id == bindparam("key")).values(last_used_at=func.now()))


def _hash(key: str) -> bytes:
    # 256 random bits: a fast hash cannot be guessed either.
    return hashlib.sha256(key.encode()).digest()
