"""Users, workspaces, and who belongs where with which role and attributes."""

import hashlib
from datetime import datetime
from typing import cast, get_args
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from assistant.accounts import passwords
from assistant.accounts.who import find_person
from tools import audit
from tools.connectors.base import Frozen
from tools.errors import Conflict, Invalid, NotFound
from tools.rights import may_manage
from tools.store.models import ApiKeyRow, Member, RefreshTokenRow, User, Workspace
from tools.store.session import Store
from tools.toolbox import Actor, Role, Toolbox

LOCAL_USER = "you"
"""The implicit person of local mode; no password can log in as them."""

OPERATOR = "(command line)"
"""Who the audit log names where no account stands behind a deed."""

WORKSPACE = "home"
"""The workspace everybody joins who is not given another."""


class Person(Frozen):
    """A member of a workspace."""

    name: str
    role: Role
    attributes: dict[str, str] = Field(default_factory=dict)
    """What row policies ask of them: `region` -> `north`."""
    created_at: datetime


class Team(Frozen):
    """A workspace, as one of its members sees it."""

    id: UUID
    name: str
    role: Role
    """What the person may do there."""
    members: int
    chosen: bool
    """Whether it is the one they work in."""
    created_at: datetime


# Somebody at the door


async def local_person(store: Store) -> Actor:
    """Give the one person of a local set-up, made on the first call."""
    async with store.begin_for_all() as session:
        await _join(session, LOCAL_USER, WORKSPACE, "admin")
    return await find_person(store, LOCAL_USER)


async def stamp(store: Store, name: str) -> str:
    """What a session of the chat carries and a new password changes: then the session is over. Empty for nobody."""
    async with store.begin_for_all() as session:
        row = (await session.execute(select(User.id, User.password_hash).where(User.name == name))).one_or_none()
    return hashlib.sha256(f"{row[0]} {row[1]}".encode()).hexdigest()[:16] if row else ""


def _members() -> Select[User, Member]:
    return select(User, Member).join(Member, Member.user_id == User.id).join(Workspace)


# Members, for admins of a workspace


async def list_users(box: Toolbox, actor: Actor) -> tuple[Person, ...]:
    """The members of the workspace by name; everybody may know whom they share with."""
    async with box.store.begin_for_all() as session:
        rows = await session.execute(_members().where(Member.workspace_id == actor.workspace_id).order_by(User.name))
        return tuple(
            Person(name=row[0].name, role=row[1].role, attributes=row[1].attributes, created_at=row[0].created_at)
            for row in rows
        )


async def add_user(
    box: Toolbox,
    actor: Actor,
    name: str,
    password: str | None = None,
    role: Role = "viewer",
    attributes: dict[str, str] | None = None,
) -> Person:
    """Add a new person with a `password`, or one who exists already without, to the workspace.

    Invalid for an odd name, role, attribute or a short password; Conflict when the name is taken or a member already;
    NotFound without a password when nobody has that name.
    """
    may_manage(actor, "add members")
    _check(name, role, attributes or {})
    kept = await passwords.hashed(password) if password is not None else None
    async with box.store.begin_for_all() as session:
        user_id = await session.scalar(select(User.id).where(User.name == name))
        if kept is not None:
            user_id = await _new_user(session, name, kept)
        elif user_id is None or name == LOCAL_USER:
            raise NotFound(f"No user {name!r}; give a password to make one.")
        joined = insert(Member).values(
            workspace_id=actor.workspace_id, user_id=user_id, role=role, attributes=attributes or {}
        )
        if (await session.execute(joined.on_conflict_do_nothing().returning(Member.user_id))).first() is None:
            raise Conflict(f"{name!r} is a member of this workspace already.")
        session.add(audit.noted(actor, "add member", name, detail=_told(role, attributes or {})))
    return await _member(box, actor, name)


async def set_role(box: Toolbox, actor: Actor, name: str, role: Role) -> Person:
    """Change what a member may do; Conflict when no admin would be left."""
    may_manage(actor, "change roles")
    _check(name, role, {})
    await _change(box, actor, name, role=role)
    return await _member(box, actor, name)


async def set_attributes(box: Toolbox, actor: Actor, name: str, attributes: dict[str, str]) -> Person:
    """Write what row policies ask of a member; those that are not named are gone."""
    may_manage(actor, "change attributes")
    _check(name, "viewer", attributes)
    await _change(box, actor, name, attributes=attributes)
    return await _member(box, actor, name)


async def remove_member(box: Toolbox, actor: Actor, name: str) -> None:
    """Take a member out of the workspace, with their keys and sessions there; what they made stays.

    Conflict when no admin would be left.
    """
    may_manage(actor, "remove members")
    async with box.store.begin_for_all() as session:
        user_id = await _id_of_member(session, actor, name)
        for row in (RefreshTokenRow, ApiKeyRow):
            owner = row.user_id if row is RefreshTokenRow else ApiKeyRow.created_by
            await session.execute(delete(row).where(owner == user_id, row.workspace_id == actor.workspace_id))
        await session.execute(
            delete(Member).where(Member.user_id == user_id, Member.workspace_id == actor.workspace_id)
        )
        await _keep_an_admin(session, actor)
        session.add(audit.noted(actor, "remove member", name))


async def set_password(box: Toolbox, actor: Actor, old: str, new: str) -> None:
    """Change one's own password and end every session; Invalid when the old one is wrong."""
    async with box.store.begin_for_all() as session:
        stored = await session.scalar(select(User.password_hash).where(User.id == actor.user_id))
    if not await passwords.is_right(old, stored):
        raise Invalid("The old password is wrong.")
    await _write_password(box.store, actor.user_name, await passwords.hashed(new))
    await audit.record(box, audit.noted(actor, "change password", actor.user_name))


# Workspaces


async def create_workspace(box: Toolbox, actor: Actor, name: str) -> Team:
    """Make a workspace; who makes it is its admin. Conflict when the name is taken."""
    may_manage(actor, "make workspaces")
    if not name.strip() or name != name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid(f"{name!r} cannot be a workspace's name: 1 to 100 printable characters, no spaces around them.")
    async with box.store.begin_for_all() as session:
        made = insert(Workspace).values(name=name).on_conflict_do_nothing().returning(Workspace.id)
        workspace_id = await session.scalar(made)
        if workspace_id is None:
            raise Conflict(f"A workspace {name!r} exists already; choose another name.")
        session.add(Member(workspace_id=workspace_id, user_id=actor.user_id, role="admin"))
        session.add(audit.noted(actor, "create workspace", name))
    return next(team for team in await list_workspaces(box, actor) if team.id == workspace_id)


async def list_workspaces(box: Toolbox, actor: Actor) -> tuple[Team, ...]:
    """The workspaces the person belongs to, by name."""
    everybody = select(func.count()).where(Member.workspace_id == Workspace.id).correlate(Workspace).scalar_subquery()
    mine = (
        select(Workspace, Member.role, everybody)
        .join(Member, Member.workspace_id == Workspace.id)
        .where(Member.user_id == actor.user_id)
        .order_by(Workspace.name)
    )
    async with box.store.begin_for_all() as session:
        rows = (await session.execute(mine)).all()
    return tuple(
        Team(
            id=row[0].id,
            name=row[0].name,
            role=cast(Role, row[1]),
            members=row[2],
            chosen=row[0].id == actor.workspace_id,
            created_at=row[0].created_at,
        )
        for row in rows
    )


async def choose_workspace(box: Toolbox, actor: Actor, name: str) -> Actor:
    """Work in another workspace from now on, through every door; NotFound names those one belongs to."""
    teams = await list_workspaces(box, actor)
    chosen = next((team for team in teams if team.name == name), None)
    if chosen is None:
        mine = ", ".join(team.name for team in teams)
        raise NotFound(f"You belong to no workspace {name!r}; yours: {mine}.")
    async with box.store.begin_for_all() as session:
        await session.execute(update(User).where(User.id == actor.user_id).values(workspace_id=chosen.id))
    there = await find_person(box.store, actor.user_name, chosen.id)
    return there.model_copy(update={"door": actor.door, "address": actor.address})


# For whoever runs the machine: no actor stands behind these


async def make_user(
    store: Store,
    name: str,
    password: str,
    role: Role = "admin",
    workspace: str = WORKSPACE,
    attributes: dict[str, str] | None = None,
) -> Actor:
    """Make a person who logs in with `password`; the workspace is made when it is new.

    Invalid for a short password, an odd name, role or attribute; Conflict when the name is taken.
    """
    _check(name, role, attributes or {})
    kept = await passwords.hashed(password)
    async with store.begin_for_all() as session:
        await _new_user(session, name, kept)
        await _join(session, name, workspace, role, attributes)
    person = await find_person(store, name)
    await _note(store, person, "add member", _told(role, attributes or {}))
    return person


async def reset_password(store: Store, name: str, new: str) -> None:
    """Give a person another password and end their sessions; NotFound when there is none of that name."""
    if name == LOCAL_USER:
        raise Invalid(f"{name!r} is the person of local mode and has no password.")
    person = await find_person(store, name)
    await _write_password(store, name, await passwords.hashed(new))
    await _note(store, person, "change password", "")


async def _note(store: Store, person: Actor, action: str, detail: str) -> None:
    """Tell the audit log what whoever runs the machine did, who has no account."""
    entry = audit.noted(person.model_copy(update={"door": "cli"}), action, person.user_name, detail=detail)
    entry.user_id, entry.who = None, OPERATOR
    async with store.begin(person.workspace_id) as session:
        session.add(entry)


async def _write_password(store: Store, name: str, kept: str) -> None:
    async with store.begin_for_all() as session:
        user_id = await session.scalar(
            update(User).where(User.name == name).values(password_hash=kept).returning(User.id)
        )
        await session.execute(delete(RefreshTokenRow).where(RefreshTokenRow.user_id == user_id))


async def _new_user(session: AsyncSession, name: str, kept: str) -> UUID:
    made = insert(User).values(name=name, password_hash=kept).on_conflict_do_nothing().returning(User.id)
    user_id = await session.scalar(made)
    if user_id is None:
        raise Conflict(f"A user {name!r} exists already; choose another name.")
    return user_id


async def _join(
    session: AsyncSession, name: str, workspace: str, role: Role, attributes: dict[str, str] | None = None
) -> None:
    """Make user, workspace and membership as far as they are missing; two processes may do so at once."""
    await session.execute(insert(Workspace).values(name=workspace).on_conflict_do_nothing())
    await session.execute(insert(User).values(name=name).on_conflict_do_nothing())
    workspace_id = await session.scalar(select(Workspace.id).where(Workspace.name == workspace))
    user_id = await session.scalar(select(User.id).where(User.name == name))
    await session.execute(
        insert(Member)
        .values(workspace_id=workspace_id, user_id=user_id, role=role, attributes=attributes or {})
        .on_conflict_do_nothing()
    )


async def _id_of_member(session: AsyncSession, actor: Actor, name: str) -> UUID:
    member = _members().where(User.name == name, Member.workspace_id == actor.workspace_id)
    found = (await session.execute(member)).first()
    if found is None:
        raise NotFound(f"No member {name!r} in this workspace; list them to see who there is.")
    user_id: UUID = found[0].id
    return user_id


async def _member(box: Toolbox, actor: Actor, name: str) -> Person:
    return next(person for person in await list_users(box, actor) if person.name == name)


async def _change(box: Toolbox, actor: Actor, name: str, **values: object) -> None:
    async with box.store.begin_for_all() as session:
        user_id = await _id_of_member(session, actor, name)
        own = (Member.user_id == user_id) & (Member.workspace_id == actor.workspace_id)
        await session.execute(update(Member).where(own).values(**values))
        await _keep_an_admin(session, actor)
        session.add(audit.noted(actor, "change member", name, detail=str(values)))


async def _keep_an_admin(session: AsyncSession, actor: Actor) -> None:
    # Two admins who demote each other at the same moment take turns.
    await session.execute(select(Workspace.id).where(Workspace.id == actor.workspace_id).with_for_update())
    admins = select(func.count()).where(Member.workspace_id == actor.workspace_id, Member.role == "admin")
    if not await session.scalar(admins):
        raise Conflict("A workspace keeps at least one admin; make somebody else admin first.")


def _told(role: Role, attributes: dict[str, str]) -> str:
    return role + "".join(f", {key}={value}" for key, value in sorted(attributes.items()))


def _check(name: str, role: str, attributes: dict[str, str]) -> None:
    if not name.strip() or name != name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid(f"{name!r} cannot be a user name: 1 to 100 printable characters, no spaces around them.")
    if role not in get_args(Role):
        raise Invalid(f"No role {role!r}; one of: {', '.join(get_args(Role))}.")
    check_attributes(attributes)


def check_attributes(attributes: dict[str, str]) -> None:
    """Refuse attributes that no policy could name; Invalid says which."""
    for key, value in attributes.items():
        if not key.isidentifier() or not key.isascii() or len(key) > 60:
            raise Invalid(f"{key!r} cannot be an attribute: letters, digits and _, a letter first.")
        if len(value) > 500 or not value.isprintable():
            raise Invalid(f"The attribute {key!r} has a value that cannot be kept: 500 printable characters at most.")
