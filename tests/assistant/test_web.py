"""The web process' own guard: who may talk to it at all."""

from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from assistant.loopback import is_loopback
from assistant.web import SameOrigin

HERE = "127.0.0.1:8000"


async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


async def knock(headers: Sequence[tuple[str, str]], *, loopback_only: bool, kind: str = "http") -> Message:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {
        "type": kind,
        "path": "/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    await SameOrigin(app, loopback_only)(scope, receive, send)
    return sent[0]


@pytest.mark.parametrize("host", [HERE, "localhost:8000", "localhost", "[::1]:8000", "127.8.9.1"])
async def test_loopback_names_come_in(host: str) -> None:
    assert (await knock([("host", host)], loopback_only=True))["status"] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example:8000", "192.168.1.5", "", "127.0.0.1.evil.example", "[::1", "[", "a b"],
)
async def test_a_foreign_name_for_this_machine_does_not(host: str) -> None:
    assert (await knock([("host", host)], loopback_only=True))["status"] == 403


async def test_any_name_comes_in_where_people_log_in() -> None:
    assert (await knock([("host", "chat.example.com")], loopback_only=False))["status"] == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:3000", "null", "http://[", f"http://{HERE}.evil.example"]
)
@pytest.mark.parametrize("loopback_only", [True, False])
async def test_a_page_from_elsewhere_may_not_drive_it(origin: str, loopback_only: bool) -> None:
    headers = [("host", HERE), ("origin", origin)]
    assert (await knock(headers, loopback_only=loopback_only))["status"] == 403
    closed = await knock(headers, loopback_only=loopback_only, kind="websocket")
    assert closed["type"] == "websocket.close"


async def test_its_own_page_may() -> None:
    assert (await knock([("host", HERE), ("origin", f"http://{HERE}")], loopback_only=True))["status"] == 200


async def test_pages_say_what_they_may_load() -> None:
    start = await knock([("host", HERE)], loopback_only=True)
    assert "default-src 'self'" in dict(start["headers"])[b"content-security-policy"].decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),  # <img src="http://localhost:8000/...">
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),  # a link, a frame of the widget
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors"}, 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
    ],
)
async def test_another_site_may_lead_here_but_load_nothing(headers: dict[str, str], status: int) -> None:
    assert (await knock([("host", HERE), *headers.items()], loopback_only=True))["status"] == status


async def test_who_opened_a_page_keeps_no_hold_of_it() -> None:
    start = await knock([("host", HERE)], loopback_only=True)
    assert dict(start["headers"])[b"cross-origin-opener-policy"] == b"same-origin"


async def test_a_refusal_says_what_may_be_loaded_too() -> None:
    start = await knock([("host", "evil.example")], loopback_only=True)
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert {b"content-security-policy", b"x-content-type-options", b"referrer-policy"} <= set(headers)


def test_what_loopback_is() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("")
