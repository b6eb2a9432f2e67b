"""Runs kept under a name in the home folder, so that a later one can be held against them."""

import re
from datetime import UTC, datetime
from pathlib import Path

from assistant.evaluation.measure import Outcome
from tools.connectors.base import Frozen
from tools.errors import Invalid, NotFound
from tools.settings import Settings


class Run(Frozen):
    """One evaluation: what was asked of whom, and what came of it."""

    name: str
    database: str
    source: str
    """The file of questions, or `verified`."""
    model: str
    made_at: datetime
    outcomes: tuple[Outcome, ...]


def new_run(name: str, database: str, source: str, model: str, outcomes: tuple[Outcome, ...]) -> Run:
    """A run made now."""
    return Run(name=name, database=database, source=source, model=model, made_at=datetime.now(UTC), outcomes=outcomes)


def _path(settings: Settings, name: str) -> Path:
    if not re.fullmatch(r"[\w.\-]{1,80}", name):
        raise Invalid(f"A run cannot be called {name!r}; use letters, digits, dots and dashes.")
    return settings.home / "evaluations" / f"{name}.json"


def save_run(settings: Settings, run: Run) -> Path:
    """Keep `run` under its name, in place of an earlier one."""
    path = _path(settings, run.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(run.model_dump_json(), encoding="utf-8")
    return path


def load_run(settings: Settings, name: str) -> Run:
    """The run kept under `name`; NotFound names those that are."""
    path = _path(settings, name)
    if not path.exists():
        names = ", ".join(sorted(each.stem for each in path.parent.glob("*.json"))) or "none yet"
        raise NotFound(f"No run named {name!r}; kept: {names}. Keep one with `tabletalk eval ... --save {name}`.")
    return Run.model_validate_json(path.read_text(encoding="utf-8"))
