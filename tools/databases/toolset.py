"""What the model may call about registered databases."""

from typing import Any, Literal

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools import databases, sync
from tools.cards import RegisterCard, TableCard
from tools.connectors.base import Frozen
from tools.databases import Database, carries_password
from tools.desk import Desk
from tools.errors import Invalid

toolset = FunctionToolset[Desk]()

NEVER = "never"


def _told(text: str, *cards: Frozen) -> ToolReturn[str]:
    shown: dict[str, Any] = {"cards": [card.model_dump(mode="json") for card in cards]}
    return ToolReturn(return_value=text, metadata=shown)


def _line(database: Database) -> str:
    trained = f"{database.trained} of {database.tables} tables trained"
    said = f"{database.name}: {database.kind}, {database.health}; {trained}."
    return f"{said} {database.warning}".strip()


@toolset.tool
async def list_databases(ctx: RunContext[Desk]) -> ToolReturn[str]:
    """List the registered databases: name, version, whether each answers, how much is trained, when last synced."""
    found = await databases.list_databases(ctx.deps.box, ctx.deps.actor)
    if not found:
        return _told("No database is registered yet. Offer to register one.")
    synced = await sync.summaries(ctx.deps.box, ctx.deps.actor)
    last = [synced.get(one.id, NEVER) for one in found]
    rows = tuple(
        (one.name, one.kind, one.place, f"{one.trained} of {one.tables}", said, one.health)
        for one, said in zip(found, last, strict=True)
    )
    card = TableCard(title="Databases", columns=("Name", "Kind", "Where", "Trained", "Synced", "Health"), rows=rows)
    lines = [f"{_line(one)} Last synced: {said}." for one, said in zip(found, last, strict=True)]
    return _told("\n".join(lines), card)


@toolset.tool
async def check_database(ctx: RunContext[Desk], name: str) -> ToolReturn[str]:
    """Knock at a database now: does it answer, how fast, which version, and can its account write.

    Args:
        name: The registered name of the database.
    """
    return _told(_line(await databases.check(ctx.deps.box, ctx.deps.actor, name)))


@toolset.tool_plain
async def register_database(
    name: str = "",
    dialect: Literal["postgres", "mysql"] = "postgres",
    host: str = "",
    port: int | None = None,
    database: str = "",
    username: str = "",
) -> ToolReturn[str]:
    """Show the person the form that registers a database, filled with what is known; the form asks for the password.

    Args:
        name: What the database is to be called here, e.g. `warehouse`.
        dialect: `postgres`, or `mysql` for MySQL and MariaDB.
        host: Host name or address of the server. Never a URL with a password.
        port: Its port, if it is not the usual one.
        database: The database's name on that server.
        username: The account to log in with.
    """
    if any(carries_password(text) for text in (name, host, database, username)):
        raise Invalid(
            "A password came with the address. Passwords do not pass through the chat: call without it, the form asks."
        )
    card = RegisterCard(name=name, dialect=dialect, host=host, port=port, database=database, username=username)
    return _told("The form is shown; the person fills it in and registers there. End your turn.", card)


@toolset.tool
async def rename_database(ctx: RunContext[Desk], name: str, new_name: str) -> ToolReturn[str]:
    """Call a registered database by another name; what was learned of it stays.

    Args:
        name: Its name now.
        new_name: Its new name: lower-case letters, digits, _ and -.
    """
    renamed = await databases.rename(ctx.deps.box, ctx.deps.actor, name, new_name)
    return _told(f"{name} is called {renamed.name} now.")


@toolset.tool(requires_approval=True)
async def forget_database(ctx: RunContext[Desk], name: str) -> ToolReturn[str]:
    """Remove a database from Tabletalk with its training, notes and examples; the database itself is not touched.

    Args:
        name: The registered name of the database.
    """
    actor = ctx.deps.actor
    return _told(str(await databases.forget(ctx.deps.box, actor, name, approved_by=actor.user_id)))
