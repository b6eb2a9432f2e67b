"""Logging in to real servers: each way it can fail has words of its own, and no password in them."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import aiomysql
import asyncpg
import pytest

from tests.tools.connectors.private import Private, free_port
from tools.connectors import Connectors
from tools.connectors.base import Address, ReadLimits
from tools.connectors.reach import Unreached
from tools.errors import Invalid, QueryTimedOut
from tools.settings import Settings

CANARY = "hunter2-canary"


async def knock(address: Address, settings: Settings) -> str:
    """The version the server says, or the reason it could not be reached."""
    connectors = Connectors(settings)
    try:
        async with connectors.trial(address) as connector:
            return (await connector.greet()).server_version
    except Unreached as error:
        said = f"{error} {error.reason} {error.advice} {error!r} {error.__cause__!r}"
        return "the password shows" if CANARY in said else error.reason
    finally:
        await connectors.close()


def changed(address: Address, change: dict[str, str]) -> Address:
    return Address.model_validate({**address.model_dump(), **change})


@pytest.fixture
async def accounts(secured_postgres: Private) -> AsyncIterator[None]:
    admin = await asyncpg.connect(host="127.0.0.1", port=secured_postgres.port, user="app", database="postgres")
    await admin.execute(
        f"CREATE ROLE reader LOGIN PASSWORD '{CANARY}'; CREATE ROLE only_tls LOGIN PASSWORD '{CANARY}';"
    )
    await admin.execute("CREATE DATABASE closed")
    await admin.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    yield
    await admin.execute("DROP DATABASE closed")
    await admin.execute("DROP ROLE reader; DROP ROLE only_tls")
    await admin.close()


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
async def test_nothing_listens(dialect: str, plain: Settings) -> None:
    address = Address.model_validate(
        {
            "dialect": dialect,
            "host": "127.0.0.1",
            "port": free_port(),
            "database": "d",
            "username": "u",
            "password": CANARY,
        }
    )
    assert await knock(address, plain) == f"connection refused by 127.0.0.1:{address.port}"


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
async def test_a_silent_server_is_given_up_in_time(dialect: str) -> None:
    settings = Settings(connect_seconds=0.3, _env_file=None)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address.model_validate(
            {"dialect": dialect, "host": "127.0.0.1", "port": silent.getsockname()[1], "database": "d", "username": "u"}
        )
        started = time.monotonic()
        assert await knock(address, settings) == f"no answer from 127.0.0.1:{address.port} within 0.3 s"
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_something_else_answers(dialect: str, answer: bytes) -> None:
    settings = Settings(connect_seconds=1, _env_file=None)

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = Address.model_validate(
            {"dialect": dialect, "host": "127.0.0.1", "port": port, "database": "d", "username": "u"}
        )
        reason = await knock(address, settings)
    assert f"127.0.0.1:{port}" in reason and ("does not answer as" in reason or "hung up" in reason), reason


async def test_a_socket_that_is_not_there(plain: Settings) -> None:
    address = Address(dialect="postgres", host="/nowhere/at/all", port=5432, database="d", username="u")
    assert await knock(address, plain) == "no server socket at /nowhere/at/all"


@pytest.mark.usefixtures("accounts")
class TestPostgres:
    async def test_log_in(self, secured_postgres: Private, plain: Settings) -> None:
        right = secured_postgres.address(username="reader", password=CANARY)
        where = f"localhost:{secured_postgres.port}"
        assert (await knock(right, plain)).startswith("PostgreSQL 18")
        wrong = {
            "wrong password for user 'reader' at": {"password": f"not-{CANARY}"},
            "a password is needed for user 'reader' at": {"password": ""},
            "no user 'nobody_there' at": {"username": "nobody_there"},
            "no database 'shp' at": {"database": "shp"},
            "user 'reader' may not use database 'closed' at": {"database": "closed"},
            "user 'stranger' may not use database 'postgres' at": {"username": "stranger"},
        }
        for reason, change in wrong.items():
            assert await knock(changed(right, change), plain) == f"{reason} {where}"

    async def test_too_many_connections(self, secured_postgres: Private, plain: Settings) -> None:
        reader = f"postgresql://reader:{CANARY}@127.0.0.1:{secured_postgres.port}/postgres"
        held = []
        try:
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    held.append(await asyncpg.connect(reader))
            reason = await knock(secured_postgres.address(username="reader", password=CANARY), plain)
        finally:
            for connection in held:
                await connection.close()
        assert "has too many connections already" in reason

    async def test_tls(self, secured_postgres: Private, plain: Settings) -> None:
        await _tls(secured_postgres, plain)
        bare = secured_postgres.address(port=secured_postgres.plain_port, username="only_tls", tls="disable")
        assert "does not accept 'only_tls' without TLS" in await knock(bare, plain)
        for mode in ("require", "verify-full"):
            bare = secured_postgres.address(port=secured_postgres.plain_port, tls=mode)
            assert await knock(bare, plain) == f"localhost:{bare.port} does not offer TLS"
        assert (await knock(bare.model_copy(update={"tls": "prefer"}), plain)).startswith("PostgreSQL")

    async def test_a_statement_is_cancelled_over_tls_too(self, secured_postgres: Private, plain: Settings) -> None:
        connectors = Connectors(plain)
        address = secured_postgres.address(tls="verify-full", tls_ca=secured_postgres.ca)
        limits = ReadLimits(seconds=0.2, rows=10, cell_bytes=100, total_bytes=10_000)
        async with connectors.trial(address) as connector:
            with pytest.raises(QueryTimedOut):
                await connector.fetch("SELECT pg_sleep(30)", limits)


async def _tls(server: Private, settings: Settings) -> None:
    """The TLS modes against a server whose certificate is for `localhost`, signed by its own authority."""
    version = {"postgres": "PostgreSQL 18", "mysql": "MariaDB"}[server.dialect]
    for mode in ("disable", "prefer", "require"):
        assert (await knock(server.address(tls=mode), settings)).startswith(version)
    assert (await knock(server.address(tls="verify-full", tls_ca=server.ca), settings)).startswith(version)
    assert (await knock(server.address(tls="require", tls_ca=server.ca, host="127.0.0.1"), settings)).startswith(
        version
    )
    assert "is for another name" in await knock(
        server.address(tls="verify-full", tls_ca=server.ca, host="127.0.0.1"), settings
    )
    for mode, ca in (("verify-full", None), ("verify-full", server.other_ca), ("require", server.other_ca)):
        assert "is not trusted" in await knock(server.address(tls=mode, tls_ca=ca), settings)
    with pytest.raises(Invalid, match="PEM"):
        await knock(server.address(tls="verify-full", tls_ca="nonsense"), settings)


async def test_mariadb_tls(secured_mariadb: Private, plain: Settings) -> None:
    await _tls(secured_mariadb, plain)


async def test_mariadb_log_in(secured_mariadb: Private, plain: Settings) -> None:
    admin = await aiomysql.connect(host="127.0.0.1", port=secured_mariadb.port, user="root", autocommit=True)
    cursor = await admin.cursor()
    for statement in (
        f"CREATE USER reader@'%' IDENTIFIED BY '{CANARY} with ümläut €'",
        f"CREATE USER only_tls@'%' IDENTIFIED BY '{CANARY}' REQUIRE SSL",
        "CREATE DATABASE shop",
        "CREATE DATABASE closed",
        "GRANT SELECT ON shop.* TO reader@'%'",
        "GRANT SELECT ON shop.* TO only_tls@'%'",
    ):
        await cursor.execute(statement)
    right = secured_mariadb.address(username="reader", password=f"{CANARY} with ümläut €", database="shop")
    where = f"localhost:{secured_mariadb.port}"
    assert (await knock(right, plain)).startswith("MariaDB")
    wrong = {
        "wrong password for user 'reader' at": {"password": f"not-{CANARY}"},
        "a password is needed for user 'reader' at": {"password": ""},
        "wrong password for user 'nobody' at": {"username": "nobody"},
        "user 'reader' may not use database 'closed' at": {"database": "closed"},
    }
    for reason, change in wrong.items():
        assert await knock(changed(right, change), plain) == f"{reason} {where}"
    assert await knock(secured_mariadb.address(database="shp"), plain) == f"no database 'shp' at {where}"
    only = secured_mariadb.address(username="only_tls", password=CANARY, database="shop")
    assert (await knock(only, plain)).startswith("MariaDB")

    held: list[aiomysql.Connection] = []
    try:
        with suppress(aiomysql.OperationalError):
            while len(held) < 20:
                held.append(await aiomysql.connect(host="127.0.0.1", port=secured_mariadb.port, user="root"))
        assert "has too many connections already" in await knock(right, plain)
    finally:
        for connection in held:
            connection.close()
        admin.close()
