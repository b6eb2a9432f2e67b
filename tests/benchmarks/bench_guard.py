"""Measures the guard: milliseconds per query, and a guarded query beside a bare one through the same pool.

    python -m tests.benchmarks.bench_guard

The queries are the everyday ones of the guard's tests, on a small shop made on each server for the run. "Bare" is the
same text sent to the same connector; "guarded" judges it first, names resolved, and sends what came out: a text seen
for the first time, and one that was judged lately.
"""

import asyncio
import statistics
import time
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import pairwise

from tests.tools.queries import conftest as shops
from tools.connectors.base import Address, Dialect, TableSchema
from tools.queries import guard

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
        judged = [_clock(partial(anew, sql, dialect, shop.catalog)) for sql in queries]
        print(
            f"guard {dialect}: {len(queries)} queries, median {statistics.median(judged):.2f} ms, "
            f"95th percentile {statistics.quantiles(judged, n=20)[-1]:.2f} ms"
        )
        bare = first = again = 0.0
        async with shop.connector() as connector:
            for sql in queries:
                best = [float("inf")] * 3
                for _ in range(ROUNDS):
                    times = [time.perf_counter()]
                    await connector.fetch(sql, shop.limits)
                    times.append(time.perf_counter())
                    await connector.fetch(str(anew(sql, dialect, shop.catalog)), shop.limits)
                    times.append(time.perf_counter())
                    await connector.fetch(str(guard.check(sql, dialect, shop.catalog)), shop.limits)
                    times.append(time.perf_counter())
                    taken = [end - start for start, end in pairwise(times)]
                    best = [min(pair) for pair in zip(best, taken, strict=True)]
                bare, first, again = bare + best[0], first + best[1], again + best[2]
        each = 1000 / len(queries)
        print(
            f"read {dialect}: bare {bare * each:.2f} ms; guarded {first * each:.2f} ms the first time "
            f"({first / bare:.2f}x), {again * each:.2f} ms again ({again / bare:.2f}x); aimed at: {MOST:g}x"
        )
    finally:
        await drop(name)


def anew(sql: str, dialect: Dialect, catalog: Sequence[TableSchema]) -> guard.CheckedSQL:
    """Check a text as if it had never been seen."""
    guard._regenerated.cache_clear()
    return guard.check(sql, dialect, catalog)


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
