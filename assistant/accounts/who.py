"""Who somebody is, and in which workspace: what every request asks."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from tools.errors import NotFound
from tools.store.models import Member, User, Workspace
from tools.store.prepared import Prepared
from tools.store.session import Store
from tools.toolbox import Actor


def _where_they_work(query: Select[Any, Any, Any, Any, Any]) -> Select[Any, Any, Any, Any, Any]:
    """Of the workspaces that somebody belongs to, the one they chose, or the oldest."""
    chosen = (Member.workspace_id == User.workspace_id).desc().nulls_last()
    return query.order_by(chosen, Workspace.created_at, Workspace.id).limit(1)


PERSONS = (
    select(User.id, User.name, Member.workspace_id, Member.role, Member.attributes)
    .join(Member, Member.user_id == User.id)
    .join(Workspace, Workspace.id == Member.workspace_id)
)
"""What of its columns `person_of` makes somebody of; each request asks for that."""


_CALLED = PERSONS.where(User.name == bindparam("name"))
CALLED = Prepared(_where_they_work(_CALLED))
CALLED_IN = Prepared(_CALLED.where(Member.workspace_id == bindparam("workspace")))


async def find_person(store: Store, name: str, workspace_id: UUID | None = None) -> Actor:
    """Give the person called `name` in the workspace they chose, or in the one asked for.

    NotFound when there is none of that name, or not in that workspace.
    """
    async with store.begin_bare_for_all() as wire:
        if workspace_id is None:
            row = await CALLED.first(wire, name=name)
        else:
            row = await CALLED_IN.first(wire, name=name, workspace=workspace_id)
    if row is None:
        raise NotFound(f"No user {name!r}; `tabletalk user add` makes one.")
    return person_of(row)


async def person_of_id(store: Store, user_id: UUID, workspace_id: UUID) -> Actor | None:
    """Give the member of a workspace, or None when they belong to it no more."""
    return await _find(store, User.id == user_id, workspace_id)


async def person_of_subject(store: Store, subject: str) -> Actor | None:
    """Give the person whom an identity provider knows as `subject`, or None."""
    return await _find(store, User.subject == subject, None)


async def _find(store: Store, who: Any, workspace_id: UUID | None) -> Actor | None:
    query = PERSONS.where(who)
    if workspace_id is not None:
        query = query.where(Member.workspace_id == workspace_id)
    async with store.begin_for_all() as session:
        found = (await session.execute(_where_they_work(query))).first()
    return person_of(found) if found is not None else None


def person_of(row: Any) -> Actor:
    """Give the member that a row of PERSONS tells of."""
    return Actor(
        user_id=row.id, user_name=row.name, workspace_id=row.workspace_id, role=row.role, attributes=row.attributes
    )
