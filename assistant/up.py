"""`make run`: embedded servers, web process and worker under one supervisor, from checks to the last stop."""

import asyncio
import errno
import http.client
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console

from tools.credentials import secret_key
from tools.embedded import announce, lifeline, places_of, running, servers
from tools.embedded.keeper import Child, Keeper, last_words
from tools.errors import AssistantError, ConfigurationError, StoreUnavailable
from tools.settings import Settings
from tools.store.version import is_current

ROOT = Path(__file__).resolve().parents[1]
"""The checkout, or the folder of the installed packages: where children find `assistant`, `tools` and `workers`."""
SHOP_PREPARED = "shop-prepared"
"""Stands in `home` from the first start on: a shop that a person forgets later stays forgotten."""
DAY_SECONDS = 86_400
PORT_SECONDS = 2
"""A web process that was just killed may hold its port for an instant more."""


class Narrator:
    """Tells on stderr what is going on: with a spinner on a terminal, in plain lines elsewhere."""

    def __init__(self) -> None:
        """Look whether anybody is watching."""
        self.console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """Print one line."""
        self.console.print(line, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Tell that `what` is being done, and how long it took."""
        started = time.monotonic()
        if not self.console.is_terminal:
            self.say(what)
            yield
            return
        with self.console.status(what):
            yield
        self.say(f"{what}: {time.monotonic() - started:.1f} s")


def up(settings: Settings, narrator: Narrator, *, with_parent: bool = False) -> None:
    """Run everything until a signal; returns after a clean stop.

    `with_parent` stops too when the process that started this one dies (make). Errors, each one line:
    ConfigurationError (port, folder, disk, platform), AlreadyRunning, StoreUnavailable (something does not start).
    """
    if with_parent:
        lifeline.die_with_parent(signal.SIGTERM)
    ended = Ended()
    try:
        with ended.on_signals():
            if running(settings) is None:
                require_port(settings)
            _run(settings, narrator, ended)
    except KeyboardInterrupt:
        narrator.say("Stopped.")


def require_port(settings: Settings) -> None:
    """ConfigurationError when the web process could not listen where the settings say."""
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with closing(socket.socket(family, kind, protocol)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ConfigurationError(
                    f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}. "
                    "Set TABLETALK_HOST and TABLETALK_PORT to an address of this machine."
                ) from None
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"Port {settings.port} on {settings.host} is taken by another program; "
                    f"set another one: TABLETALK_PORT={settings.port + 1}"
                ) from None
        else:
            return
        time.sleep(0.05)


def _run(settings: Settings, narrator: Narrator, ended: "Ended") -> None:
    with ExitStack() as stack:
        embedded = settings.database_url is None or settings.redis_url is None
        with narrator.step("Starting PostgreSQL and Valkey" if embedded else "Using the servers of the settings"):
            filled = stack.enter_context(servers(settings, purpose="up", tell=narrator.say, lost=ended.fail))
        require_port(filled)
        logs = places_of(filled).logs
        filled = filled.model_copy(update={"secret_key": SecretStr(secret_key(filled))})
        stack.callback(narrator.say, "Stopping the servers")
        if not asyncio.run(is_current(_url(filled))):
            with narrator.step("Bringing the store up to date"):
                run_command(filled, ("migrate",), logs / "start.log")
        keepers = [Keeper(child, narrator.say, ended.fail) for child in (_worker(filled, logs), _web(filled, logs))]
        for keeper in keepers:
            stack.callback(keeper.stop)
            keeper.start()
        stack.callback(narrator.say, "Stopping web process and worker")
        _prepare_shop(filled, narrator, logs)
        with narrator.step("Waiting for the web process"):
            for keeper in keepers:
                keeper.wait_ready()
        announce(filled, url_of(filled))
        narrator.say(f"Data and logs: {places_of(filled).home}. Ctrl-C stops everything.")
        sys.stdout.write(f"Tabletalk is ready: {url_of(filled)}\n")
        sys.stdout.flush()
        _renew_shop(filled, narrator, logs)
        _wait(keepers, ended)


def _prepare_shop(settings: Settings, narrator: Narrator, logs: Path) -> None:
    """Have the sample shop at the first start; a person can work without it, so its failure is told and no more."""
    prepared = settings.home / SHOP_PREPARED
    if not settings.demo or prepared.exists():
        return
    try:
        with narrator.step("Preparing the sample shop"):
            run_command(settings, ("demo", "--no-sync"), logs / "start.log")
    except AssistantError as error:
        narrator.say(f"No sample shop: {error}")
    else:
        prepared.touch()
        os.utime(prepared, (0, 0))  # its rows are synced once people can work: see _renew_shop


def _renew_shop(settings: Settings, narrator: Narrator, logs: Path) -> None:
    """Bring the shop's orders up to today and have them synced, once a day and while people can work already."""
    prepared = settings.home / SHOP_PREPARED
    if not settings.demo or not prepared.exists() or time.time() - prepared.stat().st_mtime < DAY_SECONDS:
        return
    try:
        run_command(settings, ("demo", "--renew"), logs / "start.log")
    except AssistantError as error:
        narrator.say(f"The sample shop stays as it was: {error}")
    else:
        prepared.touch()


def _wait(keepers: list[Keeper], ended: "Ended") -> None:
    while not ended.event.wait(30):
        for keeper in keepers:
            keeper.bound_log()
    raise StoreUnavailable(ended.reason)


def run_command(settings: Settings, command: tuple[str, ...], log: Path) -> None:
    """Run a `tabletalk` command in a process of its own, whose memory is given back; StoreUnavailable when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = lifeline.spawn(
            program("assistant.cli", *command),
            death_signal=signal.SIGKILL,
            output=output,
            env=child_environment(settings),
        )
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        lifeline.reaped(process.pid)
    if code != 0:
        raise StoreUnavailable(f"{last_words(log).removeprefix('tabletalk: ')}")


def program(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs one of our modules, whatever the working folder is."""
    return (sys.executable, "-P", "-m", module, *arguments)


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process of ours: these settings, and where the code lies."""
    environment = settings.environment()
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))}


def url_of(settings: Settings) -> str:
    """Where a browser on this machine finds the chat."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def _web(settings: Settings, logs: Path) -> Child:
    return Child(
        name="The web process",
        command=program("assistant.web"),
        log=logs / "web.log",
        ready=lambda: _is_healthy(settings),
        ready_seconds=120,
        env=child_environment(settings),
    )


def _worker(settings: Settings, logs: Path) -> Child:
    return Child(
        name="The worker",
        command=program("workers"),
        log=logs / "worker.log",
        ready=lambda: True,
        stop_seconds=20,
        env=child_environment(settings),
    )


def _is_healthy(settings: Settings) -> bool:
    host, _, port = url_of(settings).removeprefix("http://").rpartition(":")
    with closing(http.client.HTTPConnection(host.strip("[]"), int(port), timeout=5)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


class Ended:
    """How the run ends: by a signal (KeyboardInterrupt in the main thread), or because a process cannot be kept."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.reason = ""

    def fail(self, reason: str) -> None:
        """End the run with `reason`; called from a keeper's thread."""
        self.reason = self.reason or reason
        self.event.set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Turn the first of SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt; while stopping, more change nothing."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            numbers.append(signal.SIGHUP)
        stopping = False

        def stop(_number: int, _frame: object) -> None:
            nonlocal stopping
            if not stopping:
                stopping = True
                raise KeyboardInterrupt

        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
