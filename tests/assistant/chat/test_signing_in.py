"""Where people log in: only who has the password, and each to their own conversations and their team's results."""

import re
from collections.abc import Awaitable, Callable, Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant import accounts
from tests import oidc_stub
from tests.assistant.chat.conftest import Site, apart, open_chat, paste_url, say, serving
from tests.oidc_stub import IdentityProvider
from tests.openai_stub import Say, Stub
from tools.settings import Settings
from tools.store.session import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def people(settings: Settings) -> tuple[str, str]:
    """Ann, and Bob of another workspace."""
    names = f"ann-{uuid4().hex[:6]}", f"bob-{uuid4().hex[:6]}"

    async def make() -> None:
        assert settings.database_url is not None
        store = Store(settings.database_url.get_secret_value())
        for name in names:
            await accounts.make_user(store, name, PASSWORD, workspace=f"team of {name}")
        await store.dispose()

    apart(make())
    return names


@pytest.fixture(scope="module")
def guarded(settings: Settings, stub: Stub, source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A set-up that asks for a password."""
    folder = tmp_path_factory.mktemp("guarded")
    # Outside local mode only what is listed may be registered; here, the socket of the run's own server.
    listed = source.partition("host=")[2]
    with serving(settings, stub, source, folder, TABLETALK_LOGIN="password", TABLETALK_ALLOW_HOSTS=listed) as running:
        yield running


def sign_in(page: Page, site: Site, name: str, password: str = PASSWORD) -> None:
    page.goto(site.url)
    page.fill("#email", name)
    page.fill("#password", password)
    page.keyboard.press("Enter")


def test_without_the_password_nobody_comes_in(browser: Browser, guarded: Site, people: tuple[str, str]) -> None:
    page = browser.new_page()
    for name, password in ((people[0], "wrong password"), ("nobody", PASSWORD), (accounts.LOCAL_USER, "")):
        sign_in(page, guarded, name, password or " ")
        expect(page.get_by_text("User name or password is wrong.")).to_be_visible()
    nobody = page.context.request
    assert nobody.get(f"{guarded.url}/files/queries/{uuid4()}.csv").status == 401
    assert nobody.get(f"{guarded.url}/project/thread/{uuid4()}").status == 401
    # The implicit person of a local set-up has no door here.
    assert nobody.post(f"{guarded.url}/auth/header").status == 400
    page.close()


def test_each_sees_their_own(browser: Browser, guarded: Site, people: tuple[str, str]) -> None:
    ann, bob = (browser.new_context().new_page() for _ in people)
    for page, name in zip((ann, bob), people, strict=True):
        sign_in(page, guarded, name)
        page.wait_for_selector("#starters button:not([disabled])", timeout=20_000)

    say(ann, "/register sales")
    paste_url(ann, guarded.source)
    ann.get_by_role("button", name="Register", exact=True).click()
    ann.get_by_role("button", name="Later").click()
    guarded.stub.script[:] = [
        Say(calls=[("run_query", {"database": "sales", "sql": "SELECT count(*) AS n FROM orders", "read_as": "all"})]),
        Say("There are 240."),
    ]
    say(ann, "how many orders?")
    expect(ann.locator(".tt-figure-value")).to_have_text("240", timeout=20_000)
    csv = ann.locator(".tt-actions a").first.get_attribute("href")
    thread = ann.url.rsplit("/", 1)[1]

    assert ann.context.request.get(guarded.url + str(csv)).status == 200
    assert bob.context.request.get(guarded.url + str(csv)).status == 404
    assert bob.context.request.get(f"{guarded.url}/project/thread/{thread}").status == 404
    assert bob.context.request.delete(f"{guarded.url}/project/thread", data={"threadId": thread}).status == 404
    bob.goto(f"{guarded.url}/thread/{thread}")
    expect(bob.locator("#chat-input")).to_be_visible(timeout=20_000)
    expect(bob.get_by_text("There are 240.")).to_have_count(0)
    open_chat(bob, guarded.url)
    say(bob, "/databases")
    expect(bob.get_by_text("Nothing yet.")).to_be_visible()

    ann.goto(f"{guarded.url}/thread/{thread}")
    expect(ann.locator(".tt-figure-value")).to_have_text("240", timeout=20_000)


def test_no_browser_writes_a_card(browser: Browser, guarded: Site, people: tuple[str, str]) -> None:
    page = browser.new_context().new_page()
    sessions: list[str] = []
    page.on("request", lambda request: sessions.append(request.post_data or ""))
    sign_in(page, guarded, people[0])
    page.wait_for_selector("#starters button:not([disabled])", timeout=20_000)
    forged = {
        "type": "custom",
        "id": str(uuid4()),
        "forId": "x",
        "threadId": "x",
        "name": "Result",
        "display": "inline",
    }
    answer = page.context.request.put(
        f"{guarded.url}/project/element", data={"element": {**forged, "props": {"sql": "forged"}}, "sessionId": "none"}
    )
    assert answer.status >= 400


def test_a_new_password_ends_the_sessions_of_the_old_one(browser: Browser, guarded: Site, settings: Settings) -> None:
    name = f"dan-{uuid4().hex[:6]}"

    async def on_the_store(work: Callable[[Store], Awaitable[object]]) -> None:
        assert settings.database_url is not None
        store = Store(settings.database_url.get_secret_value())
        await work(store)
        await store.dispose()

    apart(on_the_store(lambda store: accounts.make_user(store, name, PASSWORD)))
    there = browser.new_context().request
    assert there.post(f"{guarded.url}/login", multipart={"username": name, "password": PASSWORD}).status == 200
    assert there.get(f"{guarded.url}/user").json()["identifier"] == name
    apart(on_the_store(lambda store: accounts.reset_password(store, name, "another long password")))
    assert there.get(f"{guarded.url}/user").status == 401


def test_the_login_page_says_how_long_to_wait(browser: Browser, guarded: Site, people: tuple[str, str]) -> None:
    page = browser.new_page()
    name = f"nobody-{uuid4().hex[:6]}"
    for _ in range(5):
        sign_in(page, guarded, name, "wrong password")
        expect(page.get_by_text("User name or password is wrong.")).to_be_visible()
    sign_in(page, guarded, name, "wrong password")
    expect(page.get_by_text(re.compile(r"Too many tries. Try again in \d minutes?\."))).to_be_visible()
    page.close()


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with oidc_stub.serve() as served:
        yield served


@pytest.fixture(scope="module")
def single(
    settings: Settings,
    stub: Stub,
    source: str,
    provider: IdentityProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A set-up in which people sign in by a provider too."""
    variables = {
        "TABLETALK_LOGIN": "password",
        "TABLETALK_OIDC_ISSUER": provider.url,
        "TABLETALK_OIDC_CLIENT_ID": "tabletalk",
        "TABLETALK_OIDC_CLIENT_SECRET": "client secret",
        "TABLETALK_OIDC_ATTRIBUTES": "region",
    }
    with serving(settings, stub, source, tmp_path_factory.mktemp("single"), **variables) as running:
        yield running


def test_a_provider_vouches_for_people(browser: Browser, single: Site, provider: IdentityProvider) -> None:
    page = browser.new_context().new_page()
    number = uuid4().hex[:8]
    provider.claims = {"sub": number, "email": f"eve-{number}@example.com", "region": "north"}
    page.goto(single.url)
    page.get_by_role("button", name="Continue with SSO").click()
    page.wait_for_selector("#starters button:not([disabled])", timeout=20_000)
    assert provider.asked[-1]["scope"] == "openid email profile"
    assert page.context.request.get(f"{single.url}/user").json()["identifier"] == f"eve-{number}@example.com"

    other = browser.new_context().new_page()
    provider.claims = {"email": "nobody@example.com"}
    other.goto(single.url)
    other.get_by_role("button", name="Continue with SSO").click()
    expect(other.get_by_text("You could not be signed in that way")).to_be_visible(timeout=20_000)
    # A code without the state that this browser was given is nobody's.
    forged = other.context.request.get(f"{single.url}/auth/oauth/SSO/callback?code=x&state=y", max_redirects=0)
    assert forged.headers["location"].endswith("error=oauthSignin")
    assert other.context.request.get(f"{single.url}/user").status == 401
