"""Choosing tables by name or pattern: `orders`, `sales.*`, `stock_*`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from tools.errors import Invalid
from tools.schemas.catalog import TrainedTable
from tools.schemas.tables import pick

_EVERYTHING = ("*", "all", "everything")


def patterns(tables: str | Sequence[str]) -> tuple[str, ...]:
    """Give the names or patterns in `tables`: a list, or a text that parts them by commas; lower case, each once."""
    parts = tables.split(",") if isinstance(tables, str) else tables
    found = tuple(dict.fromkeys(part.strip().strip('"`').lower() for part in parts if part.strip()))
    if not found:
        raise Invalid("Name at least one table, or '*' for all.")
    return found


def is_everything(wanted: Sequence[str]) -> bool:
    """True when the patterns mean every table."""
    return any(pattern in _EVERYTHING for pattern in wanted)


def any_matches(pattern: str, tables: Sequence[TrainedTable]) -> bool:
    """True when a table's name, qualified or not, fits the pattern."""
    return any(_fits(pattern, table) for table in tables)


def chosen(tables: Sequence[TrainedTable], wanted: Sequence[str], database: str) -> list[TrainedTable]:
    """Give the tables that fit any of the patterns; a pattern that fits none is NotFound, naming near tables."""
    if is_everything(wanted):
        return list(tables)
    for pattern in wanted:
        if not any_matches(pattern, tables):
            pick(tables, pattern, database)
    return [table for table in tables if any(_fits(pattern, table) for pattern in wanted)]


def name_fits(pattern: str, qualified_name: str) -> bool:
    """True when a table's name, qualified or not, fits the pattern."""
    whole = qualified_name.lower()
    return fnmatchcase(whole.partition(".")[2], pattern) or fnmatchcase(whole, pattern)


def _fits(pattern: str, table: TrainedTable) -> bool:
    return name_fits(pattern, table.shape.qualified_name)
