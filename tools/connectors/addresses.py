"""Which addresses a database may be registered at, and the checked IP that is then connected to."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import PurePosixPath

from tools.connectors.base import Address
from tools.connectors.reach import Unreached
from tools.errors import NotAllowed
from tools.settings import Settings

IP = IPv4Address | IPv6Address

NEVER: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",  # "this host": a way round the loopback rule
        "169.254.0.0/16",  # link-local; cloud metadata answers here
        "168.63.129.16/32",  # metadata of one cloud, at a public address
        "192.0.0.192/32",  # metadata of another
        "100.100.100.200/32",  # and of another
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, retired
        "fd00:ec2::254/128",  # cloud metadata
        "fd20:ce::254/128",
        "ff00::/8",  # multicast
    )
)
"""Never a database: no setting opens these."""


async def resolve(address: Address, settings: Settings) -> tuple[str, ...]:
    """Look the host up and return its addresses, all of which may be reached, best first.

    An absolute path is the folder of a local socket: it comes back as it is, in local mode or when
    `allow_hosts` names it. One forbidden address among several refuses the host: an answer of the name server
    that mixes both is an attack or a mistake. Raises NotAllowed, or Unreached for an unknown host.
    """
    host = address.host.strip()
    if host.startswith("/"):
        if not settings.local and str(PurePosixPath(host)) not in settings.allow_hosts:
            raise NotAllowed(
                f"The local socket {host!r} may be used in local mode only; give a host name, "
                "or name the folder in TABLETALK_ALLOW_HOSTS."
            )
        return (host,)
    found = await _look_up(host, address.port, settings.connect_seconds)
    for one in found:
        _check(host, ip_address(one), settings)
    return found


async def _look_up(host: str, port: int, seconds: float) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise Unreached(f"no answer from the name server for {host!r}", "Check the network, or use an IP.") from None
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            raise Unreached(
                f"host {host!r} could not be looked up (the name server does not answer)",
                "Check the spelling and the network, or use an IP.",
            ) from None
        raise Unreached(f"unknown host {host!r}", "Check the spelling, or use its IP address.") from None
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _check(host: str, ip: IP, settings: Settings) -> None:
    """Raise NotAllowed when `ip`, or an IPv4 address that it carries inside, may not be reached."""
    forms = (ip, *_carried(ip))
    if any(form in net for form in forms for net in NEVER if form.version == net.version):
        raise NotAllowed(
            f"{_named(host, ip)} may not be reached: link-local, metadata, multicast and reserved addresses are "
            "never a database. Give the address the database server has."
        )
    if settings.local or all(form.is_global for form in forms) or _listed(host, forms, settings.allow_hosts):
        return
    kind = "a loopback" if any(form.is_loopback for form in forms) else "a private"
    raise NotAllowed(
        f"{_named(host, ip)} may not be reached: it is {kind} address, and this server is shared. "
        "Whoever runs it can name it in TABLETALK_ALLOW_HOSTS."
    )


def _named(host: str, ip: IP) -> str:
    return f"{host!r}" if host == str(ip) else f"{host!r} ({ip})"


def _carried(ip: IP) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address stands for (mapped, compatible, 6to4, Teredo, NAT64)."""
    if isinstance(ip, IPv4Address):
        return ()
    value = int(ip)
    inside = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in ip_network("64:ff9b::/96") or (value >> 32 == 0 and value > 1):
        inside.append(IPv4Address(value & 0xFFFFFFFF))
    return tuple(form for form in inside if form is not None)


def _listed(host: str, forms: tuple[IP, ...], allowed: tuple[str, ...]) -> bool:
    """True when the host's name is in the list, or each form of the address lies in one of its networks."""
    if host.lower().rstrip(".") in (entry.lower() for entry in allowed):
        return True
    nets = [net for entry in allowed if (net := _network(entry)) is not None]
    return all(
        form.is_global or any(form.version == net.version and form in net for net in nets)
        for form in forms[1:] or forms  # an address that only carries another is judged by that other
    )


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None  # a host name, or the folder of a socket
