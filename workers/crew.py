"""The crew: forks workers and a ticker from one warm process, and keeps them alive."""

import gc
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from tools.embedded.lifeline import die_with_parent

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
STEADY_SECONDS = 10
"""A child that lived so long is healthy: its earlier deaths are forgotten."""
LONGEST_PAUSE = 5.0
STOP_SECONDS = 12
"""Longer than a worker gives its work horse to hand the job back."""


@dataclass
class Place:
    """One place in the crew: what its child does, and how it has fared."""

    name: str
    duty: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    deaths: int = 0

    @property
    def due(self) -> float:
        """When the next child may be started: sooner after a long life, later after many short ones."""
        pause = min(LONGEST_PAUSE, 0.1 * 2**self.deaths) if self.deaths else 0.0
        return self.started + pause


class Crew:
    """Children by name, each running its duty; a dead one is replaced."""

    def __init__(self, duties: Mapping[str, Callable[[], None]]) -> None:
        """Nothing is forked yet."""
        self._places = [Place(name, duty) for name, duty in duties.items()]
        self._stopping = False

    def run(self) -> None:
        """Keep the crew complete until SIGTERM or SIGINT, then stop every child; returns when none is left."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        gc.freeze()  # what is loaded by now stays shared with the children
        while not self._stopping:
            for place in self._places:
                if place.pid == 0 and time.monotonic() >= place.due:
                    self._fork(place)
            time.sleep(LOOK_SECONDS)
            self._reap()
        self._dismiss()

    def _stop(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _fork(self, place: Place) -> None:
        parent = os.getpid()
        place.started = time.monotonic()
        place.pid = os.fork()
        if place.pid == 0:
            _be_child(place, parent)

    def _reap(self) -> None:
        for place in self._places:
            if place.pid and os.waitpid(place.pid, os.WNOHANG)[0]:
                steady = time.monotonic() - place.started >= STEADY_SECONDS
                place.pid, place.deaths = 0, 0 if steady else place.deaths + 1
                if not self._stopping:
                    log.warning("a worker process ended, starting another", name=place.name, deaths=place.deaths)

    def _dismiss(self) -> None:
        end = time.monotonic() + STOP_SECONDS
        self._signal(signal.SIGTERM)
        while any(place.pid for place in self._places) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
            self._reap()
        self._signal(signal.SIGKILL)
        for place in self._places:
            if place.pid:
                os.waitpid(place.pid, 0)

    def _signal(self, number: signal.Signals) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)


def _be_child(place: Place, parent: int) -> None:
    """Do the duty of a place in a freshly forked child; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # SIGTERM, not SIGKILL: a worker whose crew is gone still hands its job back.
        die_with_parent(signal.SIGTERM, parent)
        place.duty()
        status = 0
    except (KeyboardInterrupt, SystemExit):
        pass  # asked to stop
    except Exception as error:
        log.exception("worker process failed", name=place.name, error=str(error))
    finally:
        os._exit(status)
