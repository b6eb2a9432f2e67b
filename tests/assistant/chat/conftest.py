"""The whole product in processes of its own, a scripted model, and a real browser before it."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import pytest
import urllib3
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as Late

from tests.openai_stub import Stub, serve
from tools.settings import Settings

# Importing Chainlit writes a configuration and two dozen translations into this folder: not into the working one.
os.environ.setdefault("CHAINLIT_APP_ROOT", tempfile.mkdtemp(prefix="tabletalk-chainlit-"))

# A machine that does much else beside is slow, not wrong.
expect.set_options(timeout=40_000)

Answer = TypeVar("Answer")

SENT = "(({value, textContent}) => !(value ?? textContent).trim())(document.querySelector('#chat-input'))"
"""Whether the composer is empty again."""
ENTERS = 4

ROOT = Path(__file__).parents[3]
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM += ["--disable-component-update", "--disable-sync"]

SEED = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text, email text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, total numeric(10,2), ordered_at date);
INSERT INTO customers SELECT n, 'Customer ' || n, CASE n % 3 WHEN 0 THEN 'France' WHEN 1 THEN 'Spain' END, 'x'
  FROM generate_series(1, 30) n;
INSERT INTO orders SELECT n, 1 + n % 30, n * 12.5, date '2026-01-01' + n FROM generate_series(1, 240) n;
"""


@dataclass
class Site:
    """A running web process with its worker."""

    url: str
    environment: dict[str, str]
    web: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    log: Path
    stub: Stub
    source: str
    """URL of a database to register."""
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def restart_web(self) -> None:
        """Kill the web process as a crash would, and start it again."""
        self.web.kill()
        self.web.wait()
        self.web = start(self.environment, "assistant.web", self.log)
        wait_until_healthy(self.url, self.web, self.log)


def apart(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run `work` in a thread of its own: Playwright keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def start(environment: dict[str, str], module: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if urllib3.request("GET", f"{url}/healthz", timeout=2, retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the web process is not healthy: {log.read_text()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(settings: Settings, stub: Stub, source: str, folder: Path, **more: str) -> Iterator[Site]:
    """Run web process and worker over the servers of `settings` until the end of the block."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    port = free_port()
    environment = {
        **os.environ,
        "TABLETALK_HOME": str(folder),
        "TABLETALK_DATABASE_URL": settings.database_url.get_secret_value(),
        "TABLETALK_REDIS_URL": settings.redis_url.get_secret_value(),
        "TABLETALK_PORT": str(port),
        "TABLETALK_MODEL": "openai-chat:scripted",
        "OPENAI_BASE_URL": stub.url,
        "TABLETALK_SECRET_KEY": "not a secret, but long enough to be taken for one",
        **more,
    }
    log = folder / "site.log"
    site = Site(
        url=f"http://127.0.0.1:{port}",
        environment=environment,
        web=start(environment, "assistant.web", log),
        worker=start(environment, "workers", log),
        log=log,
        stub=stub,
        source=source,
    )
    try:
        wait_until_healthy(site.url, site.web, log)
        yield site
    finally:
        for process in (site.web, site.worker):
            process.send_signal(signal.SIGTERM)
        for process in (site.web, site.worker):
            process.wait(30)


@pytest.fixture(scope="session")
def stub() -> Iterator[Stub]:
    with serve() as served:
        yield served


@contextmanager
def new_source(settings: Settings) -> Iterator[str]:
    """The URL of a small database on the run's own server, with a password that nothing may keep."""
    name = f"sales_{uuid4().hex[:8]}"
    assert settings.database_url is not None
    admin = settings.database_url.get_secret_value().replace("+asyncpg", "")

    async def make() -> None:
        connection = await asyncpg.connect(admin)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        there = await asyncpg.connect(admin, database=name)
        await there.execute(SEED)
        await there.close()

    async def drop() -> None:
        connection = await asyncpg.connect(admin)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

    apart(make())
    yield admin.replace("app@", "app:canary-7431@").replace("/postgres?", f"/{name}?")
    apart(drop())


@pytest.fixture(scope="session")
def source(settings: Settings) -> Iterator[str]:
    """A database that every module may read."""
    with new_source(settings) as url:
        yield url


@pytest.fixture(scope="module")
def site(settings: Settings, stub: Stub, source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A local set-up: one implicit person, no login."""
    with serving(settings, stub, source, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; for one module, because Playwright's loop must be gone before a test with a loop of its own runs."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "These tests need Chromium: install Debian's package chromium."
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield launched
        launched.close()


@contextmanager
def new_profile(browser: Browser) -> Iterator[BrowserContext]:
    """What one person's browser keeps, from first to last: cookies, and the parts of a page."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of the one person of a local set-up: it need not fetch and compile the chat for each test."""
    with new_profile(browser) as opened:
        yield opened


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """That browser, without a page at the beginning and at the end."""
    yield profile
    for page in profile.pages:
        page.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Page:
    """The chat's first screen, connected."""
    page = context.new_page()
    open_chat(page, site.url)
    return page


def open_chat(page: Page, url: str) -> None:
    """Open the chat and wait until its socket is connected: what is typed before is lost."""
    page.goto(url)
    page.wait_for_selector("#chat-input")
    # Starters can be pressed as soon as the connection stands.
    page.wait_for_selector("#starters button:not([disabled])", timeout=40_000)


def say(page: Page, text: str) -> None:
    """Type `text` and send it, once the turn before is over."""
    expect(page.locator("#stop-button")).to_have_count(0, timeout=30_000)
    page.fill("#chat-input", text)
    page.keyboard.press("Escape")
    expect(page.locator("#chat-submit")).to_be_enabled()
    # On a page that has only just connected Enter can come too early; a person would press it again, and so does this.
    for _ in range(ENTERS):
        page.keyboard.press("Enter")
        try:
            page.wait_for_function(SENT, timeout=5_000)
        except Late:
            continue
        return
    pytest.fail(f"{text!r} is not sent")


def paste_url(page: Page, url: str) -> None:
    """Give the form a URL in place of its fields; one that is drawn anew as it comes is asked for it again."""
    field = page.locator("[name=tt-url]")
    for _ in range(ENTERS):
        page.get_by_role("button", name="Paste a URL instead").click()
        try:
            field.wait_for(timeout=10_000)
        except Late:
            continue
        break
    field.fill(url)
