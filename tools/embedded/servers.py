"""Start the embedded servers, or join those that another process of the same home keeps."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, SecretStr

from tools.embedded import postgres, valkey
from tools.embedded.keeper import Child, Keeper, Tell, quiet
from tools.embedded.places import Places
from tools.errors import Conflict, StoreUnavailable
from tools.settings import Settings

JOIN_SECONDS = 60
"""How long to wait for another process's servers to come up, or for a command to be done with them."""
DYING_SECONDS = 0.5
"""A process that was just killed holds its lock for an instant more."""
LOG_SECONDS = 30
"""How often the logs' sizes are looked at."""

Purpose = Literal["up", "command"]


class Running(BaseModel, frozen=True):
    """Who keeps the servers of a home; lies beside their lock while they run."""

    pid: int
    purpose: Purpose
    web: str | None = None
    """Where the chat is, once it is up."""


class AlreadyRunning(Conflict):
    """Tabletalk is up on this home already."""

    title = "Already running"

    def __init__(self, home: Path, found: Running) -> None:
        """Say where."""
        super().__init__(
            f"Tabletalk is already running on {str(home)!r}: {found.web or 'still starting'} (process {found.pid})."
        )


@contextmanager
def servers(
    settings: Settings, *, purpose: Purpose = "command", tell: Tell = quiet, lost: Tell = quiet
) -> Iterator[Settings]:
    """Give `settings` with both URLs filled in, and keep the servers that they name alive inside the block.

    What the user set stays as it is; with both set, nothing is started. When another process keeps the servers of
    this home, they are joined; `purpose="up"` joins nobody: AlreadyRunning, or a short wait for a command to end.
    `tell` gets a line when a server died and is restarted, `lost` when it cannot be restarted.
    Errors: ConfigurationError (platform, folder, disk), StoreUnavailable (a server does not start), each one line.
    """
    if settings.database_url is not None and settings.redis_url is not None:
        yield settings
        return
    places = places_of(settings)
    places.prepare()
    with _hold(places, purpose, tell) as owner:
        filled = _fill(settings, places)
        if not owner:
            _await_ready(settings, places)
            yield filled
            return
        with _kept(_children(settings, places), tell, lost):
            _record(places, Running(pid=os.getpid(), purpose=purpose))
            try:
                yield filled
            finally:
                _record(places, None)
                if purpose == "command":
                    _await_joined(places)
        places.tidy()


def running(settings: Settings) -> Running | None:
    """Tell who keeps the servers of this home; None when nobody does."""
    places = places_of(settings)
    if _free(places.state / "lock"):
        return None
    return _read(places)


def announce(settings: Settings, web: str) -> None:
    """Write down where the chat is, for whoever asks `running`."""
    places = places_of(settings)
    if (places.state / "running.json").exists():
        _record(places, Running(pid=os.getpid(), purpose="up", web=web))


def places_of(settings: Settings) -> Places:
    """The folders of this set-up."""
    return Places(settings.home.expanduser().absolute())


def _fill(settings: Settings, places: Places) -> Settings:
    return settings.model_copy(
        update={
            "home": places.home,
            "database_url": settings.database_url or SecretStr(postgres.url(places)),
            "redis_url": settings.redis_url or SecretStr(valkey.url(places)),
        }
    )


def _children(settings: Settings, places: Places) -> Iterator[Child]:
    if settings.redis_url is None:
        yield valkey.child(places)
    if settings.database_url is None:
        yield postgres.child(places)


@contextmanager
def _kept(children: Iterator[Child], tell: Tell, lost: Tell) -> Iterator[None]:
    keepers: list[Keeper] = []
    over = threading.Event()
    try:
        for child in children:
            keeper = Keeper(child, tell, lost)
            keepers.append(keeper)
            keeper.start()
        for keeper in keepers:
            keeper.wait_ready()
        threading.Thread(target=_bound_logs, args=(keepers, over), name="logs", daemon=True).start()
        yield
    finally:
        over.set()
        for keeper in reversed(keepers):
            keeper.stop()


def _bound_logs(keepers: list[Keeper], over: threading.Event) -> None:
    while not over.wait(LOG_SECONDS):
        for keeper in keepers:
            keeper.bound_log()


@contextmanager
def _hold(places: Places, purpose: Purpose, tell: Tell) -> Iterator[bool]:
    """Take the home's lock (True), or a share in the servers of the process that has it (False)."""
    began = time.monotonic()
    waiting = False
    with (places.state / "lock").open("a") as lock, (places.state / "joined").open("a") as joined:
        while not _try(lock.fileno(), fcntl.LOCK_EX):
            found = _read(places)
            waited = time.monotonic() - began
            if purpose == "up" and found is not None and found.purpose == "up" and waited > DYING_SECONDS:
                raise AlreadyRunning(places.home, found)
            if purpose == "command" and found is not None and _try(joined.fileno(), fcntl.LOCK_SH):
                if _read(places) is not None:  # else its keeper is on its way out
                    yield False
                    return
                fcntl.flock(joined, fcntl.LOCK_UN)
            if waited > JOIN_SECONDS:
                raise StoreUnavailable(
                    f"Another process{f' ({found.pid})' if found else ''} holds {str(places.home)!r} and does not "
                    "let go; end it, or set TABLETALK_HOME to another folder."
                )
            if not waiting and waited > DYING_SECONDS:
                waiting = True
                tell(f"Waiting for another command on {str(places.home)!r} to end")
            time.sleep(0.05)
        _record(places, None)  # of a keeper that was killed
        yield True


def _await_ready(settings: Settings, places: Places) -> None:
    deadline = time.monotonic() + JOIN_SECONDS
    while not (
        (settings.redis_url is not None or valkey.is_ready(places))
        and (settings.database_url is not None or postgres.is_ready(places))
    ):
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"The servers of {str(places.home)!r} do not come up; see {str(places.logs)!r}.")
        time.sleep(0.05)


def _await_joined(places: Places) -> None:
    """Wait until every command that joined our servers has ended."""
    with (places.state / "joined").open("a") as joined:
        fcntl.flock(joined, fcntl.LOCK_EX)


def _try(file: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        return True
    return False


def _free(path: Path) -> bool:
    try:
        with path.open("a") as lock:
            return _try(lock.fileno(), fcntl.LOCK_SH)
    except OSError:
        return True


def _read(places: Places) -> Running | None:
    try:
        return Running.model_validate_json((places.state / "running.json").read_text())
    except (FileNotFoundError, ValueError):
        return None


def _record(places: Places, state: Running | None) -> None:
    file = places.state / "running.json"
    if state is None:
        file.unlink(missing_ok=True)
        return
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(state.model_dump_json())
    unfinished.replace(file)
