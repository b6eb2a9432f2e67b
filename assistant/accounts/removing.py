"""Removing a workspace with all that is in it: said first, done when it was approved, by an admin of it."""

from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from assistant.accounts.people import Team, list_workspaces
from tools import audit, jobs
from tools.connectors.base import Frozen
from tools.errors import Conflict, NotAllowed, NotFound
from tools.rights import may_manage
from tools.store.models import (
    LIVE_STATES,
    ApiKeyRow,
    DatabaseRow,
    JobRow,
    Member,
    QueryRow,
    ScheduleRow,
    WidgetKeyRow,
    Workspace,
)
from tools.toolbox import Actor, Toolbox
from tools.words import counted

DOCUMENTS = text("SELECT count(*) FROM tabletalk.documents WHERE workspace_id = :workspace")
STRANDED = text("""
    SELECT count(*) FROM tabletalk.members m WHERE m.workspace_id = :workspace
    AND NOT EXISTS (SELECT FROM tabletalk.members o WHERE o.user_id = m.user_id AND o.workspace_id <> :workspace)
""")


class Holdings(Frozen):
    """What a workspace holds, counted: what would go with it."""

    name: str
    members: int
    stranded: int
    """Members who belong to no other workspace, and could not come in any more."""
    databases: int
    documents: int
    schedules: int
    queries: int
    keys: int
    """API keys and widget keys that are not revoked."""

    def __str__(self) -> str:
        parts = [
            counted(self.databases, "database"),
            counted(self.documents, "document"),
            counted(self.schedules, "schedule"),
            counted(self.queries, "query", "queries") + " of its history",
            counted(self.keys, "key"),
            "its conversations, jobs, policies and audit log",
        ]
        stranded = f" {counted(self.stranded, 'member')} will belong to no workspace." if self.stranded else ""
        return (
            f"This removes the workspace {self.name!r} of {counted(self.members, 'member')}: {', '.join(parts)}."
            f"{stranded} The databases themselves are not touched; accounts stay."
        )


async def holdings(box: Toolbox, actor: Actor, name: str | None = None) -> Holdings:
    """Count what the workspace in hand holds, for an admin of it; with a `name`, only if it is called so."""
    team = (await _administered(box, actor, name))[0]
    async with box.store.begin_for_all() as session:
        return await _counted(session, team)


async def remove_workspace(box: Toolbox, actor: Actor, name: str, *, approved_by: UUID) -> Holdings:
    """Remove the workspace in hand and all it holds, and give what that was; its running jobs are cancelled first.

    `approved_by` is the admin who read what goes and said yes. That it was done is kept in the audit log of another
    workspace of theirs: Conflict when they have none.
    """
    team, others = await _administered(box, actor, name)
    if approved_by != actor.user_id:
        raise NotAllowed("Removing a workspace needs the yes of the admin who removes it.")
    if not others:
        raise Conflict(f"{name!r} is your only workspace; make another one first.")
    elsewhere = actor.model_copy(update={"workspace_id": others[0].id})
    async with box.store.begin_for_all() as session:
        live = select(JobRow.id).where(JobRow.workspace_id == team.id, JobRow.state.in_(LIVE_STATES))
        running = tuple(await session.scalars(live))
        registered = tuple(await session.scalars(select(DatabaseRow.id).where(DatabaseRow.workspace_id == team.id)))
    for job_id in running:
        await _cancel(box, actor, job_id)
    async with box.store.begin_for_all() as session:
        gone = await _counted(session, team)
        await session.execute(delete(Workspace).where(Workspace.id == team.id))
        session.add(audit.noted(elsewhere, "remove workspace", name, detail=str(gone)))
    for key in registered:
        await box.connectors.drop(key)
    return gone


async def _administered(box: Toolbox, actor: Actor, name: str | None) -> tuple[Team, list[Team]]:
    """The workspace in hand, if it is called so and the person is its admin, and the others they belong to."""
    teams = await list_workspaces(box, actor)
    found = next((team for team in teams if (team.name == name if name is not None else team.chosen)), None)
    if found is None:
        raise NotFound(f"You belong to no workspace {name!r}; yours: {', '.join(team.name for team in teams)}.")
    may_manage(actor, "remove workspaces")
    # A token or key is good for one workspace, and so is what it may remove.
    if found.id != actor.workspace_id:
        raise Conflict(f"You work in another workspace; choose {name!r} first.")
    return found, [team for team in teams if team.id != found.id]


async def _counted(session: AsyncSession, team: Team) -> Holdings:
    async def count(row: type[DatabaseRow | ScheduleRow | QueryRow | ApiKeyRow | WidgetKeyRow | Member]) -> int:
        query = select(func.count()).select_from(row).where(row.workspace_id == team.id)
        if row in (ApiKeyRow, WidgetKeyRow):
            query = query.where(row.revoked_at.is_(None))
        return await session.scalar(query) or 0

    here = {"workspace": team.id}
    return Holdings(
        name=team.name,
        members=await count(Member),
        stranded=int(await session.scalar(STRANDED, here) or 0),
        databases=await count(DatabaseRow),
        documents=int(await session.scalar(DOCUMENTS, here) or 0),
        schedules=await count(ScheduleRow),
        queries=await count(QueryRow),
        keys=await count(ApiKeyRow) + await count(WidgetKeyRow),
    )


async def _cancel(box: Toolbox, actor: Actor, job_id: int) -> None:
    try:
        await jobs.cancel(box, actor, job_id)
    except Conflict:
        return  # it ended by itself meanwhile
