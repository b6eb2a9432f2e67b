"""The environment's one reader, and the file that documents it."""

import os
import re
from pathlib import Path

import pytest

from tools.errors import ConfigurationError
from tools.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def variables() -> dict[str, object]:
    """Every setting's variable and its default."""
    return {
        str(field.validation_alias or f"TABLETALK_{name}".upper()): field.get_default(call_default_factory=False)
        for name, field in Settings.model_fields.items()
    }


def test_the_example_lists_each_setting_once_with_its_default() -> None:
    listed = re.findall(r"^#?([A-Z_]+)=(\S*)", EXAMPLE.read_text(), re.MULTILINE)
    assert [name for name, _ in listed] == list(dict(listed))
    expected = variables()
    assert set(dict(listed)) == set(expected)
    for name, shown in listed:
        default = expected[name]
        plain = "" if name == "TABLETALK_HOME" or default in (None, ()) else str(default)
        assert shown == (plain.lower() if isinstance(default, bool) else plain), name


def test_a_child_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        redis_url="unix:///a b?db=0",
        secret_key="s" * 40,
        allow_hosts=("db.lan", "10.0.0.0/8"),
        demo=False,
        query_seconds=2.5,
        _env_file=None,
    )
    environment = settings.environment()
    assert environment["PATH"] == os.environ["PATH"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == settings


def test_an_empty_value_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLETALK_DATABASE_URL", "")
    monkeypatch.setenv("TABLETALK_PORT", "")
    settings = Settings(_env_file=None)
    assert (settings.database_url, settings.port) == (None, 8000)


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load_settings.cache_clear()
    monkeypatch.setenv("TABLETALK_PORT", "eighty")
    with pytest.raises(ConfigurationError, match=r"^Wrong setting: TABLETALK_PORT: .*integer"):
        load_settings()
