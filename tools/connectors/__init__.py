"""One file a dialect, a table of them, and the open connectors of this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from tools.connectors.base import Address, Connector, Dialect
from tools.connectors.mysql import MySQLConnector
from tools.connectors.postgres import PostgresConnector
from tools.settings import Settings

DIALECTS: dict[Dialect, Callable[[Address, Settings], Connector]] = {
    "postgres": PostgresConnector,
    "mysql": MySQLConnector,
}
DEFAULT_PORTS: dict[Dialect, int] = {"postgres": 5432, "mysql": 3306}


class Connectors:
    """The connectors of this process, one for each registered database in use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[UUID, tuple[Address, Connector]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def open(self, key: UUID, address: Address) -> Connector:
        """Give the connector of `key`; an address that has changed gets a new one and the old one closes.

        Opens no socket: the first statement does.
        """
        known = self._open.get(key)
        if known is not None and known[0] == address:
            return known[1]
        if known is not None:
            task = asyncio.create_task(known[1].close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        connector = DIALECTS[address.dialect](address, self._settings)
        self._open[key] = (address, connector)
        return connector

    @asynccontextmanager
    async def trial(self, address: Address) -> AsyncIterator[Connector]:
        """Lend a connector that is closed at the end: for an address that is not registered (yet)."""
        connector = DIALECTS[address.dialect](address, self._settings)
        try:
            yield connector
        finally:
            await connector.close()

    async def drop(self, key: UUID) -> None:
        """Close the connector of `key`, if there is one."""
        known = self._open.pop(key, None)
        if known is not None:
            await known[1].close()

    async def close(self) -> None:
        """Close all connectors."""
        for key in tuple(self._open):
            await self.drop(key)
        if self._leaving:
            await asyncio.wait(tuple(self._leaving), timeout=10)
