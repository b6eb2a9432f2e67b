"""Measures the search of documents: how much slower than plain full text, and what it finds more.

    python -m tests.benchmarks.bench_search [--documents N] [--databases N]

Documents are complaints in the sample shop's words, spread over several databases of one workspace. Each query asks for
a product and for something that is said of it; right is a document that has both. The rankers are also asked by
themselves, with a misspelt product too. Then the index of vectors is made, and what it finds is compared with reading
all of them. Store and queue are embedded ones of this run.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import bindparam, make_url, text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.conftest import new_actor
from tools import documents, jobs
from tools.demo import generate
from tools.demo.assortment import words
from tools.documents import indexes
from tools.documents.asked import ask
from tools.documents.ranking import rank
from tools.documents.sources import sources
from tools.documents.spelling import with_spellings
from tools.embedded import servers
from tools.reach import Bounds
from tools.settings import Settings
from tools.store.models import DatabaseRow
from tools.store.session import migrate
from tools.toolbox import Actor, Toolbox, open_toolbox
from workers.runners import runner_of

QUERIES, FIRST = 40, 10
COLUMNS = ("workspace_id", "database_id", "table_name", "source_key", "entity", "title", "body", "tags", "data", "hash")

PLAIN = text("""
SELECT t.document_id FROM tabletalk.document_texts t, websearch_to_tsquery('english', :query) q
WHERE t.workspace_id = :workspace AND t.search @@ q
ORDER BY ts_rank(t.search, q) DESC LIMIT :first
""")
BACKLOG = """
INSERT INTO tabletalk.document_backlog (workspace_id, database_id, table_name, documents, ids)
SELECT workspace_id, database_id, table_name, count(*), range_agg(int8range(id, id, '[]')) FROM tabletalk.documents
GROUP BY workspace_id, database_id, table_name
"""
NEAREST = """
SELECT e.document_id FROM tabletalk.document_embeddings e
WHERE {where} AND e.workspace_id = :workspace {filtered}
ORDER BY {column} <=> {vector} LIMIT :first
"""


@dataclass(frozen=True)
class Query:
    """A search, and the documents that are right."""

    said: str
    misspelt: str
    right: frozenset[int]


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--databases", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tabletalk-bench-") as home:
        Path(home).chmod(0o711)
        with servers(Settings(_env_file=None, home=Path(home))) as filled:
            assert filled.database_url is not None
            migrate(filled.database_url.get_secret_value())
            asyncio.run(run(filled, options.documents, options.databases))


async def run(settings: Settings, count: int, spread: int) -> None:
    """Fill the store, embed, search."""
    async with open_toolbox(settings) as box:
        actor = await new_actor(box)
        started = time.perf_counter()
        ids, queries = await load(box, actor, count, spread)
        print(f"loaded {count:,} documents of {spread} databases in {time.perf_counter() - started:.1f} s")
        await unindexed(box, actor, queries)
        for number in range(spread):
            await documents.start_indexing(box, actor, f"bench{number}")
        for kind, done in (("index", "made their words"), ("embed", "embedded and linked them")):
            started = time.perf_counter()
            for job in await jobs.list_jobs(box, actor, kind=kind, states=["queued"], limit=spread):
                await jobs.attempt(box, job.id, runner_of)
                assert (await jobs.get(box, actor, job.id)).state == "succeeded"
            seconds = time.perf_counter() - started
            print(f"{done} in {seconds:.1f} s, {count / seconds:,.0f} a second")
        await compare(box, actor, queries)
        await with_and_without_index(box, actor, queries, ids[0])


async def unindexed(box: Toolbox, actor: Actor, queries: Sequence[Query]) -> None:
    """Time the search while no document is in the index of words."""
    taken = []
    for one in queries:
        started = time.perf_counter()
        await documents.search_documents(box, actor, one.said, limit=FIRST)
        taken.append(time.perf_counter() - started)
    print(f"search before their words are made {statistics.median(taken) * 1000:.0f} ms")


async def load(box: Toolbox, actor: Actor, count: int, spread: int) -> tuple[list[UUID], list[Query]]:
    """Write the documents as a sync does, and choose what is asked of them."""
    ids = []
    async with box.store.begin(actor.workspace_id) as session:
        for number in range(spread):
            row = DatabaseRow(
                workspace_id=actor.workspace_id,
                name=f"bench{number}",
                dialect="postgres",
                host="nowhere",
                port=5432,
                database="bench",
                username="bench",
                credentials=b"none",
            )
            session.add(row)
            await session.flush()
            ids.append(row.id)
    rng = Random(7)
    products = [str(row[2]) for row in generate(date(2026, 11, 21))["products"]]
    made = [complaint(rng, products) for _ in range(count)]
    rows = [record(actor, ids[at % spread], at, *one) for at, one in enumerate(made)]
    assert box.settings.database_url is not None
    url = make_url(box.settings.database_url.get_secret_value()).set(drivername="postgresql")
    admin = await asyncpg.connect(url.render_as_string(hide_password=False))
    await admin.copy_records_to_table("documents", schema_name="tabletalk", columns=COLUMNS, records=rows)
    await admin.execute(BACKLOG)
    await admin.execute("ANALYZE tabletalk.documents")
    keys = {int(r["source_key"]): r["id"] for r in await admin.fetch("SELECT id, source_key FROM tabletalk.documents")}
    await admin.close()
    by_content: dict[tuple[str, str], set[int]] = {}
    for at, (product, said, _) in enumerate(made):
        by_content.setdefault((product, said), set()).add(keys[at])
    chosen = rng.sample(sorted(by_content), QUERIES)
    return ids, [query(rng, product, said, by_content[product, said]) for product, said in chosen]


def complaint(rng: Random, products: Sequence[str]) -> tuple[str, str, str]:
    """A product, what is said of it, and the whole text."""
    kinds = words()["claim"]
    kind = kinds[rng.choice(sorted(kinds))]
    product = rng.choice(products)
    filled = {"product": product, "city": rng.choice(CITIES), "days": rng.randint(2, 30), "carrier": "the carrier"}
    said = rng.choice(kind["middles"])
    parts = (rng.choice(kind["openings"]), said, rng.choice(kind["ends"]))
    whole = " ".join(part.format(**filled) for part in parts)
    return product, said, f"{product} {rng.choice(kind['subjects']).format(**filled)}\n{whole}"


CITIES = ("Berlin", "Lyon", "Malmö", "Turin", "Leeds", "Porto", "Ghent", "Basel", "Graz", "Delft")


def query(rng: Random, product: str, said: str, right: set[int]) -> Query:
    """Ask for a product and for the longest words of what is said of it."""
    longest = sorted({word.strip(".,!?'") for word in said.split() if "{" not in word}, key=lambda w: (-len(w), w))[:3]
    name = product.split()
    at = rng.randrange(1, max(2, len(name[-1]) - 2))
    slipped = name[-1][:at] + name[-1][at + 1 :] if len(name[-1]) > 4 else name[-1]
    rest = " ".join(longest)
    return Query(f"{product} {rest}", f"{' '.join(name[:-1])} {slipped} {rest}", frozenset(right))


def record(actor: Actor, database: UUID, at: int, product: str, _said: str, whole: str) -> tuple[Any, ...]:
    title, _, body = whole.partition("\n")
    data = json.dumps({"id": at, "product": product})
    digest = blake2b(whole.encode(), digest_size=16).digest()
    return (actor.workspace_id, database, "public.claims", str(at), "claim", title, body, [], data, digest)


async def compare(box: Toolbox, actor: Actor, queries: Sequence[Query]) -> None:
    """Time the search beside plain full text, and see what each ranker finds by itself."""
    plain, whole = [], []
    for one in [*queries[:5], *queries, *queries]:
        started = time.perf_counter()
        async with box.store.begin(actor.workspace_id) as session:
            values = {"query": " or ".join(one.said.split()), "workspace": actor.workspace_id, "first": FIRST}
            (await session.scalars(PLAIN, values)).all()
        plain.append(time.perf_counter() - started)
        started = time.perf_counter()
        await documents.search_documents(box, actor, one.said, limit=FIRST)
        whole.append(time.perf_counter() - started)
    slow, quick = statistics.median(whole[5:]), statistics.median(plain[5:])
    print(f"search {slow * 1000:.0f} ms, plain full text {quick * 1000:.0f} ms: {slow / quick:.2f} times")
    print(f"of the first {FIRST} found, so many are right:")
    for name, part in (("as typed", "said"), ("misspelt", "misspelt")):
        found = {ranker: await precision(box, actor, queries, part, ranker) for ranker in ("plain", "words", "both")}
        told = ", ".join(f"{ranker} {share:.1%}" for ranker, share in found.items())
        print(f"  {name}: {told}")


async def precision(box: Toolbox, actor: Actor, queries: Sequence[Query], part: str, ranker: str) -> float:
    """The share of right documents among the first found, averaged over queries."""
    shares = []
    for one in queries:
        said = str(getattr(one, part))
        async with box.store.begin(actor.workspace_id) as session:
            if ranker == "plain":
                values = {"query": " or ".join(said.split()), "workspace": actor.workspace_id, "first": FIRST}
                found = list(await session.scalars(PLAIN, values))
            else:
                there = await sources(session, actor, Bounds())
                asked = await with_spellings(box, session, there, ask(said))
                vector = (await box.embedder.embed([said]))[0] if ranker == "both" else None
                found = [place.id for place in (await rank(box, session, actor, asked, vector, there))[:FIRST]]
        shares.append(len(one.right & set(found)) / min(FIRST, len(one.right)))
    return statistics.mean(shares)


async def with_and_without_index(box: Toolbox, actor: Actor, queries: Sequence[Query], database: UUID) -> None:
    """Make the index, and compare what it finds with what reading every vector finds."""
    exact_numbers, indexes.EXACT_NUMBERS = indexes.EXACT_NUMBERS, 1
    name, size = box.embedder.name, box.embedder.dimension or 0
    started = time.perf_counter()
    assert await indexes.build_if_it_pays(box, name, size)
    seconds = time.perf_counter() - started
    print(f"index made in {seconds:.1f} s; beyond {exact_numbers // size:,} documents it begins to serve")
    vectors = [(await box.embedder.embed([one.said]))[0] for one in queries]
    for what, filtered in (("all databases", ""), ("one database of ten", "AND e.database_id = :database")):
        exact: list[set[int]] = []
        for way in ("exact", "index as it comes", "index as we ask it"):
            times, recalls = [], []
            for at, vector in enumerate(vectors):
                async with box.store.begin(actor.workspace_id) as session:
                    started = time.perf_counter()
                    found = set(await nearest(session, actor, name, vector, database, filtered, way))
                    times.append(time.perf_counter() - started)
                if way == "exact":
                    exact.append(found)
                recalls.append(len(found & exact[at]) / FIRST)
            told = f"recall {statistics.mean(recalls):.2f}, {statistics.median(times) * 1000:.1f} ms"
            print(f"  {what}, {way}: {told}")


async def nearest(
    session: AsyncSession, actor: Actor, model: str, vector: Sequence[float], database: UUID, filtered: str, way: str
) -> list[int]:
    """The nearest documents, read from all vectors or along the index."""
    wanted = indexes.condition(model, len(vector))
    sql = NEAREST.format(where=wanted.where, column=wanted.column, vector=wanted.vector, filtered=filtered)
    chosen = ("enable_indexscan", "off") if way == "exact" else ("enable_seqscan", "off")
    await session.execute(text("SELECT set_config(:name, :value, true)"), {"name": chosen[0], "value": chosen[1]})
    if way != "exact":
        await session.execute(text("SELECT set_config('enable_sort', 'off', true)"))
    if way == "index as we ask it":
        await session.execute(indexes.THOROUGH)
    values: dict[str, Any] = {"workspace": actor.workspace_id, "vector": list(vector), "first": FIRST}
    if filtered:
        values["database"] = database
    statement = text(sql).bindparams(bindparam("vector", type_=HALFVEC()))
    return list(await session.scalars(statement, values))


if __name__ == "__main__":
    main()
