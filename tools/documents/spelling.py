"""What a misspelt word of a search may have meant: words of the documents that are spelt alike."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools.documents.asked import Asked
from tools.documents.sources import Source
from tools.toolbox import Toolbox
from tools.vocabulary import is_word

ALIKE = 0.4
"""The part of letter groups two words share, at least."""
SLIP = 2
"""Letters that a word may have too many or too few."""

ALIKE_WORDS = text("""
WITH asked AS (
    SELECT w.word, (tsvector_to_array(to_tsvector('english', w.word)))[1] AS base
    FROM unnest(:words) AS w (word)
), unknown AS (
    SELECT a.* FROM asked a WHERE a.base IS NOT NULL AND NOT EXISTS (
        SELECT FROM tabletalk.document_words k WHERE k.database_id = ANY (:databases) AND k.word = a.base)
)
SELECT u.word, k.word AS alike
FROM unknown u CROSS JOIN LATERAL (
    SELECT k.word FROM tabletalk.document_words k
    WHERE k.database_id = ANY (:databases)
        AND length(k.word) BETWEEN length(u.base) - :slip AND length(u.base) + :slip
        AND public.similarity(k.word, u.base) >= :alike
    GROUP BY k.word
    ORDER BY public.similarity(k.word, u.base) DESC, sum(k.documents) DESC LIMIT 3
) k
""").bindparams(bindparam("words", type_=ARRAY(Text)), bindparam("databases", type_=ARRAY(Uuid)))


async def with_spellings(box: Toolbox, session: AsyncSession, there: Sequence[Source], asked: Asked) -> Asked:
    """Add to a search the words that its misspelt ones are spelt like; as it is where pg_trgm is not at hand.

    Misspelt is what no document says and what is no English word either.
    """
    odd = [word for word, _ in asked.letters if not is_word(word)]
    if not odd or not await _has_trigrams(box, session):
        return asked
    values = {
        "words": odd,
        "databases": list({one.database_id for one in there}),
        "slip": SLIP,
        "alike": ALIKE,
    }
    found: dict[str, list[str]] = {}
    for row in await session.execute(ALIKE_WORDS, values):
        found.setdefault(row.word, []).append(row.alike)
    return asked.spelt(found)


async def _has_trigrams(box: Toolbox, session: AsyncSession) -> bool:
    held = box.memo.get("similarity", 0)
    if held is None:
        held = bool(await session.scalar(text("SELECT to_regproc('public.similarity') IS NOT NULL")))
        box.memo.put("similarity", 0, held)
    return bool(held)
