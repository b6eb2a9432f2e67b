"""Measures the chat from Enter to the first word on the screen, with a model that answers at once; and idle memory.

    python -m tests.benchmarks.bench_first_token [--turns 15]

Median wanted: 300 ms or less; resident memory of the idle web process: 350 MB or less.
"""

import argparse
import shutil
import statistics

from playwright.sync_api import Page, sync_playwright

from tests.assistant.chat.conftest import CHROMIUM, open_chat
from tests.benchmarks.place import place, resident
from tests.openai_stub import Say

WATCH = """
() => {
  const input = document.querySelector('#chat-input');
  input.addEventListener('keydown', (event) => { if (event.key === 'Enter') window.entered = performance.now(); });
  new MutationObserver(() => {
    if (window.wanted && document.body.innerText.includes(window.wanted)) {
      window.took = performance.now() - window.entered;
      window.wanted = null;
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    with place() as here, here.product() as site, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        page = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM).new_page()
        open_chat(page, site.url)
        print(f"idle web process: {resident(site.web.pid):.0f} MB")
        times = []
        for turn in range(turns):
            here.stub.script[:] = [Say(f"word{turn}x " + "and more " * 20)]
            times.append(ask(page, f"word{turn}x"))
        print(f"first turn: {times[0]:.0f} ms")
        print(f"Enter to first word: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")
        print(f"after {turns} turns: {resident(site.web.pid):.0f} MB")


def ask(page: Page, wanted: str) -> float:
    """Say something and give the milliseconds until `wanted` is on the screen."""
    if page.locator("#stop-button").count():
        page.wait_for_selector("#stop-button", state="detached")
    # The composer of the first screen gives way to another: watch anew each time.
    page.evaluate(WATCH)
    page.fill("#chat-input", "a question")
    page.evaluate("(wanted) => { window.wanted = wanted; window.took = null; }", wanted)
    page.keyboard.press("Enter")
    page.wait_for_function("window.took !== null", timeout=30_000)
    return float(page.evaluate("window.took"))


if __name__ == "__main__":
    main()
