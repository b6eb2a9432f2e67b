"""`tabletalk sync`, `jobs` and `schedules` as people and scripts call them, with a worker that does the work."""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from assistant.cli_jobs import exit_code
from tests.assistant.test_cli import ROOT, Run, command
from tools.embedded import servers
from tools.jobs import Job
from tools.settings import Settings

pytestmark = pytest.mark.slow

SEED = """
CREATE TABLE customers (id int PRIMARY KEY, name text, updated_at timestamptz DEFAULT now());
CREATE TABLE orders (id int PRIMARY KEY, note text);
INSERT INTO customers SELECT n, 'Customer ' || n FROM generate_series(1, 30) n;
INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 40) n;
"""


@pytest.fixture(scope="module")
def working() -> Iterator[Settings]:
    """A set-up of this module's own with one worker and a registered database `sales`."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        settings = Settings(
            home=Path(folder), database_url=None, redis_url=None, demo=False, worker_processes=1, _env_file=None
        )
        with servers(settings) as filled:
            assert command(settings, "migrate").returncode == 0
            assert filled.database_url is not None
            url = filled.database_url.get_secret_value()
            asyncio.run(_seed(url))
            source = url.replace("/postgres?", "/sales?")
            assert command(settings, "databases", "register", "sales", TABLETALK_REGISTER_URL=source).returncode == 0
            worker = subprocess.Popen([sys.executable, "-m", "workers"], cwd=ROOT, env=filled.environment())
            try:
                yield settings
            finally:
                worker.send_signal(signal.SIGTERM)
                worker.wait(30)


async def _seed(url: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute("CREATE DATABASE sales")
    await admin.close()
    there = await asyncpg.connect(url, database="sales")
    await there.execute(SEED)
    await there.close()


@pytest.fixture
def run(working: Settings) -> Run:
    return lambda *arguments, **more: command(working, *arguments, **more)


def wait_for_a_worker(run: Run) -> None:
    while run("jobs", "stats").returncode != 0:
        pass


def test_a_sync_is_previewed_followed_shown_and_listed(run: Run) -> None:
    wait_for_a_worker(run)
    seen = json.loads(run("sync", "sales", "--dry-run", "--json").stdout)
    assert {one["table"]: one["rows"] for one in seen} == {"public.customers": 30, "public.orders": 40}

    done = run("sync", "sales", "customers", "--json")
    assert done.returncode == 0, done.stderr
    (job,) = json.loads(done.stdout)
    assert (job["state"], job["counts"]["new"]) == ("succeeded", 30)
    assert "Sync sales.customers: done" in done.stderr and "new 30" in done.stderr

    shown = json.loads(run("jobs", "show", str(job["id"]), "--json").stdout)
    assert [event["type"] for event in shown["events"]][-1] == "finished"
    lines = run("jobs", "follow", str(job["id"]), "--json").stdout.splitlines()
    assert [json.loads(line)["type"] for line in lines][:2] == ["queued", "started"]
    assert "(full, 30 new)" in run("databases", "list").stdout
    listed = json.loads(run("jobs", "list", "--kind", "sync", "--state", "succeeded", "--json").stdout)
    assert [one["id"] for one in listed] == [job["id"]]


def test_what_is_refused_is_one_line_and_exit_code_1(run: Run) -> None:
    for arguments in (
        ("sync", "sales", "custmers_of_nobody"),
        ("schedules", "add", "every 45 minutes", "sales"),
        ("schedules", "pause", "999"),
        ("jobs", "list", "--state", "lost"),
        ("jobs", "cancel", "999"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert done.stderr.startswith("tabletalk: ") and done.stderr.count("\n") == 1, arguments
    assert run("jobs", "retry").returncode == 2
    failed = run("sync", "sales", "--where", "1; DROP TABLE orders", "--json")
    assert (failed.returncode, json.loads(failed.stdout)[0]["state"]) == (1, "failed")


def test_schedules_are_added_paused_changed_and_deleted(run: Run) -> None:
    done = run("schedules", "add", "every night at 2", "sales", "orders", "--timezone", "Europe/Berlin", "--json")
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)
    assert (made["target"], made["cron"], made["timezone"]) == ("sales.orders", "0 2 * * *", "Europe/Berlin")
    assert "orders: no column tells what has changed, so full each time." in done.stderr
    number = str(made["id"])
    assert json.loads(run("schedules", "pause", number, "--json").stdout)[0]["paused"] is True
    assert json.loads(run("schedules", "resume", number, "--json").stdout)[0]["paused"] is False
    changed = json.loads(run("schedules", "change", number, "weekdays at 7:30", "--json").stdout)[0]
    assert changed["cron"] == "30 7 * * 1-5"
    assert "at 07:30, Monday through Friday (Europe/Berlin)" in run("schedules", "list").stdout
    trained = run("schedules", "add", "hourly", "sales", "--kind", "train", "--json")
    assert json.loads(trained.stdout)[0]["kind"] == "train"
    assert run("schedules", "delete", number).returncode == 1  # nobody there to agree
    assert run("schedules", "delete", number, "--yes").returncode == 0
    assert len(json.loads(run("schedules", "list", "--json").stdout)) == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [("succeeded", 0), ("empty", 0), ("queued", 0), ("partial", 3), ("failed", 1), ("cancelled", 1)],
)
def test_the_exit_code_tells_how_a_job_ended(state: str, code: int) -> None:
    assert exit_code(cast(Job, SimpleNamespace(state=state))) == code
