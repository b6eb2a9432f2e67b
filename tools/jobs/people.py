"""Whom background work works for."""

from uuid import UUID

from sqlalchemy import select

from tools.errors import NotFound
from tools.store.models import Member, User
from tools.toolbox import Actor, Toolbox


async def person_for(
    box: Toolbox, workspace_id: UUID, user_id: UUID | None, conversation_id: str | None, what: str
) -> Actor:
    """The person at the door "worker": who began it, or an admin of the workspace once that one is gone.

    NotFound names `what` when the workspace has no member left.
    """
    query = (
        select(Member.user_id, User.name, Member.role, Member.attributes)
        .join(User, User.id == Member.user_id)
        .where(Member.workspace_id == workspace_id)
        .order_by((Member.user_id == user_id).desc().nulls_last(), (Member.role == "admin").desc())
        .limit(1)
    )
    async with box.store.begin(workspace_id) as session:
        row = (await session.execute(query)).first()
    if row is None:
        raise NotFound(f"The workspace of {what} has no member left to work for.")
    return Actor.model_validate(
        {
            "user_id": row[0],
            "user_name": row[1],
            "workspace_id": workspace_id,
            "role": row[2],
            "attributes": row[3],
            "door": "worker",
            "conversation_id": conversation_id,
        }
    )
