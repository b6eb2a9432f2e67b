"""Where transactions of the store begin and end: each border is one message to the server.

Left to itself, the driver takes six for what three can do: a look whether the connection lives, BEGIN, the role and
the workspace. A tenth of what a query costs us went there.
"""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Connection, PoolProxiedConnection, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only, greenlet_spawn

Wire: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection of the store, inside of a transaction."""

ENTER = "tabletalk_enter"
"""The execution option that holds what a transaction begins with; without it there is none."""


def keep(engine: AsyncEngine) -> None:
    """Begin and end the transactions of `engine`, whose isolation level is AUTOCOMMIT."""
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "commit", _commit)
    event.listen(engine.sync_engine, "rollback", _roll_back)
    event.listen(engine.sync_engine, "checkout", _look)
    event.listen(engine.sync_engine, "checkin", _part)


async def begin_bare(engine: AsyncEngine, enter: str) -> PoolProxiedConnection:
    """Take a connection out of the pool and begin a transaction on it, without an engine's connection around it."""
    held = await engine.raw_connection()
    async with _unless_broken(held):
        await _wire(held).execute(f"BEGIN; {enter}")
    return held


@asynccontextmanager
async def bare(held: PoolProxiedConnection) -> AsyncIterator[Wire]:
    """Lend what `begin_bare` gave, and end its transaction."""
    async with _unless_broken(held):
        try:
            yield _wire(held)
        except Exception:
            await _wire(held).execute("ROLLBACK")
            raise
        await _wire(held).execute("COMMIT")
    await greenlet_spawn(held.close)


@asynccontextmanager
async def _unless_broken(held: PoolProxiedConnection) -> AsyncIterator[None]:
    """Give it back whatever happens; not to be used again when nobody knows what it holds."""
    try:
        yield
    except BaseException as error:
        clean = isinstance(error, Exception) and not (_wire(held).is_closed() or _wire(held).is_in_transaction())
        await greenlet_spawn(held.close if clean else held.invalidate)
        raise


def _begin(connection: Connection) -> None:
    enter = connection.get_execution_options().get(ENTER)
    if enter is not None:
        _send(connection, f"BEGIN; {enter}")


def _commit(connection: Connection) -> None:
    if ENTER in connection.get_execution_options():
        _send(connection, "COMMIT")


def _roll_back(connection: Connection) -> None:
    if connection.invalidated or ENTER not in connection.get_execution_options():
        return
    if _wire(connection.connection).is_closed():
        connection.invalidate()  # its server has rolled back
    else:
        _send(connection, "ROLLBACK")


def _send(connection: Connection, statement: str) -> None:
    try:
        _wait(_wire(connection.connection).execute(statement))
    except BaseException:
        # Nobody knows what it holds now.
        connection.invalidate()
        raise


def _look(held: Any, _record: Any, _proxy: Any) -> None:
    """Before a connection is lent: one that the server has closed is none, nor are those as old as it."""
    if _wire(held).is_closed():
        raise InvalidatePoolError


def _part(held: Any, record: Any) -> None:
    """When one is given back: what is still in a transaction is not lent again."""
    if held is not None and _wire(held).is_in_transaction():
        record.invalidate()


def _wire(held: Any) -> Wire:
    wire: Wire = held.driver_connection
    return wire


def _wait(work: Coroutine[Any, Any, object]) -> None:
    await_only(work)
