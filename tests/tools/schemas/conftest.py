"""Small source databases on real servers of both dialects, registered and ready to train."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiomysql
import asyncpg
import pytest
from sqlalchemy import make_url

from tests.conftest import MYSQL, POSTGRES
from tools import databases, jobs, schemas
from tools.jobs import Job
from tools.toolbox import Actor, Toolbox

SHOP = """
CREATE TABLE customers (id int PRIMARY KEY, full_name varchar(80) NOT NULL, email varchar(120), country varchar(40),
    password_hash varchar(80));
CREATE TABLE cust_ord_hdr (id int PRIMARY KEY, cust_id int NOT NULL, status varchar(20) NOT NULL, ord_dt date,
    tot_amt numeric(10,2), FOREIGN KEY (cust_id) REFERENCES customers (id));
CREATE TABLE products (id int PRIMARY KEY, title varchar(80), category varchar(40), price numeric(10,2));
CREATE TABLE ord_ln (ord_id int NOT NULL, prod_id int NOT NULL, qty int NOT NULL, PRIMARY KEY (ord_id, prod_id),
    FOREIGN KEY (ord_id) REFERENCES cust_ord_hdr (id), FOREIGN KEY (prod_id) REFERENCES products (id));
CREATE TABLE tickets (id int PRIMARY KEY, topic varchar(200));
INSERT INTO customers VALUES
    (1, 'Ada Byron', 'ada@example.org', 'France', 'h1'), (2, 'Bo Ek', 'bo@example.org', 'Spain', 'h2');
INSERT INTO cust_ord_hdr VALUES
    (1, 1, 'paid', '2026-01-02', 10), (2, 1, 'paid', '2026-02-02', 20), (3, 2, 'open', '2026-03-02', 5);
INSERT INTO products VALUES (1, 'Lamp', 'Lighting', 5), (2, 'Desk', 'Furniture', 90), (3, 'Bulb', 'Lighting', 2);
INSERT INTO ord_ln VALUES (1, 1, 2), (2, 2, 1), (3, 3, 4);
"""

Run = Callable[[str], Awaitable[Any]]


@dataclass
class Source:
    """A registered database, and how to change it behind Tabletalk's back."""

    name: str
    dialect: str
    run: Run


async def _postgres(name: str) -> AsyncIterator[tuple[str, Run]]:
    admin = await asyncpg.connect(POSTGRES)
    await admin.execute(f"CREATE DATABASE {name}")
    there = await asyncpg.connect(POSTGRES, database=name)
    url = make_url(POSTGRES).set(database=name)
    yield url.render_as_string(hide_password=False), there.execute
    await there.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def _mysql(name: str) -> AsyncIterator[tuple[str, Run]]:
    url = make_url(MYSQL)
    wire = await aiomysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=url.password or "", autocommit=True
    )

    async def run(sql: str) -> None:
        async with wire.cursor() as cursor:
            for statement in filter(str.strip, sql.split(";")):
                await cursor.execute(statement)

    await run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4; USE {name}")
    yield url.set(database=name).render_as_string(hide_password=False), run
    await run(f"DROP DATABASE {name}")
    wire.close()


SERVERS = {"postgres": _postgres, "mysql": _mysql}


@pytest.fixture(params=["postgres", "mysql"])
async def source(request: pytest.FixtureRequest, toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    """The small shop, on each dialect in turn; nothing is fetched yet."""
    async for found in _registered(request.param, toolbox, actor):
        yield found


@pytest.fixture
async def shop(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    """The small shop on PostgreSQL, for what does not depend on the dialect."""
    async for found in _registered("postgres", toolbox, actor):
        yield found


async def _registered(dialect: str, box: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    async for url, run in SERVERS[dialect](f"tt_schemas_{uuid4().hex[:8]}"):
        await run(SHOP)
        await databases.register(box, actor, "shop", databases.address_from_url(url))
        yield Source("shop", dialect, run)
        await box.connectors.close()


async def train(box: Toolbox, actor: Actor, tables: str = "*", *, force: bool = False) -> Job:
    """Start a training job and work on it here, as a worker would."""
    job = await schemas.start_training(box, actor, "shop", tables, force=force)
    await jobs.attempt(box, job.id, lambda _: schemas.run_training)
    return await jobs.get(box, actor, job.id)
