"""What a model is told about tables: compact, bounded text."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.schemas.catalog import TrainedTable
from tools.schemas.retrieval import DatabaseFit, FoundTable, Retrieved
from tools.schemas.wording import block

MOST_CHARACTERS = 24_000
"""Of one answer about tables: some six thousand tokens."""
_VALUES = (12, 4, 0)
"""Frequent values shown of a column: of the best tables, of the others, and where space runs out."""
_FULL = 8
"""Tables shown with all their values."""
_DATABASES = 8
_NOTES = 20


def retrieved_text(found: Retrieved) -> str:
    """Write what retrieval found: databases with dialect and notes, then a block per table, best first."""
    if not found.tables:
        known = ", ".join(f"{fit.name} ({fit.tables} tables)" for fit in found.databases) or "none"
        return f"No table fits these words. Databases: {known}. Train a database that has no tables yet."
    lines = [_database(fit) for fit in found.databases[:_DATABASES] if _is_shown(fit, found.tables)]
    others = [fit.name for fit in found.databases if not _is_shown(fit, found.tables)]
    if others:
        lines.append(f"Other databases, where nothing fits: {', '.join(others[:20])}.")
    return "\n".join([*lines, "", *tables_text(found.tables)])


def _is_shown(fit: DatabaseFit, tables: Sequence[FoundTable]) -> bool:
    return any(found.database == fit.name for found in tables)


def _database(fit: DatabaseFit) -> str:
    lines = [f"DATABASE {fit.name} ({fit.dialect}, {fit.tables} tables, fit {fit.score:.2f})"]
    lines += [f"  note: {note}" for note in fit.notes[:_NOTES]]
    lines += [f"  warning: {fit.warning}"] if fit.warning else []
    return "\n".join(lines)


def tables_text(tables: Sequence[FoundTable]) -> list[str]:
    """Write a block per table, shorter down the list; those that find no room are named at the end."""
    schemas = {(found.database, found.table.shape.schema_name) for found in tables}
    several = len({database for database, _ in schemas}) > 1
    with_schema = len(schemas) > len({database for database, _ in schemas})
    blocks: list[str] = []
    room, unshown = MOST_CHARACTERS, []
    for place, found in enumerate(tables):
        written = _fitting(found.table, with_schema, place, room)
        if written is None:
            unshown.append(found.table.shape.qualified_name if with_schema else found.table.shape.name)
            continue
        room -= len(written)
        blocks.append(f"[{found.database}] {written}" if several else written)
    if unshown:
        blocks.append(f"Not shown for lack of room, see describe_table: {', '.join(unshown[:100])}.")
    return blocks


def _fitting(table: TrainedTable, with_schema: bool, place: int, room: int) -> str | None:
    for shown in _VALUES if place < _FULL else _VALUES[1:]:
        written = block(table, with_schema=with_schema, values_shown=shown)
        if len(written) <= room:
            return written
    return None


def table_text(table: TrainedTable, database: str) -> str:
    """Write one table in full, with sample rows and the columns that were not read."""
    lines = [f"[{database}] {block(table, with_schema=True, values_shown=30)}"]
    lines += [f"  unique: {', '.join(names)}" for names in table.shape.unique_constraints]
    lines += [f"  sample row: {_row(sample)}" for sample in table.samples]
    if table.left_out:
        lines.append(f"  values never read (look secret or personal): {', '.join(table.left_out)}")
    if table.trained_at is None:
        lines.append("  not trained yet: values are not known")
    elif table.stale:
        lines.append("  changed since its training")
    return "\n".join(lines)[:MOST_CHARACTERS]


def _row(sample: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sample.items())
