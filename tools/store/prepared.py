"""Statements that every request asks: compiled once, and sent by the driver itself.

A session and its engine cost four times what such a statement does. They are written like any other, over the models,
and run within `Store.begin_bare`.
"""

import json
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg as driver

from tools import telemetry
from tools.store.borders import Wire


class Prepared:
    """One statement, its parameters named by `bindparam`."""

    def __init__(self, statement: Executable) -> None:
        """Compile it."""
        compiled: Any = statement.compile(dialect=driver.dialect())  # type: ignore[attr-defined,no-untyped-call]
        self._text = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self._constants: dict[str, object] = compiled.params

    async def first(self, wire: Wire, **values: object) -> Any | None:
        """The first row, its columns as attributes, or None."""
        with telemetry.statement(self._text):
            record = await wire.fetchrow(self._text, *self._arguments(values))
        return SimpleNamespace(**record) if record is not None else None

    async def run(self, wire: Wire, **values: object) -> None:
        """Run what gives no rows."""
        with telemetry.statement(self._text):
            await wire.execute(self._text, *self._arguments(values))

    def _arguments(self, values: dict[str, object]) -> list[object]:
        return [_sent(values[name] if name in values else self._constants[name]) for name in self._names]


def _sent(value: object) -> object:
    """JSON goes as its text, as the engine's codec has it; no other column of ours takes a list or a mapping."""
    return json.dumps(value) if isinstance(value, dict | list) else value
