"""A database to register: a scratch one on the machine's PostgreSQL."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import POSTGRES
from tools.connectors.base import Address
from tools.databases import address_from_url


@pytest.fixture
async def source() -> AsyncIterator[Address]:
    """A scratch database with one table; its account is a superuser."""
    server = address_from_url(POSTGRES)
    name = f"registered_{uuid4().hex[:8]}"

    async def connect(database: str) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            host=server.host,
            port=server.port,
            user=server.username,
            password=server.password.get_secret_value(),
            database=database,
        )

    admin = await connect(server.database)
    await admin.execute(f"CREATE DATABASE {name}")
    there = await connect(name)
    await there.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    await there.close()
    yield server.model_copy(update={"database": name})
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
