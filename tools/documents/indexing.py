"""The index job: makes the words of the documents that a sync has written, which is then found by them quickly."""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text

from tools import databases, jobs
from tools.documents.backlog import MANY, PLACES, THERE, UNMADE
from tools.documents.embedding import start_embedding
from tools.errors import AssistantError, Conflict
from tools.jobs import Claim, Job, Outcome
from tools.jobs.people import person_for
from tools.rights import may_change
from tools.store.models import DOCUMENT_SEARCH, LIVE_STATES
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

BATCH = 20_000
"""Documents of one transaction, about."""
WORDS_SHARE = 0.02
"""Words are counted anew when at least so many of the documents have changed."""
LEFT_SECONDS = 10
"""What a sync gets to start the job itself."""

NEXT = text("""
SELECT id FROM (
    SELECT b.id, b.documents, sum(b.documents) OVER (ORDER BY b.id) - b.documents AS before
    FROM tabletalk.document_backlog b WHERE b.database_id = :database
) AS waiting
WHERE before < :batch ORDER BY id
""")
MAKE = text(f"""
INSERT INTO tabletalk.document_texts AS t (document_id, workspace_id, database_id, table_name, hash, search)
SELECT d.id, d.workspace_id, d.database_id, d.table_name, d.hash, {DOCUMENT_SEARCH}
FROM ({PLACES.format(chosen="b.id = ANY (:rows)")}) p CROSS JOIN LATERAL (
    SELECT d.* FROM tabletalk.documents d WHERE {THERE} AND {UNMADE} OFFSET 0
) d
ON CONFLICT (document_id) DO UPDATE SET hash = excluded.hash, search = excluded.search
""").bindparams(bindparam("rows", type_=ARRAY(BigInteger)))  # noqa: S608 - constants
"""A document that changes meanwhile has another hash then, and stands in the backlog anew."""
DONE = text("DELETE FROM tabletalk.document_backlog WHERE id = ANY (:rows)").bindparams(
    bindparam("rows", type_=ARRAY(BigInteger))
)
COUNT = text("SELECT coalesce(sum(documents), 0) FROM tabletalk.document_backlog WHERE database_id = :database")
CLEAN = text("""
DELETE FROM tabletalk.document_texts t USING tabletalk.documents d
WHERE d.id = t.document_id AND d.database_id = :database AND d.deleted_at IS NOT NULL
""")

ALL = text("SELECT count(*) FROM tabletalk.documents WHERE database_id = :database AND deleted_at IS NULL")
FORGET_WORDS = text("DELETE FROM tabletalk.document_words WHERE database_id = :database")
COUNT_WORDS = text("""
INSERT INTO tabletalk.document_words (workspace_id, database_id, word, documents)
SELECT CAST(:workspace AS uuid), CAST(:database AS uuid), word, ndoc
FROM ts_stat(format(
    'SELECT t.search FROM tabletalk.documents d JOIN tabletalk.document_texts t ON t.document_id = d.id '
    'WHERE d.database_id = %L AND d.deleted_at IS NULL', CAST(:database AS uuid)))
WHERE word ~ '^[[:alpha:]]{4,30}$'
""")

KNOWN = text("SELECT EXISTS (SELECT FROM tabletalk.document_words WHERE database_id = :database)")
SYNCING = text("""
SELECT EXISTS (SELECT FROM tabletalk.jobs j
               WHERE j.database_id = :database AND j.kind = 'sync' AND j.state = ANY (:live))
""").bindparams(bindparam("live", type_=ARRAY(Text)))

LEFT = text("""
SELECT b.workspace_id, d.name, (
    SELECT j.created_by FROM tabletalk.jobs j
    WHERE j.database_id = d.id AND j.kind = 'sync' ORDER BY j.id DESC LIMIT 1
) AS created_by
FROM tabletalk.document_backlog b JOIN tabletalk.databases d ON d.id = b.database_id
GROUP BY b.workspace_id, d.id, d.name
HAVING min(b.at) < now() - make_interval(secs => :seconds)
    AND NOT EXISTS (SELECT FROM tabletalk.jobs j WHERE j.database_id = d.id AND j.kind = 'index'
                    AND (j.state = ANY (:live) OR j.created_at > max(b.at)))
    AND (sum(b.documents) > :many
         OR NOT EXISTS (SELECT FROM tabletalk.jobs j WHERE j.database_id = d.id AND j.kind = 'sync'
                        AND j.state = ANY (:live)))
""").bindparams(bindparam("live", type_=ARRAY(Text)))
"""Databases whose job nobody started: the sync was cancelled or failed, or goes on and has written much already, or
ended just as the last job did. A job that failed, or was cancelled, is not started again before the next sync."""


async def start_indexing(box: Toolbox, actor: Actor, database: str) -> Job | None:
    """Start the job that makes the words of a database's new and changed documents; a sync calls it at its end.

    None when one is under way already: it looks for what has been written until it finds nothing more. No conversation
    is told of it.
    """
    may_change(actor, "index documents")
    found = await databases.get(box, actor, database)
    quietly = actor.model_copy(update={"conversation_id": None})
    try:
        return await jobs.start(box, quietly, "index", found.name, database_id=found.id)
    except Conflict:
        return None


async def start_left(box: Toolbox) -> tuple[Job, ...]:
    """Start the job wherever words are to be made and no sync will start it; the ticker calls it."""
    values = {"seconds": LEFT_SECONDS, "live": list(LIVE_STATES), "many": MANY}
    async with box.store.begin_for_all() as session:
        left = (await session.execute(LEFT, values)).all()
    started = []
    for row in left:
        try:
            person = await person_for(box, row.workspace_id, row.created_by, None, f"documents of {row.name}")
            started.append(await start_indexing(box, person, row.name))
        except AssistantError as error:
            log.warning("index job not started", database=row.name, reason=str(error))
    return tuple(job for job in started if job is not None)


async def run_indexing(box: Toolbox, claim: Claim) -> Outcome:
    """Make the words of what stands in the backlog of a job's database, and start the job that makes vectors.

    A job that was cut off goes on where it stopped.
    """
    work = _Work(box, claim, await databases.name_of(box, claim.actor, claim.job.database_id))
    await claim.progress(1, f"looking for what has changed in {work.name}", done=0, unit="documents")
    while await work.make_all():
        await work.clean()
        await claim.progress(96, "counting words")
        await work.count_words()
    await start_embedding(box, claim.actor, work.name, changed=work.done > 0)
    said = f"The words of {work.done:,} documents of {work.name} are made." if work.done else ""
    return Outcome(
        state="succeeded", counts={"indexed": work.done}, message=said or f"Nothing has changed in {work.name}."
    )


class _Work:
    """One run of the job over one database."""

    def __init__(self, box: Toolbox, claim: Claim, name: str) -> None:
        self.name = name
        self.done = 0
        self._box, self._claim = box, claim
        self._workspace, self._database = claim.actor.workspace_id, {"database": claim.job.database_id}

    async def make_all(self) -> bool:
        """Make all words that are to be made; False when there were none."""
        async with self._box.store.begin(self._workspace) as session:
            left = int(await session.scalar(COUNT, self._database) or 0)
        total, before = self.done + left, self.done
        found = False
        while rows := await self._next():
            found = True
            self.done += await self._make(rows)
            total = max(total, self.done)
            share = min(1.0, (self.done - before) / max(1, total - before))
            stage = f"{self.done:,} of {total:,} documents"
            await self._claim.progress(1 + 94 * share, stage, done=self.done, total=total)
        return found

    async def clean(self) -> None:
        """Take away the words of documents that are gone."""
        async with self._box.store.begin(self._workspace) as session:
            await self._claim.hold_database(session)
            await session.execute(CLEAN, self._database)
            await self._claim.hold(session)

    async def count_words(self) -> None:
        """Count the words anew, where enough has changed for that to matter and no sync goes on to change more."""
        async with self._box.store.begin(self._workspace) as session:
            if await session.scalar(SYNCING, {**self._database, "live": list(LIVE_STATES)}):
                return
            few = self.done < WORDS_SHARE * int(await session.scalar(ALL, self._database) or 0)
            if few and await session.scalar(KNOWN, self._database):
                return
            await self._claim.hold_database(session)
            await session.execute(FORGET_WORDS, self._database)
            await session.execute(COUNT_WORDS, {**self._database, "workspace": self._workspace})
            await self._claim.hold(session)

    async def _next(self) -> Sequence[int]:
        async with self._box.store.begin(self._workspace) as session:
            return list(await session.scalars(NEXT, {**self._database, "batch": BATCH}))

    async def _make(self, rows: Sequence[int]) -> int:
        """Make the words that some rows of the backlog ask for; written only while the claim is ours."""
        async with self._box.store.begin(self._workspace) as session:
            await self._claim.hold_database(session)
            made: Any = await session.execute(MAKE, {"rows": rows})
            await session.execute(DONE, {"rows": rows})
            await self._claim.hold(session)
            return int(made.rowcount)
