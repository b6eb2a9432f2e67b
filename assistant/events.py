"""What a turn says while it runs; every door turns these into its own medium."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tools.cards import Card
from tools.connectors.base import Frozen


class TextDelta(Frozen):
    """A piece of the answer's text (Markdown), in order."""

    type: Literal["text"] = "text"
    text: str


class ToolCalled(Frozen):
    """The model called a tool; `args` hold no credential."""

    type: Literal["tool_called"] = "tool_called"
    id: str
    name: str
    args: dict[str, Any]


class ToolReturned(Frozen):
    """The call with the same id ended; `summary` is what the model was told, shortened."""

    type: Literal["tool_returned"] = "tool_returned"
    id: str
    name: str
    ok: bool
    summary: str


class Shown(Frozen):
    """A tool wants this shown to the person."""

    type: Literal["shown"] = "shown"
    card: Card


class PendingCall(Frozen):
    """A call that waits for the person's word, with its consequence in words."""

    id: str
    tool: str
    args: dict[str, Any]
    consequence: str
    """What, how much, and what is not touched."""


class ApprovalNeeded(Frozen):
    """The turn waits: answer with `conversation.run(..., approvals={id: True or False})`."""

    type: Literal["approval"] = "approval"
    calls: tuple[PendingCall, ...]


class Done(Frozen):
    """The turn is over and its history is saved."""

    type: Literal["done"] = "done"
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    milliseconds: float = 0
    suggestions: tuple[str, ...] = ()
    """What one may want to ask next."""


class Failed(Frozen):
    """The turn ended in an error a person can act on; nothing typed is lost."""

    type: Literal["failed"] = "failed"
    title: str
    message: str
    status: int = 500
    """The HTTP status of the error, for doors that have one."""


Event = Annotated[
    TextDelta | ToolCalled | ToolReturned | Shown | ApprovalNeeded | Done | Failed, Field(discriminator="type")
]
