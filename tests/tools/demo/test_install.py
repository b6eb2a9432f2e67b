"""The sample shop on real servers: the same rows in both dialects; installed once, renewed when it is stale."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import aiomysql
import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from tests.conftest import MYSQL
from tools import databases, demo, documents, jobs, schemas
from tools.settings import Settings
from tools.store.models import DatabaseRow
from tools.toolbox import Actor, Toolbox
from workers.runners import runner_of

pytestmark = pytest.mark.slow

FIGURES = """
SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders WHERE shipped_at >= '2026-10-01'
        AND shipped_at < '2026-11-01'), (SELECT sum(total) FROM orders), (SELECT sum(quantity) FROM returns),
       (SELECT name FROM customers WHERE city = 'Malmö' ORDER BY id LIMIT 1),
       (SELECT description FROM claims ORDER BY id DESC LIMIT 1)
"""
TODAY = datetime.now(UTC).astimezone().date()
DAY = date(2026, 11, 21)


def dsn(settings: Settings, database: str | None = None) -> str:
    assert settings.database_url is not None
    url: URL = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    return (url.set(database=database) if database else url).render_as_string(hide_password=False)


@pytest.fixture
async def postgres(settings: Settings) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection to a database of its own."""
    name = f"demo_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn(settings))
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(dsn(settings, name))
    yield connection
    await connection.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()


@pytest.fixture
async def mysql() -> AsyncIterator[aiomysql.Connection]:
    """A connection to a database of its own."""
    url, name = make_url(MYSQL), f"demo_{uuid4().hex[:8]}"
    connection = await aiomysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, password=str(url.password or ""), charset="utf8mb4"
    )
    async with connection.cursor() as cursor:
        await cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        await cursor.execute(f"USE {name}")
        yield connection
        await cursor.execute(f"DROP DATABASE {name}")
    connection.close()


async def test_both_dialects_hold_the_same_shop(
    postgres: "asyncpg.Connection[asyncpg.Record]", mysql: aiomysql.Connection
) -> None:
    assert await demo.seed_postgres(postgres, DAY) == await demo.seed_mysql(mysql, DAY)
    async with mysql.cursor() as cursor:
        await cursor.execute(FIGURES)
        in_mysql = await cursor.fetchone()
    in_postgres = await postgres.fetchrow(FIGURES)
    assert in_postgres is not None
    assert tuple(in_postgres.values()) == in_mysql

    # Seeding again replaces it.
    await demo.seed_postgres(postgres, DAY)
    again = await postgres.fetchrow(FIGURES)
    assert again == in_postgres


async def test_the_shop_is_registered_read_only_and_trained(toolbox: Toolbox, actor: Actor, settings: Settings) -> None:
    await demo.install(toolbox, actor)

    shop = await databases.get(toolbox, actor, "shop")
    assert (shop.tables, shop.trained) == (13, 13)
    assert shop.greeting is not None and not shop.greeting.can_write
    assert shop.warning == ""
    described = await schemas.describe(toolbox, actor, "shop", "orders")
    assert "Orders of customers" in (described.shape.comment or "")
    assert len(await jobs.list_jobs(toolbox, actor)) == 1

    # A second start finds everything in place.
    await demo.install(toolbox, actor)
    assert len(await jobs.list_jobs(toolbox, actor)) == 1

    # Stale data is made anew, and can still be read by the same account.
    admin = await asyncpg.connect(dsn(settings, "shop"))
    await demo.seed_postgres(admin, TODAY - timedelta(days=9))
    await demo.install(toolbox, actor)
    newest = await admin.fetchval("SELECT max(ordered_at)::date FROM orders")
    readable = await admin.fetchval("SELECT has_table_privilege('shop_reader', 'orders', 'SELECT')")
    await admin.close()
    assert newest >= TODAY - timedelta(days=1)
    assert readable


async def test_who_complained_is_found_in_the_shop(toolbox: Toolbox, actor: Actor) -> None:
    assert await demo.install(toolbox, actor)
    await demo.make_searchable(toolbox, actor)
    await demo.make_searchable(toolbox, actor)  # one is under way
    for kind in ("sync", "index", "embed"):
        (job,) = await jobs.list_jobs(toolbox, actor, kind=kind)
        await jobs.attempt(toolbox, job.id, runner_of)

    found = await documents.search_documents(toolbox, actor, "find the customer who complained about late delivery")
    assert {hit.entity for hit in found.hits} == {"customer"}
    for hit in found.hits:
        claims = [await documents.document(toolbox, actor, one.id) for one in hit.evidence]
        assert claims[0].data["type"] == "late delivery"
        assert str(claims[0].data["customer_id"]) == hit.source_key


async def test_an_account_with_few_rights_gets_it_in_a_schema(
    toolbox: Toolbox, actor: Actor, settings: Settings
) -> None:
    name = f"limited_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(dsn(settings))
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'few-rights'")
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    url = make_url(dsn(settings, name)).set(username=name, password="few-rights")
    poor = settings.model_copy(update={"database_url": SecretStr(url.render_as_string(hide_password=False))})

    await demo.install(replace(toolbox, settings=poor), actor)

    shop = await databases.get(toolbox, actor, "shop")
    assert (shop.database, shop.username, shop.tables, shop.trained) == (name, name, 13, 13)
    await toolbox.connectors.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()


async def test_a_shop_of_ones_own_is_left_alone(toolbox: Toolbox, actor: Actor, settings: Settings) -> None:
    async with toolbox.store.begin_for_all() as session:
        session.add(
            DatabaseRow(
                workspace_id=actor.workspace_id,
                created_by=actor.user_id,
                name="shop",
                dialect="mysql",
                host="db.example.org",
                port=3306,
                database="shop",
                username="me",
                credentials=b"",
            )
        )
    assert not await demo.install(toolbox, actor)
    assert (await databases.get(toolbox, actor, "shop")).host == "db.example.org"
    assert await jobs.list_jobs(toolbox, actor) == ()
