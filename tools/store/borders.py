"""Where transactions of the store begin and end: each border is one message to the server.

Left to itself, the driver takes six for what three can do: a look whether the connection lives, BEGIN, the role and
the workspace. A tenth of what a query costs us went there.
"""

from collections.abc import Coroutine
from typing import Any

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

ENTER = "tabletalk_enter"
"""The execution option that holds what a transaction begins with; without it there is none."""


def keep(engine: AsyncEngine) -> None:
    """Begin and end the transactions of `engine`, whose isolation level is AUTOCOMMIT."""
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "commit", _commit)
    event.listen(engine.sync_engine, "rollback", _roll_back)
    event.listen(engine.sync_engine, "checkout", _look)
    event.listen(engine.sync_engine, "checkin", _part)


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


def _wire(held: Any) -> "asyncpg.Connection[asyncpg.Record]":
    wire: asyncpg.Connection[asyncpg.Record] = held.driver_connection
    return wire


def _wait(work: Coroutine[Any, Any, object]) -> None:
    await_only(work)
