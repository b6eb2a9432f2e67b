"""The command /sync: read like the sentence that begins with "sync", carried out without a model in between."""

from assistant.chat.screen import say
from assistant.offline.commands import Command, read_command
from assistant.offline.sources import Source, known, look
from assistant.offline.working import holding, shortly
from tools import databases, sync
from tools.cards import JobCard, ScheduleCard
from tools.databases.meant import database_meant
from tools.desk import Desk
from tools.errors import Invalid
from tools.sync import SyncOptions
from tools.toolbox import Actor, Toolbox


async def carry_out(box: Toolbox, person: Actor, rest: str, in_hand: str | None) -> None:
    """Sync what `rest` names, now or at the times it says, and show the card of that."""
    sources = await look(Desk(box, person))
    command = read_command(f"sync {rest}", known(sources))
    if command is None or command.intent != "sync":
        raise Invalid(
            f"Cannot read {rest!r}; say for instance: /sync shop orders every night at 2, only the last 18 months"
        )
    name = await _database(box, person, command, sources, in_hand)
    how = dict(command.how)
    when, dry_run = how.pop("when", None), how.pop("dry_run", False)
    source = next((one for one in sources if one.name == name), None)
    tables = (shortly(command.tables, source.tables) if source else command.tables) or "*"
    options = SyncOptions.model_validate(how)
    if dry_run:
        await say(str(await sync.preview(box, person, name, tables, options)))
    elif when is not None:
        made, planned = await sync.schedule_sync(box, person, name, tables, options, when=when)
        await say("", ScheduleCard(schedule_ids=(made.id,), lines=sync.plan_lines(planned), fresh=True))
    else:
        job = await sync.start_sync(box, person, name, tables, options)
        await say("", JobCard(job_id=job.id))


async def _database(
    box: Toolbox, person: Actor, command: Command, sources: tuple[Source, ...], in_hand: str | None
) -> str:
    if command.database is not None:
        return (await databases.get(box, person, command.database)).name
    held = ((one.name, frozenset(table.shape.qualified_name for table in one.tables)) for one in sources)
    named = holding(command.tables, None, held)
    return await database_meant(Desk(box, person, database=in_hand), named)
