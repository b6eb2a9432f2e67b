"""Where a benchmark of the whole product runs: embedded servers of its own, migrated, and a model that is scripted."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.assistant.chat.conftest import Site, serving
from tests.openai_stub import Stub, serve
from tools.embedded import servers
from tools.settings import Settings
from tools.store.session import migrate


@dataclass
class Place:
    """A folder with a store and a queue in it."""

    settings: Settings
    stub: Stub
    home: Path

    @contextmanager
    def product(self, **more: str) -> Iterator[Site]:
        """Run a web process and a worker, with `more` settings, until the end of the block."""
        with serving(self.settings, self.stub, "", self.home, **more) as site:
            yield site


@contextmanager
def store(**more: Any) -> Iterator[Settings]:
    """Start the servers alone, with `more` settings; at the end of the block all of it is gone."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-bench-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with servers(Settings(home=home, _env_file=None, **more)) as settings:
            assert settings.database_url is not None
            migrate(settings.database_url.get_secret_value())
            yield settings


@contextmanager
def place() -> Iterator[Place]:
    """Start the servers; at the end of the block all of it is gone."""
    with serve() as stub, store() as settings:
        yield Place(settings, stub, settings.home)


def resident(pid: int) -> float:
    """Resident memory of a process in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
