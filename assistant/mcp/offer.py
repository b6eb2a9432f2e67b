"""Which tools somebody else's model may call, how they are described, and what a call comes to."""

from collections.abc import Awaitable, Callable
from typing import Any

import mcp.types as protocol
import structlog
from pydantic import ValidationError
from pydantic_ai import RunContext, ToolReturn
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.toolsets import ToolsetTool
from pydantic_ai.usage import RunUsage

from assistant.agent import toolset
from assistant.mcp.asked import toolset as asked
from assistant.offline.model import OfflineModel
from tools.connectors.base import Frozen
from tools.desk import Desk
from tools.errors import AssistantError, NotFound
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

FOR_A_PERSON = {"ask_back", "register_database"}
"""Tools that show a person a card: a program has none to show it to."""
READING = ("ask", "find_", "describe_", "list_", "check_", "run_query", "rerun_query", "query_history")
STATUS = ("_status", "_stats", "_history")


class Offer:
    """What one person's model may call, and the calling of it."""

    def __init__(self, box: Toolbox, actor: Actor) -> None:
        """Offer what the agent has, and asking in words."""
        desk = Desk(box, actor)
        self._context = RunContext(deps=desk, model=OfflineModel(desk), usage=RunUsage())
        self._toolset = toolset(asked)

    async def tools(self) -> dict[str, ToolsetTool[Desk]]:
        """The tools by name, but for those that need a person at the other end."""
        there = (await self._toolset.get_tools(self._context)).items()
        return {name: tool for name, tool in there if tool.tool_def.kind == "function" and name not in FOR_A_PERSON}

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """What a tool gives; NotFound for one that is not offered, ToolFailed with the reason when it cannot."""
        tools = await self.tools()
        if name not in tools:
            raise NotFound(f"No tool {name!r} here; there are: {', '.join(sorted(tools))}.")
        checked = tools[name].args_validator.validate_python(arguments)
        given = await self._toolset.call_tool(name, checked, self._context, tools[name])
        return given.return_value if isinstance(given, ToolReturn) else given


def described(tool: ToolsetTool[Desk]) -> protocol.Tool:
    """Describe a tool as the protocol has it."""
    about = tool.tool_def
    reads = about.name.startswith(READING) or about.name.endswith(STATUS)
    return protocol.Tool(
        name=about.name,
        description=about.description,
        inputSchema=about.parameters_json_schema,
        annotations=protocol.ToolAnnotations(readOnlyHint=reads, openWorldHint=False),
    )


async def telling(work: Callable[[], Awaitable[Any]]) -> protocol.CallToolResult:
    """Tell what `work` gives, or why it did not: the one place where this door turns errors into words."""
    try:
        return _told(await work())
    except ValidationError as error:
        # Only where and what: the value itself may be a secret.
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        reason = f"Invalid arguments: {faults}."
    except AssistantError as error:
        reason = f"{error.title}: {error}"
    except (ToolFailed, ModelRetry) as error:
        reason = error.message
    except Exception:  # the door's last resort: no traceback may leave the house
        log.exception("tool failed")
        reason = "Internal error: something unexpected went wrong inside Tabletalk; its log has the details."
    return protocol.CallToolResult(content=[protocol.TextContent(type="text", text=reason)], isError=True)


def _told(given: Any) -> protocol.CallToolResult:
    if not isinstance(given, Frozen):
        return protocol.CallToolResult(content=[protocol.TextContent(type="text", text=str(given))])
    text = protocol.TextContent(type="text", text=given.model_dump_json(exclude_defaults=True))
    return protocol.CallToolResult(content=[text], structuredContent=given.model_dump(mode="json"))
