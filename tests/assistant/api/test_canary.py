"""No secret stands in any log, answer, figure or trace; and what is traced hangs together."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.assistant.api.collector import Collector, collecting
from tools.embedded import servers
from tools.settings import Settings
from tools.store.session import migrate

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
KEY = "sk-canary-key-of-the-models-provider"
SECRET_KEY = "canary-secret-key-that-encrypts-and-signs"


@dataclass
class Run:
    """What a run left behind."""

    told: list[str]
    canaries: list[str]
    files: dict[str, str]
    console: str
    collector: Collector


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    """Store and queue of its own: the worker in it runs whatever is queued."""
    folder = home / "canary"
    folder.mkdir(mode=0o711)
    alone = Settings(
        home=folder,
        log_dir=folder / "logs",
        log_format="json",
        log_level="DEBUG",
        secret_key=SecretStr(SECRET_KEY),
        model="openai-chat:gpt-5",
        openai_api_key=SecretStr(KEY),
        openai_base_url="http://127.0.0.1:9/v1",
        _env_file=None,
    )
    with servers(alone) as filled, collecting() as collector:
        assert filled.database_url is not None
        migrate(filled.database_url.get_secret_value())
        watched = filled.model_copy(update={"otel_endpoint": collector.url})
        done = subprocess.run(
            [sys.executable, "-m", "tests.assistant.api.canary_run"],
            cwd=ROOT,
            env=watched.environment(),
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        said = json.loads(done.stdout)
        files = {path.name: path.read_text() for path in (folder / "logs").iterdir()}
        return Run(said["told"], said["canaries"], files, done.stderr, collector)


def test_no_secret_comes_out_anywhere(run: Run) -> None:
    secrets = [*run.canaries, KEY, SECRET_KEY]
    assert all(len(secret) > 20 for secret in secrets)
    places = {
        "the answers": "\n".join(run.told),
        "the console": run.console,
        "the traces": b"".join(run.collector.bodies["/v1/traces"]).decode("latin-1"),
        "the metrics": b"".join(run.collector.bodies["/v1/metrics"]).decode("latin-1"),
        **run.files,
    }
    for place, text in places.items():
        assert len(text) > 100, f"nothing was written to {place}"
        found = [secret for secret in secrets if secret in text]
        assert not found, f"{found} in {place}"


def test_the_run_went_as_it_was_meant(run: Run) -> None:
    statuses = [told.partition(" ")[0] for told in run.told if told]
    assert statuses == ["401", "422", "200", "502", "502", "422", "201", "200", "200", "422", "401", "401", "200"]


def test_a_job_is_linked_to_the_request_that_queued_it(run: Run) -> None:
    spans = {span.span_id: span for span in run.collector.spans}
    requests = {span.trace_id for span in spans.values() if span.name == "POST /api/v1/databases"}
    (job,) = [span for span in spans.values() if span.name == "job"]
    assert [link.trace_id in requests for link in job.links] == [True]
    assert job.trace_id not in requests
    assert not job.parent_span_id


def test_a_question_is_one_trace_from_request_to_store(run: Run) -> None:
    spans = run.collector.spans
    (asked,) = [span for span in spans if span.name == "POST /api/v1/databases/{database}/ask"]
    below = {span.name for span in spans if span.trace_id == asked.trace_id}
    assert any(name.startswith("invoke_agent") or "agent" in name for name in below), below
    assert any(name.startswith("store SELECT") for name in below), "; ".join(sorted(below))
    read = next(span for span in spans if span.name == "read")
    assert any(span.span_id == read.parent_span_id for span in spans)


def test_lines_of_one_request_bear_its_id(run: Run) -> None:
    name = next(name for name in run.files if name.startswith("query-"))
    query = json.loads(run.files[name].splitlines()[0])
    app = run.files[name.replace("query-", "app-")].splitlines()
    lines = [line for line in map(json.loads, app) if line.get("request_id") == query["request_id"]]
    assert {"query", "request"} <= {line["event"] for line in lines}
    assert {"user_id", "database_id"} <= set(query)


def test_the_log_of_syncs_tells_of_a_job_from_its_beginning_to_its_end(run: Run) -> None:
    written = next(text for name, text in run.files.items() if name.startswith("sync-"))
    lines = [json.loads(line) for line in written.splitlines()]
    told = [line for line in lines if line["event"] in ("job began", "job over")]
    assert [line["event"] for line in told] == ["job began", "job over"]
    assert {(line["job_id"], line["kind"], line["target"]) for line in told} == {(told[0]["job_id"], "train", "own")}
    assert all(line["database_id"] for line in told)


def test_nothing_of_it_is_loaded_while_it_is_off() -> None:
    program = (
        "import sys, assistant.api, workers.jobs; from tools import telemetry; from tools.settings import Settings\n"
        "telemetry.start(Settings(_env_file=None), 'web')\n"
        "heavy = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'opentelemetry.instrumentation')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
