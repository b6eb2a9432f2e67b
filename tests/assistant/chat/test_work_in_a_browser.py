"""Syncs, schedules and the board in a real browser, with the offline model: each test is a walk."""

import re
from collections.abc import Iterator

import asyncpg
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.assistant.chat.conftest import Site, apart, new_source, open_chat, paste_url, say, serving
from tests.openai_stub import Say, Stub
from tools.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def source(settings: Settings) -> Iterator[str]:
    """A database of this module's own: its walks change it."""
    with new_source(settings) as url:
        yield url


@pytest.fixture(scope="module")
def site(settings: Settings, stub: Stub, source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A local set-up without a key."""
    with serving(settings, stub, source, tmp_path_factory.mktemp("work"), TABLETALK_MODEL="") as running:
        yield running


def change(source: str, sql: str) -> None:
    """Change the source behind the product's back."""

    async def go() -> None:
        connection = await asyncpg.connect(source)
        await connection.execute(sql)
        await connection.close()

    apart(go())


def register(page: Page, name: str, source: str) -> None:
    say(page, f"/register {name}")
    paste_url(page, source)
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("button", name="Sync it now")).to_be_visible()


def last_card(page: Page) -> Locator:
    return page.locator(".tt-jobs").last


def ended(page: Page, state: str) -> Locator:
    """The last card, once its job is over."""
    expect(last_card(page).locator(f'[data-state="{state}"]')).to_be_visible(timeout=60_000)
    return last_card(page)


def test_a_database_is_registered_synced_broken_mended_and_scheduled(page: Page, site: Site) -> None:
    register(page, "depot", site.source)
    page.get_by_role("button", name="Sync it now").click()
    expect(ended(page, "succeeded")).to_contain_text("new 270 · changed 0 · unchanged 0 · deleted 0 · rejected 0")

    # One table cannot be read: the others go on, and it alone is tried again once it is mended.
    change(site.source, "CREATE VIEW bad AS SELECT id, 1 / (id - id) AS ratio FROM customers")
    say(page, "what changed in depot?")
    expect(page.get_by_text("bad is new")).to_be_visible()
    say(page, "sync customers and bad from depot")
    card = ended(page, "partial")
    expect(card).to_contain_text("division by zero")
    change(site.source, "CREATE OR REPLACE VIEW bad AS SELECT id, id - id AS ratio FROM customers")
    card.get_by_role("button", name="Retry bad").click()
    expect(page.locator(".tt-job-title", has_text="Sync depot.bad")).to_be_visible()
    expect(ended(page, "succeeded")).to_contain_text("new 30")

    # A column goes: it is told at once, below the card that stands open.
    change(site.source, "ALTER TABLE customers DROP COLUMN email; DELETE FROM orders WHERE id > 200")
    say(page, "sync everything from depot")
    expect(page.get_by_text("lost email").last).to_be_visible(timeout=60_000)
    expect(page.locator(".tt-counts", has_text="deleted 40")).to_be_visible()
    page.get_by_role("button", name="See difference").last.click()
    expect(page.locator(".tt-drift").last).to_contain_text("What changed in depot")
    expect(page.locator(".tt-drift tbody tr").last).to_contain_text("email")

    say(page, "sync orders and customers from depot every night at 2, only the last 18 months")
    expect(last_card(page)).to_contain_text("every day at 02:00")
    expect(last_card(page)).to_contain_text("only the last 18 months")
    page.get_by_role("button", name="Not now").click()
    say(page, "pause the nightly sync")
    expect(last_card(page)).to_contain_text("Paused")
    say(page, "show me the databases")
    expect(page.locator(".tt-table").last).to_contain_text("just now")


def test_the_board_moves_and_its_buttons_work(page: Page, site: Site) -> None:
    say(page, "/jobs")
    board = page.locator(".tt-jobs", has=page.locator(".tt-board-queue")).last
    expect(board).to_contain_text(re.compile(r"\d workers?, "))
    say(page, "/sync depot orders every hour")
    # The board above was not asked again: it draws itself.
    expect(board.locator(".tt-section", has_text="Schedules")).to_contain_text("Sync depot.orders")
    page.get_by_role("button", name="Start now too").click()
    ended(page, "succeeded")
    expect(board.locator(".tt-section", has_text="Recent")).to_contain_text("Sync depot.orders")

    hourly = board.locator(".tt-schedule", has_text="every hour")
    hourly.get_by_role("button", name="Change").click()
    page.locator("[name=tt-when]").fill("every 45 minutes")
    page.get_by_role("button", name="Save").click()
    expect(hourly).to_contain_text("does not divide an hour")
    page.locator("[name=tt-when]").fill("weekdays at 7:30")
    page.get_by_role("button", name="Save").click()
    changed = board.locator(".tt-schedule", has_text="at 07:30, Monday through Friday")
    changed.get_by_role("button", name="Delete").click()
    expect(changed).to_contain_text("will not start again by itself")
    page.get_by_role("button", name="Delete it").click()
    expect(changed).to_have_count(0)


def test_a_sync_is_cancelled_and_tried_again_from_its_card(page: Page, site: Site) -> None:
    change(site.source, "INSERT INTO orders SELECT n, 1, n, date '2026-01-01' FROM generate_series(1000, 400000) n")
    say(page, "sync orders from depot in full")
    expect(last_card(page).get_by_role("progressbar")).to_be_visible()
    last_card(page).get_by_role("button", name="Cancel").click()
    card = ended(page, "cancelled")
    card.get_by_role("button", name="Retry").click()
    expect(last_card(page).get_by_role("button", name="Cancel")).to_be_visible()
    last_card(page).get_by_role("button", name="Cancel").click()
    ended(page, "cancelled")
    change(site.source, "DELETE FROM orders WHERE id >= 1000")


def test_who_was_away_is_told_on_coming_back(context: BrowserContext, page: Page, site: Site) -> None:
    say(page, "train depot every night at 2")
    page.get_by_role("button", name="Start now too").click()
    expect(page.locator(".tt-jobs").last).to_be_visible()
    address = page.url
    page.close()
    again = context.new_page()
    again.goto(address)
    told = re.compile(r"Training depot, by its schedule, is done|depot changed")
    expect(again.get_by_text(told).first).to_be_visible(timeout=60_000)


def test_a_model_starts_and_schedules_with_the_same_cards(
    settings: Settings, stub: Stub, source: str, context: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(settings, stub, source, tmp_path_factory.mktemp("scripted")) as scripted:
        page = context.new_page()
        open_chat(page, scripted.url)
        stub.script[:] = [
            Say(calls=[("sync_tables", {"database": "depot", "tables": "customers"})]),
            Say("The sync has begun."),
        ]
        say(page, "please bring the customers over")
        ended(page, "succeeded")
        stub.script[:] = [
            Say(calls=[("schedule_sync", {"database": "depot", "tables": "customers", "when": "mondays at noon"})]),
            Say("Each Monday at noon."),
        ]
        say(page, "and do that every monday")
        expect(last_card(page)).to_contain_text("at 12:00, on Monday")
        stub.script[:] = [Say(calls=[("list_jobs", {})]), Say("This is how it stands.")]
        say(page, "how does it stand?")
        expect(page.locator(".tt-board-queue").last).to_be_visible()
