"""What a session at the source is told of who asks, where the source has row policies of its own."""

import re
from collections.abc import Mapping

from sqlalchemy import update

from tools import audit, databases
from tools.connectors.base import Dialect
from tools.databases import Database
from tools.errors import Invalid
from tools.rights import may_manage
from tools.schemas.tables import BUMP
from tools.store.models import DatabaseRow
from tools.toolbox import Actor, Toolbox

MOST = 20
NAMES: dict[Dialect, re.Pattern[str]] = {
    # With a dot: a name without one is a setting of the server itself, role and statement_timeout among them.
    "postgres": re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)+"),
    "mysql": re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*"),
}
EXAMPLES: dict[Dialect, str] = {"postgres": "app.region", "mysql": "app_region"}
ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


async def tell_session(box: Toolbox, actor: Actor, database: str, settings: Mapping[str, str]) -> Database:
    """Tell the sessions of a database who asks: setting or variable -> attribute; those not named are told no more.

    Values come from the person's account or the token a page signed, never from a model or a question; who lacks an
    attribute reads nothing.
    """
    may_manage(actor, "tell sessions who asks")
    target = await databases.get(box, actor, database)
    _check(target.dialect, settings)
    told = ", ".join(f"{name} = {attribute}" for name, attribute in settings.items())
    mine = (DatabaseRow.id == target.id) & (DatabaseRow.workspace_id == actor.workspace_id)
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(update(DatabaseRow).where(mine).values(session_settings=dict(settings)))
        await session.execute(BUMP, {"database": target.id})
        session.add(audit.noted(actor, "tell sessions", target.name, detail=told or "nothing"))
    return await databases.get(box, actor, target.name)


def _check(dialect: Dialect, settings: Mapping[str, str]) -> None:
    if len(settings) > MOST:
        raise Invalid(f"{len(settings)} settings are too many; {MOST} at most.")
    for name, attribute in settings.items():
        if len(name) > 63 or not NAMES[dialect].fullmatch(name):
            raise Invalid(f"{name!r} cannot be told to a session; name it like {EXAMPLES[dialect]}.")
        if not ATTRIBUTE.fullmatch(attribute):
            raise Invalid(f"{attribute!r} is no attribute's name; letters, digits and _: region.")
