"""Policies are checked before they are kept, and what training had learned of a masked column is forgotten with it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import get_args
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from tools import audit, databases, schemas
from tools.connectors.base import Dialect, Frozen, TableSchema
from tools.databases import Database
from tools.errors import Invalid, NotFound, QueryRejected
from tools.queries import masks
from tools.queries.barrier import PLACEHOLDER
from tools.queries.guard import check
from tools.reach import EVERY_TABLE, STRICTEST, Mask, Reach, Rule
from tools.rights import may_manage
from tools.schemas.catalog import TrainedTable
from tools.schemas.tables import BUMP, known, pick
from tools.store.models import DatabaseRow, PolicyRow, User
from tools.toolbox import Actor, Role, Toolbox


class Kept(Frozen):
    """One policy, and who made it."""

    id: UUID
    database: str
    table: str
    role: Role | None
    predicate: str
    masked: dict[str, Mask]
    """Column -> what is shown in place of its values."""
    hidden: bool
    created_at: datetime
    created_by: str | None

    def __str__(self) -> str:
        whom = f"{self.role}s" if self.role else "everybody"
        what = ["nothing of it is seen"] if self.hidden else []
        what += [f"rows where {self.predicate}"] if self.predicate else []
        what += [f"masked {_listed(self.masked)}"] if self.masked else []
        return f"{self.database}.{self.table} for {whom}: {'; '.join(what) or 'everything'}"


async def add_policy(
    box: Toolbox,
    actor: Actor,
    database: str,
    table: str,
    *,
    predicate: str = "",
    masked: Mapping[str, Mask] | Sequence[str] = (),
    hidden: bool = False,
    role: Role | None = None,
) -> Kept:
    """Keep a policy of a table, or with `*` of all tables that have none; it holds from the next query on.

    `predicate` is a condition in the database's own SQL, attributes written {user.name}. QueryRejected or Invalid
    says what is wrong with it. Columns that are `masked` by name alone come empty. A table whose columns are masked is
    trained anew without them.
    """
    may_manage(actor, "make policies")
    if role is not None and role not in get_args(Role):
        raise Invalid(f"No role {role!r}; one of: {', '.join(get_args(Role))}.")
    target = await databases.get(box, actor, database)
    about = await known(box, actor, target.name, unseen=True)
    named = None if table.strip() == EVERY_TABLE else pick(about.tables, table, database)
    if named is None and (masked or not (predicate or hidden)):
        raise Invalid("A policy of every table hides them or has a condition; columns are masked table by table.")
    columns = _columns(named.shape, masked) if named is not None else {}
    if predicate.strip():
        _try(target.dialect, [one.shape for one in about.tables], named.shape if named else None, predicate.strip())
    row = PolicyRow(
        id=uuid4(),
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        database_id=target.id,
        table_name=named.shape.qualified_name if named else EVERY_TABLE,
        role=role,
        predicate=predicate.strip(),
        masked=columns,
        hidden=hidden,
    )
    policy_id = row.id
    async with box.store.begin(actor.workspace_id) as session:
        session.add_all([row, audit.noted(actor, "add policy", f"{target.name}.{row.table_name}", detail=_told(row))])
        await session.execute(BUMP, {"database": target.id})
    if named is not None and named.trained_at is not None and _learned(named, columns):
        await _forget_values(box, actor, target, named.shape.qualified_name)
    return next(one for one in await list_policies(box, actor, target.name) if one.id == policy_id)


async def list_policies(box: Toolbox, actor: Actor, database: str | None = None) -> tuple[Kept, ...]:
    """The policies of one database or of all, by database and table."""
    may_manage(actor, "see policies")
    query = (
        select(PolicyRow, DatabaseRow.name, User.name)
        .join(DatabaseRow, DatabaseRow.id == PolicyRow.database_id)
        .outerjoin(User, User.id == PolicyRow.created_by)
        .where(PolicyRow.workspace_id == actor.workspace_id)
        .order_by(DatabaseRow.name, PolicyRow.table_name, PolicyRow.created_at)
    )
    if database is not None:
        query = query.where(DatabaseRow.id == (await databases.get(box, actor, database)).id)
    async with box.store.begin(actor.workspace_id) as session:
        rows = (await session.execute(query)).all()
    return tuple(
        Kept.model_validate(
            {
                **{name: getattr(row, name) for name in ("id", "role", "predicate", "masked", "hidden", "created_at")},
                "database": name,
                "table": row.table_name,
                "created_by": by,
            }
        )
        for row, name, by in rows
    )


async def remove_policy(box: Toolbox, actor: Actor, policy_id: UUID) -> Kept:
    """Lift a policy, and give what it was; NotFound when the workspace has none of that id."""
    may_manage(actor, "lift policies")
    gone = next((one for one in await list_policies(box, actor) if one.id == policy_id), None)
    if gone is None:
        raise NotFound(f"No policy {str(policy_id)!r}; list the policies to see those there are.")
    target = await databases.get(box, actor, gone.database)
    async with box.store.begin(actor.workspace_id) as session:
        mine = (PolicyRow.id == policy_id) & (PolicyRow.workspace_id == actor.workspace_id)
        await session.execute(delete(PolicyRow).where(mine))
        session.add(audit.noted(actor, "remove policy", f"{gone.database}.{gone.table}", detail=str(gone)))
        await session.execute(BUMP, {"database": target.id})
    return gone


def _told(row: PolicyRow) -> str:
    whom = row.role or "everybody"
    return f"for {whom}: rows {row.predicate or 'all'}; masked {_listed(row.masked) or 'none'}; hidden {row.hidden}"


def _listed(masked: Mapping[str, Mask]) -> str:
    return ", ".join(column if mask == "empty" else f"{column} ({mask})" for column, mask in sorted(masked.items()))


def _columns(shape: TableSchema, masked: Mapping[str, Mask] | Sequence[str]) -> dict[str, Mask]:
    """The masks by the columns' exact names; NotFound names the first that the table does not have."""
    names = {column.name.lower(): column.name for column in shape.columns}
    wanted: dict[str, str] = dict(masked) if isinstance(masked, Mapping) else dict.fromkeys(masked, "empty")
    found: dict[str, Mask] = {}
    for column, word in wanted.items():
        name = names.get(column.strip().lower())
        if name is None:
            raise NotFound(f"No column {column!r} in {shape.qualified_name}; it has {', '.join(names.values())}.")
        mask = next((one for one in STRICTEST if one == word), None)
        if mask is None:
            raise Invalid(f"No mask {word!r}; one of: {', '.join(STRICTEST)}.")
        masks.check(shape, name, mask)
        found[name] = mask
    return found


def _try(dialect: Dialect, shapes: Sequence[TableSchema], shape: TableSchema | None, predicate: str) -> None:
    """Refuse a condition that the guard would not let run, or whose names are not there."""
    attributes = dict.fromkeys(PLACEHOLDER.findall(predicate), "1")
    plain = PLACEHOLDER.sub("'1'", predicate)
    for one in [shape] if shape is not None else shapes:
        table = f"{_quoted(one.schema_name, dialect)}.{_quoted(one.name, dialect)}"
        reach = Reach(rules={one.qualified_name: Rule(predicates=(predicate,))}, attributes=attributes)
        try:
            # Never run, only judged.
            check(f"SELECT 1 FROM {table} WHERE ({plain})", dialect, shapes)  # noqa: S608
            check(f"SELECT 1 FROM {table}", dialect, shapes, reach=reach)  # noqa: S608
        except QueryRejected as error:
            if shape is not None:
                raise QueryRejected(f"The condition {predicate!r} cannot be a policy: {error}") from None
        else:
            return
    raise QueryRejected(f"The condition {predicate!r} fits no table of this database.")


def _quoted(name: str, dialect: Dialect) -> str:
    mark = '"' if dialect == "postgres" else "`"
    return mark + name.replace(mark, mark * 2) + mark


def _learned(table: TrainedTable, columns: Iterable[str]) -> bool:
    """Whether training read values of any of `columns`."""
    read = {*table.values, *(name for sample in table.samples for name in sample)}
    return any(column in read for column in columns)


async def _forget_values(box: Toolbox, actor: Actor, target: Database, table: str) -> None:
    """Values of a masked column were learned before: forget all of the table's, and learn the others again."""
    await schemas.untrain(box, actor, target.name, table, approved_by=actor.user_id)
    await schemas.start_training(box, actor, target.name, table)
