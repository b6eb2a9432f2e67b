"""Every door gives the same: a question and an error through chat, REST and command line, and the README's session."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import asyncpg
import httpx
import pytest

from assistant import conversation
from assistant.accounts import local_person
from assistant.events import Failed, Shown, TextDelta
from tests.assistant.conftest import SEED
from tools import queries
from tools.cards import ResultCard
from tools.embedded import servers
from tools.errors import AssistantError
from tools.settings import Settings
from tools.store.session import migrate
from tools.toolbox import open_toolbox

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUESTIONS = ["how many orders are there?", "total of orders per status", "which customers have no orders?"]


@dataclass
class House:
    """A running product with a database to register."""

    url: str
    source: str
    settings: Settings

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line."""
        return subprocess.run(
            [sys.executable, "-m", "assistant.cli", *arguments],
            cwd=ROOT,
            env=self.settings.environment(),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Web process and worker of their own."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder, socket.socket() as probe:
        Path(folder).chmod(0o711)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        alone = Settings(home=Path(folder), port=port, database_url=None, redis_url=None, demo=False, _env_file=None)
        with servers(alone) as settings:
            assert settings.database_url is not None
            store = settings.database_url.get_secret_value()
            migrate(store)
            asyncio.run(_fill(store))
            processes = [_start(settings, module) for module in ("assistant.web", "workers")]
            try:
                url = f"http://localhost:{port}"
                _wait(url, processes[0])
                yield House(url, store.replace("/postgres?", "/warehouse?"), settings)
            finally:
                for process in processes:
                    process.send_signal(signal.SIGTERM)
                    process.wait(30)


async def _fill(store: str) -> None:
    admin = await asyncpg.connect(store)
    await admin.execute("CREATE DATABASE warehouse")
    await admin.close()
    there = await asyncpg.connect(store, database="warehouse")
    await there.execute(SEED)
    await there.close()


def _start(settings: Settings, module: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **settings.environment()}
    return subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the web process is not ready")


@pytest.fixture(scope="module")
def session(house: House) -> str:
    """What the README's session printed; from then on the database `warehouse` is registered and trained."""
    text = (ROOT / "README.md").read_text()
    found = re.search(r"## Use it from a program.*?```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    lines = found[1].replace("http://localhost:8000", house.url)
    lines = lines.replace("postgresql://reader:secret@db.internal/warehouse", house.source)
    assert shutil.which("curl"), "This test needs curl."
    strict = 'curl() { command curl --silent --show-error --fail-with-body --max-time 60 "$@"; echo; }\nset -e\n'
    done = subprocess.run(["bash", "-c", strict + lines], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_session_of_the_readme_goes_from_register_to_answer(session: str) -> None:
    assert '"name":"warehouse"' in session
    assert '"state":"succeeded"' in session, "the job was followed to its end"
    assert "event: done" in session
    assert '"rows":[[4]]' in session


async def by_chat(house: House, question: str) -> tuple[str, Any]:
    """What the chat says and shows."""
    async with open_toolbox(house.settings) as box:
        person = await local_person(box.store)
        said, rows = "", None
        async with aclosing(cast(Any, conversation.run(box, person, question))) as events:
            async for event in events:
                match event:
                    case TextDelta(text=text):
                        said += text
                    case Shown(card=ResultCard(query_id=query)):
                        found = await queries.get_query(box, person, query)
                        rows = found.result.model_dump(mode="json")["rows"] if found.result else None
                    case Failed(title=title, message=message):
                        said += f"{title}: {message}"
        return said, rows


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_gets_the_same_answer(house: House, session: str, question: str) -> None:
    said, rows = await by_chat(house, question)
    assert rows is not None, said
    rest = httpx.post(f"{house.url}/api/v1/ask", json={"question": question}, timeout=60).json()
    assert (rest["text"], rest["queries"][-1]["result"]["rows"]) == (said, rows)
    done = house.command("ask", question, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert "".join(event["text"] for event in events if event["type"] == "text") == said
    shown = next(event["card"]["query_id"] for event in events if event["type"] == "shown")
    kept = httpx.get(f"{house.url}/api/v1/queries/{shown}").json()
    assert (kept["result"]["rows"], kept["door"]) == (rows, "cli")


@pytest.mark.parametrize(
    ("database", "sql"),
    [
        ("warehouse", "delete from orders"),
        ("warehouse", "select nothing from orders"),
        ("warehouse", "select 1 / (total - total) from orders"),
        ("warehose", "select 1"),
    ],
)
async def test_an_error_is_the_same(house: House, session: str, database: str, sql: str) -> None:
    async with open_toolbox(house.settings) as box:
        with pytest.raises(AssistantError) as raised:
            await queries.run(box, await local_person(box.store), database, sql)
    rest = httpx.post(f"{house.url}/api/v1/databases/{database}/query", json={"sql": sql}, timeout=60)
    assert (rest.status_code, rest.json()["title"]) == (raised.value.status, raised.value.title)
    assert rest.json()["detail"] == str(raised.value)
    done = house.command("sql", database, sql)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"tabletalk: {raised.value}\n")
