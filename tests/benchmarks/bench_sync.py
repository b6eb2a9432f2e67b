"""Measures syncs beside other ways to do the same, over tables of 12 mixed columns.

    python -m tests.benchmarks.bench_sync [--rows N] [--rounds N] [--growth N] [--only postgres|mysql]

Reported as ratios within one run, medians of the rounds: the first load beside a psql pipe that writes the same
documents into the same table, beside SQLAlchemy's executemany and (where TABLETALK_BENCH_DLT names an interpreter with
dlt) beside dlt's backends; MariaDB beside aiomysql's rows, json and COPY; incremental runs and a load in which nothing
changed beside the first load; client CPU and memory; and how the cost grows with the table. Rows by aiomysql are a
tenth of all, and their cost is taken as ten times higher.

Peers write the same documents into the same table. Their words are made by a job that follows a sync: how long it takes
is told beside it, and how long a search does before and after it. dlt copies rows into a table without an index, and
makes no documents.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiomysql
import asyncpg
from sqlalchemy import insert, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.benchmarks.place import store
from tests.conftest import MYSQL, POSTGRES, new_actor
from tools import databases, documents, jobs, schemas, sync
from tools.connectors.base import Dialect
from tools.settings import Settings
from tools.store.models import DocumentRow
from tools.store.session import async_url
from tools.sync import SyncOptions, compile_postgres
from tools.sync.load import HASH
from tools.toolbox import Actor, Toolbox, open_toolbox

SLOW = 10
"""Of rows by aiomysql one in so many is taken."""

PG_TABLE = """
CREATE TABLE sales (id int PRIMARY KEY, customer varchar(60), amount numeric(12,2), updated_at timestamptz NOT NULL,
    day date, active boolean, status varchar(20), note text, code char(32), score double precision, customer_id int,
    country varchar(2));
INSERT INTO sales SELECT i, 'Customer ' || i, (i * 7 % 100000) / 100.0,
    timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second', date '2020-01-01' + i % 2000, i % 2 = 0,
    (ARRAY['open', 'paid', 'shipped', 'closed'])[1 + i % 4],
    'Parcel ' || i || ' came late and the customer complained about the delivery, reference ' || md5(i::text),
    md5((i * 3)::text), i * 1.5, i % 1000, (ARRAY['DE', 'FR', 'ES'])[1 + i % 3]
FROM generate_series(1, {rows}) i;
CREATE INDEX sales_updated ON sales (updated_at);
VACUUM ANALYZE sales
"""
MY_TABLE = """
CREATE TABLE sales (id int PRIMARY KEY, customer varchar(60), amount decimal(12,2), updated_at timestamp(6) NOT NULL,
    day date, active boolean, status varchar(20), note text, code char(32), score double, customer_id int,
    country varchar(2), KEY sales_updated (updated_at));
INSERT INTO sales SELECT seq, concat('Customer ', seq), (seq * 7 % 100000) / 100,
    timestampadd(SECOND, seq, '2026-01-01'), date_add('2020-01-01', INTERVAL seq % 2000 DAY), seq % 2 = 0,
    elt(1 + seq % 4, 'open', 'paid', 'shipped', 'closed'),
    concat('Parcel ', seq, ' came late and the customer complained about the delivery, reference ', md5(seq)),
    md5(seq * 3), seq * 1.5, seq % 1000, elt(1 + seq % 3, 'DE', 'FR', 'ES')
FROM seq_1_to_{rows};
ANALYZE TABLE sales
"""
TOUCH = {
    "postgres": "UPDATE sales SET status = 'back', updated_at = timestamptz '2026-06-01 00:00Z' WHERE id % 100 = {at}",
    "mysql": "UPDATE sales SET status = 'back', updated_at = '2026-06-01 00:00:00' WHERE id % 100 = {at}",
}
DLT = ("sqlalchemy", "pyarrow", "connectorx")
COLUMNS = "source_key, title, body, tags, happened_at, data"


@dataclass
class Cost:
    """What some runs took, in seconds each."""

    walls: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)

    @contextmanager
    def taken(self) -> Iterator[None]:
        began, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        yield
        self.walls.append(time.perf_counter() - started)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        self.spent.append(ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime)

    @property
    def wall(self) -> float:
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        return statistics.median(self.spent)


@dataclass
class Bench:
    """One source database, registered, and the store it is synced into."""

    box: Toolbox
    actor: Actor
    dialect: Dialect
    url: str
    run: Callable[[str], Awaitable[Any]]
    owner: "asyncpg.Connection[asyncpg.Record]"
    """The store's own login: for peers, who know no row-level security, and for tidying up."""
    rows: int

    async def clean(self) -> None:
        await self.owner.execute(
            "TRUNCATE tabletalk.documents CASCADE; DELETE FROM tabletalk.document_backlog; "
            "DELETE FROM tabletalk.sync_states; UPDATE tabletalk.jobs SET state = 'cancelled' WHERE state = 'queued'; "
            "CHECKPOINT"
        )

    async def sync(self, cost: Cost, **options: Any) -> dict[str, int]:
        """One sync of the table, as a worker works on it."""
        job = await sync.start_sync(self.box, self.actor, "bench", "sales", SyncOptions(**options))
        with cost.taken():
            await jobs.attempt(self.box, job.id, lambda _: sync.run_sync)
        done = await jobs.get(self.box, self.actor, job.id)
        assert done.state == "succeeded", done.error
        return {name: done.counts[name] for name in ("read", "new", "changed", "unchanged", "deleted")}

    async def search(self, cost: Cost) -> None:
        """A search whose words stand in every document; it has been made ready once before."""
        for one in (Cost(), cost):
            with one.taken():
                found = await documents.search_documents(self.box, self.actor, "parcel late delivery")
            assert found.hits

    async def fill(self, rows: int) -> None:
        self.rows = rows
        await self.run("DROP TABLE IF EXISTS sales")
        for statement in (PG_TABLE if self.dialect == "postgres" else MY_TABLE).format(rows=rows).split(";\n"):
            await self.run(statement)
        await schemas.refresh(self.box, self.actor, "bench")


async def first_load(bench: Bench, rounds: int) -> Cost:
    cost = Cost()
    for _ in range(rounds):
        await bench.clean()
        counts = await bench.sync(cost)
        assert counts["new"] == bench.rows
    return cost


async def pipe(bench: Bench, cost: Cost) -> None:
    """The same documents by psql alone, straight into their table."""
    table = (await schemas.describe(bench.box, bench.actor, "bench", "sales")).shape
    plan = await sync.plan_of(bench.box, bench.actor, "bench", "sales")
    documents = f"SELECT {compile_postgres.document_columns(plan, table)} FROM sales ORDER BY id"
    hashed = HASH.replace(":entity", f"'{plan.entity}'")
    database = (await databases.get(bench.box, bench.actor, "bench")).id
    select = (
        f"SELECT '{bench.actor.workspace_id}', '{database}', 'public.sales', '{plan.entity}', s.*, {hashed} "
        f"FROM ({documents}) s ({COLUMNS.replace('data', 'text_data')}) "
        f"CROSS JOIN LATERAL (SELECT s.text_data::jsonb) AS j (data)"
    ).replace("s.data::text", "j.data::text")
    into = f"COPY tabletalk.documents (workspace_id, database_id, table_name, entity, {COLUMNS}, hash) FROM STDIN"
    await bench.clean()
    out = ["psql", "-qX", "-d", bench.url, "-c", "SET timezone = 'UTC'", "-c", f"COPY ({select}) TO STDOUT"]
    back = ["psql", "-qX", "-d", store_url(bench.box.settings), "-c", into]
    with cost.taken():
        reader = subprocess.Popen(out, stdout=subprocess.PIPE)
        done = subprocess.run(back, stdin=reader.stdout, check=True)
        assert done.returncode == 0 and reader.wait() == 0
    assert await bench.owner.fetchval("SELECT count(*) FROM tabletalk.documents") == bench.rows


async def executemany(bench: Bench, cost: Cost) -> None:
    """Rows by SQLAlchemy, normalised in Python, inserted by executemany, a thousand at a time."""
    await bench.clean()
    database = (await databases.get(bench.box, bench.actor, "bench")).id
    source = create_async_engine(make_url(bench.url).set(drivername="postgresql+asyncpg"))
    store = create_async_engine(async_url(store_url(bench.box.settings)))
    with cost.taken():
        async with source.connect() as reading, store.begin() as writing:
            rows = await reading.stream(text("SELECT * FROM sales"))
            async for some in rows.mappings().partitions(1000):
                made = [_document(dict(row), bench.actor.workspace_id, database) for row in some]
                await writing.execute(insert(DocumentRow), made)
    await source.dispose()
    await store.dispose()


def _document(row: dict[str, Any], workspace: Any, database: Any) -> dict[str, Any]:
    data = {name: _plain(value) for name, value in row.items()}
    document = {
        "workspace_id": workspace,
        "database_id": database,
        "table_name": "public.sales",
        "source_key": str(row["id"]),
        "entity": "order",
        "title": row["customer"],
        "body": "\n".join(filter(None, (row["status"], row["note"], row["code"], row["country"]))),
        "tags": [f"status:{row['status']}", f"country:{row['country']}"],
        "data": data,
        "happened_at": row["updated_at"],
    }
    said = json.dumps([*(document[name] for name in ("entity", "title", "body", "tags", "data"))])
    return {**document, "hash": blake2b(said.encode(), digest_size=8).digest()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


async def plain_aiomysql(bench: Bench, cost: Cost) -> None:
    """Rows by aiomysql's cursor, json.dumps, COPY: all of them, for what is written costs more the more is there."""
    await bench.clean()
    database = (await databases.get(bench.box, bench.actor, "bench")).id
    url = make_url(bench.url)
    wire = await aiomysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", db=url.database
    )

    async def lines() -> AsyncIterator[bytes]:
        async with wire.cursor(aiomysql.SSDictCursor) as cursor:
            await cursor.execute("SELECT * FROM sales ORDER BY id")
            while some := await cursor.fetchmany(1000):
                yield "".join(_line(_document(row, bench.actor.workspace_id, database)) for row in some).encode()

    names = ("workspace_id", "database_id", "table_name", "source_key", "entity", "title", "body", "tags", "data")
    with cost.taken():
        await bench.owner.copy_to_table(
            "documents", schema_name="tabletalk", source=lines(), columns=[*names, "happened_at", "hash"]
        )
    wire.close()


def _line(document: dict[str, Any]) -> str:
    tags = "{" + ",".join(f'"{tag}"' for tag in document["tags"]) + "}"
    cells = {**document, "tags": tags, "data": json.dumps(document["data"]), "hash": f"\\x{document['hash'].hex()}"}
    escaped = (str(cell).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") for cell in cells.values())
    return "\t".join(escaped) + "\n"


async def dlt(bench: Bench, rounds: int) -> None:
    """Tell how dlt's backends do: rows into a table of the same server, no documents made."""
    python = os.environ.get("TABLETALK_BENCH_DLT")
    if not python:
        print("  dlt: skipped, TABLETALK_BENCH_DLT names no interpreter that has it")
        return
    drivers = {"postgres": "postgresql+psycopg2", "mysql": "mysql+pymysql"}
    source = make_url(bench.url).set(drivername=drivers[bench.dialect]).render_as_string(hide_password=False)
    script = Path(__file__).with_name("dlt_peer.py")
    command = [python, str(script), source, store_url(bench.box.settings)]
    ours, theirs = Cost(), {backend: Cost() for backend in DLT}
    for _ in range(rounds):
        await bench.clean()
        await bench.sync(ours)
        for backend in list(theirs):
            done = subprocess.run([*command, backend], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"  dlt {backend}: failed: {_reason(done.stderr)}")
                del theirs[backend]
            else:
                theirs[backend].walls.append(float(done.stdout.split()[-1]))
    for backend, cost in theirs.items():
        print(f"  dlt {backend}: {cost.wall:.1f} s; {cost.wall / ours.wall:.1f} times ours (target 2)")


def _reason(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if ("Error" in line or "Exception" in line) and line.strip()]
    return (lines or trace.splitlines() or ["it says nothing"])[-1][:200]


async def measure(bench: Bench, rows: int, rounds: int) -> None:
    await bench.fill(rows)
    await first_load(bench, 1)  # warms both servers up
    first = await beside(bench, rounds)
    await again(bench, first, rounds)
    await dlt(bench, rounds)


async def beside(bench: Bench, rounds: int) -> Cost:
    """First loads and their peers in turn: what else the machine does falls on all of them."""
    first, after, peers = Cost(), Cost(), [Cost(), Cost()]
    searches = [Cost(), Cost()]
    for _ in range(rounds):
        await bench.clean()
        await bench.sync(first)
        await bench.search(searches[0])
        (following,) = await jobs.list_jobs(bench.box, bench.actor, kind="index", states=["queued"])
        with after.taken():
            await jobs.attempt(bench.box, following.id, lambda _: documents.run_indexing)
        await bench.search(searches[1])
        if bench.dialect == "postgres":
            await pipe(bench, peers[0])
            await executemany(bench, peers[1])
        else:
            await plain_aiomysql(bench, peers[0])
    each = first.wall * 1e6 / bench.rows
    print(f"{bench.dialect}: {bench.rows:,} rows in {first.wall:.2f} s, {each:.0f} microseconds a row,", end=" ")
    print(f"{first.cpu * 1e6 / bench.rows:.1f} s of client CPU a million rows")
    print(f"  and {after.wall:.2f} s after it, by the job that follows, until the index has all words: a search takes")
    print(f"  {searches[0].wall * 1000:.0f} ms before it and {searches[1].wall * 1000:.0f} ms after it")
    if bench.dialect == "postgres":
        print(f"  of a psql pipe of the same documents: {peers[0].wall / first.wall:.2f} (target 0.9)")
        print(f"  times SQLAlchemy executemany: {peers[1].wall / first.wall:.1f} (target 4)")
    else:
        print(f"  times aiomysql rows, json and COPY: {peers[0].wall / first.wall:.1f} (target 2.5)")
    return first


async def again(bench: Bench, first: Cost, rounds: int) -> None:
    """Runs over what is there already."""
    await bench.clean()
    await bench.sync(Cost())
    same, rescanned, nothing, some = Cost(), Cost(), Cost(), Cost()
    for at in range(rounds):
        assert (await bench.sync(same, mode="full"))["unchanged"] == bench.rows
        await bench.sync(rescanned)
        await bench.sync(nothing)
        await bench.run(TOUCH[bench.dialect].format(at=at))
        assert (await bench.sync(some))["changed"] >= bench.rows // 100
    print(f"  all unchanged, of a first load: {same.wall / first.wall:.2f} (target 1.3 at most)")
    print(f"  incremental, nothing changed: {same.wall / nothing.wall:.0f} times faster than a rescan (target 15),")
    print(f"    {same.wall / rescanned.wall:.0f} times right behind a full run")
    print(f"  incremental, 1 % changed: {same.wall / some.wall:.0f} times (target 10)")


async def growth(bench: Bench, most: int) -> None:
    """How cost and memory grow with the table."""
    rows = 10_000
    while rows <= most:
        await bench.fill(rows)
        await bench.clean()
        before = peak(reset=True)
        cost = Cost()
        await bench.sync(cost)
        grown = peak() - before
        per = cost.wall * 1e6 / rows
        print(
            f"  {rows:>9,} rows: {per:5.1f} microseconds a row, "
            f"{cost.spent[0] * 1e6 / rows:4.1f} of client CPU, {grown} MB more memory"
        )
        rows *= 4 if rows * 5 > most >= rows * 4 else 5 if rows * 5 <= most else 2


def peak(*, reset: bool = False) -> int:
    """The most memory of this process since it was last reset, in MB."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def store_url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


async def benches(box: Toolbox, only: str | None) -> AsyncIterator[Bench]:
    name = f"bench_sync_{uuid4().hex[:8]}"
    owner = await asyncpg.connect(store_url(box.settings))
    if only != "mysql":
        admin = await asyncpg.connect(POSTGRES)
        await admin.execute(f"CREATE DATABASE {name}")
        there = await asyncpg.connect(POSTGRES, database=name)
        url = make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
        yield Bench(box, await _registered(box, url), "postgres", url, there.execute, owner, 0)
        await box.connectors.close()
        await there.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()
    if only != "postgres":
        server = make_url(MYSQL)
        wire = await aiomysql.connect(
            host=server.host,
            port=server.port or 3306,
            user=server.username,
            password=server.password or "",
            autocommit=True,
        )

        async def run(sql: str) -> None:
            async with wire.cursor() as cursor:
                await cursor.execute(sql)
                await cursor.fetchall()

        await run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        await run(f"USE {name}")
        url = server.set(database=name).render_as_string(hide_password=False)
        yield Bench(box, await _registered(box, url), "mysql", url, run, owner, 0)
        await box.connectors.close()
        await run(f"DROP DATABASE {name}")
        wire.close()
    await owner.close()


async def _registered(box: Toolbox, url: str) -> Actor:
    actor = await new_actor(box)
    await databases.register(box, actor, "bench", databases.address_from_url(url))
    return actor


async def main(options: argparse.Namespace, settings: Settings) -> None:
    async with open_toolbox(settings) as box:
        async for bench in benches(box, options.only):
            if options.rounds:
                await measure(bench, options.rows, options.rounds)
            if options.growth:
                await growth(bench, options.growth)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", type=int, default=2_000_000, help="the largest table of the growth series; 0: none")
    parser.add_argument("--only", choices=("postgres", "mysql"))
    with store(sync_starts_a_minute=0, log_level="WARNING") as filled:
        asyncio.run(main(parser.parse_args(), filled))
