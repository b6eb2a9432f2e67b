"""The tables of the store, one class each; every row belongs to a workspace and names who made it."""

from tools.store.models.access import (
    ApiKeyRow,
    AuditRow,
    Member,
    PolicyRow,
    RefreshTokenRow,
    WidgetGuestRow,
    WidgetKeyRow,
)
from tools.store.models.base import Owned, Row, User, Workspace
from tools.store.models.databases import SEARCH, DatabaseRow, NoteRow, TableEmbedding, TableRow
from tools.store.models.documents import (
    DOCUMENT_SEARCH,
    DocumentBacklog,
    DocumentEmbedding,
    DocumentLink,
    DocumentRow,
    DocumentText,
    DocumentWord,
    SyncPlanRow,
    SyncRejectRow,
    SyncStateRow,
)
from tools.store.models.jobs import LIVE_STATES, JobEventRow, JobRow, ScheduleRow
from tools.store.models.questions import ConversationRow, ExampleRow, QueryRow, ReplyRow, TurnRow

__all__ = [
    "DOCUMENT_SEARCH",
    "LIVE_STATES",
    "SEARCH",
    "ApiKeyRow",
    "AuditRow",
    "ConversationRow",
    "DatabaseRow",
    "DocumentBacklog",
    "DocumentEmbedding",
    "DocumentLink",
    "DocumentRow",
    "DocumentText",
    "DocumentWord",
    "ExampleRow",
    "JobEventRow",
    "JobRow",
    "Member",
    "NoteRow",
    "Owned",
    "PolicyRow",
    "QueryRow",
    "RefreshTokenRow",
    "ReplyRow",
    "Row",
    "ScheduleRow",
    "SyncPlanRow",
    "SyncRejectRow",
    "SyncStateRow",
    "TableEmbedding",
    "TableRow",
    "TurnRow",
    "User",
    "WidgetGuestRow",
    "WidgetKeyRow",
    "Workspace",
]
