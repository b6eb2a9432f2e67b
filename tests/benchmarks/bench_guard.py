"""Measures the guard: milliseconds per query, and a guarded query beside a bare one through the same pool.

    python -m tests.benchmarks.bench_guard

The queries are the everyday ones of the guard's tests, on a small shop made on each server for the run. "Bare" is the
same text sent to the same connector; "guarded" judges it first, names resolved, and sends what came out.
"""

import asyncio
import statistics
import time
import tomllib
from collections.abc import Awaitable, Callable
from functools import partial

from tests.tools.queries import conftest as shops
from tools.connectors.base import Address, Dialect
from tools.queries.guard import check

ROUNDS = 9
"""The best of so many counts: on a busy machine whoever used the processor waits for it, which is not the guard."""
MOST = 2.0
"""A guarded query may take so many times a bare one."""


def main() -> None:
    """Measure both dialects and print."""
    asyncio.run(measure("postgres", shops.make_postgres, shops.drop_postgres))
    asyncio.run(measure("mysql", shops.make_mysql, shops.drop_mysql))


async def measure(
    dialect: Dialect, make: Callable[[str], Awaitable[Address]], drop: Callable[[str], Awaitable[None]]
) -> None:
    """Make the shop, measure, print, drop the shop."""
    name = f"bench_guard_{time.time_ns() % 10**8}"
    address = await make(name)
    try:
        shop = await shops.open_shop(dialect, address)
        classes = tomllib.loads((shops.FOLDER / f"legit_{dialect}.toml").read_text())
        queries = [sql.rstrip().removesuffix(";") for entry in classes.values() for sql in entry["sql"]]
        judged = [_clock(partial(check, sql, dialect, shop.catalog)) for sql in queries]
        print(
            f"guard {dialect}: {len(queries)} queries, median {statistics.median(judged):.2f} ms, "
            f"95th percentile {statistics.quantiles(judged, n=20)[-1]:.2f} ms"
        )
        bare, guarded = 0.0, 0.0
        async with shop.connector() as connector:
            for sql in queries:
                best = [float("inf"), float("inf")]
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    await connector.fetch(sql, shop.limits)
                    between = time.perf_counter()
                    await connector.fetch(str(check(sql, dialect, shop.catalog)), shop.limits)
                    best = [min(best[0], between - began), min(best[1], time.perf_counter() - between)]
                bare, guarded = bare + best[0], guarded + best[1]
        one, other = bare / len(queries) * 1000, guarded / len(queries) * 1000
        verdict = "ok" if other / one <= MOST else f"OVER the {MOST}x aimed at"
        print(f"read {dialect}: bare {one:.2f} ms, guarded {other:.2f} ms, {other / one:.2f}x ({verdict})")
    finally:
        await drop(name)


def _clock(judge: Callable[[], object]) -> float:
    """The best of some runs, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        judge()
        times.append((time.perf_counter() - began) * 1000)
    return min(times)


if __name__ == "__main__":
    main()
