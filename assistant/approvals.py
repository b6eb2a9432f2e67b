"""What a call that waits for approval would do, in words: what, how much, and what is not touched."""

from collections.abc import Awaitable, Callable
from typing import Any

from tools.databases import consequence_of_forgetting
from tools.errors import AssistantError
from tools.jobs.schedules import consequence_of_removing
from tools.schemas import consequence_of_untraining
from tools.toolbox import Actor, Toolbox

CONSEQUENCES: dict[str, Callable[..., Awaitable[str]]] = {
    "delete_schedule": consequence_of_removing,
    "forget_database": consequence_of_forgetting,
    "untrain_tables": consequence_of_untraining,
}
"""Every tool that needs approval, and the function that says what it would do; a test holds the two together."""


async def consequence(box: Toolbox, actor: Actor, tool: str, args: dict[str, Any]) -> str:
    """Say what calling `tool` with `args` would do; when it could not be done at all, say that."""
    try:
        return await CONSEQUENCES[tool](box, actor, **args)
    except AssistantError as error:
        return str(error)
