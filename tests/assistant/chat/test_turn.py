"""What a turn shows of the calls it makes."""

from pydantic_ai import FunctionToolset

from assistant.agent import toolset
from assistant.chat.turn import STEPS, UNSEEN


def test_every_tool_is_told_of_in_words() -> None:
    found: set[str] = set()

    def collect(one: object) -> None:
        if isinstance(one, FunctionToolset):
            found.update(one.tools)

    toolset().apply(collect)
    assert "run_query" in found
    assert found - STEPS.keys() - UNSEEN == set(), "a person would read these tools' own names"
    assert STEPS.keys() <= found
