"""The `tabletalk` command as people and scripts call it: output, errors, exit codes."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.embedded import servers
from tools.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def local() -> Iterator[Settings]:
    """A set-up of this module's own, its servers kept so that each command joins them."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        settings = Settings(home=Path(folder), database_url=None, redis_url=None, demo=False, _env_file=None)
        with servers(settings):
            assert command(settings, "migrate").returncode == 0
            yield settings


@pytest.fixture
def run(local: Settings) -> Run:
    return lambda *arguments, **more: command(local, *arguments, **more)


def command(settings: Settings, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "assistant.cli", *arguments],
        cwd=ROOT,
        env={**settings.environment(), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_data_goes_to_stdout_and_is_json_on_demand(run: Run) -> None:
    done = run("databases", "list", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert run("databases", "list").stdout == "name\tkind\tplace\ttables\ttrained\thealth\tsynced\n"


def test_an_error_is_one_line_on_stderr(run: Run) -> None:
    done = run("databases", "check", "shp")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tabletalk: No database named 'shp'")
    assert done.stderr.count("\n") == 1


def test_a_wrong_setting_is_named(run: Run) -> None:
    done = run("databases", "list", TABLETALK_PORT="eighty")
    assert done.returncode == 1
    assert done.stderr.startswith("tabletalk: Wrong setting: TABLETALK_PORT: ")


def test_the_store_registers_checks_and_forgets_itself(run: Run, local: Settings) -> None:
    with servers(local) as filled:
        assert filled.database_url is not None
        url = filled.database_url.get_secret_value()
    done = run("databases", "register", "own", "--json", TABLETALK_REGISTER_URL=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["name"] == "own"
    assert "superuser" in done.stderr
    assert run("databases", "check", "own").returncode == 0
    jobs = json.loads(run("jobs", "list", "--json").stdout)
    assert [(job["kind"], job["target"]) for job in jobs] == [("train", "own")]
    assert run("databases", "forget", "own", "--yes").returncode == 0
    assert json.loads(run("databases", "list", "--json").stdout) == []


def test_a_user_is_added_once(run: Run) -> None:
    assert run("user", "add", "ada", TABLETALK_NEW_PASSWORD="long enough").returncode == 0
    again = run("user", "add", "ada", TABLETALK_NEW_PASSWORD="long enough")
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    short = run("user", "add", "bob", TABLETALK_NEW_PASSWORD="short")
    assert short.returncode == 1
    assert "short" in short.stderr


def test_people_keys_and_policies_from_the_command_line(run: Run) -> None:
    new = {"TABLETALK_NEW_PASSWORD": "long enough"}
    assert run("user", "add", "cyd", "--role", "viewer", "--attribute", "region=north", **new).returncode == 0
    assert run("user", "role", "cyd", "editor").stdout.splitlines()[1].startswith("cyd\teditor\t")
    run("user", "attributes", "cyd", "region=south", "team=x")
    people = {one["name"]: one for one in json.loads(run("user", "list", "--json").stdout)}
    assert people["cyd"]["attributes"] == {"region": "south", "team": "x"}
    assert "region=north" in run("user", "attributes", "cyd", "nonsense").stderr
    assert run("user", "password", "cyd", **new).returncode == 0

    made = run("key", "create", "nightly", "--scope", "write", "--days", "0")
    key = made.stdout.strip()
    assert key.startswith("ttk_") and "cannot be shown again" in made.stderr and key not in made.stderr
    (listed,) = json.loads(run("key", "list", "--json").stdout)
    assert (listed["name"], listed["scope"], listed["expires_at"]) == ("nightly", "write", None)
    assert key.startswith(listed["prefix"]) and key not in json.dumps(listed)
    assert run("key", "revoke", "nightly").returncode == 0
    assert run("key", "revoke", "nightly").returncode == 1

    run("workspace", "create", "second")
    assert "works in second now" in run("workspace", "choose", "second").stderr
    assert json.loads(run("user", "list", "--json").stdout)[0]["name"] == "you"
    assert run("workspace", "choose", "home").returncode == 0
    assert run("user", "remove", "cyd").returncode == 0

    assert run("policy", "list", "--json").stdout == "[]\n"
    assert run("policy", "add", "shp", "orders", "--where", "id = 1").returncode == 1
    assert "is no id of a policy" in run("policy", "remove", "1").stderr
    told = json.loads(run("audit", "--json", "--limit", "3").stdout)
    assert [one["action"] for one in told] == ["remove member", "create workspace", "revoke key"]
    assert {one["door"] for one in told} == {"cli"}


def test_outside_local_mode_a_command_asks_for_whom(run: Run) -> None:
    done = run("databases", "list", TABLETALK_LOGIN="password", TABLETALK_SECRET_KEY="k" * 40)
    assert (done.returncode, done.stderr) == (1, "tabletalk: Outside local mode say in whose workspace: --as USER\n")


def test_doctor_names_what_is_wrong_and_what_to_do(run: Run) -> None:
    done = run("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    wrong = {name for name, finding in findings.items() if not finding["ok"]}
    assert wrong == {"Workers"}
    assert "tabletalk worker" in findings["Workers"]["advice"]
    assert {"Python", "Disk", "Secret key", "Store", "pgvector", "Migrations", "Queue", "Model", "Embedder"} <= set(
        findings
    )
    assert findings["Embedder"]["state"].endswith("dimensions")


def test_doctor_tells_a_model_that_does_not_answer(run: Run) -> None:
    done = run(
        "doctor",
        TABLETALK_MODEL="openai-chat:x",
        OPENAI_API_KEY="sk-hunter2hunter2",
        OPENAI_BASE_URL="http://127.0.0.1:9/v1",
    )
    assert done.returncode == 1
    assert "WRONG  Model: openai-chat:x" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_the_kept_key_is_replaced_while_nothing_runs(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        alone = Settings(home=Path(folder), database_url=None, redis_url=None, _env_file=None)
        with servers(alone) as filled:
            assert filled.database_url is not None
            assert command(alone, "rotate-key").stderr.startswith("tabletalk: Tabletalk is running with the old key")
            url = filled.database_url.get_secret_value()
            assert command(alone, "migrate").returncode == 0
            assert command(alone, "databases", "register", "own", TABLETALK_REGISTER_URL=url).returncode == 0
        before = (Path(folder) / "secret_key").read_text()
        done = command(alone, "rotate-key")
        assert done.returncode == 0, done.stderr
        assert "1 credential(s)" in done.stderr
        assert (Path(folder) / "secret_key").read_text() != before
        assert command(alone, "databases", "check", "own").returncode == 0


def test_a_widget_key_from_making_to_revoking(run: Run, local: Settings) -> None:
    with servers(local) as filled:
        assert filled.database_url is not None
        url = filled.database_url.get_secret_value()
    assert run("databases", "register", "pages", TABLETALK_REGISTER_URL=url).returncode == 0
    wanted = ("embed", "create", "portal", "--origin", "https://portal.example.com", "--tables", "pages")
    made = run(*wanted, "--accent", "#7a1e4a", "--address", "https://chat.example.com")
    assert made.returncode == 0, made.stderr
    assert "tts_" in made.stderr
    assert "tts_" not in made.stdout
    assert made.stdout.startswith('<script src="https://chat.example.com/embed/widget.js?key=ttw_')
    assert run("embed", "show", "portal", "--address", "https://chat.example.com").stdout == made.stdout
    assert [one["name"] for one in json.loads(run("embed", "list", "--json").stdout)] == ["portal"]
    dull = run("embed", "create", "dull", "--origin", "https://x.example", "--tables", "pages", "--theme", "blue")
    assert (dull.returncode, dull.stderr[:32]) == (1, "tabletalk: The chat cannot look ")
    assert json.loads(run("embed", "revoke", "portal", "--json").stdout)[0]["revoked_at"]
    assert run("databases", "forget", "pages", "--yes").returncode == 0


def test_a_verified_question_from_the_command_line(run: Run, local: Settings) -> None:
    with servers(local) as filled:
        assert filled.database_url is not None
        url = filled.database_url.get_secret_value()
    assert run("databases", "register", "kept", TABLETALK_REGISTER_URL=url).returncode == 0
    refused = run("examples", "add", "kept", "how many?", "delete from tabletalk.users")
    assert (refused.returncode, refused.stdout) == (1, "")
    made = run("examples", "add", "kept", "one?", "select 1 as one", "--json")
    assert made.returncode == 0, made.stderr
    number = json.loads(made.stdout)[0]["id"]
    assert [one["question"] for one in json.loads(run("examples", "list", "kept", "--json").stdout)] == ["one?"]
    assert run("examples", "remove", number).returncode == 0
    assert json.loads(run("examples", "list", "--json").stdout) == []
    assert run("databases", "forget", "kept", "--yes").returncode == 0


def test_a_backup_is_refused_while_the_servers_are_kept(run: Run, tmp_path: Path) -> None:
    file = str(tmp_path / "store.backup")
    assert json.loads(run("backup-store", file, "--json").stdout)["databases"] == 0
    again = run("backup-store", file)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert run("backup-store", file, "--yes").returncode == 0
    assert run("restore-store", file, "--yes").stderr.startswith("tabletalk: Tabletalk is running on this store")


def test_the_help_tells_the_exit_codes(run: Run) -> None:
    told = " ".join(run("--help").stdout.split())
    assert "Exit codes: 0 done; 1 refused or failed" in told
    assert run("nonsense").returncode == 2
