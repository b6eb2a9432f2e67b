"""What begins by itself once a database is registered."""

from tools import sync
from tools.databases import Database
from tools.jobs import Job
from tools.toolbox import Actor, Toolbox

NIGHTLY = "every night at 2"
"""What the button "Nightly" means."""


async def sync_by_itself(box: Toolbox, actor: Actor, database: Database) -> Job | None:
    """Start the first sync of a database that has just been registered, where TABLETALK_AUTO_SYNC says so."""
    return await sync.start_sync(box, actor, database.name) if box.settings.auto_sync else None
