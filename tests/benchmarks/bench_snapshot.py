"""Measures a snapshot of a whole database against SQLAlchemy's Inspector, table by table, on both servers.

    python -m tests.benchmarks.bench_snapshot [TABLES]

Makes a scratch database of 300 tables (or TABLES) on each server of TABLETALK_TEST_POSTGRES and TABLETALK_TEST_MYSQL,
and drops it. The Inspector reads what a snapshot holds: columns, keys, unique constraints, indexes and comments.
"""

import asyncio
import resource
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.conftest import MYSQL, POSTGRES
from tools.connectors import DIALECTS
from tools.connectors.base import Address, Connector
from tools.databases import address_from_url
from tools.settings import Settings

DRIVERS = {"postgres": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}
TABLE = """
CREATE TABLE t{number} (
    id int PRIMARY KEY, parent_id int {reference}, code varchar(20) UNIQUE, name varchar(80) NOT NULL DEFAULT 'none',
    amount decimal(12,2), at timestamp NULL, note text, flag boolean, day date, score double precision
)
"""
INDEX = "CREATE INDEX by_day_{number} ON t{number} (day, name)"
ROUNDS = 5
"""The best of so many counts, for both: other work on the machine only ever adds."""


def engine_url(address: Address, database: str) -> URL:
    return URL.create(
        DRIVERS[address.dialect],
        username=address.username,
        password=address.password.get_secret_value(),
        host=address.host,
        port=address.port,
        database=database or None,
    )


def statements(count: int, dialect: str) -> list[str]:
    made = []
    for number in range(count):
        reference = f", FOREIGN KEY (parent_id) REFERENCES t{number // 2} (id)" if number else ""
        table = TABLE.format(number=number, reference="")
        made += [table.rstrip().removesuffix(")") + reference + ")", INDEX.format(number=number)]
    return made


async def run(address: Address, database: str, sql: list[str], *, autocommit: bool = False) -> None:
    options = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    engine = create_async_engine(engine_url(address, database), poolclass=NullPool, **options)
    async with engine.connect() as connection:
        for statement in sql:
            await connection.execute(text(statement))
        if not autocommit:
            await connection.commit()
    await engine.dispose()


def reflect(connection: Connection) -> int:
    inspector = inspect(connection)
    names = inspector.get_table_names()
    for name in names:
        inspector.get_columns(name)
        inspector.get_pk_constraint(name)
        inspector.get_foreign_keys(name)
        inspector.get_unique_constraints(name)
        inspector.get_indexes(name)
        inspector.get_table_comment(name)
    return len(names)


async def inspector_seconds(address: Address) -> float:
    engine = create_async_engine(engine_url(address, address.database), poolclass=NullPool)
    walls = []
    for _ in range(ROUNDS):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            started = time.perf_counter()
            await connection.run_sync(reflect)
            walls.append(time.perf_counter() - started)
    await engine.dispose()
    return min(walls)


async def snapshot_seconds(connector: Connector, count: int) -> tuple[float, float]:
    """Wall and own CPU seconds of a snapshot."""
    await connector.greet()
    walls, spent = [], []
    for _ in range(ROUNDS):
        began, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        tables = await connector.snapshot()
        walls.append(time.perf_counter() - started)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        spent.append(ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime)
        assert len(tables) == count
        assert all(len(table.columns) == 10 and table.primary_key == ("id",) for table in tables)
    return min(walls), min(spent)


async def measure(server: Address, count: int, settings: Settings, tell: Callable[[str], Any] = print) -> None:
    name = f"bench_snapshot_{uuid4().hex[:8]}"
    outside = server.database if server.dialect == "postgres" else ""
    await run(server, outside, [f"CREATE DATABASE {name}"], autocommit=True)
    address = server.model_copy(update={"database": name})
    connector = DIALECTS[server.dialect](address, settings)
    try:
        await run(address, name, statements(count, server.dialect))
        ours, spent = await snapshot_seconds(connector, count)
        theirs = await inspector_seconds(address)
        version = (await connector.greet()).server_version
        tell(
            f"{version}: {count} tables in {ours * 1000:.0f} ms ({spent * 1000:.0f} ms of client CPU); "
            f"Inspector, table by table: {theirs * 1000:.0f} ms; ratio {theirs / ours:.1f}"
        )
    finally:
        await connector.close()
        await run(server, outside, [f"DROP DATABASE {name}"], autocommit=True)


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    settings = Settings(_env_file=None)
    for url in (POSTGRES, MYSQL):
        await measure(address_from_url(url), count, settings)


if __name__ == "__main__":
    asyncio.run(main())
