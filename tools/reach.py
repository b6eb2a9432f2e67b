"""What a person may see of a registered database: row policies, column masks and hidden tables, as they stand for them.

A policy is for everybody or for one role; those that hold for a table all hold. A predicate may ask attributes of the
person, `region = {user.region}`; tools.queries.barrier puts it into every query.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tools.connectors.base import Frozen, TableSchema
from tools.errors import NotAllowed, NotFound
from tools.memo import Memo
from tools.store.models import DatabaseRow, PolicyRow, TableRow
from tools.toolbox import Actor, Toolbox

EVERY_TABLE = "*"
"""In place of a table's name: all tables that no other policy of the person names."""

Mask = Literal["empty", "constant", "hash", "last4", "year"]
"""What is shown in a column's place: nothing, ***, a pseudonym, its last four characters, the year of a date."""

STRICTEST: tuple[Mask, ...] = ("empty", "constant", "hash", "last4", "year")
"""Of several masks of one column, the first of these holds."""

VIEWS = ("view", "materialized view")


class Policy(Frozen):
    """One policy as it is kept."""

    id: UUID
    table: str
    """`schema.table`, or `*`."""
    role: str | None = None
    """None: for everybody."""
    predicate: str = ""
    """Which rows are seen, in the database's own SQL; empty for all."""
    masked: dict[str, Mask] = {}  # noqa: RUF012  # pydantic copies it
    """Column -> what is shown in place of its values."""
    hidden: bool = False
    """Whether the table is not there at all."""


class Policies(Frozen):
    """What binds the readers of one database."""

    tables: tuple[Policy, ...] = ()
    session: dict[str, str] = {}  # noqa: RUF012  # pydantic copies it
    """What the source's own policies ask: setting or variable of the session -> attribute of the person."""


class Rule(Frozen):
    """What holds for one table, of all policies together."""

    predicates: tuple[str, ...] = ()
    masked: dict[str, Mask] = {}  # noqa: RUF012  # pydantic copies it
    hidden: bool = False

    @property
    def binds(self) -> bool:
        """Whether less than the whole table is seen."""
        return self.hidden or bool(self.predicates or self.masked)


FREE = Rule()
HIDDEN = Rule(hidden=True)


class Reach(Frozen):
    """What one person may see of one database."""

    database: str = ""
    rules: dict[str, Rule] = {}  # noqa: RUF012  # pydantic copies it
    """Qualified table name, or `*`, to what holds there."""
    attributes: dict[str, str] = {}  # noqa: RUF012
    only: tuple[str, ...] = ()
    """Where not empty, tables that match none of these are hidden."""
    session: dict[str, str] = {}  # noqa: RUF012  # pydantic copies it
    """See Policies."""

    @property
    def restricted(self) -> bool:
        """Whether anything is not seen that a query could name."""
        return bool(self.only) or any(rule.binds for rule in self.rules.values())

    @property
    def parted(self) -> bool:
        """Whether others may see more: `restricted`, or the source itself shows each person their own."""
        return self.restricted or bool(self.session)

    @property
    def told(self) -> dict[str, str]:
        """What a session at the source is told of the person; NotAllowed when they lack an attribute of it."""
        for name, attribute in self.session.items():
            if attribute not in self.attributes:
                raise NotAllowed(
                    f"{self.database} asks your attribute {attribute!r} (as {name}), and you have none; ask an admin."
                )
        return {name: self.attributes[attribute] for name, attribute in self.session.items()}

    @property
    def fingerprint(self) -> str:
        """Equal for those who see the same; empty for who sees everything."""
        if not self.parted:
            return ""
        told = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def rule_of(self, shape: TableSchema) -> Rule:
        """What holds for a table; see `rule`."""
        return self.rule(shape.schema_name, shape.name, shape.kind)

    def rule(self, schema: str, table: str, kind: str) -> Rule:
        """What holds for a table by its name and kind.

        A view may show what its tables hide, so beside policies a view is hidden until a policy of its own names it.
        """
        names = {f"{self.database}.{table}", f"{self.database}.{schema}.{table}", self.database}
        if self.only and not any(fnmatchcase(name.lower(), one.lower()) for name in names for one in self.only):
            return HIDDEN
        own = self.rules.get(f"{schema}.{table}")
        if own is not None:
            return own
        if kind in VIEWS and any(rule.binds for name, rule in self.rules.items() if name != EVERY_TABLE):
            return HIDDEN
        return self.rules.get(EVERY_TABLE, FREE)

    def visible(self, shapes: Sequence[TableSchema]) -> tuple[TableSchema, ...]:
        """Of `shapes`, those that are not hidden."""
        return tuple(shape for shape in shapes if not self.rule_of(shape).hidden) if self.restricted else tuple(shapes)


def reach_of(policies: Policies, actor: Actor, database: str) -> Reach:
    """What `policies` of a database leave `actor`."""
    mine = [policy for policy in policies.tables if policy.role in (None, actor.role)]
    rules: dict[str, Rule] = {}
    for policy in mine:
        before = rules.get(policy.table, FREE)
        rules[policy.table] = Rule(
            predicates=(*before.predicates, policy.predicate) if policy.predicate else before.predicates,
            masked=strictest([before.masked, policy.masked]),
            hidden=before.hidden or policy.hidden,
        )
    asked = policies.session or any(rule.predicates for rule in rules.values())
    return Reach(
        database=database,
        rules=rules,
        attributes=actor.attributes if asked else {},
        only=actor.tables,
        session=policies.session,
    )


def strictest(several: Iterable[Mapping[str, Mask]]) -> dict[str, Mask]:
    """Each column's strictest mask of several, by the columns' names."""
    found: dict[str, Mask] = {}
    for column, mask in sorted(pair for masks in several for pair in masks.items()):
        found[column] = min(mask, found.get(column, mask), key=STRICTEST.index)
    return found


async def read_policies(memo: Memo, session: AsyncSession, database_id: UUID, version: int) -> Policies:
    """The policies of a database in the workspace in hand, from memory while its catalogue's version stands."""
    held = held_policies(memo, database_id, version)
    if held is None:
        rows = await session.scalars(
            select(PolicyRow).where(PolicyRow.database_id == database_id).order_by(PolicyRow.created_at, PolicyRow.id)
        )
        tables = tuple(
            Policy(
                id=row.id,
                table=row.table_name,
                role=row.role,
                predicate=row.predicate,
                masked=row.masked,
                hidden=row.hidden,
            )
            for row in rows
        )
        session_of = select(DatabaseRow.session_settings).where(DatabaseRow.id == database_id)
        held = Policies(tables=tables, session=await session.scalar(session_of) or {})
        memo.put(("policies", database_id), version, held)
    return held


def held_policies(memo: Memo, database_id: UUID, version: int) -> Policies | None:
    """The policies of a database that are in memory, if they are."""
    held: Policies | None = memo.get(("policies", database_id), version)
    return held


async def masked_columns(box: Toolbox, actor: Actor, database: str) -> dict[str, tuple[str, ...]]:
    """Qualified table name -> columns that are masked for anybody: nothing is learned of their values."""
    query = select(PolicyRow.table_name, PolicyRow.masked).join(DatabaseRow, DatabaseRow.id == PolicyRow.database_id)
    found: dict[str, tuple[str, ...]] = {}
    async with box.store.begin(actor.workspace_id) as session:
        for table, masked in await session.execute(query.where(DatabaseRow.name == database)):
            found[table] = (*found.get(table, ()), *masked)
    return found


async def reaches(box: Toolbox, session: AsyncSession, actor: Actor) -> dict[UUID, Reach]:
    """What `actor` may see of each database of the workspace in hand."""
    rows = await session.execute(select(DatabaseRow.id, DatabaseRow.name, DatabaseRow.catalog_version))
    return {
        row.id: reach_of(await read_policies(box.memo, session, row.id, row.catalog_version), actor, row.name)
        for row in rows.all()
    }


class Bounds(NamedTuple):
    """Tables that a person does not see whole, each as (database id, qualified name)."""

    closed: frozenset[tuple[UUID, str]] = frozenset()
    """Of what was copied of these nothing can be shown: they are hidden, or columns of them are masked."""
    parted: frozenset[tuple[UUID, str]] = frozenset()
    """Of these some rows are seen."""


async def bounded_tables(box: Toolbox, session: AsyncSession, actor: Actor) -> Bounds:
    """What a person does not see whole of the workspace in hand."""
    bound = {key: one for key, one in (await reaches(box, session, actor)).items() if one.parted}
    if not bound:
        return Bounds()
    columns = (TableRow.database_id, TableRow.schema_name, TableRow.name, TableRow.snapshot["kind"].astext)
    rows = await session.execute(select(*columns).where(TableRow.database_id.in_(bound)))
    closed, parted = set(), set()
    for database, schema, name, kind in rows:
        rule = bound[database].rule(schema, name, kind)
        if rule.hidden or rule.masked:
            closed.add((database, f"{schema}.{name}"))
        elif rule.predicates or bound[database].session:
            parted.add((database, f"{schema}.{name}"))
    return Bounds(frozenset(closed), frozenset(parted))


async def reach(box: Toolbox, actor: Actor, database: str) -> Reach:
    """What `actor` may see of the database called `database`; NotFound when there is none."""
    query = select(DatabaseRow.id, DatabaseRow.name, DatabaseRow.catalog_version)
    mine = (DatabaseRow.workspace_id == actor.workspace_id) & (DatabaseRow.name == database.strip().lower())
    async with box.store.begin(actor.workspace_id) as session:
        row = (await session.execute(query.where(mine))).first()
        if row is None:
            raise NotFound(f"No database named {database!r}.")
        return reach_of(await read_policies(box.memo, session, row.id, row.catalog_version), actor, row.name)
