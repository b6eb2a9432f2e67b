"""Noticing that the other end of a line is gone, without waiting for the two hours of the system's defaults."""

import socket
from typing import Any

IDLE_SECONDS, BETWEEN_SECONDS, PROBES = 20, 10, 3
"""A line that is silent for the first is probed; one whose probes stay without an answer is broken."""


def probe_silence(line: Any) -> None:
    """Have the system probe a connected socket (as a transport gives it) while nothing comes; local ones need none."""
    if line is None or line.family not in (socket.AF_INET, socket.AF_INET6):
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {"TCP_KEEPIDLE": IDLE_SECONDS, "TCP_KEEPINTVL": BETWEEN_SECONDS, "TCP_KEEPCNT": PROBES}
    for name, value in wanted.items():
        if hasattr(socket, name):  # Windows and old systems have not all of them
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
