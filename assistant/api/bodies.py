"""What bodies have in common: frozen, nothing unknown in them, text that PostgreSQL can keep."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Body(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _text_can_be_kept(cls, value: Any) -> Any:
        refuse_unkeepable(value)
        return value


def refuse_unkeepable(value: Any) -> None:
    """Raise ValueError for text with NUL or half a character in it: no database could keep it."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("text may hold neither NUL nor lone surrogates")
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_unkeepable(key)
            refuse_unkeepable(item)
    elif isinstance(value, list):
        for item in value:
            refuse_unkeepable(item)
