"""Every name that crosses the queue as text is there."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from tools.errors import Invalid
from tools.queue import EXECUTE
from workers.runners import RUNNERS, runner_of


@pytest.mark.parametrize("kind", RUNNERS)
def test_each_runner_resolves(kind: str) -> None:
    assert inspect.iscoroutinefunction(runner_of(kind))


def test_what_the_queue_names_resolves() -> None:
    module, _, name = EXECUTE.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(Invalid, match="'mow'"):
        runner_of("mow")


def test_what_a_sync_starts_with_holds_nothing_that_it_does_not_need() -> None:
    """Each of these would cost every job's process megabytes."""
    heavy = ("sqlglot", "openai", "pydantic_ai", "chainlit", "fastapi", "alembic", "numpy", "xlsxwriter", "rich")
    script = "import sys, workers.__main__ as m; m.preload(); print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"sqlalchemy", "asyncpg", "aiomysql"} <= loaded, "a job finds them warm"
    assert not loaded & {*heavy, "opentelemetry"}
