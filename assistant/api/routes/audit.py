"""Who did what: the audit log, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query

from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import audit
from tools.audit import AuditEntry

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("")
async def list_audit(
    box: Box,
    person: Person,
    paging: Paged,
    action: Annotated[str | None, Query(max_length=100, examples=["query"])] = None,
    who: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[AuditEntry]:
    """List what was done in the workspace, the newest first."""
    before = paging.number()
    found = await audit.list_audit(box, person, before=before, action=action, who=who, limit=paging.limit + 1)
    return paging.cut(found, str(found[paging.limit - 1].id) if len(found) > paging.limit else None)
