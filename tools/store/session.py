"""Connections to the store, our own PostgreSQL, and bringing its tables up to date."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tools.errors import ConfigurationError, StoreUnavailable
from tools.store import borders, isolation

if TYPE_CHECKING:
    from alembic.config import Config

Begun = TypeVar("Begun")

NOT_NOW = {"57P01", "57P02", "57P03"}
"""What PostgreSQL answers while it shuts down, has crashed or is starting up."""
LOST = "08"
"""The class of what the driver says of a connection that broke."""
LINE_BROKE = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises beside: the second where it is told of the end in the middle of beginning to send."""
NO_ROOM = "53"
"""Class of what it answers when the disk is full, or memory or connections are used up."""


class Store:
    """A pool of connections to the store; every access is one transaction."""

    def __init__(self, url: str, pool_size: int = 10) -> None:
        """Take a PostgreSQL URL of any driver spelling; nothing is connected yet."""
        self.engine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            isolation_level="AUTOCOMMIT",  # tools.store.borders begins and ends transactions
            connect_args={"timeout": 10, "server_settings": {"application_name": "tabletalk"}},
        )
        borders.keep(self.engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self, workspace_id: UUID) -> AsyncIterator[AsyncSession]:
        """Open a transaction that sees and writes the rows of one workspace, held to that by row-level security.

        It is committed at the end of the block, and nothing of the workspace stays with the connection.
        StoreUnavailable when the store is down.
        """
        async with self._transaction(isolation.enter(workspace_id)) as session:
            yield session

    @asynccontextmanager
    async def begin_for_all(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that sees every workspace: for signing in, the sweep, what has an id and no person yet.

        Each place that does so is listed in tests/tools/store/test_isolation.py, with its reason.
        """
        async with self._transaction(isolation.ENTER_ALL) as session:
            yield session

    @asynccontextmanager
    async def begin_as_owner(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction as the store's own login: only to look at the store's structure or to change it.

        It works on a store that is not migrated yet. Listed like `begin_for_all`.
        """
        async with self._transaction("") as session:
            yield session

    @asynccontextmanager
    async def begin_bare(self, workspace_id: UUID) -> AsyncIterator[borders.Wire]:
        """Open the same as `begin`, on the driver itself, for statements of tools.store.prepared."""
        async with self._bare(isolation.enter(workspace_id)) as wire:
            yield wire

    @asynccontextmanager
    async def begin_bare_for_all(self) -> AsyncIterator[borders.Wire]:
        """Open the same as `begin_for_all`, on the driver itself; listed like it."""
        async with self._bare(isolation.ENTER_ALL) as wire:
            yield wire

    async def alone(self, *statements: str) -> None:
        """Run statements that no transaction can hold, as the store's own login: an index made beside its users."""
        async with self.engine.connect() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)

    @asynccontextmanager
    async def _transaction(self, enter: str) -> AsyncIterator[AsyncSession]:
        with _told():
            async with self._sessions.begin() as session:
                await _on_a_live_one(lambda: session.connection(execution_options={borders.ENTER: enter}))
                yield session

    @asynccontextmanager
    async def _bare(self, enter: str) -> AsyncIterator[borders.Wire]:
        with _told():
            async with borders.bare(await _on_a_live_one(lambda: borders.begin_bare(self.engine, enter))) as wire:
                yield wire

    async def ping(self) -> None:
        """One round trip; StoreUnavailable when the store is down."""
        async with self.begin_as_owner() as session:
            await session.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def async_url(url: str) -> str:
    """Give `url` with asyncpg as the driver; ConfigurationError when it is not PostgreSQL."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("postgres"):
        raise ConfigurationError(
            f"TABLETALK_DATABASE_URL names {parsed.drivername!r}; the store is PostgreSQL with pgvector: postgresql://..."
        )
    return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def migrate(url: str) -> None:
    """Bring the store's tables up to date, in one transaction under an advisory lock."""
    from alembic import command  # only the one process that migrates needs it: 0.3 s of every other's start

    command.upgrade(alembic_config(url), "head")


def alembic_config(url: str) -> "Config":
    """Alembic's configuration for `url`; the migrations lie beside this file."""
    from alembic.config import Config  # see migrate

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = async_url(url)
    return config


@contextmanager
def _told() -> Iterator[None]:
    """Put into words that the store is away."""
    try:
        yield
    except (OSError, InterfaceError, OperationalError, *LINE_BROKE) as error:
        raise _unavailable(error) from error
    except asyncpg.PostgresError as error:
        if is_lost(error):
            raise _unavailable(error) from error
        _raise_if_full(error)
        raise
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in NOT_NOW:
            raise _unavailable(error) from error
        _raise_if_full(error)
        raise


def _raise_if_full(error: Exception) -> None:
    if str(getattr(getattr(error, "orig", error), "sqlstate", None)).startswith(NO_ROOM):
        raise no_room(_reason(error)) from error


async def _on_a_live_one(begin: Callable[[], Awaitable[Begun]]) -> Begun:
    """Begin on a connection of the pool; on another, if that one broke unnoticed while nobody used it."""
    try:
        return await _ready(begin())
    except (asyncpg.PostgresError, *LINE_BROKE):
        return await _ready(begin())


async def _ready(beginning: Awaitable[Begun]) -> Begun:
    try:
        return await beginning
    except asyncpg.PostgresError as error:
        if is_lost(error):
            raise
        raise ConfigurationError(
            f"The store is not ready ({_reason(error)}): run `tabletalk migrate`, then `tabletalk doctor`."
        ) from error


def is_lost(error: Exception) -> bool:
    """Whether the store went away, rather than refused something."""
    state = getattr(error, "sqlstate", None) or LOST
    return state in NOT_NOW or state.startswith(LOST)


def no_room(reason: str) -> StoreUnavailable:
    """The error of a store that has run out of what it needs: disk space, memory, connections."""
    return StoreUnavailable(
        f"Tabletalk's own store has no room left ({reason.rpartition('>: ')[2].rstrip('.')}). "
        "Nothing is lost; make room for it, and retry."
    )


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"Tabletalk's own store does not answer ({_reason(error)}). Nothing is lost; try again in a moment."
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0] if str(error) else type(error).__name__
