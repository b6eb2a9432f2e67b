"""`make run`'s supervisor as a real process, over stand-ins for the web process and the worker."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.up import require_port, run_command, url_of
from tools.embedded import places_of, running
from tools.errors import ConfigurationError, StoreUnavailable
from tools.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WEB = """
import http.server, os
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(os.environ["TABLETALK_DATABASE_URL"].encode())
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["TABLETALK_PORT"])), Health).serve_forever()
"""
WORKER = "import signal; signal.pause()"
UP = """
import sys
from assistant import cli, up
scripts = {"assistant.web": sys.argv[1], "workers": sys.argv[2]}
real = up.program
def program(module, *arguments):
    return (sys.executable, "-c", scripts[module]) if module in scripts else real(module, *arguments)
up.program = program
sys.argv = ["tabletalk", "up", *sys.argv[3:]]
cli.main()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def settings(home: Path) -> Settings:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    return Settings(home=home, port=port, demo=False, database_url=None, redis_url=None, _env_file=None)


class Up:
    """A supervisor in a process of its own."""

    def __init__(self, settings: Settings, web: str = WEB, worker: str = WORKER, command: tuple[str, ...] = ()) -> None:
        self.settings = settings
        self.process = subprocess.Popen(
            [*command, sys.executable, "-c", UP, web, worker],
            cwd=ROOT,
            env=settings.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.told: list[str] = []

    def until(self, words: str) -> str:
        """Read what it tells until a line with `words`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(line)
            if words in line:
                return line
        pytest.fail(f"no line with {words!r} in:\n{''.join(self.told)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, read the rest, give the exit code."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.told.extend(self.process.stdout)
        return self.process.wait(60)


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def starting(**differing: object) -> Up:
        started.append(Up(settings, **differing))  # type: ignore[arg-type]
        return started[-1]

    yield starting
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        if one.process.stdout is not None:
            one.process.stdout.close()


def processes_with(*marks: str) -> dict[int, str]:
    """Processes whose command line or environment names one of `marks`."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue
        if int(entry.name) != os.getpid() and any(mark.encode() in text for mark in marks):
            found[int(entry.name)] = text[:200].replace(b"\0", b" ").decode()
    return found


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited 30 s for {what}"
        time.sleep(0.02)


def pid_of(settings: Settings, script: str) -> int | None:
    """The process of this home that runs `script`."""
    found = [pid for pid in processes_with(str(settings.home)) if script.encode() in _command(pid)]
    return next((pid for pid in found if _command(pid).count(b"\0") == 3), None)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_tells_its_url_and_a_signal_stops_everything(
    settings: Settings, start: Callable[..., Up], number: int
) -> None:
    one = start()
    assert one.until("is ready").strip() == f"Tabletalk is ready: {url_of(settings)}"
    assert len(processes_with(str(settings.home))) > 4
    found = running(settings)
    assert found is not None
    assert found.web == url_of(settings)
    assert one.end(number) == 0
    assert one.told[-1] == "Stopped.\n"
    assert processes_with(str(settings.home)) == {}
    assert (settings.home / "secret_key").stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_when_the_supervisor_is_killed(settings: Settings, start: Callable[..., Up]) -> None:
    one = start()
    one.until("is ready")
    one.process.kill()
    one.process.wait()
    until(lambda: not processes_with(str(settings.home)), "all processes to end")
    again = start()
    again.until("is ready")
    assert "Bringing the store up to date\n" in one.told
    assert "Bringing the store up to date\n" not in again.told
    assert again.end() == 0


def test_it_stops_when_make_is_killed(settings: Settings, start: Callable[..., Up]) -> None:
    parent = "import subprocess, sys; subprocess.run([*sys.argv[1:], '--with-parent'])"
    one = start(command=(sys.executable, "-c", parent))
    one.until("is ready")
    one.end(signal.SIGKILL)
    assert one.told[-1] == "Stopped.\n"
    until(lambda: not processes_with(str(settings.home)), "all processes to end")


@pytest.mark.parametrize("script", [WEB, WORKER])
def test_a_killed_child_is_started_again(settings: Settings, start: Callable[..., Up], script: str) -> None:
    one = start()
    one.until("is ready")
    before = pid_of(settings, script)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    one.until("was killed by SIGKILL; starting it again")
    until(lambda: pid_of(settings, script) not in (before, None), "the child")
    assert one.end() == 0


def test_a_child_that_always_dies_ends_the_run_in_words(start: Callable[..., Up]) -> None:
    one = start(web="import sys; sys.exit('No module named sense: error')")
    one.until("tabletalk: ")
    assert one.process.wait(60) == 1
    assert re.search(
        r"^tabletalk: The web process ended with exit code 1 \d times in a row; see '.*web\.log'\. "
        r"Last words: No module named sense: error$",
        one.told[-1],
    )


def test_a_second_run_says_where_the_first_is(settings: Settings, start: Callable[..., Up]) -> None:
    one = start()
    one.until("is ready")
    second = start()
    assert second.until("already running").endswith(f"{url_of(settings)} (process {one.process.pid}).\n")
    assert second.process.wait(30) == 0
    assert one.process.poll() is None


def test_a_taken_port_is_one_line_and_nothing_is_made(settings: Settings, start: Callable[..., Up]) -> None:
    with closing(socket.create_server(("127.0.0.1", settings.port))):
        one = start()
        line = one.until("tabletalk: ")
        assert one.process.wait(30) == 1
    assert line == (
        f"tabletalk: Port {settings.port} on 127.0.0.1 is taken by another program; "
        f"set another one: TABLETALK_PORT={settings.port + 1}\n"
    )
    assert one.told == [line]
    assert not (places_of(settings).state / "postgres").exists()


def test_an_address_of_another_machine_is_refused(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"host": "192.0.2.1"})
    with pytest.raises(ConfigurationError, match=r"Cannot listen on 192\.0\.2\.1:.* Set TABLETALK_HOST"):
        require_port(elsewhere)


def test_a_command_that_fails_gives_its_reason(settings: Settings, tmp_path: Path) -> None:
    broken = settings.model_copy(update={"log_level": "LOUD"})
    with pytest.raises(StoreUnavailable, match=r"^Wrong setting: TABLETALK_LOG_LEVEL"):
        run_command(broken, ("migrate",), tmp_path / "start.log")
