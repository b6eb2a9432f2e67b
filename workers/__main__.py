"""Run the workers: `python -m workers`, with TABLETALK_DATABASE_URL and TABLETALK_REDIS_URL set."""

import sys
from functools import partial
from importlib import import_module

from tools import english, logs
from tools.errors import AssistantError, ConfigurationError
from tools.settings import Settings, load_settings
from workers import runners
from workers.crew import Crew
from workers.ticker import tick_forever
from workers.worker import shares, work


def main() -> int:
    """Start the crew and keep it until SIGTERM; gives the exit status."""
    try:
        settings = load_settings()
        if settings.database_url is None or settings.redis_url is None:
            raise ConfigurationError(
                "A worker needs TABLETALK_DATABASE_URL and TABLETALK_REDIS_URL: the same two that the web process uses."
            )
        logs.configure(settings)
        preload()
        crew_of(settings, settings.redis_url.get_secret_value()).run()
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def preload() -> None:
    """Load what jobs need before the first fork, so that each starts warm and shares the memory.

    A query that runs in the background loads the guard itself: all others would carry it along.
    """
    english.pack()
    import_module("workers.jobs")
    for kind in runners.RUNNERS.keys() - {"query"}:
        runners.runner_of(kind)


def crew_of(settings: Settings, redis_url: str) -> Crew:
    """The ticker and as many workers as the settings ask for."""
    workers = {
        f"worker {number}": partial(work, redis_url, kinds)
        for number, kinds in enumerate(shares(settings.worker_processes), start=1)
    }
    return Crew({"ticker": partial(tick_forever, settings), **workers})


if __name__ == "__main__":
    sys.exit(main())
