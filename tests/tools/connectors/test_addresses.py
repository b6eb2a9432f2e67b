"""Which addresses may be reached, in local mode and on a shared server."""

import socket
from typing import Any

import pytest

from tools.connectors import addresses
from tools.connectors.base import Address
from tools.connectors.reach import Unreached
from tools.errors import NotAllowed
from tools.settings import Settings


def settings(*allowed: str, local: bool = False) -> Settings:
    return Settings(login="none" if local else "password", allow_hosts=allowed, connect_seconds=1, _env_file=None)


def at(host: str) -> Address:
    return Address(dialect="postgres", host=host, port=5432, database="d", username="u")


NEVER = [
    "169.254.169.254",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::a9fe:a9fe",
]
INSIDE = [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "10.0.0.5",
    "192.168.1.1",
    "172.16.0.1",
    "100.64.0.1",
    "fd12::1",
    "::ffff:10.0.0.5",
]
PUBLIC = ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("host", NEVER)
@pytest.mark.parametrize("local", [True, False])
async def test_metadata_and_the_like_are_never_reached(host: str, local: bool) -> None:
    with pytest.raises(NotAllowed, match="never a database"):
        await addresses.resolve(at(host), settings("0.0.0.0/0", "::/0", host, local=local))


@pytest.mark.parametrize("host", INSIDE)
async def test_loopback_and_private_nets_need_local_mode_or_the_list(host: str) -> None:
    assert await addresses.resolve(at(host), settings(local=True)) == (host,)
    assert await addresses.resolve(at(host), settings(host)) == (host,)
    with pytest.raises(NotAllowed, match="TABLETALK_ALLOW_HOSTS"):
        await addresses.resolve(at(host), settings("example.com", "198.51.100.0/24"))


async def test_networks_and_names_can_be_listed() -> None:
    assert await addresses.resolve(at("10.1.2.3"), settings("10.0.0.0/8"))
    assert await addresses.resolve(at("::ffff:10.1.2.3"), settings("10.0.0.0/8"))
    assert await addresses.resolve(at("LocalHost"), settings("localhost"))
    with pytest.raises(NotAllowed, match="loopback"):
        await addresses.resolve(at("localhost"), settings("10.0.0.0/8"))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "017700000001"])
async def test_other_spellings_of_an_address_are_judged_by_what_they_mean(host: str) -> None:
    with pytest.raises((NotAllowed, Unreached)):
        await addresses.resolve(at(host), settings())


@pytest.mark.parametrize("host", PUBLIC)
async def test_public_addresses_are_open(host: str) -> None:
    assert await addresses.resolve(at(host), settings()) == (host,)


async def test_one_forbidden_answer_among_several_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(_self: object, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("8.8.8.8", "169.254.169.254")]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", two)
    with pytest.raises(NotAllowed, match=r"169\.254\.169\.254"):
        await addresses.resolve(at("rebinding.example"), settings(local=True))


async def test_local_sockets_are_for_local_mode_or_by_list() -> None:
    assert await addresses.resolve(at("/run/postgresql"), settings(local=True)) == ("/run/postgresql",)
    assert await addresses.resolve(at("/run/postgresql/"), settings("/run/postgresql"))
    with pytest.raises(NotAllowed, match="local mode"):
        await addresses.resolve(at("/run/postgresql"), settings())


async def test_an_unknown_host_is_said_to_be_unknown() -> None:
    with pytest.raises(Unreached, match=r"'no-such-host\.invalid'") as caught:
        await addresses.resolve(at("no-such-host.invalid"), settings())
    assert not caught.value.passing
