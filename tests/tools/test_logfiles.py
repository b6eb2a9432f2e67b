"""Log files: what stands in which, how they are parted by day and size, and that processes may share them."""

import json
import logging
import multiprocessing
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from tools.logfiles import DayFiles
from tools.logs import configure
from tools.settings import Settings


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(folder: Path, name: str) -> list[str]:
    return [line for path in sorted(folder.glob(f"{name}-*.log")) for line in path.read_text().splitlines()]


def write(folder: Path, who: str, count: int, size: int = 20_000_000) -> None:
    handler = DayFiles(folder, "app", size=size)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for number in range(count):
        handler.emit(logging.LogRecord("x", logging.INFO, "", 0, f"{who} {number:05} {'-' * 80}", None, None))
    handler.close()


def test_each_line_stands_in_the_files_it_belongs_to(tmp_path: Path) -> None:
    configure(Settings(log_dir=tmp_path, _env_file=None))
    structlog.get_logger("tools.queries.figures").info("query", rows=3)
    structlog.get_logger("tools.sync.run").info("synced")
    structlog.get_logger("assistant.web").error("went wrong", password="hunter2")
    files = ("app", "query", "sync", "error")
    events = {name: [json.loads(line)["event"] for line in lines(tmp_path, name)] for name in files}
    assert events == {
        "app": ["query", "synced", "went wrong"],
        "query": ["query"],
        "sync": ["synced"],
        "error": ["went wrong"],
    }
    assert "hunter2" not in "".join(lines(tmp_path, "app"))
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}, "others on the machine read no log"


def test_without_a_folder_there_are_no_files(tmp_path: Path) -> None:
    configure(Settings(home=tmp_path, _env_file=None))
    structlog.get_logger("x").warning("here")
    assert list(tmp_path.iterdir()) == []


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    write(tmp_path, "a", 30, size=1000)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) > 2
    assert max(sizes) <= 1000
    assert len(lines(tmp_path, "app")) == 30


def test_seven_days_are_kept(tmp_path: Path) -> None:
    today = datetime.now(UTC)
    for days in range(12):
        (tmp_path / f"app-{today - timedelta(days=days):%Y-%m-%d}.log").write_text("x\n")
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, "a", 1)
    kept = sorted(path.name for path in tmp_path.glob("app-*.log"))
    assert kept == [f"app-{today - timedelta(days=days):%Y-%m-%d}.log" for days in range(6, -1, -1)]
    assert (tmp_path / "notes.txt").exists()


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write, args=(tmp_path, str(number), 400, 30_000)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    written = lines(tmp_path, "app")
    assert len(written) == 1600
    assert {len(line) for line in written} == {88}


def test_a_child_opens_files_of_its_own(tmp_path: Path) -> None:
    handler = DayFiles(tmp_path, "app")
    handler.setFormatter(logging.Formatter("%(message)s"))
    record = logging.LogRecord("x", logging.INFO, "", 0, "line", None, None)
    handler.emit(record)
    child = os.fork()
    if child == 0:
        handler.emit(record)
        os._exit(0)
    os.waitpid(child, 0)
    handler.emit(record)
    handler.close()
    assert lines(tmp_path, "app") == ["line"] * 3
