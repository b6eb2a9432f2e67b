"""Measures retrieval: how many of the tables a question needs are among the first found, and how long that takes.

    TABLETALK_BENCH_DATA=FOLDER python -m tests.benchmarks.bench_retrieval [--every N] [--misses N]

FOLDER holds `questions.jsonl` (`schema`, `question`, `gold_tables`) and `questions_schemas.sql.gz`, which makes the
schemas of these questions in an empty PostgreSQL database. All schemas are trained as one catalogue, so that a question
must also find the right schema among its likes. Reported beside the fused ranking: each ranker by itself, of which
`text` is plain full text. Store and queue are embedded ones of this run.
"""

import argparse
import asyncio
import gzip
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from tests.conftest import POSTGRES, new_actor
from tools import databases, jobs, schemas
from tools.embedded import servers
from tools.schemas.ranking import Hit, rank
from tools.schemas.tables import known
from tools.settings import Settings
from tools.store.session import migrate
from tools.toolbox import Actor, Toolbox, open_toolbox

DATA = "TABLETALK_BENCH_DATA"
DATABASE = "bench"


def main() -> None:
    """Read the arguments, run, print; says so and stops where there is no data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=3, help="ask only every N-th question (default 3)")
    parser.add_argument("--misses", type=int, default=0, help="print so many of the questions that missed a table")
    options = parser.parse_args()
    folder = Path(os.environ.get(DATA, ""))
    if not os.environ.get(DATA) or not (folder / "questions.jsonl").exists():
        print(f"retrieval: skipped, {DATA} names no folder with questions.jsonl")
        return
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()][:: options.every]
    with tempfile.TemporaryDirectory(prefix="tabletalk-bench-") as home:
        Path(home).chmod(0o711)
        settings = Settings(_env_file=None, home=Path(home), frequent_values=100)
        with servers(settings) as filled:
            assert filled.database_url is not None
            migrate(filled.database_url.get_secret_value())
            asyncio.run(run(filled, folder, questions, options.misses))


async def run(settings: Settings, folder: Path, questions: Sequence[Mapping[str, Any]], misses: int) -> None:
    """Load and train the schemas, ask the questions, print what was found."""
    script = gzip.decompress((folder / "questions_schemas.sql.gz").read_bytes()).decode()
    async with open_toolbox(settings) as box, loaded(script) as url:
        actor = await new_actor(box)
        await databases.register(box, actor, DATABASE, databases.address_from_url(url))
        started = time.perf_counter()
        job = await schemas.start_training(box, actor, DATABASE)
        await jobs.attempt(box, job.id, lambda _: schemas.run_training)
        job = await jobs.get(box, actor, job.id)
        print(f"trained {job.counts.get('trained')} tables in {time.perf_counter() - started:.1f} s: {job.state}")
        await ask(box, actor, questions, misses)
        await box.connectors.close()


@asynccontextmanager
async def loaded(script: str) -> AsyncIterator[str]:
    """A database of its own with the schemas in it, dropped at the end; gives its URL."""
    name = f"tt_bench_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(POSTGRES)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        there = await asyncpg.connect(POSTGRES, database=name)
        await there.execute(script)
        await there.close()
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


async def ask(box: Toolbox, actor: Actor, questions: Sequence[Mapping[str, Any]], misses: int) -> None:
    """Put every question to retrieval, and to its rankers one by one."""
    about = await known(box, actor, DATABASE)
    names = {table.id: table.shape.qualified_name for table in about.tables}
    ranked: dict[str, list[tuple[set[str], list[str]]]] = {}
    times, missed = [], []
    for question in questions:
        gold = {f"{question['schema']}.{table}" for table in question["gold_tables"]}
        started = time.perf_counter()
        found = await schemas.retrieve(box, actor, question["question"])
        times.append((time.perf_counter() - started) * 1000)
        fused = [table.table.shape.qualified_name for table in found.tables]
        ranked.setdefault("all together", []).append((gold, fused))
        vector = (await box.embedder.embed([question["question"]]))[0]
        async with box.store.begin_for_all() as session:
            hits = await rank(box, session, actor, question["question"], vector, None)
        for ranker in ("text", "names", "meaning"):
            ranked.setdefault(f"{ranker} alone", []).append((gold, alone(hits, ranker, names)))
        if not gold <= set(fused[:10]):
            missed.append((question["question"], sorted(gold), fused[:5]))
    print(f"{len(questions)} questions on {len(names)} tables, embedder {box.embedder.name}")
    for ranker in ("text alone", "names alone", "meaning alone", "all together"):
        print(f"{ranker:14s} " + "  ".join(f"recall@{k} {recall(ranked[ranker], k):.3f}" for k in (5, 10)))
    times.sort()
    print(f"one retrieval: median {statistics.median(times):.1f} ms, p95 {times[int(len(times) * 0.95)]:.1f} ms")
    for words, needed, first in missed[:: max(1, len(missed) // misses)] if misses else ():
        print(f"  {words}\n    needs {', '.join(needed)}\n    found {', '.join(first)}")


def alone(hits: Sequence[Hit], ranker: str, names: Mapping[Any, str]) -> list[str]:
    """The tables that one ranker named, in its order."""
    placed = []
    for hit in hits:
        for place in hit.places:
            kind, number = place.split()
            if kind == ranker:
                placed.append((int(number), names[hit.id]))
    return [name for _, name in sorted(placed)]


def recall(ranked: Sequence[tuple[set[str], list[str]]], first: int) -> float:
    """The share of needed tables among the first found, averaged over questions."""
    return sum(len(gold & set(found[:first])) / len(gold) for gold, found in ranked) / len(ranked)


if __name__ == "__main__":
    main()
