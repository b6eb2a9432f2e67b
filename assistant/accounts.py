"""Who people are: the one implicit person of a local set-up, and password logins everywhere else."""

import asyncio
from functools import lru_cache
from typing import Literal, cast, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tools.errors import Conflict, Invalid, NotFound
from tools.store.models import Member, User, Workspace
from tools.store.session import Store
from tools.toolbox import Actor

Role = Literal["viewer", "editor", "admin"]

LOCAL_USER = "you"
"""The implicit person of local mode; no password can log in as them."""

WORKSPACE = "home"
"""The workspace everybody joins who is not given another."""

SHORTEST_PASSWORD = 10


async def local_person(store: Store) -> Actor:
    """Give the one person of a local set-up, made on the first call."""
    async with store.begin_for_all() as session:
        await _join(session, LOCAL_USER, WORKSPACE, "admin")
    return await find_person(store, LOCAL_USER)


async def add_user(
    store: Store,
    name: str,
    password: str,
    role: Role = "admin",
    workspace: str = WORKSPACE,
) -> Actor:
    """Make a person who logs in with `password`; the workspace is made when it is new.

    Invalid for a short password, an odd name or role; Conflict when the name is taken.
    """
    if not name.strip() or name != name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid(f"{name!r} cannot be a user name: 1 to 100 printable characters, no spaces around them.")
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(f"The password is too short: {SHORTEST_PASSWORD} characters or more.")
    if role not in get_args(Role):
        raise Invalid(f"No role {role!r}; one of: {', '.join(get_args(Role))}.")
    hashed = await asyncio.to_thread(_hasher().hash, password)
    async with store.begin_for_all() as session:
        if await session.scalar(select(User.id).where(User.name == name)):
            raise Conflict(f"A user {name!r} exists already; choose another name.")
        await _join(session, name, workspace, role, hashed)
    return await find_person(store, name)


async def sign_in(store: Store, name: str, password: str) -> Actor | None:
    """Give the person whose name and password these are; None otherwise, after the same time for any reason."""
    async with store.begin_for_all() as session:
        stored = await session.scalar(select(User.password_hash).where(User.name == name))
    # An unknown name costs one verification too, so that timing does not tell which names exist.
    if not await asyncio.to_thread(_verify, stored or _unusable_hash(), password) or stored is None:
        return None
    return await find_person(store, name)


async def find_person(store: Store, name: str) -> Actor:
    """Give the person called `name` with the workspace they work in; NotFound when there is none."""
    async with store.begin_for_all() as session:
        found = (
            await session.execute(
                select(User.id, Member.workspace_id, Member.role)
                .join(Member, Member.user_id == User.id)
                .where(User.name == name)
                .order_by(Member.workspace_id)
                .limit(1)
            )
        ).first()
    if found is None:
        raise NotFound(f"No user {name!r}; `tabletalk user add` makes one.")
    return Actor(
        user_id=found.id,
        user_name=name,
        workspace_id=found.workspace_id,
        role=cast(Role, found.role),
    )


async def _join(
    session: AsyncSession,
    name: str,
    workspace: str,
    role: Role,
    hashed: str | None = None,
) -> None:
    """Make user, workspace and membership as far as they are missing; two processes may do so at once."""
    await session.execute(insert(Workspace).values(name=workspace).on_conflict_do_nothing())
    await session.execute(insert(User).values(name=name, password_hash=hashed).on_conflict_do_nothing())
    workspace_id = await session.scalar(select(Workspace.id).where(Workspace.name == workspace))
    user_id = await session.scalar(select(User.id).where(User.name == name))
    await session.execute(
        insert(Member).values(workspace_id=workspace_id, user_id=user_id, role=role).on_conflict_do_nothing()
    )


@lru_cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@lru_cache
def _unusable_hash() -> str:
    return _hasher().hash("nobody's password")


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
