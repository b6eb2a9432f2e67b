"""Searching documents in a real browser: the card, the live row, what is linked, a reload, a phone."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from assistant.accounts import local_person
from tests.assistant.chat.conftest import Site, apart, open_chat, say
from tests.openai_stub import Say
from tools import databases, jobs, sync
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox, open_toolbox

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROWS = """
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, city text);
CREATE TABLE claims (id int PRIMARY KEY, customer_id int REFERENCES customers, subject text, description text);
INSERT INTO customers VALUES (1, 'Ada Byron', 'Turin'), (2, 'Bo Ek', 'Lyon');
INSERT INTO claims VALUES (7, 1, 'Eight days late', 'Such a late delivery, and nobody told me why.'),
    (8, 2, 'Broken lamp', 'The <b>glass</b> came in pieces.');
"""
ASKED = "find the customer who complained about late delivery"


@pytest.fixture(scope="module", autouse=True)
def _synced(site: Site, settings: Settings) -> Iterator[None]:
    """A small help desk, synced by the site's own worker."""
    name = f"desk_{uuid4().hex[:8]}"
    assert settings.database_url is not None
    admin = settings.database_url.get_secret_value().replace("+asyncpg", "")
    secret = SecretStr(site.environment["TABLETALK_SECRET_KEY"])

    async def make() -> None:
        connection = await asyncpg.connect(admin)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        there = await asyncpg.connect(admin, database=name)
        await there.execute(ROWS)
        await there.close()
        async with open_toolbox(settings.model_copy(update={"secret_key": secret})) as box:
            person = await local_person(box.store)
            address = databases.address_from_url(admin.replace("app@", "app:secret@"))
            await databases.register(box, person, "desk", address.model_copy(update={"database": name}))
            job = await sync.start_sync(box, person, "desk")
            await _over(box, person, job.id)
            for kind in ("index", "embed"):
                (following,) = await jobs.list_jobs(box, person, kind=kind, limit=1)
                await _over(box, person, following.id)

    async def drop() -> None:
        async with open_toolbox(settings.model_copy(update={"secret_key": secret})) as box:
            person = await local_person(box.store)
            await databases.forget(box, person, "desk", approved_by=person.user_id)
        connection = await asyncpg.connect(admin)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()

    apart(make())
    yield
    apart(drop())


async def _over(box: Toolbox, person: Actor, number: int) -> None:
    async with asyncio.timeout(60):
        async for job in jobs.follow(box, person, number):
            state = job.state
    assert state == "succeeded"


def test_a_search_leads_to_the_row_and_to_what_is_linked(page: Page) -> None:
    say(page, f"/search desk {ASKED}")
    hit = page.locator(".tt-hit").first
    expect(hit.locator(".tt-hit-title")).to_have_text("Ada Byron")
    expect(hit.locator(".tt-evidence")).to_contain_text("Eight days late")
    expect(hit.locator(".tt-evidence mark").first).to_be_visible()
    expect(hit).to_contain_text("a linked claim says")
    expect(page.locator(".tt-documents .tt-read")).to_contain_text("Read as: customer documents")

    hit.get_by_role("button", name="Open row").click()
    expect(hit.locator(".tt-live")).to_contain_text("Turin")
    hit.get_by_role("button", name="Related").click()
    expect(hit.locator(".tt-linked")).to_contain_text("Eight days late")
    hit.get_by_role("button", name="Hide related").click()
    expect(hit.locator(".tt-linked")).to_have_count(0)

    page.reload()
    expect(page.locator(".tt-hit").first.locator(".tt-hit-title")).to_have_text("Ada Byron")


def test_text_of_rows_is_text_and_nothing_more(page: Page) -> None:
    say(page, "/search desk glass in pieces")
    hit = page.locator(".tt-hit").first
    expect(hit).to_contain_text("glass came in pieces")  # a snippet leaves tags out
    expect(page.locator(".tt-hit b")).to_have_count(0)
    hit.get_by_role("button", name="Open row").click()
    expect(hit.locator(".tt-live")).to_contain_text("The <b>glass</b> came in pieces.")


def test_a_model_searches_and_sees_what_the_person_sees(page: Page, site: Site) -> None:
    call = ("search_documents", {"query": "late delivery", "database": "desk", "entity": "customer"})
    site.stub.script[:] = [Say(calls=[call]), Say("Ada Byron complained about a late delivery.")]
    say(page, "who complained about late delivery?")
    expect(page.locator(".tt-hit").first.locator(".tt-hit-title")).to_have_text("Ada Byron")
    expect(page.get_by_text("Ada Byron complained about a late delivery.")).to_be_visible()
    assert "Eight days late" in str(site.stub.requests[-1])


def test_a_search_fits_a_phone(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    open_chat(page, site.url)
    say(page, f"/search desk {ASKED}")
    hit = page.locator(".tt-hit").first
    hit.get_by_role("button", name="Open row").click()
    expect(hit.locator(".tt-live")).to_be_visible()
    width = page.evaluate("document.querySelector('.tt-documents').scrollWidth")
    assert width <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
