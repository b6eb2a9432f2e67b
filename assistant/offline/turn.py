"""One turn of the offline model: what was typed is a command or a question, and each result leads to the next step."""

from collections.abc import Sequence
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart

from assistant.offline.acting import Acting
from assistant.offline.answering import Answering, query_of
from assistant.offline.commands import read_command
from assistant.offline.sources import known, look
from assistant.offline.step import Returned, Step, say
from assistant.offline.telling import tell
from tools.desk import Desk


class Turn:
    """Decides the steps of one turn."""

    def __init__(self, desk: Desk) -> None:
        """Take the desk that the tools of this turn work on."""
        self._desk = desk
        self._answering: Answering | None = None
        self._acting: Acting | None = None

    async def begin(self, prompt: str, messages: Sequence[ModelMessage]) -> Step:
        """The first step after something was typed."""
        sources = await look(self._desk)
        answering = self._answering = Answering(self._desk, sources)
        if (step := answering.offered(prompt)) is not None:
            return step
        command = read_command(prompt, known(sources), today=self._desk.today)
        if command is None:
            return await answering.begin(prompt)
        self._acting = Acting(self._desk, answering, prompt, last_query(messages))
        return await self._acting.carry_out(command)

    async def after(self, returned: Sequence[Returned], prompt: str) -> Step:
        """The next step after tools have given something back."""
        last = returned[-1]
        if self._answering is None:
            # Another model began this turn, or a person has just approved a call of an earlier one.
            self._answering = Answering(self._desk, await look(self._desk))
            if last.tool in {"find_tables", "describe_table"} or (last.tool == "run_query" and not last.ok):
                return await self._answering.begin(prompt)
        if last.tool == "run_query" or (last.tool == "rerun_query" and last.ok):
            return await self._answering.conclude(last)
        if last.tool == "find_tables":
            return await self._answering.decide(prompt)
        if last.tool == "ask_back":
            return say("Choose one, or say it in your own words.")
        if last.tool == "add_note" and last.ok and self._acting is not None and self._acting.correcting:
            noted = f"Noted for {last.args.get('database')}: “{last.args.get('text')}”."
            return await self._answering.again(noted, self._acting.query_id)
        if last.tool == "remove_note" and last.ok and self._acting is not None:
            return await self._answering.without_note(tell(last), self._acting.query_id)
        return say("\n\n".join(tell(each) for each in returned))


def last_query(messages: Sequence[ModelMessage]) -> Any:
    """The id of the query whose result was shown last in this conversation; None when there is none."""
    for message in reversed(messages):
        if isinstance(message, ModelRequest):
            for part in reversed(message.parts):
                if isinstance(part, ToolReturnPart) and isinstance(part.metadata, dict):
                    found = query_of(part.metadata.get("cards", ()))
                    if found is not None:
                        return found
    return None
