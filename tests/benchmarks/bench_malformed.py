"""Throws malformed requests at a running web process: bytes that are no HTTP, and bodies that fit no route.

    python -m tests.benchmarks.bench_malformed [--requests 10000] [--seed 1]

Wanted: every one of them refused in words (4xx), or the line closed; no 5xx but for sources that do not answer, no
traceback to a client or in the log, and a web process that answers as before.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from assistant.api import PREFIX, create_api
from tests.benchmarks.place import place
from tools.settings import Settings

AT_ONCE = 20
SECONDS = 30
PATIENCE = 1
"""Seconds that half a request is left open."""
ODD: list[Any] = [
    None, True, -1, 0, 2**63, 1e308, "", "\0", "\ud800", "é" * 300, "a" * 50_000, [], [[]] * 5, {}, {"$ref": "x"},
    "'; DROP TABLE x; --", "../../etc/passwd", "%00", "\r\nX-Injected: 1", {"a": {"b": {"c": []}}}, [None] * 1000,
]  # fmt: skip
WORDS = [
    "sales",
    "%00",
    "..%2f..",
    "%ff%fe",
    "a%0d%0ab",
    "0",
    "-1",
    "9" * 40,
    "%F0%9F%98%80",
    "{x}",
    "null",
    quote("ł" * 99),
]
TARGETS = (
    "/",
    "/mcp",
    "/files/queries/x.csv",
    "/healthz",
    "/metrics",
    "/auth/token",
    "/project/file/x",
    "/ws/socket.io/",
)


def bodies(document: dict[str, Any], chance: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """Requests to every route, in turn, whose body or address fits none; without end."""
    routes = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    names = sorted(
        {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", ())}
    )
    while True:
        for method, path in routes:
            address = re.sub(r"{[^}]+}", lambda _: chance.choice(WORDS), path)
            if chance.random() < 0.3:
                address += f"?{chance.choice(['limit', 'after', 'since', 'query', 'x'])}={chance.choice(WORDS)}"
            fields = {chance.choice(names): chance.choice(ODD) for _ in range(chance.randint(0, 6))}
            body = json.dumps(chance.choice([fields, fields, chance.choice(ODD)])).encode()
            yield method, PREFIX + address, body if chance.random() < 0.8 else mutilated(body, chance)


def mutilated(text: bytes, chance: random.Random) -> bytes:
    """Some bytes of a text changed, doubled, cut out, or all behind one of them gone."""
    mixed = bytearray(text)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(mixed) + 1)
        match chance.randrange(4):
            case 0 if mixed:
                mixed[at % len(mixed)] = chance.randrange(256)
            case 1:
                mixed[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 20)))
            case 2:
                del mixed[at : at + chance.randint(1, 30)]
            case _ if chance.random() < 0.2:
                del mixed[at:]
    return bytes(mixed)


def request(method: str, address: str, body: bytes, chance: random.Random) -> tuple[bytes, bool]:
    """A request as it goes over the line, and whether it is whole; one of three is mutilated altogether."""
    kinds = ["application/json"] * 5 + ["text/plain", "application/xml", "multipart/form-data; boundary=x", "\xff"]
    keys = ["", "", "Idempotency-Key: x\r\n", "Last-Event-ID: -1\r\n", "Accept: text/event-stream\r\n"]
    keys += ["Authorization: Bearer \xff\r\n", "X-API-Key: ttk_x\r\n", "X-Request-Id: \x01\r\n", "Range: bytes=0-\r\n"]
    length = len(body) if chance.random() < 0.9 else chance.choice([-1, 0, 10**12, "x", len(body) * 2])
    head = f"{method} {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n"
    head += f"Content-Type: {chance.choice(kinds)}\r\n{chance.choice(keys)}\r\n"
    sent = head.encode("latin-1", "replace") + body
    return (mutilated(sent, chance), False) if chance.random() < 0.33 else (sent, length == len(body))


async def throw(host: str, port: int, sent: bytes, whole: bool = True) -> tuple[str, bytes]:
    """Send it, and give the status (or what else became of it) with the answer; half a request is soon given up."""
    answer = b""
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        try:
            async with asyncio.timeout(SECONDS if whole else PATIENCE):
                while piece := await reader.read(65536):
                    answer += piece
        except TimeoutError:
            if not answer:  # else it is a stream that goes on
                return ("no answer" if whole else "waits for the rest"), b""
        finally:
            writer.close()
    except OSError:
        return "closed", b""
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return (found[1].decode() if found else "closed"), answer


async def measure(url: str, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Throw `count` requests; gives what became of them, and what should not have."""
    chance = random.Random(seed)
    place, document = urlsplit(url), create_api(Settings(_env_file=None)).openapi()
    made, seen, faults = bodies(document, chance), Counter[str](), list[str]()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        method, address, body = next(made)
        if chance.random() < 0.15:
            address = chance.choice(TARGETS)
        sent, whole = request(method, address, body, chance)
        async with gate:
            status, answer = await throw(str(place.hostname), int(place.port or 80), sent, whole)
        seen[status] += 1
        wrong = (status.startswith("5") and status not in ("502", "503")) or status == "no answer"
        if wrong or b"Traceback" in answer or b'File "/' in answer:
            faults.append(f"{status}: {sent[:300]!r} -> {answer[-300:]!r}")

    await asyncio.gather(*(one() for _ in range(count)))
    return seen, faults


def main() -> int:
    """Serve, throw, and tell; 1 when something came back that should not have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with place() as here:
        with here.product(TABLETALK_MODEL="") as site:
            seen, faults = asyncio.run(measure(site.url, options.requests, options.seed))
            alive = asyncio.run(throw("127.0.0.1", int(urlsplit(site.url).port or 0), WELL))[0]
        tracebacks = site.log.read_text(errors="replace").count("Traceback")
        if tracebacks:
            (Path(tempfile.gettempdir()) / "tabletalk-malformed.log").write_bytes(site.log.read_bytes())
    print(f"{options.requests:,} malformed requests: {json.dumps(dict(seen.most_common()))}")
    print(f"  refused wrongly: {len(faults)}; tracebacks in the log: {tracebacks}; a good request afterwards: {alive}")
    for fault in faults[:5]:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults or tracebacks or alive != "200" else 0


WELL = f"GET {PREFIX}/databases HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

if __name__ == "__main__":
    sys.exit(main())
