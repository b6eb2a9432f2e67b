"""A small shop with a canary on real servers of both dialects, owned by an account that may write there."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiomysql
import asyncpg
import pytest
from pydantic import SecretStr

from tests.conftest import MYSQL, POSTGRES
from tools.connectors import Connectors
from tools.connectors.base import Address, Connector, Dialect, ReadLimits, TableSchema
from tools.databases import address_from_url
from tools.settings import Settings

FOLDER = Path(__file__).parent


@dataclass
class Shop:
    """A shop that queries are tried on."""

    dialect: Dialect
    address: Address
    catalog: tuple[TableSchema, ...]
    limits: ReadLimits

    @asynccontextmanager
    async def connector(self) -> AsyncIterator[Connector]:
        """A pool of its own to the shop."""
        async with Connectors(Settings(_env_file=None)).trial(self.address) as opened:
            yield opened

    async def state(self) -> dict[str, Any]:
        """Everything an attack might change, as the server's administrator sees it."""
        return await (_postgres_state if self.dialect == "postgres" else _mysql_state)(self.address.database)


@pytest.fixture(scope="session")
def postgres_shop() -> Iterator[Shop]:
    name = f"queries_{uuid4().hex[:8]}"
    address = asyncio.run(make_postgres(name))
    yield asyncio.run(open_shop("postgres", address))
    asyncio.run(drop_postgres(name))


@pytest.fixture(scope="session")
def mysql_shop() -> Iterator[Shop]:
    name = f"queries_{uuid4().hex[:8]}"
    address = asyncio.run(make_mysql(name))
    yield asyncio.run(open_shop("mysql", address))
    asyncio.run(drop_mysql(name))


@pytest.fixture(params=["postgres", "mysql"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """The shop of each dialect in turn."""
    found: Shop = request.getfixturevalue(f"{request.param}_shop")
    return found


async def open_shop(dialect: Dialect, address: Address) -> Shop:
    limits = ReadLimits(seconds=10, rows=1000, cell_bytes=10_000, total_bytes=4_000_000)
    shop = Shop(dialect, address, (), limits)
    async with shop.connector() as connector:
        shop.catalog = await connector.snapshot()
    return shop


# PostgreSQL


async def _postgres_admin(database: str | None = None) -> "asyncpg.Connection[asyncpg.Record]":
    server = address_from_url(POSTGRES)
    return await asyncpg.connect(POSTGRES, database=database or server.database)


async def make_postgres(name: str) -> Address:
    admin = await _postgres_admin()
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'made-up'")
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    await admin.close()
    address = address_from_url(POSTGRES).model_copy(
        update={"database": name, "username": name, "password": SecretStr("made-up")}
    )
    owner = await asyncpg.connect(host=address.host, port=address.port, user=name, password="made-up", database=name)
    admin = await _postgres_admin(name)
    await admin.execute(f"GRANT ALL ON SCHEMA public TO {name}")
    await admin.close()
    await owner.execute((FOLDER / "shop_postgres.sql").read_text())
    await owner.close()
    return address


async def drop_postgres(name: str) -> None:
    admin = await _postgres_admin()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()


async def _postgres_state(name: str) -> dict[str, Any]:
    admin = await _postgres_admin(name)
    state = {
        "canary": await admin.fetch("SELECT * FROM canary ORDER BY id"),
        "relations": await admin.fetch(
            "SELECT relname, relkind, relowner, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " ORDER BY 1"
        ),
        "columns": await admin.fetchval("SELECT count(*) FROM pg_attribute WHERE attrelid = 'canary'::regclass"),
        "functions": await admin.fetch("SELECT oid, proname FROM pg_proc WHERE oid >= 16384 ORDER BY 1"),
        "schemas": await admin.fetch("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"),
        "own role": await admin.fetch("SELECT * FROM pg_roles WHERE rolname IN ($1, 'evil')", name),
        "settings": await admin.fetch(
            "SELECT * FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = $1", name
        ),
        "counter": await admin.fetch("SELECT last_value, is_called FROM counter"),
        "large objects": await admin.fetchval("SELECT count(*) FROM pg_largeobject_metadata"),
        "comments": await admin.fetch("SELECT * FROM pg_description WHERE objoid = 'canary'::regclass"),
        "triggers and rules": await admin.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"),
        "locks kept": await admin.fetch(
            "SELECT locktype FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = $1 AND l.pid <> pg_backend_pid() AND locktype IN ('advisory', 'relation')",
            name,
        ),
        "prepared": await admin.fetch("SELECT gid FROM pg_prepared_xacts WHERE database = $1", name),
    }
    await admin.close()
    return {part: [tuple(row) for row in found] if isinstance(found, list) else found for part, found in state.items()}


# MySQL and MariaDB


async def _mysql_admin(database: str | None = None) -> aiomysql.Connection:
    server = address_from_url(MYSQL)
    return await aiomysql.connect(
        host=server.host,
        port=server.port,
        user=server.username,
        password=server.password.get_secret_value(),
        db=database,
        autocommit=True,
    )


async def _mysql_rows(wire: aiomysql.Connection, sql: str) -> list[Any]:
    cursor = await wire.cursor()
    await cursor.execute(sql)
    rows = list(await cursor.fetchall())
    await cursor.close()
    return rows


async def make_mysql(name: str) -> Address:
    admin = await _mysql_admin()
    await _mysql_rows(admin, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    await _mysql_rows(admin, f"CREATE USER '{name}'@'%' IDENTIFIED BY 'made-up'")
    await _mysql_rows(admin, f"CREATE USER '{name}'@'localhost' IDENTIFIED BY 'made-up'")
    for host in ("%", "localhost"):
        await _mysql_rows(admin, f"GRANT ALL ON {name}.* TO '{name}'@'{host}'")
    admin.close()
    admin = await _mysql_admin(name)
    for statement in (FOLDER / "shop_mysql.sql").read_text().split(";\n"):
        if statement.strip():
            await _mysql_rows(admin, statement)
    admin.close()
    return address_from_url(MYSQL).model_copy(
        update={"database": name, "username": name, "password": SecretStr("made-up")}
    )


async def drop_mysql(name: str) -> None:
    admin = await _mysql_admin()
    await _mysql_rows(admin, f"DROP DATABASE {name}")
    for host in ("%", "localhost"):
        await _mysql_rows(admin, f"DROP USER '{name}'@'{host}'")
    admin.close()


async def _mysql_state(name: str) -> dict[str, Any]:
    admin = await _mysql_admin(name)
    state = {
        "canary": await _mysql_rows(admin, "SELECT * FROM canary ORDER BY id"),
        "tables": await _mysql_rows(
            admin,
            "SELECT table_name, table_type, engine, create_time, table_collation FROM information_schema.tables"
            f" WHERE table_schema = '{name}' ORDER BY 1",
        ),
        "columns": await _mysql_rows(
            admin, f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{name}'"
        ),
        "routines": await _mysql_rows(
            admin, f"SELECT routine_name FROM information_schema.routines WHERE routine_schema = '{name}'"
        ),
        "triggers": await _mysql_rows(
            admin, f"SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = '{name}'"
        ),
        "events": await _mysql_rows(
            admin, f"SELECT event_name FROM information_schema.events WHERE event_schema = '{name}'"
        ),
        "evil account": await _mysql_rows(admin, "SELECT user FROM mysql.user WHERE user = 'evil'"),
        "counter": await _mysql_rows(admin, "SELECT next_not_cached_value FROM counter"),
        "locks kept": await _mysql_rows(admin, "SELECT IS_USED_LOCK('x')"),
    }
    admin.close()
    return state
