"""One step of the offline model: what it says, and which tools it calls."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call of one of the agent's tools; arguments that are None, or that the tool does not take, are left out."""

    tool: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """Text for the person, calls of tools, or both; a step without calls ends the turn."""

    text: str = ""
    calls: tuple[Call, ...] = ()


def say(text: str) -> Step:
    """End the turn with words."""
    return Step(text)


def call(tool: str, **args: Any) -> Step:
    """Call one tool."""
    return Step(calls=(Call(tool, args),))


@dataclass(frozen=True)
class Returned:
    """What a tool gave back."""

    tool: str
    args: dict[str, Any]
    ok: bool
    denied: bool
    text: str
    cards: tuple[dict[str, Any], ...] = ()


def choices(prompt: str, *options: tuple[str, str]) -> Step:
    """Ask the person back; each option is a button's text and the message it sends."""
    return call("ask_back", prompt=prompt, choices=[{"label": label, "message": message} for label, message in options])
