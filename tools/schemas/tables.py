"""The tables of a database as they are known: read once per version, described, found by name."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from tools import databases
from tools.connectors.base import Dialect, Frozen, TableSchema
from tools.errors import Invalid, NotFound
from tools.reach import Reach, Rule, reach_of, read_policies
from tools.rights import may_change
from tools.schemas.catalog import TrainedTable
from tools.schemas.wording import describe_by_rule, search_lines
from tools.store.models import DatabaseRow, NoteRow, TableEmbedding, TableRow, User
from tools.toolbox import Actor, Toolbox

BUMP = text("UPDATE tabletalk.databases SET catalog_version = catalog_version + 1 WHERE id = :database")


class Note(Frozen):
    """What a person told us about the data."""

    id: UUID
    database: str
    table: str | None
    """The table it is about, qualified; None for one about the whole database."""
    text: str
    created_by: str | None
    created_at: datetime


class Known(Frozen):
    """Everything known of one database, at one version of its catalogue."""

    id: UUID
    name: str
    dialect: Dialect
    version: int
    tables: tuple[TrainedTable, ...]
    """By schema and name."""
    notes: tuple[Note, ...]
    """All of them, oldest first."""
    models: frozenset[tuple[str, int]]
    """Embedding models, with their dimension, that its vectors were made by."""

    @cached_property
    def numbers(self) -> Mapping[UUID, int]:
        """Table id -> its place in `tables`."""
        return {table.id: number for number, table in enumerate(self.tables)}

    @cached_property
    def links(self) -> Mapping[UUID, frozenset[UUID]]:
        """Table id -> the tables it refers to or is referred to by, where there are any."""
        ids = {(table.shape.schema_name, table.shape.name): table.id for table in self.tables}
        found: dict[UUID, set[UUID]] = {}
        for table in self.tables:
            for key in table.shape.foreign_keys:
                other = ids.get((key.target_schema, key.target_table))
                if other is not None and other != table.id:
                    found.setdefault(table.id, set()).add(other)
                    found.setdefault(other, set()).add(table.id)
        return {key: frozenset(others) for key, others in found.items()}

    def name_of(self, table: UUID) -> str:
        """The name of one of its tables."""
        return self.tables[self.numbers[table]].shape.name

    def cut(self, tables: tuple[TrainedTable, ...], notes: tuple[Note, ...]) -> "Known":
        """The same with fewer tables and notes, of which nothing is carried over that was counted of all."""
        kept = {name: getattr(self, name) for name in Known.model_fields}
        return Known(**{**kept, "tables": tables, "notes": notes})

    @property
    def general_notes(self) -> tuple[str, ...]:
        """The notes about the database as a whole."""
        return tuple(note.text for note in self.notes if note.table is None)


async def catalog(box: Toolbox, actor: Actor, database: str) -> tuple[TrainedTable, ...]:
    """Give every table of a database as it is known, trained or only fetched, by schema and name.

    One small query when nothing has changed since the last call in this process.
    """
    return (await known(box, actor, database)).tables


async def known(box: Toolbox, actor: Actor, database: str, *, unseen: bool = False) -> Known:
    """Give what is known of a database, as far as the person may see it; NotFound names those that are registered.

    With `unseen` everything comes: for work on the whole, whose outcome is no table's content.
    """
    async with box.store.begin(actor.workspace_id) as session:
        mine = (DatabaseRow.workspace_id == actor.workspace_id) & (DatabaseRow.name == database)
        row = (await session.execute(select(DatabaseRow.id, DatabaseRow.catalog_version).where(mine))).first()
        if row is not None:
            whole = (await recall(box, session, {row.id: (database, row.catalog_version)}))[row.id]
            policies = await read_policies(box.memo, session, row.id, row.catalog_version)
            return whole if unseen else seen(whole, reach_of(policies, actor, database))
    await databases.get(box, actor, database)  # says what is not there, and what is
    raise NotFound(f"No database named {database!r}.")


def seen(about: Known, reach: Reach) -> Known:
    """What of a database's tables policies leave: no hidden tables, and nothing learned from rows that are not seen."""
    if not reach.parted:
        return about
    rules = {table.id: reach.rule_of(table.shape) for table in about.tables}
    shown = (table for table in about.tables if not rules[table.id].hidden)
    tables = tuple(_less(table, rules[table.id], parted=bool(reach.session)) for table in shown)
    names = {table.shape.qualified_name for table in tables}
    notes = tuple(note for note in about.notes if note.table is None or note.table in names)
    return about.cut(tables, notes)


def inside(about: Known, schemas: Collection[str]) -> Known:
    """What of a database lies in some of its schemas; all of it where none is named."""
    if not schemas:
        return about
    tables = tuple(table for table in about.tables if table.shape.schema_name in schemas)
    names = {table.shape.qualified_name for table in tables}
    notes = tuple(note for note in about.notes if note.table is None or note.table in names)
    return about.cut(tables, notes)


def _less(table: TrainedTable, rule: Rule, *, parted: bool) -> TrainedTable:
    if not (rule.binds or parted):
        return table
    fewer = bool(rule.predicates) or parted
    values = {} if fewer else {k: v for k, v in table.values.items() if k not in rule.masked}
    samples = () if fewer else tuple(without(sample, rule.masked) for sample in table.samples)
    described = table.description if table.edited else describe_by_rule(table.shape, values)
    left_out = tuple(dict.fromkeys((*table.left_out, *rule.masked)))
    shape = table.shape.model_copy(update={"row_estimate": None}) if fewer else table.shape
    changes = {"shape": shape, "values": values, "samples": samples, "description": described, "left_out": left_out}
    return table.model_copy(update=changes)


def without(row: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """A row without some of its columns."""
    return {name: value for name, value in row.items() if name not in columns}


async def recall(box: Toolbox, session: AsyncSession, versions: dict[UUID, tuple[str, int]]) -> dict[UUID, Known]:
    """Give what is known of each database of `versions` (id -> name, version), reading only what has changed."""
    held = {key: box.memo.get(("catalog", key, name), version) for key, (name, version) in versions.items()}
    missing = [key for key, value in held.items() if value is None]
    if missing:
        for fresh in await _read(session, missing):
            box.memo.put(("catalog", fresh.id, fresh.name), versions[fresh.id][1], fresh)
            held[fresh.id] = fresh
    return {key: value for key, value in held.items() if value is not None}


async def _read(session: AsyncSession, ids: Sequence[UUID]) -> list[Known]:
    rows = (await session.scalars(select(DatabaseRow).where(DatabaseRow.id.in_(ids)))).all()
    names = {row.id: row.name for row in rows}
    query = select(TableRow).where(TableRow.database_id.in_(ids)).order_by(TableRow.schema_name, TableRow.name)
    tables = (await session.scalars(query)).all()
    notes = await read_notes(session, names)
    made = select(TableEmbedding.database_id, TableEmbedding.model, TableEmbedding.dimension)
    models = (await session.execute(made.where(TableEmbedding.database_id.in_(ids)).distinct())).all()
    return [
        Known(
            id=row.id,
            name=row.name,
            dialect=row.dialect,
            version=row.catalog_version,
            tables=tuple(_trained(table, notes) for table in tables if table.database_id == row.id),
            notes=tuple(note for note, of, _ in notes if of == row.id),
            models=frozenset((made.model, made.dimension) for made in models if made.database_id == row.id),
        )
        for row in rows
    ]


async def read_notes(session: AsyncSession, names: dict[UUID, str]) -> list[tuple[Note, UUID, UUID | None]]:
    """Read the notes of the databases in `names` (id -> name), each with its database's and its table's id."""
    query = (
        select(NoteRow, TableRow.schema_name, TableRow.name, User.name)
        .outerjoin(TableRow, TableRow.id == NoteRow.table_id)
        .outerjoin(User, User.id == NoteRow.created_by)
        .where(NoteRow.database_id.in_(names))
        .order_by(NoteRow.created_at)
    )
    found = []
    for row, schema, table, author in (await session.execute(query)).all():
        note = Note(
            id=row.id,
            database=names[row.database_id],
            table=f"{schema}.{table}" if table is not None else None,
            text=row.text,
            created_by=author,
            created_at=row.created_at,
        )
        found.append((note, row.database_id, row.table_id))
    return found


def _trained(row: TableRow, notes: list[tuple[Note, UUID, UUID | None]]) -> TrainedTable:
    return TrainedTable(
        id=row.id,
        database_id=row.database_id,
        shape=TableSchema.model_validate(row.snapshot),
        description=row.description,
        edited=row.description_edited,
        values={name: tuple(values) for name, values in row.values.items()},
        samples=tuple(row.samples),
        left_out=tuple(row.left_out),
        notes=tuple(note.text for note, _, table in notes if table == row.id),
        trained_at=row.trained_at,
        stale=row.trained_at is not None and row.trained_fingerprint != row.fingerprint,
    )


def pick(tables: Sequence[TrainedTable], name: str, database: str) -> TrainedTable:
    """Find the table people mean by `name` (`orders`, `sales.orders`, any case).

    NotFound names near ones; Invalid when several schemas have it.
    """
    wanted = name.strip().strip('"`').lower()
    exact = [t for t in tables if wanted in (t.shape.name.lower(), t.shape.qualified_name.lower())]
    if len(exact) == 1:
        return exact[0]
    if exact:
        several = ", ".join(t.shape.qualified_name for t in exact)
        raise Invalid(f"{name!r} stands in several schemas of {database}: {several}. Name one in full.")
    if not tables:
        raise NotFound(f"No table of {database} is known yet; train it first.")
    from rapidfuzz.process import extract

    near = extract(wanted, [t.shape.name for t in tables], limit=3, score_cutoff=60)
    names = [found[0] for found in near] or [t.shape.name for t in tables[:8]]
    raise NotFound(f"No table named {name!r} in {database}; {'near' if near else 'known'}: {', '.join(names)}.")


async def describe(box: Toolbox, actor: Actor, database: str, table: str) -> TrainedTable:
    """Give one table with all that is known of it; NotFound names near ones."""
    return pick(await catalog(box, actor, database), table, database)


async def set_description(box: Toolbox, actor: Actor, database: str, table: str, description: str) -> TrainedTable:
    """Write a table's description by hand; training keeps it. An empty one goes back to the rule's."""
    may_change(actor, "describe tables")
    about = await known(box, actor, database)
    found = pick(about.tables, table, database)
    edited = bool(description.strip())
    words = " ".join(description.split()) if edited else describe_by_rule(found.shape, found.values)
    if len(words) > 2000:
        raise Invalid(f"The description has {len(words)} characters; at most 2000 are kept.")
    values = {
        "description": words,
        "description_edited": edited,
        "search_text": search_lines(found.shape, words, found.values, found.notes),
    }
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(update(TableRow).where(_mine(actor, found.id)).values(values))
        await session.execute(BUMP, {"database": about.id})
    return await describe(box, actor, database, found.shape.qualified_name)


def _mine(actor: Actor, table_id: UUID) -> Any:
    return (TableRow.workspace_id == actor.workspace_id) & (TableRow.id == table_id)
