"""Bringing our picture of a database up to date, and saying in words what has changed."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools import databases
from tools.connectors.base import Column, Frozen, TableSchema, bare_names
from tools.errors import DatabaseUnreachable
from tools.schemas.tables import BUMP
from tools.schemas.wording import describe_by_rule, search_lines
from tools.store.models import TableRow
from tools.toolbox import Actor, Toolbox

UPSERT = text("""
INSERT INTO tabletalk.tables AS t
    (id, workspace_id, created_by, database_id, schema_name, name, snapshot, fingerprint, description, search_text)
SELECT r.id, :workspace, :user, :database,
    r.schema_name, r.name, r.snapshot, r.fingerprint, r.description, r.search_text
FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r
    (id uuid, schema_name text, name text, snapshot jsonb, fingerprint text, description text, search_text text)
ON CONFLICT (database_id, schema_name, name) DO UPDATE SET
    snapshot = excluded.snapshot,
    fingerprint = excluded.fingerprint,
    fetched_at = now(),
    description = CASE WHEN t.trained_at IS NULL AND NOT t.description_edited
        THEN excluded.description ELSE t.description END,
    search_text = CASE WHEN t.trained_at IS NULL AND NOT t.description_edited
        THEN excluded.search_text ELSE t.search_text END
""")
"""What training or a person has written stays until the table is trained again."""

REMOVE = text("DELETE FROM tabletalk.tables WHERE database_id = :database AND id = ANY(:gone)")
TOUCH = text("UPDATE tabletalk.tables SET fetched_at = now() WHERE database_id = :database")
ASKED = 20
"""Tables that are missing and of which it is asked whether they are gone, at most."""
LOCK = text("SELECT id FROM tabletalk.databases WHERE id = :database FOR NO KEY UPDATE")
"""One at a time; jobs that only need the database to be there go on."""


WITHHELD = "may not be read any more"


class TableChange(Frozen):
    """How one table differs from when it was last fetched; columns in words: `channel (text)`."""

    table: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Columns whose type or properties changed: `total: integer became numeric(10,2)`; also keys and comments."""

    def __str__(self) -> str:
        parts = [
            f"gained {', '.join(self.added)}" if self.added else "",
            f"lost {', '.join(self.removed)}" if self.removed else "",
            f"changed {', '.join(self.changed)}" if self.changed else "",
        ]
        *first, last = [part for part in parts if part] or ["changed"]
        return f"{self.table} {', '.join(first)}{' and ' if first else ''}{last}"


class Drift(Frozen):
    """What a refresh found different; tables by their qualified names."""

    database: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    """Of the removed ones those that are still there, and that the account may not read any more."""
    changed: tuple[TableChange, ...] = ()
    unchanged: int = 0

    @property
    def any(self) -> bool:
        """True when something has changed."""
        return bool(self.added or self.removed or self.changed)

    @property
    def gone(self) -> tuple[str, ...]:
        """Tables that are there no more."""
        return tuple(name for name in self.removed if name not in self.withheld)

    def __str__(self) -> str:
        if not self.any:
            return f"{self.database} has not changed: {self.unchanged} tables."
        bare = bare_names((*(change.table for change in self.changed), *self.added, *self.removed))
        parts = [str(change.model_copy(update={"table": bare[change.table]})) for change in self.changed]
        lists = (
            (self.added, "is new", "are new"),
            (self.gone, "is gone", "are gone"),
            (self.withheld, *[WITHHELD] * 2),
        )
        parts += [
            f"{', '.join(bare[name] for name in names)} {many if len(names) > 1 else one}"
            for names, one, many in lists
            if names
        ]
        return f"{self.database} changed: {'; '.join(parts)}."


async def refresh(box: Toolbox, actor: Actor, database: str) -> Drift:
    """Fetch the shapes of all tables of a database and tell what differs from what was known.

    DatabaseUnreachable when it does not answer, or when an account that saw tables sees none any more: what was
    learned is kept then.
    """
    found, connector = await databases.connect(box, actor, database)
    drift = await store_snapshot(box, actor, found.id, found.name, await connector.snapshot())
    places = [(name, *name.split(".", 1)) for name in drift.removed[:ASKED]]
    withheld = tuple([name for name, schema, table in places if await connector.withheld(schema, table)])
    return drift.model_copy(update={"withheld": withheld}) if withheld else drift


async def store_snapshot(
    box: Toolbox, actor: Actor, database_id: UUID, name: str, shapes: Sequence[TableSchema]
) -> Drift:
    """Write `shapes` as what a database looks like now; see `refresh`."""
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(LOCK, {"database": database_id})  # two refreshes at once take turns
        rows = (await session.execute(select(TableRow.id, TableRow.snapshot).where(_of(actor, database_id)))).all()
        before = {row.snapshot["schema_name"] + "." + row.snapshot["name"]: row for row in rows}
        old = {key: TableSchema.model_validate(row.snapshot) for key, row in before.items()}
        new = {shape.qualified_name: shape for shape in shapes}
        if old and not new:
            error = DatabaseUnreachable(
                f"The account of {name!r} sees no table any more; it saw {len(old)}. Check its rights. "
                "What was learned is kept."
            )
            error.passing = False
            raise error
        gone = [before[key].id for key in old.keys() - new.keys()]
        await _write(session, actor, database_id, [shape for key, shape in new.items() if old.get(key) != shape], gone)
    return compare(name, old, new)


def _of(actor: Actor, database_id: UUID) -> Any:
    return (TableRow.workspace_id == actor.workspace_id) & (TableRow.database_id == database_id)


async def _write(
    session: AsyncSession, actor: Actor, database_id: UUID, shapes: Sequence[TableSchema], gone: Sequence[UUID]
) -> None:
    place = {"database": database_id}
    if shapes:
        owner = {"workspace": actor.workspace_id, "user": actor.user_id}
        await session.execute(UPSERT, {**place, **owner, "rows": json.dumps([_record(shape) for shape in shapes])})
    if gone:
        await session.execute(REMOVE, {**place, "gone": list(gone)})
    await session.execute(TOUCH, place)
    if shapes or gone:
        await session.execute(BUMP, place)


def _record(shape: TableSchema) -> dict[str, Any]:
    description = describe_by_rule(shape)
    return {
        "id": str(uuid4()),
        "schema_name": shape.schema_name,
        "name": shape.name,
        "snapshot": shape.model_dump(mode="json"),
        "fingerprint": shape.fingerprint,
        "description": description,
        "search_text": search_lines(shape, description, {}),
    }


def compare(database: str, old: dict[str, TableSchema], new: dict[str, TableSchema]) -> Drift:
    """Tell what differs between two pictures of a database (qualified name -> shape)."""
    both = [key for key in new if key in old]
    changed = [key for key in both if old[key].fingerprint != new[key].fingerprint]
    return Drift(
        database=database,
        added=tuple(key for key in new if key not in old),
        removed=tuple(key for key in old if key not in new),
        changed=tuple(_change(old[key], new[key]) for key in changed),
        unchanged=len(both) - len(changed),
    )


def _change(old: TableSchema, new: TableSchema) -> TableChange:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    changed = [_column_change(before[name], after[name]) for name in after if name in before]
    if old.primary_key != new.primary_key:
        changed.append(f"primary key: now {', '.join(new.primary_key) or 'none'}")
    if set(old.foreign_keys) != set(new.foreign_keys):
        changed.append("foreign keys")
    if old.unique_constraints != new.unique_constraints:
        changed.append("unique constraints")
    if old.comment != new.comment:
        changed.append("its comment")
    if old.kind != new.kind:
        changed.append(f"kind: {old.kind} became {new.kind}")
    return TableChange(
        table=new.qualified_name,
        added=tuple(f"{name} ({after[name].type})" for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(change for change in changed if change),
    )


def _column_change(old: Column, new: Column) -> str:
    if old == new:
        return ""
    if old.type != new.type:
        return f"{new.name}: {old.type} became {new.type}"
    fields = {
        "nullable": "may be empty now" if new.nullable else "may not be empty now",
        "enum_values": f"values now {', '.join(new.enum_values)}",
        "default": f"default now {new.default or 'none'}",
        "comment": "another comment",
        "generated": "generated now" if new.generated else "no longer generated",
    }
    found = [words for name, words in fields.items() if getattr(old, name) != getattr(new, name)]
    return f"{new.name}: {', '.join(found) or 'other properties'}"
