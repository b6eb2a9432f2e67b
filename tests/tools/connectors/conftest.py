"""Scratch databases on the machine's servers, and private servers for what those do not offer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import aiomysql
import asyncpg
import pytest

from tests.conftest import MYSQL, POSTGRES
from tests.tools.connectors.private import Private, private_mariadb, private_postgres
from tools.connectors.base import Address, ReadLimits
from tools.connectors.mysql import MySQLConnector
from tools.connectors.postgres import PostgresConnector
from tools.databases import address_from_url
from tools.settings import Settings


@pytest.fixture(scope="session")
def plain() -> Settings:
    """Default settings, whatever stands in the environment."""
    return Settings(_env_file=None)


@pytest.fixture
def limits() -> ReadLimits:
    return ReadLimits(seconds=5, rows=1000, cell_bytes=10_000, total_bytes=4_000_000)


async def postgres_admin(address: Address) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.username,
        password=address.password.get_secret_value(),
        database=address.database,
    )


async def mysql_admin(address: Address) -> aiomysql.Connection:
    return await aiomysql.connect(
        host=address.host,
        port=address.port,
        user=address.username,
        password=address.password.get_secret_value(),
        db=address.database or None,
        autocommit=True,
    )


@pytest.fixture(scope="session")
def postgres_source() -> Iterator[Address]:
    """A scratch database on PostgreSQL, its owner able to do anything."""
    server = address_from_url(POSTGRES)
    name = f"connectors_{uuid4().hex[:8]}"

    async def run(statement: str) -> None:
        admin = await postgres_admin(server)
        await admin.execute(statement)
        await admin.close()

    asyncio.run(run(f"CREATE DATABASE {name}"))
    yield server.model_copy(update={"database": name})
    asyncio.run(run(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def mysql_source() -> Iterator[Address]:
    """A scratch database on MySQL or MariaDB, its owner able to do anything."""
    server = address_from_url(MYSQL).model_copy(update={"database": ""})
    name = f"connectors_{uuid4().hex[:8]}"

    async def run(statement: str) -> None:
        admin = await mysql_admin(server)
        cursor = await admin.cursor()
        await cursor.execute(statement)
        admin.close()

    asyncio.run(run(f"CREATE DATABASE {name}"))
    yield server.model_copy(update={"database": name})
    asyncio.run(run(f"DROP DATABASE {name}"))


@pytest.fixture
async def pg(postgres_source: Address, plain: Settings) -> AsyncIterator[PostgresConnector]:
    connector = PostgresConnector(postgres_source, plain)
    yield connector
    await connector.close()


@pytest.fixture
async def my(mysql_source: Address, plain: Settings) -> AsyncIterator[MySQLConnector]:
    connector = MySQLConnector(mysql_source, plain)
    yield connector
    await connector.close()


@pytest.fixture
async def pg_admin(postgres_source: Address) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that may write, with an empty schema public."""
    admin = await postgres_admin(postgres_source)
    await admin.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield admin
    await admin.close()


@pytest.fixture
async def my_admin(mysql_source: Address) -> AsyncIterator[aiomysql.Cursor]:
    """A cursor that may write, in an empty database."""
    admin = await mysql_admin(mysql_source)
    cursor = await admin.cursor()
    await cursor.execute(f"DROP DATABASE {mysql_source.database}")
    await cursor.execute(f"CREATE DATABASE {mysql_source.database}")
    await cursor.execute(f"USE {mysql_source.database}")
    yield cursor
    admin.close()


@pytest.fixture(scope="session")
def secured_postgres(home: Path) -> Iterator[Private]:
    with private_postgres(Settings(home=home, _env_file=None)) as server:
        yield server


@pytest.fixture(scope="session")
def secured_mariadb(home: Path) -> Iterator[Private]:
    with private_mariadb(Settings(home=home, _env_file=None)) as server:
        yield server
