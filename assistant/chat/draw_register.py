"""What is said of a database that has just been registered: what it is, what its account may do, what to train."""

from typing import Any

from tools import databases, schemas
from tools.connectors.base import Greeting
from tools.databases import Database
from tools.toolbox import Actor, Toolbox
from tools.words import counted


def greeting_lines(greeting: Greeting) -> list[str]:
    """Say what a database answered: its version, how far away it is, what the account may do."""
    said = f"It answers: {greeting.server_version}, {_away(greeting)}."
    return [line for line in (said, databases.write_warning(greeting)) if line]


async def found(box: Toolbox, actor: Actor, database: Database) -> dict[str, Any]:
    """Give what the card says of a database that has just been registered; its tables are looked up."""
    await schemas.refresh(box, actor, database.name)
    names = await table_names(box, actor, database.name)
    count = counted(len(names), "table")
    away = f", {_away(database.greeting)}" if database.greeting else ""
    return {
        "lines": [f"{database.name}: {database.kind}, {count}{away}."],
        "warning": database.warning,
        "grants": databases.read_only_grants(database),
        "question": f"Train the {count} now?",
        "trained": None if names else "Its account sees no tables, so there is nothing to train.",
        "sync_question": "Bring its rows into documents that can be searched?",
        "synced": None if names else "",
    }


def _away(greeting: Greeting) -> str:
    return f"{greeting.latency_ms:.0f} ms away" if greeting.latency_ms >= 1 else "less than 1 ms away"


async def table_names(box: Toolbox, actor: Actor, name: str) -> list[str]:
    """Give the names of a registered database's tables."""
    return [table.shape.qualified_name for table in await schemas.catalog(box, actor, name)]
