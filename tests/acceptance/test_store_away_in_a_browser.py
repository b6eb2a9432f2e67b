"""The store is killed before somebody's eyes: they stay where they are, and what they type is answered."""

import os
import signal
import subprocess

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.test_faults import settings, supervisor, victim
from tests.assistant.chat.conftest import browser, open_chat, say
from tools.settings import Settings

__all__ = ["browser", "settings", "supervisor"]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_conversation_outlives_the_store(
    settings: Settings, supervisor: subprocess.Popen[str], browser: Browser
) -> None:
    page = browser.new_page()
    open_chat(page, f"http://127.0.0.1:{settings.port}")
    say(page, "/help me")
    commands = page.get_by_text("Ask in plain words, or use a command.")
    expect(commands).to_have_count(1)
    os.kill(victim(supervisor, "postgres"), signal.SIGKILL)
    say(page, "/help me once more")
    expect(commands).to_have_count(2, timeout=60_000)
    expect(page.get_by_text("Store unavailable")).to_have_count(0)
    expect(page.get_by_text("Sign in to Tabletalk")).to_have_count(0)
    page.close()
