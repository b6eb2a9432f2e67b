"""Measures the offline parser on a file of questions with gold SQL: accuracy, calibration, time, misses.

    TABLETALK_BENCH_DATA=FOLDER python -m tests.benchmarks.bench_offline
    python -m tests.benchmarks.bench_offline QUESTIONS.jsonl --dsn postgresql://postgres@127.0.0.1/NAME

The database holds one schema for each `schema` of the questions. Catalogues and gold rows are kept in
`--cache`, so that a second run costs only parsing and the parser's own queries.
"""

import argparse
import asyncio
import gzip
import json
import os
import pickle
import statistics
import sys
import tempfile
import time
import traceback
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from assistant.offline.parser import probes, read
from assistant.offline.understanding import Probe
from tests.benchmarks.bench_retrieval import DATA, loaded
from tools.connectors.base import Column, ForeignKey, TableSchema, TypeFamily
from tools.schemas.catalog import TrainedTable
from tools.schemas.privacy import private_columns

TODAY = date(2026, 11, 21)

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, c.reltuples::bigint,
       col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p')
ORDER BY c.relname, a.attnum
"""
KEYS = """
SELECT k.contype::text, c.relname, k.conname, tn.nspname, t.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = k.confrelid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE n.nspname = $1 AND k.contype IN ('p', 'f')
"""
FAMILIES: dict[str, TypeFamily] = {"boolean": "bool", "date": "date", "text": "text", "json": "json", "jsonb": "json"}


def family(kind: str) -> TypeFamily:
    """The family of a PostgreSQL type's spelling."""
    if kind.startswith("timestamp"):
        return "datetime"
    if kind.startswith(("bigint", "integer", "smallint", "double", "real", "numeric")):
        return "number"
    return FAMILIES.get(kind, "text" if kind.startswith("char") else "other")


async def catalogue(connection: Any, schema: str) -> tuple[TrainedTable, ...]:
    """Trained tables of one schema, with the frequent values of columns that have few."""
    names: dict[str, list[Any]] = defaultdict(list)
    for row in await connection.fetch(COLUMNS, schema):
        names[row[0]].append(row)
    keys = await connection.fetch(KEYS, schema)
    tables = []
    for name, rows in names.items():
        columns = tuple(Column(name=r[1], type=r[2], family=family(r[2]), nullable=r[3], comment=r[5]) for r in rows)
        shape = TableSchema(
            schema_name=schema,
            name=name,
            columns=columns,
            primary_key=tuple(next((k[5] for k in keys if k[0] in (b"p", "p") and k[1] == name), ())),
            foreign_keys=tuple(
                ForeignKey(
                    name=k[2], columns=tuple(k[5]), target_schema=k[3], target_table=k[4], target_columns=tuple(k[6])
                )
                for k in keys
                if k[0] in (b"f", "f") and k[1] == name
            ),
            row_estimate=int(rows[0][4]),
            comment=rows[0][6],
        )
        tables.append(await trained(connection, shape))
    return tuple(tables)


async def trained(connection: Any, shape: TableSchema) -> TrainedTable:
    """One table with its frequent values, as training would store it."""
    values: dict[str, tuple[str, ...]] = {}
    left_out = private_columns(shape)
    source = f'"{shape.schema_name}"."{shape.name}"'
    for column in shape.columns:
        if column.name in left_out or column.family in ("binary", "json"):
            continue
        found = await connection.fetch(
            f'SELECT "{column.name}"::text FROM {source} WHERE "{column.name}" IS NOT NULL '
            "GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 101"
        )
        if 0 < len(found) <= 100:
            values[column.name] = tuple(row[0] for row in found)
    return TrainedTable(id=uuid.uuid4(), database_id=uuid.uuid4(), shape=shape, values=values, left_out=left_out)


def cell(value: Any) -> Any:
    """A comparable form of one cell: numbers to six places, the rest as text."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.6g}" if abs(float(value)) > 1e6 else f"{round(float(value), 6) + 0.0:.6f}"
    return str(value)


def same(gold: Sequence[Sequence[Any]], mine: Sequence[Sequence[Any]], ordered: bool) -> str:
    """`right`, `extra` (right with more columns) or `wrong`; columns may stand in any order."""
    if len(gold) != len(mine) or (gold and len(gold[0]) > len(mine[0])):
        return "wrong"
    if not gold:
        return "right"
    wanted = [[cell(v) for v in column] for column in zip(*gold, strict=True)]
    given = [[cell(v) for v in column] for column in zip(*mine, strict=True)]
    for picks in _pairings(wanted, given, []):
        left = list(zip(*wanted, strict=True))
        right = list(zip(*(given[i] for i in picks), strict=True))
        if (left == right) if ordered else (Counter(left) == Counter(right)):
            return "right" if len(wanted) == len(given) else "extra"
    return "wrong"


def _pairings(wanted: list[list[Any]], given: list[list[Any]], picked: list[int]) -> Iterable[list[int]]:
    if len(picked) == len(wanted):
        yield picked
        return
    column = Counter(wanted[len(picked)])
    for i, other in enumerate(given):
        if i not in picked and Counter(other) == column:
            yield from _pairings(wanted, given, [*picked, i])


async def fetch(connection: Any, schema: str, sql: str) -> list[tuple[Any, ...]] | str:
    """Rows of a query in a schema, or the database's reason why not."""
    try:
        return [tuple(row.values()) for row in await connection.fetch(sql, timeout=5)]
    except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"


async def look_up(connection: Any, asked: Sequence[Probe]) -> dict[Probe, tuple[str, ...]]:
    """What the source holds of the probed texts, case put aside."""
    found: dict[Probe, tuple[str, ...]] = {}
    for probe in asked:
        table = ".".join(f'"{part}"' for part in probe.table.split("."))
        rows = await connection.fetch(
            f'SELECT DISTINCT "{probe.column}"::text FROM {table} '
            f'WHERE lower("{probe.column}"::text) = lower($1) LIMIT 3',
            probe.text,
        )
        if rows:
            found[probe] = tuple(row[0] for row in rows)
    return found


async def prepare(dsn: str, questions: list[dict[str, Any]], cache: Path) -> dict[str, Any]:
    """Catalogues and gold rows, read once and kept."""
    if cache.exists():
        stored: dict[str, Any] = pickle.loads(cache.read_bytes())
        return stored
    connection = await asyncpg.connect(dsn)
    data: dict[str, Any] = {"catalogues": {}, "gold": {}}
    for schema in sorted({q["schema"] for q in questions}):
        data["catalogues"][schema] = await catalogue(connection, schema)
    for question in questions:
        if not question["gold_sql"]:
            continue
        await connection.execute(f'SET search_path TO "{question["schema"]}"')
        data["gold"][question["schema"], question["gold_sql"]] = await fetch(
            connection, question["schema"], question["gold_sql"]
        )
    await connection.close()
    cache.write_bytes(pickle.dumps(data))
    return data


async def measure(dsn: str, questions: list[dict[str, Any]], data: dict[str, Any]) -> list[dict[str, Any]]:
    """One record a question: verdict, confidence, time, SQL and reading."""
    connection = await asyncpg.connect(dsn)
    records = []
    schema = ""
    for question in questions:
        if question["schema"] != schema:
            schema = question["schema"]
            await connection.execute(f'SET search_path TO "{schema}"')
        gold = data["gold"].get((schema, question["gold_sql"]))
        records.append(await one(connection, question, data["catalogues"][schema], gold))
    await connection.close()
    return records


async def one(connection: Any, question: dict[str, Any], tables: tuple[TrainedTable, ...], gold: Any) -> dict[str, Any]:
    """Ask one question and judge the answer."""
    record = dict(question, verdict="declined", confidence=0.0, sql="", read_as="", unknown=())
    try:
        begun = time.perf_counter()
        asked = probes(question["question"], tables)
        spent = time.perf_counter() - begun
        found = await look_up(connection, asked)
        begun = time.perf_counter()
        understood = read(question["question"], tables, "postgres", TODAY, found=found)
        record["ms"] = (spent + time.perf_counter() - begun) * 1000
        record["probes"] = len(asked)
    except Exception as error:  # noqa: BLE001  # a crash is a result here
        return record | {
            "verdict": "crash",
            "ms": 0.0,
            "probes": 0,
            "read_as": f"{error!r} {traceback.format_exc()[-600:]}",
        }
    record["unknown"] = understood.unknown_words
    best = understood.best
    if best is None:
        return record | {"read_as": understood.declined}
    record |= {"sql": best.sql, "confidence": best.confidence, "read_as": best.read_as, "reasons": best.reasons}
    if gold is None:
        return record | {"verdict": "answered"}
    rows = await fetch(connection, question["schema"], best.sql)
    if isinstance(rows, str):
        return record | {"verdict": "failed", "read_as": rows}
    return record | {"verdict": same(gold, rows, ordered(question["gold_sql"]))}


def ordered(sql: str) -> bool:
    """Whether the outermost statement sorts: then the order of rows counts."""
    depth, upper = 0, sql.upper()
    for i, sign in enumerate(upper):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and upper.startswith("ORDER BY", i):
            return True
    return False


def _part(job: tuple[str, list[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    return asyncio.run(measure(*job))


def report(records: list[dict[str, Any]], title: str) -> None:
    """Print accuracy, calibration and time of some records; those that no data answer apart."""
    if stray := [r for r in records if not r["gold_sql"]]:
        declined = sum(r["verdict"] == "declined" for r in stray)
        sure = sum(r["confidence"] >= 0.5 for r in stray)
        print(f"\n{title}, not answerable: {declined / len(stray):.1%} of {len(stray)} declined, {sure} called >= 0.5")
        records = [r for r in records if r["gold_sql"]]
    right = sum(r["verdict"] == "right" for r in records)
    print(f"\n{title}: {right}/{len(records)} right = {right / len(records):.1%}")
    print("  verdicts", dict(Counter(r["verdict"] for r in records)))
    for bound in (0.5, 0.8):
        sure = [r for r in records if r["confidence"] >= bound]
        good = sum(r["verdict"] == "right" for r in sure)
        print(
            f"  confidence >= {bound}: {len(sure)} answered ({len(sure) / len(records):.1%}), "
            f"{good / max(1, len(sure)):.1%} right"
        )
    kinds: Mapping[str, list[dict[str, Any]]] = defaultdict(list)
    for r in records:
        kinds[r["kind"]].append(r)
    print(
        "  by kind",
        {k: f"{sum(r['verdict'] == 'right' for r in v) / len(v):.0%} of {len(v)}" for k, v in sorted(kinds.items())},
    )
    times = sorted(r["ms"] for r in records)
    print(f"  ms median {statistics.median(times):.1f}, p95 {times[int(len(times) * 0.95)]:.1f}, worst {times[-1]:.1f}")


def main() -> None:
    """Run the questions in two processes and print what came of them; says so and stops where there is no data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path, nargs="?")
    parser.add_argument("--dsn", help="a database with the schemas in it; else one is made of the folder's own script")
    parser.add_argument("--cache", type=Path, help="keep catalogues and gold rows here, for the next run")
    parser.add_argument("--held", default="", help="comma-separated schemas reported apart")
    parser.add_argument("--misses", type=Path, help="write every miss here")
    parser.add_argument("--only", default="", help="a schema, or part of a question")
    options = parser.parse_args()
    folder = Path(os.environ.get(DATA, ""))
    if options.questions is None:
        if not os.environ.get(DATA) or not (folder / "questions.jsonl").exists():
            print(f"offline: skipped, {DATA} names no folder with questions.jsonl")
            return
        options.questions = folder / "questions.jsonl"
    with tempfile.TemporaryDirectory(prefix="tabletalk-bench-") as scratch, asyncio.Runner() as runner:
        options.cache = options.cache or Path(scratch) / "cache.pickle"
        if options.dsn:
            sys.exit(run(options))
        made = loaded(gzip.decompress((folder / "questions_schemas.sql.gz").read_bytes()).decode())
        options.dsn = runner.run(made.__aenter__())
        try:
            failed = run(options)
        finally:
            runner.run(made.__aexit__(None, None, None))
        sys.exit(failed)


def run(options: argparse.Namespace) -> bool:
    """Ask, report; True when the parser crashed on a question."""
    questions = [json.loads(line) for line in options.questions.read_text().splitlines()]
    data = asyncio.run(prepare(options.dsn, questions, options.cache))
    if options.only:
        questions = [q for q in questions if options.only == q["schema"] or options.only in q["question"]]
    schemas = sorted({q["schema"] for q in questions})
    halves = [[q for q in questions if schemas.index(q["schema"]) % 2 == half] for half in (0, 1)]
    with ProcessPoolExecutor(2) as pool:
        records = [r for part in pool.map(_part, [(options.dsn, half, data) for half in halves if half]) for r in part]
    held = set(options.held.split(","))
    if own := [r for r in records if r["schema"] not in held]:
        report(own, "developed on")
        show_schemas(own)
    if away := [r for r in records if r["schema"] in held]:
        report(away, "held out")
    if options.misses:
        write_misses([r for r in records if r["schema"] not in held], data, options.misses)
    return any(r["verdict"] == "crash" for r in records)


def show_schemas(records: list[dict[str, Any]]) -> None:
    """Print the share right of each schema, worst first."""
    by: dict[str, list[bool]] = defaultdict(list)
    for r in records:
        by[r["schema"]].append(r["verdict"] == "right")
    print(
        "  by schema",
        ", ".join(f"{s} {sum(v) / len(v):.0%}" for s, v in sorted(by.items(), key=lambda p: sum(p[1]) / len(p[1]))),
    )


def write_misses(records: list[dict[str, Any]], data: dict[str, Any], path: Path) -> None:
    """Write every question that was not answered rightly, with both queries."""
    with path.open("w") as out:
        for r in records:
            if r["verdict"] != ("right" if r["gold_sql"] else "declined"):
                out.write(f"[{r['verdict']} {r['confidence']:.2f} {r['kind']}] {r['schema']}: {r['question']}\n")
                out.write(f"   gold {r['gold_sql']}\n   mine {r['sql']}\n   {r['read_as']} | unknown {r['unknown']}\n")


if __name__ == "__main__":
    main()
