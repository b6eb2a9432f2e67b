"""Sources with row policies of their own: each session is told who asks, and nobody is taken for another."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.conftest import MYSQL, registered
from tools import databases, documents, policies, queries, schemas
from tools.connectors import Connectors
from tools.connectors.base import ReadLimits
from tools.errors import Invalid, NotAllowed, NotFound, QueryRejected
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox

STAFF = """
    CREATE TABLE staff (id int PRIMARY KEY, region text NOT NULL);
    INSERT INTO staff SELECT i, CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END FROM generate_series(1, 20) i;
    ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON staff USING (region = current_setting('app.region', true));
    CREATE ROLE {reader} LOGIN;
    GRANT SELECT ON staff TO {reader};
"""
LIMITS = ReadLimits(seconds=10, rows=100, cell_bytes=1000, total_bytes=100_000)
PUT_DOCUMENT = text("""
    INSERT INTO tabletalk.documents
        (workspace_id, database_id, table_name, source_key, entity, title, body, tags, data, hash)
    VALUES (:workspace, :database, 'public.staff', '1', 'staff', 'one', '', '{}', '{}', '') RETURNING id
""")
COUNT = "SELECT count(*) AS n FROM staff"


@pytest.fixture
async def firm(toolbox: Toolbox, actor: Actor) -> AsyncIterator[str]:
    """A database whose rows PostgreSQL itself parts, read by an account that owns nothing."""
    reader = f"reader_{uuid4().hex[:8]}"

    async def fill(there: "asyncpg.Connection[asyncpg.Record]") -> None:
        await there.execute(STAFF.format(reader=reader))

    async with registered(toolbox, actor, "owned", fill, trained=False):
        assert toolbox.settings.database_url is not None
        url = toolbox.settings.database_url.get_secret_value()
        found = await databases.get(toolbox, actor, "owned")
        address = databases.address_from_url(url).model_copy(
            update={"database": found.database, "username": reader, "password": SecretStr("x")}
        )
        await databases.register(toolbox, actor, "firm", address)
        await schemas.refresh(toolbox, actor, "firm")
        yield "firm"
        await databases.forget(toolbox, actor, "firm", approved_by=actor.user_id)
    admin = await asyncpg.connect(url)
    await admin.execute(f"DROP ROLE {reader}")
    await admin.close()


def of(actor: Actor, **attributes: str) -> Actor:
    return actor.model_copy(update={"role": "viewer", "attributes": attributes})


async def test_each_person_sees_what_the_source_shows_them(toolbox: Toolbox, actor: Actor, firm: str) -> None:
    assert (await queries.run(toolbox, of(actor), firm, COUNT)).rows == ((0,),)
    changed = await policies.tell_session(toolbox, actor, firm, {"app.region": "region"})
    assert changed.session_settings == {"app.region": "region"}
    north, south = of(actor, region="north"), of(actor, region="south")
    for person, first in ((north, 2), (south, 1), (north, 2)):
        seen = await queries.run(toolbox, person, firm, "SELECT min(id), count(*) FROM staff")
        assert seen.rows == ((first, 10),)
        assert seen.warnings == ("firm itself shows only what you may see.",)
    odd = of(actor, region="north'; SELECT set_config('app.region', 'south', false); --")
    assert (await queries.run(toolbox, odd, firm, COUNT)).rows == ((0,),)
    with pytest.raises(NotAllowed, match=r"asks your attribute 'region' \(as app\.region\), and you have none"):
        await queries.run(toolbox, of(actor), firm, COUNT)


async def test_no_statement_says_who_asks(toolbox: Toolbox, actor: Actor, firm: str) -> None:
    await policies.tell_session(toolbox, actor, firm, {"app.region": "region"})
    for sql in (
        "SELECT set_config('app.region', 'south', true), (SELECT count(*) FROM staff)",
        "SET app.region = 'south'",
        "SELECT current_setting('app.region')",
    ):
        with pytest.raises(QueryRejected):
            await queries.run(toolbox, of(actor, region="north"), firm, sql)


async def test_what_was_read_as_one_is_not_shown_to_another(toolbox: Toolbox, actor: Actor, firm: str) -> None:
    await policies.tell_session(toolbox, actor, firm, {"app.region": "region"})
    north, south = of(actor, region="north"), of(actor, region="south")
    mine = await queries.run(toolbox, north, firm, "SELECT id FROM staff")
    assert (await queries.get_query(toolbox, north, mine.id)).rows == 10
    with pytest.raises(NotFound):
        await queries.get_query(toolbox, south, mine.id)
    found = await databases.get(toolbox, actor, firm)
    async with toolbox.store.begin(actor.workspace_id) as session:
        values = {"workspace": actor.workspace_id, "database": found.id}
        document = int(await session.scalar(PUT_DOCUMENT, values))
    # Row 1 is of the south.
    assert (await documents.document(toolbox, south, document)).id == document
    with pytest.raises(NotFound):
        await documents.document(toolbox, north, document)


@pytest.mark.parametrize(
    "told", [{"role": "region"}, {"statement_timeout": "region"}, {"app.region; x": "r"}, {"app.region": "a b"}]
)
async def test_only_settings_of_its_own_are_told(
    toolbox: Toolbox, actor: Actor, firm: str, told: dict[str, str]
) -> None:
    with pytest.raises(Invalid):
        await policies.tell_session(toolbox, actor, firm, told)
    with pytest.raises(NotAllowed):
        await policies.tell_session(toolbox, of(actor), firm, {"app.region": "region"})


async def test_a_session_of_mysql_is_told_once() -> None:
    address = databases.address_from_url(MYSQL)
    async with Connectors(Settings(_env_file=None, pool_size=1)).trial(address) as connector:
        for value in ("north", "it's \\ \" ; --", "süd"):
            told = await connector.fetch("SELECT @app_region AS r", LIMITS, {"app_region": value, "app.x": "y"})
            assert told.rows == ((value,),)
            assert (await connector.fetch("SELECT 1 AS one", LIMITS, {"app_region": value})).rows == ((1,),)
            after = await connector.fetch("SELECT @app_region AS r", LIMITS)
            assert after.rows == ((None,),), "the next person is not taken for the one before"
