"""The script that makes .venv: when it does nothing, and what it says when it cannot."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "environment", tmp_path / ".ci")
    (tmp_path / "some.lock").write_text("anyio==4.0.0 \\\n    --hash=sha256:00\n")
    return tmp_path


def run(checkout: Path, *locks: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [".ci/environment", *locks],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_will_not_do_is_one_line(checkout: Path) -> None:
    done = run(checkout, "some.lock", PYTHON="/bin/false")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "PYTHON=/bin/false is not Python 3.11, 3.12 or 3.13; name another, as in: make run PYTHON=python3.12\n"
    )
    assert not (checkout / ".venv").exists()


def test_what_is_installed_is_left_alone(checkout: Path) -> None:
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to("/bin/true")
    (programs / "tabletalk").symlink_to("/bin/true")
    shutil.copy(checkout / "some.lock", checkout / ".venv" / "installed.lock")
    (checkout / "other.lock").write_text("changed")
    done = run(checkout, "other.lock", "some.lock", PYTHON="/bin/false")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(checkout, "other.lock", PYTHON="/bin/false").returncode == 1
