"""Where the request in hand came from: known to the web process, asked for by the audit log and the throttle."""

from contextvars import ContextVar

_address: ContextVar[str] = ContextVar("client_address", default="")


def client_address() -> str:
    """Give the address of the client whose request or socket this is; empty outside of one."""
    return _address.get()


def came_from(address: str) -> None:
    """Note it for what follows in this request."""
    _address.set(address)
