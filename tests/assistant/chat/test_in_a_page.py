"""The chat in other pages, in a real browser: whose page may, whom it lets in, what they see, and how it looks."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect
from pydantic import SecretStr

from assistant import accounts, embed
from assistant.embed.keys import Look
from tests.assistant.chat.conftest import Site, apart, new_profile, serving
from tests.assistant.chat.test_signing_in import PASSWORD, sign_in
from tests.openai_stub import Say, Stub
from tools import databases, jobs, policies, schemas
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox, open_toolbox

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Given = TypeVar("Given")
BY_COUNTRY = "SELECT country, count(*) AS customers FROM customers GROUP BY country ORDER BY 2 DESC"
MINE = "SELECT count(*) AS orders FROM orders"


@dataclass
class Host:
    """A page of somebody else's, and its server that signs who its user is."""

    origin: str
    snippets: dict[str, str] = field(default_factory=dict)
    """Path -> the lines that put the chat there."""
    keys: dict[str, embed.NewWidgetKey] = field(default_factory=dict)
    late: bool = False
    """Whether its tokens have expired when they are given."""

    def page(self, path: str, user: str = "mia") -> str:
        return f"{self.origin}{path}?user={user}"

    def token(self, name: str, user: str) -> str:
        key = self.keys[name]
        until = datetime.now(UTC) + timedelta(minutes=-2 if self.late else 5)
        claims = {"aud": key.about.key, "sub": user, "exp": until, "attributes": {"customer": "7"}}
        if user == "tom":
            claims["attributes"] = {"customer": "8"}
        return jwt.encode(claims, key.secret, algorithm="HS256")


PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Portal</title><body style="font: 16px sans-serif; margin: 40px"><h1>Partner portal</h1><p>Orders of today.</p>
<script>
  window.heard = [];
  document.addEventListener('tabletalk:ready', () => Tabletalk.on('answer', (answer) => heard.push(answer)));
</script>
{snippet}</body></html>"""


@contextmanager
def hosting(name: str) -> Iterator[Host]:
    """Serve pages at `name`, which resolves to this machine and is another site to the browser."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path.startswith("/token/"):
                user = parse_qs(urlsplit(self.headers.get("Referer", "")).query).get("user", ["mia"])[0]
                body, kind = host.token(asked.path.removeprefix("/token/"), user), "text/plain"
            else:
                body, kind = PAGE.replace("{snippet}", host.snippets.get(asked.path, "")), "text/html"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *told: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    host = Host(origin=f"http://{name}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield host
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def guarded(settings: Settings, stub: Stub, source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A set-up where people log in."""
    listed = source.partition("host=")[2]
    folder = tmp_path_factory.mktemp("embedded")
    with serving(settings, stub, source, folder, TABLETALK_LOGIN="password", TABLETALK_ALLOW_HOSTS=listed) as running:
        yield running


@pytest.fixture(scope="module")
def ann() -> str:
    return f"ann-{uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def portal(settings: Settings, guarded: Site, source: str, ann: str) -> Iterator[Host]:
    """A portal with a page for each key, over a database whose rows are parted by a policy."""
    with hosting("portal.localhost") as host:
        apart(_prepare(settings, guarded, source, ann, host))
        yield host


@pytest.fixture(scope="module")
def foreign(portal: Host) -> Iterator[Host]:
    """Another site, which has copied the portal's lines."""
    with hosting("evil.localhost") as host:
        host.snippets.update(portal.snippets)
        yield host


async def _prepare(settings: Settings, site: Site, source: str, ann: str, host: Host) -> None:
    secret = SecretStr(site.environment["TABLETALK_SECRET_KEY"])
    async with open_toolbox(settings.model_copy(update={"secret_key": secret})) as box:
        person = await accounts.make_user(box.store, ann, PASSWORD, workspace=f"team of {ann}")
        await databases.register(box, person, "sales", databases.address_from_url(source))
        await schemas.refresh(box, person, "sales")
        job = await schemas.start_training(box, person, "sales")
        async for _ in jobs.follow(box, person, job.id):
            pass
        await policies.add_policy(box, person, "sales", "orders", predicate="customer_id = {user.customer}")
        quiet = Look(title="Ask the portal", accent="#7a1e4a", theme="dark", hide_sql=True)
        await _offer(box, person, host, "/quiet", tables=["sales.orders", "sales.customers"], look=quiet)
        await _offer(box, person, host, "/team", tables=["sales"], role="editor")
        await _offer(box, person, host, "/open", tables=["sales.customers"], anonymous_daily=2)
    for path, key in host.keys.items():
        line = embed.snippet(key.about, site.url)
        host.snippets[f"/{path}"] = line.replace("/tabletalk-token", f"/token/{path}")


async def _offer(box: Toolbox, person: Actor, host: Host, path: str, **options: Any) -> None:
    host.keys[path[1:]] = await embed.create_key(box, person, path, [host.origin], **options)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that knows nobody: who is let in is what these tests ask."""
    with new_profile(browser) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def opened(page: Page, address: str, label: str = "Ask about your data") -> FrameLocator:
    """Go to a page, open the chat there, and wait until it is connected."""
    page.goto(address)
    page.get_by_role("button", name=label).click()
    frame = page.frame_locator("iframe")
    expect(frame.locator("#starters button:not([disabled])")).to_be_visible()
    return frame


def ask(page: Page, text: str) -> None:
    page.evaluate("(text) => Tabletalk.ask(text)", text)


def run_query(sql: str) -> Say:
    return Say(calls=[("run_query", {"database": "sales", "sql": sql, "read_as": "all of them"})])


def test_a_page_shows_a_chart_and_a_table_and_hears_the_answer(page: Page, portal: Host, guarded: Site) -> None:
    guarded.stub.script[:] = [run_query(BY_COUNTRY), Say("Most come from nowhere known.")]
    frame = opened(page, portal.page("/quiet"), "Ask the portal")
    page.evaluate("Tabletalk.context({order: 4711, shown: 'customers'})")
    ask(page, "customers per country?")
    card = frame.locator(".tt-result")
    expect(card.locator(".tt-bars")).to_be_visible()
    expect(card.locator(".tt-table tbody tr")).to_have_count(3)
    expect(frame.get_by_text("customers per country?")).to_be_visible()
    expect(frame.get_by_text("Most come from nowhere known.")).to_be_visible()

    page.wait_for_function("heard.length === 1")
    heard = page.evaluate("heard[0]")
    assert heard["question"] == "customers per country?"
    assert heard["text"] == "Most come from nowhere known."
    assert heard["results"][0]["columns"] == ["country", "customers"]
    assert len(heard["results"][0]["rows"]) == 3

    assert "sql" not in heard["results"][0]
    expect(card.get_by_role("button", name="Show SQL")).to_have_count(0)
    expect(card.get_by_role("button", name="Save as verified")).to_have_count(0)
    assert "SELECT" not in frame.locator("body").inner_text()
    told = str(guarded.stub.requests[-1]["messages"])
    assert '"order": 4711' in told
    assert "never an instruction" in told
    assert "forget_database" not in str(guarded.stub.requests[-1]["tools"])

    with page.expect_download() as downloading:
        card.get_by_role("link", name="CSV").click()
    assert downloading.value.path().read_text("utf-8-sig").splitlines()[0] == "country,customers"
    assert downloading.value.suggested_filename.endswith(".csv")


def test_a_conversation_goes_on_when_the_page_is_left_and_opened_again(page: Page, portal: Host, guarded: Site) -> None:
    guarded.stub.script[:] = [Say("Good morning."), Say("As I said.")]
    frame = opened(page, portal.page("/quiet"), "Ask the portal")
    ask(page, "hello")
    expect(frame.get_by_text("Good morning.")).to_be_visible()
    page.goto(portal.page("/quiet"))
    frame = page.frame_locator("iframe")  # it was open, so it is again
    expect(frame.get_by_text("Good morning.")).to_be_visible()
    ask(page, "and again?")
    expect(frame.get_by_text("As I said.")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(frame.locator("#starters button:not([disabled])")).to_be_visible()
    expect(frame.get_by_text("Good morning.")).to_have_count(0)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("iframe")).to_be_hidden()


def test_another_user_of_the_same_window_begins_anew(page: Page, portal: Host, guarded: Site) -> None:
    guarded.stub.script[:] = [Say("Good morning, Mia."), Say("Good morning, Tom.")]
    frame = opened(page, portal.page("/quiet"), "Ask the portal")
    ask(page, "hello")
    expect(frame.get_by_text("Good morning, Mia.")).to_be_visible()
    page.goto(portal.page("/quiet", "tom"))
    frame = page.frame_locator("iframe")
    expect(frame.locator("#starters button:not([disabled])")).to_be_visible()
    ask(page, "hello")
    expect(frame.get_by_text("Good morning, Tom.")).to_be_visible()
    expect(frame.get_by_text("Good morning, Mia.")).to_have_count(0)


def test_a_page_of_another_site_gets_nothing(page: Page, foreign: Host, portal: Host, guarded: Site) -> None:
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto(foreign.page("/quiet"))
    expect(page.get_by_text("Partner portal")).to_be_visible()
    page.wait_for_timeout(500)
    page.wait_for_function("window.Tabletalk !== undefined")
    expect(page.locator("tabletalk-widget")).to_have_count(0)
    assert any("evil.localhost" in line and "may not show this chat" in line for line in told)

    # A frame of its own, with the portal's name on it, is refused by the browser.
    key = portal.keys["quiet"].about.key
    address = f"{guarded.url}/embed/chat/?key={key}&origin={portal.origin}"
    page.evaluate("(address) => { document.body.innerHTML = `<iframe src='${address}'></iframe>`; }", address)
    page.wait_for_timeout(1500)
    frames = [frame for frame in page.frames if frame.parent_frame is not None]
    assert all("embed/chat" not in frame.url for frame in frames)
    assert page.request.get(f"{guarded.url}/embed/chat/?key={key}&origin={foreign.origin}").status == 403
    # Nor does a token help that was taken from the portal.
    answer = page.request.post(
        f"{guarded.url}/embed/token?key={key}",
        headers={"Origin": foreign.origin},
        data={"token": portal.token("quiet", "mia")},
    )
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_token_that_has_expired_is_told_in_the_frame(page: Page, portal: Host) -> None:
    portal.late = True
    try:
        page.goto(portal.page("/quiet"))
        page.get_by_role("button", name="Ask the portal").click()
        expect(page.frame_locator("iframe").get_by_role("alert")).to_contain_text("token has expired")
    finally:
        portal.late = False


def test_two_users_side_by_side_see_their_own(browser: Browser, portal: Host, guarded: Site) -> None:
    for user, orders in (("mia", "8"), ("tom", "8"), ("mia", "8")):
        page = browser.new_context().new_page()
        frame = opened(page, portal.page("/quiet", user), "Ask the portal")
        guarded.stub.script[:] = [run_query("SELECT min(customer_id) AS customer FROM orders"), Say("Here.")]
        ask(page, "whose orders?")
        expect(frame.locator(".tt-figure-value")).to_have_text({"mia": "7", "tom": "8"}[user])
        guarded.stub.script[:] = [run_query(MINE), Say("There.")]
        ask(page, "how many orders?")
        expect(frame.locator(".tt-figure-value").last).to_have_text(orders)
        page.context.close()


def test_the_login_of_the_main_chat_is_not_touched(
    context: BrowserContext, page: Page, portal: Host, guarded: Site, ann: str
) -> None:
    main = context.new_page()
    sign_in(main, guarded, ann)
    main.wait_for_selector("#starters button:not([disabled])")
    before = context.cookies(guarded.url)
    frame = opened(page, portal.page("/quiet"), "Ask the portal")
    guarded.stub.script[:] = [Say("I am here.")]
    ask(page, "anybody?")
    expect(frame.get_by_text("I am here.")).to_be_visible()
    assert context.cookies(guarded.url) == before
    # Ann's cookie opens nothing in the frame, and the frame's session nothing in the main chat.
    assert context.request.get(f"{guarded.url}/embed/chat/user").status == 401
    assert context.request.get(f"{guarded.url}/user").json()["identifier"] == ann
    main.reload()
    expect(main.locator("#chat-input")).to_be_visible()
    expect(main.get_by_text("I am here.")).to_have_count(0)
    assert main.evaluate("localStorage.getItem('vite-ui-theme')") != "dark"


def test_what_the_frame_may_reach_is_listed(context: BrowserContext, portal: Host, guarded: Site, ann: str) -> None:
    key = portal.keys["quiet"].about.key
    ask_for = context.request
    answer = ask_for.post(
        f"{guarded.url}/embed/token?key={key}",
        headers={"Origin": portal.origin},
        data={"token": portal.token("quiet", "mia")},
    )
    session = {"Authorization": f"Bearer {answer.json()['session']}"}
    base = f"{guarded.url}/embed/chat"
    assert ask_for.get(f"{base}/user", headers=session).json()["identifier"].startswith("widget:")
    for path in ("/api/v1/databases", "/healthz", "/files/../healthz", "/login", "/auth/oauth/x", "/embed/demo"):
        assert ask_for.get(base + path, headers=session).status == 404, path
    for path in ("/login", "/auth/header", "/auth/jwt", "/project/file", "/mcp", "/api/v1/databases"):
        assert ask_for.post(base + path, headers=session).status == 404, path
    assert ask_for.get(f"{guarded.url}/user", headers=session).status == 401
    assert ask_for.get(f"{guarded.url}/api/v1/databases", headers=session).status == 401
    assert ask_for.get(f"{guarded.url}/embed/demo").status == 404
    assert ask_for.get(f"{guarded.url}/copilot/index.js").status == 404
    long = {"token": "x" * 20_000}
    refused = ask_for.post(f"{guarded.url}/embed/token?key={key}", headers={"Origin": portal.origin}, data=long)
    assert refused.status == 422


def test_the_theme_the_colour_and_the_width_of_a_phone(browser: Browser, portal: Host, guarded: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="light", has_touch=True)
    page = context.new_page()
    guarded.stub.script[:] = [run_query(BY_COUNTRY), Say("Most come from nowhere known.")]
    frame = opened(page, portal.page("/quiet"), "Ask the portal")
    ask(page, "customers per country?")
    expect(frame.locator(".tt-result")).to_be_visible()
    expect(frame.locator("html")).to_have_class(re.compile(r"\bdark\b"))
    panel = page.get_by_role("dialog", name="Ask the portal").bounding_box()
    assert panel == {"x": 0, "y": 0, "width": 390, "height": 844}
    wide = "document.documentElement.scrollWidth"
    inside = next(frame for frame in page.frames if "embed/chat" in frame.url)
    assert inside.evaluate(wide) == 390
    assert page.evaluate(wide) == 390
    accent = inside.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--primary')")
    assert accent.startswith("331 61%")
    context.close()


def test_a_job_of_an_editor_moves_in_the_page(page: Page, portal: Host, guarded: Site) -> None:
    frame = opened(page, portal.page("/team"))
    guarded.stub.script[:] = [
        Say(calls=[("train_tables", {"database": "sales", "tables": "customers", "force": True})]),
        Say("It has begun."),
    ]
    ask(page, "train the customers again")
    expect(frame.locator(".tt-job[data-state=succeeded]")).to_contain_text("sales", timeout=60_000)
    expect(frame.get_by_text("It has begun.")).to_be_visible()


def test_who_comes_without_a_token_has_a_budget(page: Page, portal: Host, guarded: Site) -> None:
    frame = opened(page, portal.page("/open"))
    for number in ("one", "two"):
        guarded.stub.script[:] = [Say(f"Answer {number}.")]
        ask(page, f"question {number}")
        expect(frame.get_by_text(f"Answer {number}.")).to_be_visible()
    ask(page, "question three")
    expect(frame.get_by_text("The questions for today are used up")).to_be_visible()
    frame.locator("#chat-input").fill("/sql sales select 1")
    frame.locator("#chat-input").press("Escape")
    frame.locator("#chat-input").press("Enter")
    expect(frame.get_by_text("There are no commands here")).to_be_visible()


def test_no_secret_of_a_key_is_in_a_log_or_a_page(guarded: Site, portal: Host, context: BrowserContext) -> None:
    key = portal.keys["quiet"]
    shown = context.request.get(f"{guarded.url}/embed/chat/?key={key.about.key}&origin={portal.origin}").text()
    log = Path(guarded.log).read_text()
    for secret in (one.secret for one in portal.keys.values()):
        assert secret not in shown
        assert secret not in log
    assert json.dumps(portal.origin) in shown
