"""The documents tell the truth: every command and setting they name exists."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from assistant.cli import app
from tools.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "chainlit.md", ROOT / ".env.example"]
OUTSIDE = {"OPENAI_API_KEY", "OPENAI_BASE_URL"}
TESTS_OWN = {"TABLETALK_TEST_POSTGRES", "TABLETALK_TEST_MYSQL", "TABLETALK_BENCH_DATA"}


def variables() -> set[str]:
    """Environment variables that the settings read."""
    return {f"TABLETALK_{name.upper()}" for name in Settings.model_fields} | OUTSIDE


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_named_exists(document: Path) -> None:
    named = set(re.findall(r"\b(?:TABLETALK|OPENAI)_[A-Z_]+[A-Z]\b", document.read_text()))
    assert named <= variables() | TESTS_OWN


def commands() -> list[str]:
    """Every `tabletalk ...` line of the README's code blocks."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("tabletalk ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_named_exists(line: str) -> None:
    words = shlex.split(line)[1:]
    command = get_command(app)
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, f"no such command: {line}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", (ROOT / "README.md").read_text()))
def test_every_make_target_named_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_make_test_looks_for_browser_tests_wherever_there_are_some() -> None:
    named = re.search(r"-m browser (.+)", (ROOT / "Makefile").read_text())
    assert named is not None
    tests = (ROOT / "tests").rglob("test_*.py")
    marked = [test for test in tests if re.search(r"pytest\.mark\.browser", test.read_text())]
    assert marked
    for test in marked:
        assert any(test.is_relative_to(ROOT / folder) for folder in named[1].split()), test


def test_every_relative_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)|src(?:set)?=\"([^\"]+)\"", (ROOT / "README.md").read_text())
    for link in (one or other for one, other in links):
        assert link.startswith("http") or (ROOT / link).exists(), link
