"""The model that needs no key: it reads commands and questions by rule, and runs with the same agent and tools."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from assistant.offline.step import Call, Returned, Step
from assistant.offline.turn import Turn
from tools.desk import Desk

NAME = "offline"
NOT_HERE = "That cannot be done here; ask about the data instead."
"""A door may offer fewer tools than there are."""
PIECE = re.compile(r"\s*(?:\S+\s*){1,3}|\s+")
"""What is streamed at a time: a few words, since each piece costs a pass through the agent."""


class OfflineModel(Model):
    """Answers one turn over a desk: decides on calls of the agent's tools, and puts their results into sentences.

    It runs inside this process and sees what the person sees; nothing leaves the machine.
    """

    def __init__(self, desk: Desk) -> None:
        """Take the desk that the agent's tools work on in the same turn."""
        super().__init__()
        self._turn = Turn(desk)

    @property
    def model_name(self) -> str:
        """What history and doors call it."""
        return NAME

    @property
    def system(self) -> str:
        """Who provides it."""
        return "tabletalk"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Decide the next step of the turn."""
        parts = await self._next(messages, model_request_parameters)
        return ModelResponse(parts=parts, model_name=NAME, usage=RequestUsage())

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """Decide the next step of the turn and stream it in small pieces."""
        parts = await self._next(messages, model_request_parameters)
        yield _Streamed(model_request_parameters, parts)

    async def _next(
        self, messages: Sequence[ModelMessage], parameters: ModelRequestParameters
    ) -> list[ModelResponsePart]:
        prompt, returned = _latest(messages)
        step = await self._turn.after(returned, prompt) if returned else await self._turn.begin(prompt, messages)
        known = {
            tool.name: set(tool.parameters_json_schema.get("properties", {})) for tool in parameters.function_tools
        }
        return _parts(step, known)


def _parts(step: Step, known: dict[str, set[str]]) -> list[ModelResponsePart]:
    """The step as the parts of a response; arguments a tool does not take are left out."""
    if any(call.tool not in known for call in step.calls):
        return [TextPart(NOT_HERE)]
    parts: list[ModelResponsePart] = [TextPart(step.text)] if step.text else []
    parts.extend(ToolCallPart(call.tool, _arguments(call, known.get(call.tool))) for call in step.calls)
    return parts or [TextPart("There is nothing to say to that.")]


def _arguments(call: Call, taken: set[str] | None) -> dict[str, Any]:
    return {name: value for name, value in call.args.items() if value is not None and (taken is None or name in taken)}


def _latest(messages: Sequence[ModelMessage]) -> tuple[str, list[Returned]]:
    """What the person typed last, and what the tools called since have given (none right after typing)."""
    returned: list[Returned] = []
    calls: dict[str, dict[str, Any]] = {}
    for message in messages:
        if isinstance(message, ModelResponse):
            calls |= {
                part.tool_call_id: part.args_as_dict() for part in message.parts if isinstance(part, ToolCallPart)
            }
    newest = messages[-1] if messages else None
    if isinstance(newest, ModelRequest) and not any(isinstance(part, UserPromptPart) for part in newest.parts):
        returned = [
            Returned(
                tool=part.tool_name,
                args=calls.get(part.tool_call_id, {}),
                ok=part.outcome == "success",
                denied=part.outcome == "denied",
                text=part.content if isinstance(part.content, str) else part.model_response_str(),
                cards=tuple(part.metadata.get("cards", ())) if isinstance(part.metadata, dict) else (),
            )
            for part in newest.parts
            if isinstance(part, ToolReturnPart)
        ]
    return _prompt(messages), returned


def _prompt(messages: Sequence[ModelMessage]) -> str:
    for message in reversed(messages):
        if isinstance(message, ModelRequest):
            for part in reversed(message.parts):
                if isinstance(part, UserPromptPart):
                    content = part.content
                    return content if isinstance(content, str) else " ".join(c for c in content if isinstance(c, str))
    return ""


@dataclass
class _Streamed(StreamedResponse):
    """A decided response, given out in pieces."""

    _parts_given: list[ModelResponsePart]
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        for place, part in enumerate(self._parts_given):
            if isinstance(part, TextPart):
                for piece in PIECE.findall(part.content):
                    for event in self._parts_manager.handle_text_delta(vendor_part_id=place, content=piece):
                        yield event
            else:
                yield self._parts_manager.handle_part(vendor_part_id=place, part=part)

    @property
    def model_name(self) -> str:
        return NAME

    @property
    def provider_name(self) -> str | None:
        return None

    @property
    def provider_url(self) -> str | None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self._started
