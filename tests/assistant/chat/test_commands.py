"""Commands with a slash, as they are typed."""

import pytest

from assistant.chat.commands import COMMANDS, MENU, Call, parse


@pytest.mark.parametrize(
    ("typed", "call"),
    [
        ("/jobs", Call("jobs", "")),
        ("  /Jobs  ", Call("jobs", "")),
        ("/sql select 1", Call("sql", "select 1")),
        ("/sql shop\nselect 1\nfrom t", Call("sql", "shop\nselect 1\nfrom t")),
        ("/nonsense", Call("nonsense", "")),
        ("/sql /sql select 1", Call("sql", "/sql select 1")),
        ("jobs", None),
        ("what is 1/2?", None),
        ("/usr/bin is a path", None),
        ("/", None),
        ("", None),
    ],
)
def test_what_is_a_command(typed: str, call: Call | None) -> None:
    assert parse(typed) == call


def test_every_command_stands_in_the_menu() -> None:
    assert [entry["id"] for entry in MENU] == list(COMMANDS)
    assert all(entry["description"] for entry in MENU)
