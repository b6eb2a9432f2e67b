"""What a document says about what was searched for: its title and a stretch of its text, with marks."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents.document import Piece, ShownDocument
from tools.documents.live import unseen
from tools.reach import bounded_tables
from tools.toolbox import Actor, Toolbox

OPEN, CLOSE = "\x02", "\x03"
"""Around a mark: signs that no text shows."""
MOST_TEXT = 100_000
"""Characters of a text that are looked through for the best stretch."""

SHOWN = text("""
SELECT d.id, d.database_id, b.name AS database, d.table_name, d.source_key, d.entity, d.tags, d.happened_at,
    ts_headline('english', translate(d.title, :signs, ''), q.query, :whole) AS title,
    ts_headline('english', translate(left(d.body, :most), :signs, ''), q.query, :stretches) AS snippet
FROM tabletalk.documents d
JOIN tabletalk.databases b ON b.id = d.database_id
CROSS JOIN (SELECT to_tsquery('english', :text) AS query) q
WHERE d.workspace_id = :workspace AND d.id = ANY (:ids) AND d.deleted_at IS NULL
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

WHOLE = f"HighlightAll=true, StartSel={OPEN}, StopSel={CLOSE}"
STRETCHES = f'MaxFragments=2, MinWords=10, MaxWords=28, FragmentDelimiter=" … ", StartSel={OPEN}, StopSel={CLOSE}'
_MARK = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")


async def shown(session: AsyncSession, actor: Actor, ids: Iterable[int], query: str) -> dict[int, ShownDocument]:
    """Give documents by their ids, with the words of `query` (for to_tsquery) marked; one that is gone is left out."""
    values = {
        "workspace": actor.workspace_id,
        "ids": list(ids),
        "text": query,
        "signs": OPEN + CLOSE,
        "most": MOST_TEXT,
        "whole": WHOLE,
        "stretches": STRETCHES,
    }
    rows = await session.execute(SHOWN, values)
    return {row.id: _shown(row) for row in rows}


async def show(box: Toolbox, actor: Actor, ids: Iterable[int], words: str) -> dict[int, ShownDocument]:
    """Show the documents of an earlier search as they are now; one that is gone since is left out."""
    async with box.store.begin(actor.workspace_id) as session:
        bounds = await bounded_tables(box, session, actor)
        rows = await shown(session, actor, ids, words)
    hidden = await unseen(box, actor, rows, bounds)
    return {number: row for number, row in rows.items() if number not in hidden.ids}


def _shown(row: Row[Any]) -> ShownDocument:
    return ShownDocument(
        id=row.id,
        database=row.database,
        table=row.table_name,
        source_key=row.source_key,
        entity=row.entity,
        title=pieces(row.title) or (Piece(text=f"{row.entity} {row.source_key}"),),
        snippet=pieces(row.snippet),
        tags=tuple(row.tags),
        happened_at=row.happened_at,
    )


def pieces(marked: str) -> tuple[Piece, ...]:
    """Part a text at its marks."""
    parts: Sequence[str] = _MARK.split(" ".join(marked.split()))
    return tuple(Piece(text=part, marked=at % 2 == 1) for at, part in enumerate(parts) if part)
