"""A card in a conversation: kept as a small reference, drawn from the rows it refers to whenever it is shown."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chainlit.element import ElementDict

from assistant.chat import draw_board, draw_documents, draw_drift, draw_job, draw_result, draw_schedule
from tools import jobs
from tools.connectors.base import Frozen
from tools.errors import AssistantError, NotFound
from tools.toolbox import Actor, Toolbox


class StoredCard(Frozen):
    """A card as it is kept: `data` is a card of tools/cards.py, and what a person decided on it."""

    id: str
    thread_id: str
    step_id: str
    """The message it stands under."""
    data: dict[str, Any]

    @property
    def type(self) -> str:
        """`result`, `job`, `drift`, `board`, `schedule`, `choices`, `approval`, `register`, `documents` or `table`."""
        return str(self.data["type"])

    @property
    def job_ids(self) -> list[int]:
        """The jobs it shows."""
        return [self.data["job_id"]] if self.type == "job" else list(self.data.get("job_ids") or [])

    @property
    def whole_board(self) -> bool:
        """True for the board that shows whatever there is."""
        return self.type == "board" and self.data.get("job_ids") is None

    @property
    def schedule_ids(self) -> list[int]:
        """The schedules it shows."""
        return list(self.data.get("schedule_ids") or [])


class Drawn(Frozen):
    """What the browser gets: the name of the file in public/elements that lays it out, and its properties."""

    name: str
    props: dict[str, Any]


async def draw(box: Toolbox, actor: Actor, card: StoredCard) -> Drawn:
    """Draw `card` from the rows as they stand; one that cannot be drawn any more says why."""
    try:
        match card.type:
            case "result":
                drawn = Drawn(name="Result", props=await draw_result.props(box, actor, UUID(card.data["query_id"])))
            case "board" if card.whole_board:
                drawn = Drawn(name="Job", props=await draw_board.props(box, actor))
            case "job" | "board":
                drawn = Drawn(name="Job", props={"jobs": await _jobs(box, actor, card)})
            case "drift":
                drawn = Drawn(name="Drift", props=await draw_drift.props(box, actor, card.data["job_id"]))
            case "schedule":
                drawn = Drawn(name="Job", props=await _schedules(box, actor, card))
            case "documents":
                drawn = Drawn(name="Documents", props=await draw_documents.props(box, actor, card.data))
            case "register":
                drawn = Drawn(name="Register", props=_register(card.data))
            case "choices" | "approval":
                drawn = Drawn(name="Choices", props=_choices(card.data))
            case _:
                drawn = Drawn(name="Facts", props={key: card.data[key] for key in ("title", "columns", "rows")})
    except AssistantError as error:
        drawn = Drawn(name="Choices", props=_choices({"prompt": str(error)}))
    return Drawn(name=drawn.name, props={"id": card.id, **drawn.props})


async def draw_all(box: Toolbox, actor: Actor, cards: Sequence[StoredCard]) -> list[Drawn]:
    """Draw the cards of a conversation that is opened again."""
    return [await draw(box, actor, card) for card in cards]


def element(card: StoredCard, drawn: Drawn) -> ElementDict:
    """Give `card` in the shape Chainlit sends to the browser."""
    return ElementDict(
        id=card.id,
        threadId=card.thread_id,
        forId=card.step_id,
        type="custom",
        name=drawn.name,
        display="inline",
        mime="application/json",
        props=drawn.props,
    )


async def _jobs(box: Toolbox, actor: Actor, card: StoredCard) -> list[dict[str, Any]]:
    """The card's jobs as they stand; those that the pruning took are told of in a word."""
    drawn: list[dict[str, Any]] = []
    for job_id in card.job_ids:
        try:
            drawn.append(draw_job.props(await jobs.get(box, actor, job_id)))
        except NotFound:
            drawn.append(draw_job.gone(job_id))
    return drawn


async def _schedules(box: Toolbox, actor: Actor, card: StoredCard) -> dict[str, Any]:
    found = {one.id: one for one in await jobs.schedules.list_schedules(box, actor)}
    shown = [draw_schedule.props(found[number]) for number in card.schedule_ids if number in found]
    gone = [number for number in card.schedule_ids if number not in found]
    return {
        "jobs": [],
        "schedules": shown,
        "lines": card.data.get("lines", []) if shown else [],
        "fresh": bool(card.data.get("fresh")) and bool(shown),
        "gone": f"Deleted: schedule {', '.join(f'#{number}' for number in gone)}." if gone else "",
    }


def _choices(data: dict[str, Any]) -> dict[str, Any]:
    approval = data.get("type") == "approval"
    lines = [call["consequence"] for call in data["calls"]] if approval else [data["prompt"]]
    return {
        "approval": approval,
        "lines": [line for line in lines if line],
        "yes": data.get("yes", "Do it"),
        "no": "Keep",
        "choices": data.get("choices", []),
        "decided": data.get("decided"),
    }


def _register(data: dict[str, Any]) -> dict[str, Any]:
    """What the form starts with and what came of it; there is no password among it, ever."""
    dialect = data.get("dialect") or "postgres"
    fields = {key: data.get(key) or "" for key in ("name", "host", "database", "username")}
    fields |= {"dialect": dialect, "port": data.get("port") or (5432 if dialect == "postgres" else 3306)}
    return {
        "fields": {**fields, "tls": "prefer", "tls_ca": ""},
        "registered": data.get("registered"),
        "closed": data.get("closed"),
    }
