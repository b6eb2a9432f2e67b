"""The sample shop for a first start: made on the store's own server, read by an account that cannot write, trained."""

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import asyncpg
import structlog
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from tools import databases, jobs, schemas, sync
from tools.connectors.base import Address
from tools.demo.seeds import Connection, seed_postgres
from tools.errors import Conflict, NotAllowed, NotFound, StoreUnavailable, TooMany, Upstream
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

NAME = "shop"
READER = "shop_reader"
MARK = "The sample shop of Tabletalk; made anew whenever its data is older than a day."
"""Comment on the database or schema: what does not bear it is somebody else's and is left alone."""
STALE_DAYS = 1


@dataclass(frozen=True)
class Place:
    """Where the shop lies: a database of its own, or a schema in the store's."""

    database: str
    schema: str


async def install(box: Toolbox, actor: Actor) -> bool:
    """Make, register and train the sample shop, as far as any of that is missing or its data has become stale.

    NotAllowed says what the store's account would need. False when a database that is registered as `shop` already is
    another one: it is left alone.
    """
    assert box.settings.database_url is not None  # an open toolbox has one
    url = make_url(box.settings.database_url.get_secret_value())
    found = await _registered(box, actor)
    if found is not None and found.host != _host(url):
        log.info("another database is registered as shop, no sample made", host=found.host)
        return False
    async with _connected(url) as admin:
        place = await _place(admin, url)
    async with _connected(url.set(database=place.database)) as admin:
        if place.schema != "public":
            await admin.execute(f"CREATE SCHEMA IF NOT EXISTS {place.schema}")
        today = date.today()  # noqa: DTZ011  # the shop's day is the person's day
        if await _stale(admin, place, today):
            rows = await seed_postgres(admin, today, place.schema)
            log.info("sample shop made", rows=rows, database=place.database, schema=place.schema)
        address = await _reader(admin, url, place, actor, new=found is None)
    if found is None:
        found = await databases.register(box, actor, NAME, address)
    await _train(box, actor, found)
    return True


async def make_searchable(box: Toolbox, actor: Actor) -> None:
    """Have a worker make documents of the shop's rows, beside whatever else is done; nobody waits for it."""
    try:
        await sync.start_sync(box, actor, NAME)
    except (Conflict, NotFound, TooMany) as refused:
        log.info("the sample shop is not synced now", reason=str(refused))


async def _registered(box: Toolbox, actor: Actor) -> databases.Database | None:
    try:
        return await databases.get(box, actor, NAME)
    except NotFound:
        return None


async def _place(admin: Connection, url: URL) -> Place:
    """A database of the shop's own, made when it is not there; a schema in the store's where that is refused."""
    there = await admin.fetchrow(
        "SELECT shobj_description(oid, 'pg_database') AS mark, pg_has_role(datdba, 'USAGE') AS ours "
        "FROM pg_database WHERE datname = $1",
        NAME,
    )
    if there is not None and there["mark"] == MARK and there["ours"]:
        return Place(NAME, "public")
    beside = Place(url.database or "postgres", NAME)
    if there is None:
        try:
            await admin.execute(f"CREATE DATABASE {NAME}")
            await admin.execute(f"COMMENT ON DATABASE {NAME} IS '{MARK}'")
            return Place(NAME, "public")
        except asyncpg.InsufficientPrivilegeError:
            log.info("no right to create a database, the sample shop goes into a schema of the store's")
    await _schema(admin)
    return beside


async def _schema(admin: Connection) -> None:
    mark = await admin.fetchval(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1", NAME
    )
    exists = await admin.fetchval("SELECT to_regnamespace($1) IS NOT NULL", NAME)
    if exists and mark != MARK:
        raise NotAllowed(f"No sample shop: a schema {NAME!r} that is not ours stands in the store's database.")
    if not exists:
        try:
            await admin.execute(f"CREATE SCHEMA {NAME}")
            await admin.execute(f"COMMENT ON SCHEMA {NAME} IS '{MARK}'")
        except asyncpg.InsufficientPrivilegeError:
            raise NotAllowed(
                "No sample shop: the store's account may create neither a database nor a schema. "
                "Grant it CREATE, or set TABLETALK_DEMO=false."
            ) from None


async def _stale(admin: Connection, place: Place, today: date) -> bool:
    if not await admin.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{place.schema}.orders"):
        return True
    newest = await admin.fetchval(f"SELECT max(ordered_at)::date FROM {place.schema}.orders")  # noqa: S608
    return newest is None or newest < today - timedelta(days=STALE_DAYS)


async def _reader(admin: Connection, url: URL, place: Place, actor: Actor, *, new: bool) -> Address:
    """Where the shop is read from: by an account that can only read, or by the store's own where none can be made.

    On a server that asks for passwords each workspace gets an account of its own, with a password of its own.
    """
    account, password = READER, ""
    if url.password:
        account, password = f"{READER}_{actor.workspace_id.hex[:8]}", secrets.token_urlsafe(24)
    reading = Address(
        dialect="postgres",
        host=_host(url),
        port=url.port or 5432,
        database=place.database,
        username=account,
        password=SecretStr(password),
    )
    try:
        async with admin.transaction():
            await _grant(admin, place, account, password if new else "")
    except asyncpg.InsufficientPrivilegeError:
        log.info("no right to create an account, the sample shop is read by the store's own")
        own = {"username": url.username or "postgres", "password": SecretStr(url.password or "")}
        return reading.model_copy(update=own)
    return reading


async def _grant(admin: Connection, place: Place, account: str, password: str) -> None:
    """Have the account, able to read the shop and nothing else; every seed makes new tables, so grant each time."""
    if not await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", account):
        await admin.execute(f"CREATE ROLE {account} LOGIN")
        await admin.execute(f"ALTER ROLE {account} SET default_transaction_read_only = on")
    if password:
        await admin.execute(f"ALTER ROLE {account} PASSWORD '{password}'")  # urlsafe: no quote in it
    if place.database == NAME:
        await admin.execute(f"REVOKE ALL ON DATABASE {NAME} FROM PUBLIC")
    await admin.execute(f"GRANT CONNECT ON DATABASE {_quoted(place.database)} TO {account}")
    await admin.execute(f"GRANT USAGE ON SCHEMA {place.schema} TO {account}")
    await admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {place.schema} TO {account}")


async def _train(box: Toolbox, actor: Actor, database: databases.Database) -> None:
    """Have every table trained: by a worker when one is quicker, else right here."""
    if database.tables and database.trained == database.tables:
        return
    try:
        job = await schemas.start_training(box, actor, database.name)
    except Conflict as live:
        log.info("the sample shop is being trained already", reason=str(live))
        return
    await jobs.attempt(box, job.id, lambda _: schemas.run_training)
    async with aclosing(jobs.follow(box, actor, job.id)) as states:
        async for state in states:
            job = state
    if job.state != "succeeded":
        raise Upstream(f"The sample shop is there, but its training ended {job.state}: {job.error or job.stage}")


@asynccontextmanager
async def _connected(url: URL) -> AsyncIterator[Connection]:
    try:
        connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    except (OSError, asyncpg.PostgresError) as error:
        raise StoreUnavailable(f"The store does not let us in to make the sample shop ({error}).") from error
    try:
        yield connection
    finally:
        await connection.close()


def _host(url: URL) -> str:
    """The server's name, or the folder of its socket."""
    folder = url.query.get("host")
    return str(folder) if folder else url.host or "localhost"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
