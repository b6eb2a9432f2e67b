"""Measures how long it takes to queue a job, and until what a worker wrote stands on the card in a browser.

    python -m tests.benchmarks.bench_jobs [--jobs 200] [--updates 20]

Wanted: a job queued within 20 ms at the 95th percentile; an update on the job's card, and on the board, within 1 s.
"""

import argparse
import asyncio
import shutil
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Page, sync_playwright

from assistant.accounts import local_person
from tests.assistant.chat.conftest import CHROMIUM, apart, open_chat, say
from tests.benchmarks.place import place
from tools import jobs
from tools.jobs.claim import take
from tools.settings import Settings
from tools.toolbox import open_toolbox

WATCH = """
() => {
  window.seen = {};
  const look = () => {
    for (const found of document.body.innerText.matchAll(/step (\\d+) of bench/g)) window.seen[found[1]] ??= Date.now();
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}
"""
PACE = 1.0
"""Seconds between two updates: each is written at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--updates", type=int, default=20)
    given = parser.parse_args()
    with place() as here:
        told("queue a job", apart(queueing(here.settings, given.jobs)))
        with here.product() as site, sync_playwright() as playwright:
            # This process is the worker: the real one would end the job at once.
            site.worker.terminate()
            site.worker.wait(30)
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            page = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM).new_page()
            for name in ("the job's card", "the board"):
                told(f"an update on {name}", shown(page, site.url, here.settings, name, given.updates))


async def queueing(settings: Settings, count: int) -> list[float]:
    """Milliseconds that each of so many starts took, after a first one that opens the connections."""
    times = []
    async with open_toolbox(settings) as box:
        person = await local_person(box.store)
        for number in range(count + 1):
            begun = time.perf_counter()
            job = await jobs.start(box, person, "train", f"bench {number}")
            times.append((time.perf_counter() - begun) * 1000)
            await jobs.cancel(box, person, job.id)
    return times[1:]


def shown(page: Page, url: str, settings: Settings, name: str, count: int) -> list[float]:
    """Milliseconds from each write of a worker until it stands in the browser."""
    job_id = apart(_start(settings, name))
    open_chat(page, url)
    say(page, "/jobs" if name == "the board" else f"/jobs {job_id}")
    page.wait_for_selector(f'[data-job="{job_id}"]')
    page.evaluate(WATCH)
    with ThreadPoolExecutor(1) as thread:
        writing = thread.submit(asyncio.run, _work(settings, job_id, count))
        while not writing.done():
            page.wait_for_timeout(100)
        written = writing.result()
    page.wait_for_timeout(2000)
    seen = {int(step): at for step, at in page.evaluate("window.seen").items()}
    missed = [step for step in written if step not in seen]
    if missed:
        print(f"never shown on {name}: {len(missed)} of {count}")
    return [seen[step] - at for step, at in written.items() if step in seen]


async def _start(settings: Settings, name: str) -> int:
    async with open_toolbox(settings) as box:
        return (await jobs.start(box, await local_person(box.store), "train", name)).id


async def _work(settings: Settings, job_id: int, count: int) -> dict[int, float]:
    """Report so many steps, and tell when each was written, in milliseconds of this machine's clock."""
    written = {}
    async with open_toolbox(settings) as box:
        claim = await take(box, job_id)
        assert claim is not None
        for step in range(count):
            await asyncio.sleep(PACE)
            await claim.progress(90 * step / count, f"step {step} of bench")
            written[step] = time.time() * 1000
        await asyncio.sleep(PACE)  # the end would take the place of the last step
        await claim.finish(jobs.Outcome(state="succeeded"))
    return written


def told(what: str, times: Sequence[float]) -> None:
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"{what}: median {statistics.median(ordered):.1f} ms, 95th percentile {late:.1f} ms, of {len(ordered)}")


if __name__ == "__main__":
    main()
