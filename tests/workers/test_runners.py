"""Every name that crosses the queue as text is there."""

import inspect
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
