"""Documents whose words are still to be made: where they are, and how a search finds them meanwhile."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents.sources import Source
from tools.store.models import DOCUMENT_SEARCH

MANY = 50_000
"""So many are read by a search in a quarter of a second; of more it is told."""

WORDS = f"""
coalesce((SELECT t.search FROM tabletalk.document_texts t WHERE t.document_id = d.id AND t.hash = d.hash),
         {DOCUMENT_SEARCH})
"""  # noqa: S608 - constants
"""The words of a document `d`: as they were made, or made now where it has changed since."""

UNMADE = """
(SELECT t.hash FROM tabletalk.document_texts t WHERE t.document_id = d.id) IS DISTINCT FROM d.hash
"""
"""Holds for a document `d` whose words are still to be made. Put so that it is one look into an index each."""

PLACES = """
SELECT b.database_id, b.table_name, unnest(range_agg(r.ids)) AS ids
FROM tabletalk.document_backlog b CROSS JOIN unnest(b.ids) AS r (ids)
WHERE {chosen}
GROUP BY b.database_id, b.table_name
"""
"""The stretches of ids that chosen rows of the backlog name; rows that name the same are one."""

THERE = """
d.id >= lower(p.ids) AND d.id < upper(p.ids) AND d.database_id = p.database_id AND d.table_name = p.table_name
AND d.deleted_at IS NULL
"""
"""Holds for a document `d` that lies in one of these places `p`."""

COUNT = text("""
SELECT b.database_id, sum(b.documents) AS documents FROM tabletalk.document_backlog b
WHERE b.database_id = ANY (:databases) GROUP BY b.database_id HAVING sum(b.documents) > :many
""").bindparams(bindparam("databases", type_=ARRAY(Uuid)))


async def not_indexed(session: AsyncSession, there: Sequence[Source]) -> tuple[str, ...]:
    """Say of which databases many documents are not in the index of words yet."""
    names = {one.database_id: one.database for one in there}
    return tuple(
        f"{row.documents:,} documents of {names[row.database_id]} are not in the index of words yet: they are read "
        "one by one, and a search takes longer until they are."
        for row in await session.execute(COUNT, {"databases": list(names), "many": MANY})
    )
