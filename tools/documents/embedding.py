"""The embed job: vectors and links of the documents that have changed, once the index job has made their words."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, LargeBinary, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from tools import databases, jobs
from tools.documents.indexes import build_if_it_pays
from tools.documents.pace import Pace
from tools.documents.references import Reference, references
from tools.documents.sources import sources
from tools.errors import Conflict
from tools.jobs import Claim, Job, Outcome
from tools.reach import bounded_tables, masked_columns
from tools.rights import may_change
from tools.toolbox import Actor, Toolbox

BATCH = 256
"""Documents of one request to the model and of one transaction."""
AHEAD = 20_000
"""Ids of documents that are looked up at a time."""
MOST_CHARACTERS = 6_000
"""Of a document's text that its vector stands for; models take about so much."""
WITHHELD = "none"
"""Stands for a model where the text of rows may not leave for it."""

DUE = """
FROM tabletalk.documents d LEFT JOIN tabletalk.document_embeddings e ON e.document_id = d.id
WHERE d.database_id = :database AND d.deleted_at IS NULL
    AND (e.document_id IS NULL OR e.hash <> d.hash OR e.model <> :model)
"""
"""Documents that are new, have changed, or have a vector of another model."""
COUNT = text(f"SELECT count(*) {DUE}")
NEXT = text(f"SELECT d.id {DUE} AND d.id > :after ORDER BY d.id LIMIT :ahead")

OLD = text("UPDATE tabletalk.document_embeddings SET hash = '' WHERE database_id = :database")

READ = text("""
SELECT d.id, d.hash, d.table_name, left(concat_ws(chr(10), d.entity || ': ' || d.title, d.body), :most) AS said
FROM tabletalk.documents d WHERE d.id = ANY (:ids) AND d.deleted_at IS NULL
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

STORE = text("""
INSERT INTO tabletalk.document_embeddings AS e
    (document_id, workspace_id, database_id, table_name, model, dimension, hash, embedding)
SELECT d.id, d.workspace_id, d.database_id, d.table_name, :model, :dimension, r.hash, CAST(r.embedding AS halfvec)
FROM unnest(:ids, :hashes, :vectors) AS r (id, hash, embedding) JOIN tabletalk.documents d USING (id)
ON CONFLICT (document_id) DO UPDATE SET
    model = excluded.model, dimension = excluded.dimension, hash = excluded.hash, embedding = excluded.embedding
""").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("hashes", type_=ARRAY(LargeBinary)),
    bindparam("vectors", type_=ARRAY(Text)),
)
"""With the hash of the text that was read: a document that has changed since is due again."""

UNLINK = text("DELETE FROM tabletalk.document_links WHERE document_id = ANY (:ids)").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger))
)
LINK = text("""
INSERT INTO tabletalk.document_links
    (document_id, column_name, workspace_id, database_id, table_name, target_table, target_key)
SELECT d.id, r.column_name, d.workspace_id, d.database_id, d.table_name, r.target_table, d.data ->> r.field
FROM tabletalk.documents d
JOIN unnest(:tables, :columns, :fields, :targets) AS r (table_name, column_name, field, target_table) USING (table_name)
WHERE d.id = ANY (:ids) AND d.data ->> r.field IS NOT NULL
""").bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    *(bindparam(name, type_=ARRAY(Text)) for name in ("tables", "columns", "fields", "targets")),
)

CLEAN = (
    text("""
DELETE FROM tabletalk.document_embeddings e USING tabletalk.documents d
WHERE d.id = e.document_id AND d.database_id = :database AND d.deleted_at IS NOT NULL
"""),
    text("""
DELETE FROM tabletalk.document_links l USING tabletalk.documents d
WHERE d.id = l.document_id AND d.database_id = :database AND d.deleted_at IS NOT NULL
"""),
)


async def start_embedding(
    box: Toolbox, actor: Actor, database: str, *, force: bool = False, changed: bool = False
) -> Job | None:
    """Start the job that makes the vectors of a database's changed documents; the index job calls it at its end.

    None when nothing has changed, or when one is under way already: it looks for what has changed until it finds
    nothing more. Who knows that something has `changed` spares the look for it, which reads much after a first load.
    With `force` the vectors of unchanged documents are made anew too. No conversation is told of it.
    """
    may_change(actor, "embed documents")
    found = await databases.get(box, actor, database)
    due = {"database": found.id, "model": _model(box), "after": 0, "ahead": 1}
    async with box.store.begin(actor.workspace_id) as session:
        if not (force or changed) and await session.scalar(NEXT, due) is None:
            return None
    quietly = actor.model_copy(update={"conversation_id": None})
    try:
        return await jobs.start(box, quietly, "embed", found.name, database_id=found.id, arguments={"force": force})
    except Conflict:
        return None


async def reembed(box: Toolbox, actor: Actor, *, force: bool = False) -> tuple[Job, ...]:
    """Start the jobs that make vectors anew where another model made them, or all by `force`; of every database."""
    async with box.store.begin(actor.workspace_id) as session:
        names = dict.fromkeys(
            one.database for one in await sources(session, actor, await bounded_tables(box, session, actor))
        )
    started = [await start_embedding(box, actor, name, force=force) for name in names]
    return tuple(job for job in started if job is not None)


def _withheld(box: Toolbox) -> bool:
    """True where the text of rows may not leave for the embedding model."""
    return not box.embedder.offline and box.settings.preview_rows == 0


def _model(box: Toolbox) -> str:
    return WITHHELD if _withheld(box) else box.embedder.name


async def run_embedding(box: Toolbox, claim: Claim) -> Outcome:
    """Bring vectors and links of a job's database up to date; only documents that have changed are read.

    A job that was cut off goes on where it stopped. Where rows may not leave for the embedding model
    (TABLETALK_PREVIEW_ROWS=0), no vector is made, and the outcome says so.
    """
    work = await _Work.begin(box, claim)
    await claim.progress(1, f"looking for what has changed in {work.name}", done=0)
    if claim.job.arguments.get("force") and claim.job.attempts == 1:
        await work.forget()
    while due := await work.count():
        await work.embed(due)
    await work.clean()
    indexed = bool(work.done) and work.dimension > 0 and await _indexed(box, claim, work.dimension)
    return work.outcome(indexed)


async def _indexed(box: Toolbox, claim: Claim, dimension: int) -> bool:
    await claim.progress(98, "making the index of vectors, where there are many")
    return await build_if_it_pays(box, box.embedder.name, dimension)


class Found(NamedTuple):
    """The database of a job."""

    id: UUID
    name: str
    linked: Sequence[Reference]
    masked: frozenset[str]
    """Tables with columns that a policy masks for anybody: what they say does not leave for a model."""


class _Work:
    """One run of the job over one database."""

    def __init__(self, box: Toolbox, claim: Claim, found: Found) -> None:
        self.name = found.name
        self.done = 0
        self.dimension = 0
        self.withheld = _withheld(box)
        self._box, self._claim = box, claim
        self._database, self._linked, self._masked = found.id, found.linked, found.masked
        limited = not (box.embedder.offline or self.withheld)
        self._pace = Pace(box, box.settings.embed_batches_per_minute if limited else 0)
        self._model = _model(box)

    @classmethod
    async def begin(cls, box: Toolbox, claim: Claim) -> "_Work":
        """Look up the database of the job and how its tables refer to one another."""
        name = await databases.name_of(box, claim.actor, claim.job.database_id)
        assert claim.job.database_id is not None, "it has a name"
        linked = await references(box, claim.actor, name)
        masked = {table for table, columns in (await masked_columns(box, claim.actor, name)).items() if columns}
        return cls(box, claim, Found(claim.job.database_id, name, linked, frozenset(masked)))

    async def forget(self) -> None:
        """Make every document due; its vector is found by until it is made anew."""
        async with self._box.store.begin(self._claim.actor.workspace_id) as session:
            await self._claim.hold_database(session)
            await session.execute(OLD, {"database": self._database})
            await self._claim.hold(session)

    async def count(self) -> int:
        """How many documents are due."""
        async with self._box.store.begin(self._claim.actor.workspace_id) as session:
            return int(await session.scalar(COUNT, {"database": self._database, "model": self._model}) or 0)

    async def embed(self, due: int) -> None:
        """Go once through the documents that are due."""
        after, begun = 0, self.done
        while ids := await self._ids(after):
            after = ids[-1]
            for start in range(0, len(ids), BATCH):
                await self._pace.wait()
                self.done += await self._batch(ids[start : start + BATCH])
                share = min(1.0, (self.done - begun) / due)
                stage = f"{self.done:,} of {begun + due:,} documents"
                await self._claim.progress(1 + 94 * share, stage, done=self.done, documents=begun + due)

    async def clean(self) -> None:
        """Take away what was made of documents that are gone."""
        async with self._box.store.begin(self._claim.actor.workspace_id) as session:
            await self._claim.hold_database(session)
            for statement in CLEAN:
                await session.execute(statement, {"database": self._database})
            await self._claim.hold(session)

    def outcome(self, indexed: bool) -> Outcome:
        """Say what was done."""
        counts = {"embedded": 0 if self.withheld else self.done, "linked": self.done, "indexed": int(indexed)}
        if not self.done:
            return Outcome(state="succeeded", counts=counts, message=f"Nothing has changed in {self.name}.")
        if self.withheld:
            message = (
                f"{self.done:,} documents of {self.name} are found by their words: with TABLETALK_PREVIEW_ROWS=0 "
                f"no row is sent to {self._box.embedder.name}."
            )
            return Outcome(state="succeeded", counts=counts, message=message)
        return Outcome(
            state="succeeded", counts=counts, message=f"{self.done:,} documents of {self.name} are found by meaning."
        )

    async def _ids(self, after: int) -> list[int]:
        values = {"database": self._database, "model": self._model, "after": after, "ahead": AHEAD}
        async with self._box.store.begin(self._claim.actor.workspace_id) as session:
            return list(await session.scalars(NEXT, values))

    async def _batch(self, ids: list[int]) -> int:
        """Make vectors and links of some documents; written only while the claim is ours."""
        workspace = self._claim.actor.workspace_id
        async with self._box.store.begin(workspace) as session:
            read = (await session.execute(READ, {"ids": ids, "most": MOST_CHARACTERS})).all()
        there = [row.id for row in read]
        vectors = await self._vectors({row.id: row.said for row in read if self._may_leave(row.table_name)})
        stored = {
            "ids": there,
            "hashes": [row.hash for row in read],
            "vectors": [vectors.get(document) for document in there],
        }
        async with self._box.store.begin(workspace) as session:
            await self._claim.hold_database(session)
            await session.execute(STORE, {**stored, "model": self._model, "dimension": self.dimension})
            await self._link(session, there)
            await self._claim.hold(session)
        return len(read)

    def _may_leave(self, table: str) -> bool:
        return not self.withheld and (self._box.embedder.offline or table not in self._masked)

    async def _vectors(self, texts: dict[int, str]) -> dict[int, str]:
        """Document -> its vector, as text."""
        if not texts:
            return {}
        made = await self._box.embedder.embed(list(texts.values()))
        self.dimension = len(made[0])
        return {
            document: json.dumps([round(number, 5) for number in vector])
            for document, vector in zip(texts, made, strict=True)
        }

    async def _link(self, session: AsyncSession, ids: list[int]) -> None:
        await session.execute(UNLINK, {"ids": ids})
        if self._linked:
            columns: dict[str, Any] = {
                "tables": [one.table for one in self._linked],
                "columns": [one.column for one in self._linked],
                "fields": [one.field for one in self._linked],
                "targets": [one.target for one in self._linked],
            }
            await session.execute(LINK, {"ids": ids, **columns})
