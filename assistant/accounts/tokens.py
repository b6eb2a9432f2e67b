"""Tokens for programs in which a person has signed in: access for minutes, refresh for weeks, each used once."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
from sqlalchemy import Select, bindparam, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from assistant.accounts.who import PERSONS, person_of, person_of_id
from tools.connectors.base import Frozen
from tools.errors import NotSignedIn
from tools.store.models import Member, RefreshTokenRow, User
from tools.store.prepared import Prepared
from tools.toolbox import Actor, Toolbox

ACCESS = timedelta(minutes=15)
REFRESH = timedelta(days=30)
"""From the last use: who comes back within it stays signed in."""

ALGORITHM = "HS256"
ISSUER = "tabletalk"
AUDIENCE = "tabletalk-api"
CLAIMS = ["exp", "iat", "iss", "aud", "sub", "sid", "wid"]

EXPIRED = NotSignedIn("The access token has expired; refresh it.")


class Tokens(Frozen):
    """What a program gets for a person who signed in."""

    access: str
    refresh: str
    expires_in: int
    """Seconds that `access` is good for."""


async def issue_tokens(box: Toolbox, actor: Actor) -> Tokens:
    """Begin a session for somebody who has just signed in, in the workspace they are in."""
    async with box.store.begin_for_all() as session:
        await session.execute(
            delete(RefreshTokenRow).where(
                RefreshTokenRow.user_id == actor.user_id, RefreshTokenRow.expires_at < func.now()
            )
        )
        return await _issue(box, session, uuid4(), actor.user_id, actor.workspace_id)


async def refresh(box: Toolbox, refresh_token: str) -> Tokens:
    """Exchange a refresh token for new tokens; it is used up.

    NotSignedIn when it is unknown, expired or revoked. One that comes a second time has been copied: the whole session
    ends then, for the thief and for the owner.
    """
    async with box.store.begin_for_all() as session:
        row = await session.scalar(_row_of(refresh_token).with_for_update())
        if row is None or row.expires_at < datetime.now(UTC) or row.revoked_at is not None:
            raise NotSignedIn("The refresh token is not valid any more; sign in again.")
        tokens = None
        if row.used_at is not None:
            await _end(session, row.session_id)
        else:
            row.used_at = datetime.now(UTC)
            tokens = await _issue(box, session, row.session_id, row.user_id, row.workspace_id)
    if tokens is None:  # only now, or the end of the session would be rolled back
        raise NotSignedIn("This refresh token was used before, so somebody may have copied it. Sign in again.")
    if await person_of_id(box.store, row.user_id, row.workspace_id) is None:
        raise NotSignedIn("You are no longer a member of that workspace; sign in again.")
    return tokens


async def revoke(box: Toolbox, refresh_token: str) -> None:
    """End the session of a refresh token, its access tokens too; a token nobody knows is as good as ended."""
    async with box.store.begin_for_all() as session:
        row = await session.scalar(_row_of(refresh_token))
        if row is not None:
            await _end(session, row.session_id)


async def actor_of_access(box: Toolbox, token: str) -> Actor:
    """Give the person of an access token, with the role they have now; NotSignedIn when it is not good (any more)."""
    try:
        claims = jwt.decode(
            token,
            box.secrets.signing_key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": CLAIMS},
        )
        user_id, workspace_id, session_id = (UUID(claims[name]) for name in ("sub", "wid", "sid"))
    except jwt.ExpiredSignatureError:
        raise EXPIRED from None
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise NotSignedIn("This is not a valid access token; sign in.") from None
    async with box.store.begin_bare_for_all() as wire:
        row = await IN_SESSION.first(wire, user=user_id, workspace=workspace_id, session=session_id)
    if row is None:
        raise NotSignedIn("This session has ended; sign in again.")
    return person_of(row).model_copy(update={"door": "rest"})


IN_SESSION = Prepared(
    PERSONS.where(
        User.id == bindparam("user"),
        Member.workspace_id == bindparam("workspace"),
        exists().where(
            RefreshTokenRow.session_id == bindparam("session"),
            RefreshTokenRow.used_at.is_(None),
            RefreshTokenRow.revoked_at.is_(None),
        ),
    )
)
"""A member, while their session lasts."""


async def _issue(box: Toolbox, session: AsyncSession, session_id: UUID, user_id: UUID, workspace_id: UUID) -> Tokens:
    now = datetime.now(UTC)
    opaque = f"ttr_{secrets.token_urlsafe(32)}"
    session.add(
        RefreshTokenRow(
            session_id=session_id,
            user_id=user_id,
            workspace_id=workspace_id,
            hash=_hash(opaque),
            expires_at=now + REFRESH,
        )
    )
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + ACCESS, "jti": uuid4().hex}
    names = {"sub": str(user_id), "wid": str(workspace_id), "sid": str(session_id)}
    access = jwt.encode({**claims, **names}, box.secrets.signing_key, algorithm=ALGORITHM)
    return Tokens(access=access, refresh=opaque, expires_in=int(ACCESS.total_seconds()))


async def _end(session: AsyncSession, session_id: UUID) -> None:
    mine = update(RefreshTokenRow).where(RefreshTokenRow.session_id == session_id)
    await session.execute(mine.values(revoked_at=func.coalesce(RefreshTokenRow.revoked_at, func.now())))


def _row_of(token: str) -> Select[RefreshTokenRow]:
    return select(RefreshTokenRow).where(RefreshTokenRow.hash == _hash(token))


def _hash(token: str) -> bytes:
    # The tokens are 256 random bits: a fast hash cannot be guessed either.
    return hashlib.sha256(token.encode()).digest()
