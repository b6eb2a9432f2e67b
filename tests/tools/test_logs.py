"""Log lines: their two formats, and what never stands in them."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from tools.logs import configure
from tools.settings import Settings


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_has_one_object_a_line_for_ours_and_the_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_format="json", _env_file=None))
    structlog.get_logger("tools.x").info("trained", tables=3)
    logging.getLogger("uvicorn").warning("slow %s", "start")
    ours, theirs = (json.loads(line) for line in lines(capsys))
    assert (ours["event"], ours["tables"], ours["level"], ours["logger"]) == ("trained", 3, "info", "tools.x")
    assert (theirs["event"], theirs["level"]) == ("slow start", "warning")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_written(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure(Settings(log_format=log_format, _env_file=None))
    log = structlog.get_logger("x")
    log.info("connecting to mysql://root:hunter2@db/x", password="hunter2", header="Bearer hunter2hunter2")
    logging.getLogger("y").error("key sk-hunter2hunter2 refused")
    try:
        int("postgresql://app:hunter2@db/store")
    except ValueError:
        log.exception("failed", tokens=12)
    written = "\n".join(lines(capsys))
    assert "ValueError" in written
    assert "hunter2" not in written.replace('int("postgresql://app:hunter2@db/store")', "")  # the line of source
    assert "mysql://root:***@db/x" in written
    assert "12" in written


def test_where_nothing_was_said_warnings_go_to_stderr_and_stdout_is_left_alone() -> None:
    program = (
        "import structlog; from tools import logs; logs.unless_configured(); log = structlog.get_logger('x')\n"
        "log.info('quiet'); log.warning('loud', url='mysql://root:hunter2@db/x')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "event='loud' url='mysql://root:***@db/x'\n")


def test_the_level_is_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(log_level="WARNING", _env_file=None))
    structlog.get_logger("x").info("quiet")
    assert lines(capsys) == []
