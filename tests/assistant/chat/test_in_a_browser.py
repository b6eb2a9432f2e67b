"""The chat in a real browser: the first question, cards, reloads, restarts, downloads, a phone."""

import re

import asyncpg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.assistant.chat.conftest import Site, apart, open_chat, paste_url, say
from tests.openai_stub import Say
from tools.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ORDERS = "SELECT count(*) AS orders FROM orders"
BY_MONTH = (
    "SELECT date_trunc('month', ordered_at)::date AS month, sum(total) AS revenue FROM orders GROUP BY 1 ORDER BY 1"
)


def run_query(sql: str, read_as: str = "all orders") -> Say:
    return Say(calls=[("run_query", {"database": "sales", "sql": sql, "read_as": read_as})])


@pytest.fixture(scope="module", autouse=True)
def _registered(site: Site, browser: Browser) -> None:
    """Register the source through the form, as a person does."""
    page = browser.new_page()
    open_chat(page, site.url)
    say(page, "/register sales")
    paste_url(page, site.source)
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".tt-form .tt-note")).to_contain_text("It answers: PostgreSQL")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("sales: PostgreSQL")).to_contain_text("2 tables")
    page.get_by_role("button", name="Show me the GRANTs").click()
    expect(page.locator(".tt-query")).to_contain_text("GRANT SELECT ON ALL TABLES")
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.locator(".tt-job[data-state=succeeded]")).to_contain_text("Training sales", timeout=60_000)
    page.reload()
    expect(page.locator(".tt-job[data-state=succeeded]")).to_contain_text("Training sales", timeout=20_000)
    expect(page.get_by_text("Training began as job")).to_be_visible()
    page.close()


def test_the_password_of_the_form_is_kept_nowhere_in_the_open(site: Site, settings: Settings) -> None:
    async def everything() -> str:
        assert settings.database_url is not None
        connection = await asyncpg.connect(settings.database_url.get_secret_value().replace("+asyncpg", ""))
        found = []
        for table in ("chat.threads", "chat.steps", "chat.cards", "tabletalk.turns", "tabletalk.databases"):
            found += [str(row) for row in await connection.fetch(f"SELECT t::text FROM {table} t")]
        await connection.close()
        return "\n".join(found)

    stored = apart(everything())
    assert "sales" in stored
    assert "canary-7431" not in stored
    assert "canary-7431" not in site.log.read_text()
    assert "canary-7431" not in str(site.stub.requests)


def test_a_first_question_and_everything_on_its_card(page: Page, site: Site) -> None:
    site.stub.script[:] = [run_query(ORDERS), Say("There are 240 orders.")]
    expect(page.locator("#welcome-screen")).to_contain_text("Ask about your data in plain words")
    say(page, "how many orders are there?")

    card = page.locator(".tt-result")
    expect(card.locator(".tt-figure-value")).to_have_text("240")
    expect(page.get_by_text("There are 240 orders.")).to_be_visible()
    expect(card).to_contain_text("Read as: all orders")
    expect(card.locator(".tt-facts")).to_contain_text("sales · orders · 1 row ·")
    expect(card.get_by_role("button", name=re.compile("confidence"))).to_be_visible()

    card.get_by_role("button", name="Show SQL").click()
    expect(card.locator(".tt-query")).to_contain_text("FROM orders")

    with page.expect_download() as downloading:
        card.get_by_role("link", name="CSV").click()
    assert downloading.value.path().read_text("utf-8-sig").split() == ["orders", "240"]
    with page.expect_download() as downloading:
        card.get_by_role("link", name="XLSX").click()
    assert downloading.value.path().read_bytes()[:2] == b"PK"

    card.get_by_role("button", name="Save as verified").click()
    expect(card).to_contain_text("Saved as verified")
    card.get_by_role("button", name="Right", exact=True).click()
    expect(card.get_by_role("button", name="Right", exact=True)).to_have_attribute("aria-pressed", "true")

    page.get_by_role("button", name="Asked the database").click()
    expect(page.locator("[data-step-type=tool] code").first).to_contain_text("SELECT count(*)")

    card.get_by_role("button", name="Run again").click()
    expect(page.locator(".tt-result")).to_have_count(2)

    page.reload()
    expect(page.locator(".tt-figure-value").first).to_have_text("240", timeout=20_000)
    expect(page.locator(".tt-result").first).to_contain_text("Saved as verified")


def test_a_conversation_goes_on_after_the_web_process_was_killed(page: Page, site: Site) -> None:
    site.stub.script[:] = [run_query(BY_MONTH, "revenue by month of ordered_at"), Say("Revenue rose all year.")]
    say(page, "revenue per month")
    expect(page.locator(".tt-chart svg")).to_be_visible()
    expect(page.get_by_text("Revenue rose all year.")).to_be_visible()
    address = page.url

    site.restart_web()
    page.goto(address)
    expect(page.get_by_text("Revenue rose all year.")).to_be_visible(timeout=20_000)
    expect(page.locator(".tt-chart svg")).to_be_visible()
    expect(page.locator(".tt-table tbody tr").first).to_contain_text("2026-01-01")

    site.stub.script[:] = [Say("Of course: as I said, it rose.")]
    say(page, "are you sure?")
    expect(page.get_by_text("as I said, it rose")).to_be_visible(timeout=20_000)
    assert any("revenue per month" in str(message) for message in site.stub.requests[-1]["messages"])


def test_a_table_turns_its_pages(page: Page) -> None:
    say(page, "/sql sales SELECT id, customer_id, total, ordered_at FROM orders ORDER BY id")
    card = page.locator(".tt-result")
    expect(card.locator(".tt-pager")).to_contain_text("1–10 of 240")
    for _ in range(11):
        card.get_by_role("button", name="Next page").click()
    expect(card.locator(".tt-pager")).to_contain_text("111–120 of 240")
    expect(card.locator("tbody tr").first).to_contain_text("111")
    expect(card.locator("tbody tr").first).to_contain_text("1,387.5")


def test_nulls_are_seen_and_a_cut_is_said(page: Page) -> None:
    say(page, "/sql sales SELECT country, count(*) AS customers FROM customers GROUP BY country ORDER BY 2")
    expect(page.locator(".tt-null").first).to_have_text("NULL")
    say(page, "/sql sales SELECT a.id FROM orders a CROSS JOIN customers b")
    expect(page.locator(".tt-result").last).to_contain_text("Only the first 1,000 rows are shown")


def test_what_the_guard_refuses_is_told_in_words(page: Page) -> None:
    say(page, "/sql sales DELETE FROM orders")
    expect(page.get_by_text("Query rejected.")).to_be_visible()
    say(page, "/nonsense")
    expect(page.get_by_text("No command '/nonsense'")).to_be_visible()


def test_a_conversation_that_begins_with_a_command_is_named_after_it(page: Page) -> None:
    page.click("#chat-input")
    page.keyboard.type("/databases")
    expect(page.get_by_text("Registered databases and how they are")).to_be_visible()
    page.keyboard.press("Enter")  # picks it from the menu
    expect(page.get_by_text("Registered databases and how they are")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator(".tt-facts-list")).to_contain_text("sales")
    expect(page.locator("[data-sidebar=content]").get_by_text("/databases", exact=True)).to_be_visible()


def test_a_note_just_made_can_be_taken_back(page: Page, site: Site) -> None:
    site.stub.script[:] = [
        Say(calls=[("add_note", {"database": "sales", "text": "totals are in euros"})]),
        Say("Noted."),
        Say(calls=[("remove_note", {"database": "sales", "note": "totals are in euros"})]),
        Say("It is gone."),
    ]
    say(page, "remember that totals are in euros")
    page.get_by_role("button", name="Undo note").click()
    expect(page.get_by_text("It is gone.")).to_be_visible()
    expect(page.get_by_role("button", name="Removed a note")).to_be_visible()
    assert "remove the note saying totals are in euros" in str(site.stub.requests[-1]["messages"])


def test_what_destroys_waits_for_a_word(page: Page, site: Site) -> None:
    site.stub.script[:] = [Say(calls=[("forget_database", {"name": "sales"})])]
    say(page, "forget sales")
    card = page.locator(".tt-approval")
    expect(card).to_contain_text("This removes sales")
    expect(card).to_contain_text("The database itself is not touched")
    site.stub.script[:] = [Say("Very well, it stays.")]
    card.get_by_role("button", name="Keep").click()
    expect(card).to_contain_text("Kept; nothing was done.")
    expect(page.get_by_text("Very well, it stays.")).to_be_visible()
    say(page, "/databases")
    expect(page.get_by_role("cell", name="sales", exact=True)).to_be_visible()
    page.reload()
    expect(page.locator(".tt-approval")).to_contain_text("Kept; nothing was done.", timeout=20_000)
    expect(page.locator(".tt-approval button")).to_have_count(0)


def test_stop_stops_and_says_so(page: Page, site: Site) -> None:
    joins = "".join(f" JOIN orders t{n} ON t{n}.id <> t{n - 1}.id" for n in range(1, 6))
    site.stub.script[:] = [run_query(f"SELECT count(*) AS n FROM orders t0{joins}")]
    say(page, "count something endless")
    expect(page.get_by_text("Asking the database")).to_be_visible()
    page.click("#stop-button")
    expect(page.get_by_text("Stopped. What was still running")).to_be_visible()
    expect(page.locator("#stop-button")).to_have_count(0)
    say(page, "/history endless")
    expect(page.get_by_role("cell", name=re.compile("Stopped by the person"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(context: BrowserContext, site: Site, scheme: str) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_chat(page, site.url)
    site.stub.script[:] = [run_query(BY_MONTH), Say("Revenue rose all year.")]
    say(page, "revenue per month")
    expect(page.locator(".tt-chart svg")).to_be_visible()
    say(page, "/sql sales SELECT c.*, o.* FROM customers c JOIN orders o ON o.customer_id = c.id")
    expect(page.locator(".tt-result")).to_have_count(2)
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, ...[...document.querySelectorAll('.tt-card')].map("
        "(card) => Math.ceil(card.getBoundingClientRect().right))]"
    )
    assert max(widths) <= 390
    # Its conversation has an address, though the list that shows it is closed.
    page.wait_for_url("**/thread/*")
    page.reload()
    expect(page.locator(".tt-result").first).to_be_attached(timeout=20_000)


def test_nothing_is_asked_of_other_hosts(context: BrowserContext, site: Site) -> None:
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    open_chat(page, site.url)
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {site.url.removeprefix("http://")}
