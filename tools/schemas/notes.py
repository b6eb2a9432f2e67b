"""What people tell about their data, kept beside a database or one of its tables and found with it."""

from uuid import UUID, uuid4

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from tools.errors import Invalid, NotFound
from tools.rights import may_change
from tools.schemas.catalog import TrainedTable
from tools.schemas.tables import BUMP, Note, known, pick
from tools.schemas.wording import search_lines
from tools.store.models import NoteRow, TableRow
from tools.toolbox import Actor, Toolbox

_LONGEST = 1000


async def add_note(box: Toolbox, actor: Actor, database: str, text: str, table: str | None = None) -> Note:
    """Keep what a person said: "revenue means paid orders without returns"; of one table, or of the whole database."""
    may_change(actor, "keep notes")
    words = " ".join(text.split())
    if not 0 < len(words) <= _LONGEST:
        raise Invalid(f"A note has between 1 and {_LONGEST} characters; this one has {len(words)}.")
    about = await known(box, actor, database)
    of = pick(about.tables, table, database) if table else None
    if any(note.text == words and note.table == (of.shape.qualified_name if of else None) for note in about.notes):
        raise Invalid(f"That note is already kept for {database}.")
    note_id = uuid4()
    async with box.store.begin(actor.workspace_id) as session:
        session.add(
            NoteRow(
                id=note_id,
                workspace_id=actor.workspace_id,
                created_by=actor.user_id,
                database_id=about.id,
                table_id=of.id if of else None,
                text=words,
            )
        )
        if of is not None:
            await _reword(session, of, (*of.notes, words))
        await session.execute(BUMP, {"database": about.id})
    return next(note for note in await list_notes(box, actor, database) if note.id == note_id)


async def list_notes(box: Toolbox, actor: Actor, database: str) -> tuple[Note, ...]:
    """Give the notes of a database and of its tables, oldest first, with who wrote them."""
    return (await known(box, actor, database)).notes


async def remove_note(box: Toolbox, actor: Actor, database: str, note: UUID | str) -> Note:
    """Forget one note, named by its id, the start of its id, or its exact text; gives the note that went."""
    may_change(actor, "remove notes")
    about = await known(box, actor, database)
    wanted = " ".join(str(note).split())
    found = [one for one in about.notes if one.text == wanted or (len(wanted) >= 4 and str(one.id).startswith(wanted))]
    if len(found) != 1:
        kept = "; ".join(f"{str(one.id)[:8]} {one.text!r}" for one in about.notes) or "none"
        raise NotFound(f"{'No' if not found else 'More than one'} note {wanted!r} in {database}; kept: {kept}.")
    gone = found[0]
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(delete(NoteRow).where(NoteRow.id == gone.id, NoteRow.workspace_id == actor.workspace_id))
        if gone.table is not None:
            of = pick(about.tables, gone.table, database)
            await _reword(session, of, tuple(text for text in of.notes if text != gone.text))
        await session.execute(BUMP, {"database": about.id})
    return gone


async def _reword(session: AsyncSession, table: TrainedTable, notes: tuple[str, ...]) -> None:
    words = search_lines(table.shape, table.description, table.values, notes)
    await session.execute(update(TableRow).where(TableRow.id == table.id).values(search_text=words))
