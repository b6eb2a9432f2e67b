"""Which database a call is about that names none."""

from tools.databases.registry import list_databases
from tools.desk import Desk
from tools.errors import Invalid


async def database_meant(desk: Desk, named: str | None) -> str:
    """The database that is meant: the one named, the one in hand, or the only one there is; Invalid lists them."""
    if named or desk.database:
        return named or desk.database or ""
    registered = [found.name for found in await list_databases(desk.box, desk.actor)]
    if len(registered) == 1:
        return registered[0]
    known = ", ".join(registered) or "none yet"
    raise Invalid(f"Name the database that is meant; registered: {known}.")
