"""A line whose other end is gone is noticed within a minute."""

import socket
from typing import Any

from tools.connectors.lines import BETWEEN_SECONDS, IDLE_SECONDS, PROBES
from tools.connectors.mysql import MySQLConnector
from tools.connectors.postgres import PostgresConnector


def probed(line: Any) -> tuple[int, int]:
    return (
        line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    )


async def test_silent_lines_are_probed(pg: PostgresConnector, my: MySQLConnector) -> None:
    assert IDLE_SECONDS + BETWEEN_SECONDS * PROBES <= 60
    async with pg.pool.lease() as session:
        transport: Any = session.wire
        assert probed(transport._transport.get_extra_info("socket")) == (1, IDLE_SECONDS)
    async with my.pool.lease() as wire:
        assert probed(wire._writer.get_extra_info("socket")) == (1, IDLE_SECONDS)
