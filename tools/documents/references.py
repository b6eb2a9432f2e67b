"""Which columns of synced tables refer to rows of other ones: by foreign key, or by a name that says so."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select

from tools.connectors.base import TableSchema
from tools.schemas.tables import known
from tools.store.models import SyncPlanRow
from tools.toolbox import Actor, Toolbox
from tools.vocabulary import lemma, name_terms

KEY_WORDS = ("id", "key", "no", "code")
"""How a column that refers ends: `customer_id`."""


class Reference(NamedTuple):
    """A column that holds the key of another table's row."""

    table: str
    column: str
    field: str
    """What the column is called in a document's data."""
    target: str
    """The table it refers to, qualified."""


async def references(box: Toolbox, actor: Actor, database: str) -> list[Reference]:
    """Give the columns of a database that refer to one row of another table each.

    Only single columns that refer to a primary key: it is what a document is found by.
    """
    about = await known(box, actor, database, unseen=True)
    shapes = [table.shape for table in about.tables]
    query = select(SyncPlanRow.table_name, SyncPlanRow.edits).where(SyncPlanRow.database_id == about.id)
    async with box.store.begin(actor.workspace_id) as session:
        renamed = {row.table_name: row.edits.get("rename", {}) for row in await session.execute(query)}
    found = [*_declared(shapes), *_named(shapes)]
    return [
        Reference(table, column, renamed.get(table, {}).get(column, column), target) for table, column, target in found
    ]


def _declared(shapes: Sequence[TableSchema]) -> list[tuple[str, str, str]]:
    """Foreign keys: table, column, target table."""
    keys = {(shape.schema_name, shape.name): shape for shape in shapes}
    found = []
    for shape in shapes:
        for key in shape.foreign_keys:
            target = keys.get((key.target_schema, key.target_table))
            if target is not None and len(key.columns) == 1 and key.target_columns == target.primary_key:
                found.append((shape.qualified_name, key.columns[0], target.qualified_name))
    return found


def _named(shapes: Sequence[TableSchema]) -> list[tuple[str, str, str]]:
    """Columns without a foreign key that are called after exactly one table: `customer_id`, `customers`."""
    targets = _by_name(shapes)
    found = []
    for shape in shapes:
        declared = {column for key in shape.foreign_keys for column in key.columns}
        own = shape.primary_key if len(shape.primary_key) == 1 else ()
        for column in shape.columns:
            terms = name_terms(column.name)
            if column.name in declared or column.name in own or len(terms) < 2 or terms[-1] not in KEY_WORDS:
                continue
            target = targets.get((shape.schema_name, terms[:-1]))
            family = target.column(target.primary_key[0]) if target is not None else None
            if target is not None and target != shape and family is not None and family.family == column.family:
                found.append((shape.qualified_name, column.name, target.qualified_name))
    return found


def _by_name(shapes: Sequence[TableSchema]) -> Mapping[tuple[str, tuple[str, ...]], TableSchema]:
    """Schema and singular name -> the table, where it has a key of one column and no namesake."""
    found: dict[tuple[str, tuple[str, ...]], list[TableSchema]] = {}
    for shape in shapes:
        if len(shape.primary_key) == 1:
            found.setdefault((shape.schema_name, tuple(map(lemma, name_terms(shape.name)))), []).append(shape)
    return {key: several[0] for key, several in found.items() if len(several) == 1}
