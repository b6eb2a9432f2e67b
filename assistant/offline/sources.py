"""What the offline model may read of: the registered databases with their tables, as a turn begins."""

import re
from dataclasses import dataclass

from assistant.offline.slots import Known
from tools import databases, schemas
from tools.connectors.base import Dialect
from tools.desk import Desk
from tools.schemas.catalog import TrainedTable


@dataclass(frozen=True)
class Source:
    """A registered database and the tables of it that are in sight."""

    name: str
    dialect: Dialect
    tables: tuple[TrainedTable, ...]


async def look(desk: Desk) -> tuple[Source, ...]:
    """Give every database that the conversation may be about, the one in hand first; of it the schemas in question."""
    found = []
    registered = await databases.list_databases(desk.box, desk.actor)
    for database in sorted(registered, key=lambda one: one.name != desk.database):
        if desk.databases and database.name not in desk.databases:
            continue
        tables = await schemas.catalog(desk.box, desk.actor, database.name)
        inside = desk.schemas if database.name == desk.database else ()
        if inside:
            tables = tuple(table for table in tables if table.shape.schema_name in inside)
        found.append(Source(database.name, database.dialect, tables))
    return tuple(found)


def known(sources: tuple[Source, ...]) -> Known:
    """The names that a command may be about."""
    shapes = [(source.name, table.shape) for source in sources for table in source.tables]
    columns: dict[str, tuple[str, ...]] = {}
    for _, shape in shapes:
        columns[shape.name.lower()] = columns.get(shape.name.lower(), ()) + tuple(c.name for c in shape.columns)
    return Known(
        databases=tuple(source.name for source in sources),
        tables={s.name: tuple((t.shape.qualified_name, t.shape.name) for t in s.tables) for s in sources},
        columns=columns,
    )


def named_in(question: str, sources: tuple[Source, ...]) -> tuple[Source | None, str]:
    """The database that a question names (`in shop`, `shop: ...`), and the question without the naming."""
    for source in sources:
        name = re.escape(source.name).replace("_", "[_ ]").replace(r"\-", "[- ]")
        for pattern in (
            rf"^\s*(?:in|from|on|of)?\s*(?:the\s+)?{name}\s*(?:database|db)?\s*[:,]\s*",
            rf"\s*\b(?:in|from|on|of|for)\s+(?:the\s+|our\s+)?(?:database\s+{name}|{name}\s+(?:database|db))\b",
            rf"\s*\b(?:in|from|on|of)\s+(?:the\s+|our\s+)?{name}(?=\s*[?.!]*\s*$)",
        ):
            found = re.search(pattern, question, re.IGNORECASE)
            if found and not (pattern.endswith("$)") and _is_word_of_data(source.name, source)):
                return source, f"{question[: found.start()]}{question[found.end() :]}".strip() or question
    return None, question


def _is_word_of_data(name: str, source: Source) -> bool:
    """Whether a table of the database is called by the database's own name: then it is left to the parser."""
    word = name.lower()
    return any(word in table.shape.name.lower().split("_") for table in source.tables)
