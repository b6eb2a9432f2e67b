"""Why a database could not be reached, in words a person can act on."""

import asyncio
import errno
import ssl

from tools.connectors.base import Address
from tools.errors import DatabaseUnreachable


class Unreached(DatabaseUnreachable):
    """A database did not let us in: `reason` is a phrase (`connection refused by db:5432`), `advice` what to do.

    `answers` is True when a server is there and it is the log-in that failed; `passing`, when it may work in a
    moment without anybody's doing.
    """

    def __init__(self, reason: str, advice: str, *, answers: bool = False, passing: bool = False) -> None:
        super().__init__(f"{reason[0].upper()}{reason[1:]}. {advice}")
        self.reason = reason
        self.advice = advice
        self.answers = answers
        self.passing = passing


def place(address: Address) -> str:
    """Where the address points, as people write it: `db.internal:5432`, or the folder of a local socket."""
    if address.host.startswith("/"):
        return address.host
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def from_network(error: BaseException, address: Address, seconds: float) -> Unreached | None:
    """Put a failure below the database's own protocol into words; None when it is not one."""
    where = place(address)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error, where)
    if isinstance(error, ssl.SSLError):
        return Unreached(f"TLS with {where} failed ({error.reason or 'no common ground'})", "Try another TLS mode.")
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return Unreached(
            f"no answer from {where} within {seconds:g} s",
            "Is the host up, and does a firewall let us through?",
            passing=True,
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreached(
            f"connection refused by {where}", "Is the server running, and is the port right?", passing=True
        )
    if isinstance(error, FileNotFoundError):
        return Unreached(
            f"no server socket at {where}", "Is the server running, and is the folder right?", passing=True
        )
    if isinstance(error, PermissionError):
        return Unreached(f"no permission to use the socket at {where}", "Let this user open the server's socket.")
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        return Unreached(
            f"{where} hung up",
            "Is it a database of this kind, and does it accept connections from here?",
            passing=True,
        )
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Unreached(f"no route to {where}", "Is this machine on the right network or VPN?", passing=True)
    if isinstance(error, OSError):
        return Unreached(f"no connection to {where} ({error.strerror or 'network error'})", "Check host and port.")
    return None


def _certificate(error: ssl.SSLCertVerificationError, where: str) -> Unreached:
    if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        return Unreached(
            f"the certificate of {where} is for another name",
            "Use the name that stands in the certificate as the host.",
        )
    return Unreached(
        f"the certificate of {where} is not trusted ({error.verify_message})",
        "Give the certificate (PEM text) of the authority that signed it, or choose TLS 'require' to skip the check.",
    )


def no_tls(address: Address) -> Unreached:
    """The server does not speak TLS, and the address asks for it."""
    return Unreached(
        f"{place(address)} does not offer TLS",
        "Turn TLS on at the server, or choose 'prefer' if you trust the network in between.",
        answers=True,
    )


def needs_tls(address: Address) -> Unreached:
    """The server lets this account in over TLS only."""
    return Unreached(
        f"{place(address)} does not accept {address.username!r} without TLS", "Choose TLS 'require'.", answers=True
    )


def wrong_password(address: Address) -> Unreached:
    """User and password do not go together; most servers do not say which of the two is wrong."""
    said = "wrong password" if address.password.get_secret_value() else "a password is needed"
    return Unreached(
        f"{said} for user {address.username!r} at {place(address)}",
        "A server answers the same for a user it does not know: check both.",
        answers=True,
    )


def unknown_user(address: Address) -> Unreached:
    """The server knows no such user."""
    return Unreached(
        f"no user {address.username!r} at {place(address)}", "Check the user name, or create it.", answers=True
    )


def no_database(address: Address) -> Unreached:
    """The server has no database of that name."""
    return Unreached(
        f"no database {address.database!r} at {place(address)}",
        "Check the spelling; names may be case-sensitive.",
        answers=True,
    )


def not_granted(address: Address) -> Unreached:
    """The user exists, but may not use this database, or not from here."""
    return Unreached(
        f"user {address.username!r} may not use database {address.database!r} at {place(address)}",
        "Let the account connect to it from this machine.",
        answers=True,
    )


def too_many(address: Address) -> Unreached:
    """All connections the server or the account may have are taken."""
    return Unreached(
        f"{place(address)} has too many connections already",
        "Try again in a moment, or raise its connection limit.",
        answers=True,
        passing=True,
    )


def starting(address: Address) -> Unreached:
    """The server is starting up, shutting down or recovering."""
    return Unreached(
        f"{place(address)} is starting up or shutting down", "Try again in a moment.", answers=True, passing=True
    )


def lost(address: Address) -> Unreached:
    """The connection broke while it was in use."""
    return Unreached(f"the connection to {place(address)} was lost", "Try again in a moment.", passing=True)


def other_server(address: Address, kind: str) -> Unreached:
    """Something answers there, but not in the protocol of this dialect."""
    return Unreached(f"{place(address)} does not answer as {kind} does", "Check the kind of database and the port.")
