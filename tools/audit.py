"""Who did what: one entry per deed, written in the deed's own transaction, and by nobody ever changed.

The application's roles may add entries and read them, no more (tools.store.isolation).
"""

from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import select

from tools.connectors.base import Frozen
from tools.errors import AssistantError, StoreUnavailable
from tools.rights import RoleRefused, may_manage
from tools.store.models import AuditRow
from tools.toolbox import Actor, Toolbox

Verdict = Literal["done", "refused", "failed"]

log = structlog.get_logger(__name__)

LONGEST = 2000
"""Letters of a detail that are kept."""

WRITTEN = (
    "workspace_id", "user_id", "who", "door", "address", "action", "target", "verdict", "detail", "rows",
    "milliseconds",
)  # fmt: skip
"""The columns of a new entry; the store adds number and time."""


class AuditEntry(Frozen):
    """One deed."""

    id: int
    at: datetime
    who: str
    door: str
    address: str
    action: str
    """`query`, `sign in`, `register database`, `add policy` ..."""
    target: str
    """What it was done to, in words a person knows."""
    verdict: Verdict
    detail: str
    """SQL that ran, why it was refused, what was changed to what; never a secret."""
    rows: int | None
    milliseconds: float | None


def noted(
    actor: Actor,
    action: str,
    target: str = "",
    *,
    verdict: Verdict = "done",
    detail: str = "",
    rows: int | None = None,
    milliseconds: float | None = None,
) -> AuditRow:
    """An entry to add to the session in which the deed is done: then both are kept, or neither."""
    return AuditRow(
        workspace_id=actor.workspace_id,
        user_id=actor.user_id,
        who=actor.user_name,
        door=actor.door,
        address=actor.address,
        action=action,
        target=target[:LONGEST].replace("\0", ""),
        verdict=verdict,
        detail=detail[:LONGEST].replace("\0", ""),
        rows=rows,
        milliseconds=milliseconds,
    )


async def record(box: Toolbox, entry: AuditRow) -> None:
    """Keep an entry of a deed that writes nothing else to the store."""
    async with box.store.begin(entry.workspace_id) as session:
        session.add(entry)


async def note_refusal(box: Toolbox, error: AssistantError) -> None:
    """Keep that a role was too small for a deed; other errors are kept where they are raised, or are none of a role."""
    if not isinstance(error, RoleRefused):
        return
    try:
        await record(box, noted(error.actor, error.deed, verdict="refused", detail=str(error)))
    except StoreUnavailable as away:  # the person is to hear why they were refused, not that
        log.warning("a refusal was not noted", who=error.actor.user_name, deed=error.deed, reason=str(away))


async def list_audit(
    box: Toolbox,
    actor: Actor,
    *,
    before: int | None = None,
    action: str | None = None,
    who: str | None = None,
    limit: int = 50,
) -> tuple[AuditEntry, ...]:
    """The workspace's entries, the newest first; `before` is the id of the last one seen."""
    may_manage(actor, "read the audit log")
    chosen = select(AuditRow).where(AuditRow.workspace_id == actor.workspace_id)
    if before is not None:
        chosen = chosen.where(AuditRow.id < before)
    if action is not None:
        chosen = chosen.where(AuditRow.action == action)
    if who is not None:
        chosen = chosen.where(AuditRow.who == who)
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.scalars(chosen.order_by(AuditRow.id.desc()).limit(limit))).all()
    return tuple(
        AuditEntry.model_validate({name: getattr(row, name) for name in AuditEntry.model_fields}) for row in rows
    )
