"""How the tables of a database refer to one another, as its catalogue declares it."""

from tools.connectors.base import Frozen
from tools.schemas.tables import catalog
from tools.toolbox import Actor, Toolbox


class Relationship(Frozen):
    """A declared foreign key; tables by their qualified names."""

    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


async def relationships(box: Toolbox, actor: Actor, database: str) -> tuple[Relationship, ...]:
    """Give every declared foreign key of a database, by table and name."""
    found = [
        Relationship(
            name=key.name,
            table=table.shape.qualified_name,
            columns=key.columns,
            target=f"{key.target_schema}.{key.target_table}",
            target_columns=key.target_columns,
        )
        for table in await catalog(box, actor, database)
        for key in table.shape.foreign_keys
    ]
    return tuple(sorted(found, key=lambda one: (one.table, one.name)))
