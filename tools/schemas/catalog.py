"""A trained table as every reader of it sees it: the shape, and what training and people added."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tools.connectors.base import Frozen, TableSchema


class TrainedTable(Frozen):
    """One table with what is known of it; `trained_at` is None for one that was only fetched."""

    id: UUID
    database_id: UUID
    shape: TableSchema
    description: str = ""
    edited: bool = False
    """True when a person has written the description: training keeps it."""
    values: Mapping[str, tuple[str, ...]] = {}
    """Column -> its frequent values, as text."""
    samples: tuple[Mapping[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()
    """Columns whose values were not read, because they look secret or personal."""
    notes: tuple[str, ...] = ()
    trained_at: datetime | None = None
    stale: bool = False
    """True when the table has changed since its training."""
