"""A small shop whose rows are documents already, as a sync leaves them."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from tests.conftest import registered
from tools import databases, documents, jobs
from tools.embedding import Embedder
from tools.errors import ModelUnavailable
from tools.jobs import Job
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox
from tools.vocabulary import words

TABLES = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, city text, password_hash text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, status text);
CREATE TABLE claims (id int PRIMARY KEY, order_id int REFERENCES orders, subject text, description text, type text);
CREATE TABLE order_lines (order_id int REFERENCES orders, line int, note text, PRIMARY KEY (order_id, line));
CREATE TABLE letters (body text);
INSERT INTO customers VALUES
    (1, 'Ada Byron', 'Turin', 'h1'), (2, 'Bo Ek', 'Lyon', 'h2'), (3, 'Cy Young', 'Delft', 'h3');
INSERT INTO orders VALUES (10, 1, 'shipped'), (11, 2, 'shipped'), (12, 3, 'open');
INSERT INTO claims VALUES
    (100, 10, 'Eight days late', 'The delivery came eight days late and nobody told me why.', 'late delivery'),
    (101, 11, 'Broken lamp', 'The glass of the lamp arrived in pieces.', 'damaged goods'),
    (102, 11, 'Where is my parcel', 'Ordered two weeks ago, still waiting. The driver never rang.', 'late delivery');
INSERT INTO order_lines VALUES (10, 1, 'wrap as a gift'), (10, 2, 'leave with the neighbour');
INSERT INTO letters VALUES ('a letter without a key');
"""

PUT = text("""
WITH written AS (
INSERT INTO tabletalk.documents AS d
    (workspace_id, database_id, table_name, source_key, entity, title, body, tags, data, happened_at, hash)
VALUES (:workspace, :database, :table, :key, :entity, :title, :body, :tags, CAST(:data AS jsonb), :happened_at, :hash)
ON CONFLICT (database_id, table_name, source_key) DO UPDATE SET
    title = excluded.title, body = excluded.body, data = excluded.data, hash = excluded.hash, deleted_at = NULL
RETURNING id
)
INSERT INTO tabletalk.document_backlog (workspace_id, database_id, table_name, documents, ids)
SELECT :workspace, :database, :table, 1, int8multirange(int8range(id, id, '[]')) FROM written
""")


class Topics(Embedder):
    """A model of three topics: what is broken, what is late, all else."""

    WORDS = ({"broken", "glass", "shattered", "pieces"}, {"late", "waiting", "delayed"})

    def __init__(self, settings: Settings, name: str = "topics-1") -> None:
        super().__init__(settings)
        self.called = name
        self.away = False
        self.batches: list[int] = []

    @property
    def name(self) -> str:
        return self.called

    @property
    def offline(self) -> bool:
        return False

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.away:
            raise ModelUnavailable(f"The embedding model {self.name!r} does not answer.")
        self.batches.append(len(texts))
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        said = set(words(text))
        found = [float(bool(said & topic)) for topic in self.WORDS]
        return [*found, 0.0 if any(found) else 1.0]


@dataclass
class Shelf:
    """A registered database, and how to put documents of it into the store."""

    box: Toolbox
    actor: Actor
    name: str
    database: databases.Database

    async def put(
        self,
        table: str,
        key: str,
        entity: str,
        title: str,
        body: str = "",
        *,
        tags: Sequence[str] = (),
        happened_at: datetime | None = None,
        **data: Any,
    ) -> None:
        """Write one document, as a sync does."""
        values = {
            "workspace": self.actor.workspace_id,
            "database": self.database.id,
            "table": f"public.{table}",
            "key": key,
            "entity": entity,
            "title": title,
            "body": body,
            "tags": list(tags),
            "data": json.dumps(data),
            "happened_at": happened_at,
            "hash": blake2b(f"{title}{body}{data}".encode(), digest_size=16).digest(),
        }
        async with self.box.store.begin(self.actor.workspace_id) as session:
            await session.execute(PUT, values)

    async def remove(self, table: str, key: str) -> None:
        """Mark a document's row as gone, as a sync does."""
        gone = "UPDATE tabletalk.documents SET deleted_at = now() WHERE table_name = :table AND source_key = :key"
        async with self.box.store.begin(self.actor.workspace_id) as session:
            await session.execute(text(gone), {"table": f"public.{table}", "key": key})

    async def index(self) -> Job:
        """Start the index job and work on it here, as a worker would."""
        job = await documents.start_indexing(self.box, self.actor, self.name)
        assert job is not None
        await jobs.attempt(self.box, job.id, lambda _: documents.run_indexing)
        return await jobs.get(self.box, self.actor, job.id)

    async def embed(self) -> Job:
        """Work on the index job and the embed job that follows it."""
        assert (await self.index()).state == "succeeded"
        (job,) = await jobs.list_jobs(self.box, self.actor, kind="embed", states=["queued"])
        await jobs.attempt(self.box, job.id, lambda _: documents.run_embedding)
        return await jobs.get(self.box, self.actor, job.id)


@pytest.fixture
async def shelf(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Shelf]:
    """The shop with its documents, searchable by their words."""

    async def fill(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.execute(TABLES)

    async with registered(toolbox, actor, "shop", fill, trained=False):
        shelf = Shelf(toolbox, actor, "shop", await databases.get(toolbox, actor, "shop"))
        await fill_shelf(shelf)
        yield shelf


async def fill_shelf(shelf: Shelf) -> None:
    for key, name, city in ((1, "Ada Byron", "Turin"), (2, "Bo Ek", "Lyon"), (3, "Cy Young", "Delft")):
        await shelf.put("customers", str(key), "customer", name, city, id=key, name=name, city=city)
    for key, customer, status in ((10, 1, "shipped"), (11, 2, "shipped"), (12, 3, "open")):
        await shelf.put("orders", str(key), "order", f"Order {key}", status, id=key, customer_id=customer)
    claims = (
        (100, 10, "Eight days late", "The delivery came eight days late and nobody told me why.", "late delivery", 9),
        (101, 11, "Broken lamp", "The glass of the lamp arrived in pieces.", "damaged goods", 10),
        (102, 11, "Where is my parcel", "Ordered two weeks ago, still waiting. The driver never rang.", "late", 11),
    )
    for key, order, title, body, kind, month in claims:
        await shelf.put(
            "claims",
            str(key),
            "claim",
            title,
            body,
            tags=[f"type:{kind}"],
            happened_at=datetime(2026, month, 3, tzinfo=UTC),
            id=key,
            order_id=order,
        )
    for line, note in ((1, "wrap as a gift"), (2, "leave with the neighbour")):
        await shelf.put("order_lines", f'["10", "{line}"]', "order line", f"Line {line}", note, order_id=10, line=line)
