"""Writing the sample shop into an empty database of either dialect."""

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

from tools.demo.shop import generate
from tools.demo.tables import TABLES, ddl

if TYPE_CHECKING:
    import aiomysql
    import asyncpg

BATCH = 2000
"""Rows in one INSERT for MySQL."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def seed_postgres(connection: Connection, today: date, schema: str = "public") -> int:
    """Make the shop's tables in `schema` and fill them, in one transaction; gives the number of rows.

    Tables of the shop that are there already are replaced; whoever may read them keeps that right only by a new GRANT.
    """
    rows = await asyncio.to_thread(generate, today)
    async with connection.transaction():
        await connection.execute(f"SET LOCAL search_path TO {schema}")
        for table in reversed(TABLES):
            await connection.execute(f"DROP TABLE IF EXISTS {table.name} CASCADE")
        for statement in ddl("postgres"):
            await connection.execute(statement)
        for table in TABLES:
            columns = [column.name for column in table.columns]
            await connection.copy_records_to_table(table.name, records=rows[table.name], columns=columns)
    for table in TABLES:
        await connection.execute(f"ANALYZE {schema}.{table.name}")
    return sum(map(len, rows.values()))


async def seed_mysql(connection: "aiomysql.Connection", today: date) -> int:
    """Make the shop's tables in the connection's database and fill them; gives the number of rows.

    Tables of the shop that are there already are replaced. MySQL commits each CREATE, so this is not one transaction.
    """
    rows = await asyncio.to_thread(generate, today)
    async with connection.cursor() as cursor:
        await cursor.execute("SET NAMES utf8mb4")
        await cursor.execute("SET foreign_key_checks = 0, sql_notes = 0")  # a table that is not there is no news
        for table in reversed(TABLES):
            await cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
        await cursor.execute("SET foreign_key_checks = 1, sql_notes = 1")
        for statement in ddl("mysql"):
            await cursor.execute(statement)
        for table in TABLES:
            columns = ", ".join(column.name for column in table.columns)
            marks = ", ".join(["%s"] * len(table.columns))
            insert = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608  # our own names
            for batch in _batches(rows[table.name]):
                await cursor.executemany(insert, batch)
        await connection.commit()
        await cursor.execute("ANALYZE TABLE " + ", ".join(table.name for table in TABLES))
        await cursor.fetchall()
    return sum(map(len, rows.values()))


def _batches(rows: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
