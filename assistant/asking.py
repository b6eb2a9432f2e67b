"""The tool with which a model asks back, giving concrete readings as buttons instead of guessing."""

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools.cards import Choice, ChoicesCard
from tools.desk import Desk

toolset = FunctionToolset[Desk]()


@toolset.tool
async def ask_back(ctx: RunContext[Desk], prompt: str, choices: list[Choice]) -> ToolReturn[str]:
    """Ask the person which reading is meant, when a question has two or more that give different answers.

    Args:
        prompt: The question in one sentence, e.g. `"Best" can mean two things here:`.
        choices: Two to five readings; `label` is the button's text, `message` the full question it sends.
    """
    card = ChoicesCard(prompt=prompt, choices=tuple(choices))
    return ToolReturn(
        return_value="The choices are shown as buttons. End your turn with at most one short sentence.",
        metadata={"cards": [card.model_dump(mode="json")]},
    )
