"""Database URLs as people paste them, read into an Address; a password in one shows in no error."""

from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from tools.connectors import DEFAULT_PORTS
from tools.connectors.base import Address, Dialect
from tools.errors import Invalid

SCHEMES: dict[str, Dialect] = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
}
TLS: dict[str, Literal["disable", "prefer", "require", "verify-full"]] = {
    "disable": "disable",
    "disabled": "disable",
    "false": "disable",
    "0": "disable",
    "allow": "prefer",
    "prefer": "prefer",
    "preferred": "prefer",
    "require": "require",
    "required": "require",
    "true": "require",
    "1": "require",
    # Without a certificate in the URL there is nothing but the system's authorities to check against
    "verify-ca": "verify-full",
    "verify_ca": "verify-full",
    "verify-full": "verify-full",
    "verify_identity": "verify-full",
}


def address_from_url(url: str) -> Address:
    """Read `postgresql://user:password@host:port/database?sslmode=require` and its relatives.

    Schemes postgresql, postgres, mysql and mariadb, each with any `+driver`; a local socket by `?host=/folder` or
    `?unix_socket=/file`. Raises Invalid naming the part that is wrong, never the URL itself.
    """
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname
    except ValueError:
        raise Invalid("The URL's host or port cannot be read; write dialect://user@host:port/database.") from None
    dialect = SCHEMES.get(parts.scheme.split("+")[0].lower())
    if dialect is None:
        named = f"{parts.scheme!r} is not among them" if parts.scheme else "the URL names none"
        raise Invalid(f"Tabletalk reads postgresql://, mysql:// and mariadb:// databases; {named}.")
    if "," in parts.netloc.rpartition("@")[2]:
        raise Invalid("The URL names several hosts; give one.")
    query = {key.lower().replace("-", "_"): value for key, value in parse_qsl(parts.query)}
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(
        dialect=dialect,
        host=query.get("host") or query.get("unix_socket") or unquote(host or "") or "localhost",
        port=port or _port(query.get("port"), dialect),
        database=unquote(parts.path.lstrip("/")) or query.get("dbname", ""),
        username=user or query.get("user", ""),
        password=SecretStr(password or query.get("password", "")),
        tls=_tls(query.get("sslmode") or query.get("ssl_mode") or query.get("ssl") or "prefer"),
    )


def carries_password(text: str) -> bool:
    """True when `text` is, or holds, a URL with a password, or a `password=` setting."""
    lowered = text.lower()
    if "password=" in lowered or "passwd=" in lowered or "pwd=" in lowered:
        return True
    _, scheme, rest = text.partition("://")
    login, at, _ = rest.rpartition("@")
    return bool(scheme and at and ":" in login)


def _port(text: str | None, dialect: Dialect) -> int:
    if text is None:
        return DEFAULT_PORTS[dialect]
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Invalid(f"The URL's port is {text!r}; it is a number from 1 to 65535.")
    return int(text)


def _tls(mode: str) -> Literal["disable", "prefer", "require", "verify-full"]:
    try:
        return TLS[mode.lower()]
    except KeyError:
        raise Invalid(f"The URL's TLS mode is {mode!r}; known: disable, prefer, require, verify-full.") from None
