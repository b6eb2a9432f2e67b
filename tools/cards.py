"""What a tool asks a door to show, beside what it tells the model: small references, never the data itself."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from tools.connectors.base import Frozen


class ResultCard(Frozen):
    """A query's result: table, chart or figure, SQL, confidence; drawn from query history."""

    type: Literal["result"] = "result"
    query_id: UUID


class JobCard(Frozen):
    """A job's live card; drawn from the job row."""

    type: Literal["job"] = "job"
    job_id: int


class DriftCard(Frozen):
    """What a job found changed in its database; drawn from the job row and the verified queries as they stand."""

    type: Literal["drift"] = "drift"
    job_id: int


class BoardCard(Frozen):
    """Several jobs at once, or the whole board: what runs, what failed and why, what ran lately, workers, schedules."""

    type: Literal["board"] = "board"
    job_ids: tuple[int, ...] | None = None
    """None for the whole board, which is drawn from the rows as they stand."""


class ScheduleCard(Frozen):
    """Schedules with their next times; drawn from their rows."""

    type: Literal["schedule"] = "schedule"
    schedule_ids: tuple[int, ...]
    lines: tuple[str, ...] = ()
    """What the first run will do, table by table, as it was planned when the schedule was made."""
    fresh: bool = False
    """Just made: the card asks whether to start now too."""


class Choice(Frozen):
    """One button: what it says, and the message that pressing it sends."""

    label: str
    message: str


class ChoicesCard(Frozen):
    """A question back to the person, with concrete answers as buttons."""

    type: Literal["choices"] = "choices"
    prompt: str
    choices: tuple[Choice, ...]


class RegisterCard(Frozen):
    """The form that registers a database; the password goes from it to the server, past the model."""

    type: Literal["register"] = "register"
    name: str = ""
    dialect: Literal["postgres", "mysql"] = "postgres"
    host: str = ""
    port: int | None = None
    database: str = ""
    username: str = ""


class TableCard(Frozen):
    """A small table of facts (databases, tables, jobs, history): every cell is ready to read."""

    type: Literal["table"] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class DocumentRef(Frozen):
    """One hit of a search: the document, why it was found, and the linked documents that speak for it."""

    id: int
    why: str
    evidence: tuple[int, ...] = ()


class DocumentsCard(Frozen):
    """What a search of documents found; drawn from the documents as they are now."""

    type: Literal["documents"] = "documents"
    query: str
    words: str
    """What is marked in them."""
    read_as: str
    hits: tuple[DocumentRef, ...]
    """Best first."""
    warnings: tuple[str, ...] = ()


Card = Annotated[
    ResultCard
    | JobCard
    | DriftCard
    | BoardCard
    | ScheduleCard
    | ChoicesCard
    | RegisterCard
    | TableCard
    | DocumentsCard,
    Field(discriminator="type"),
]
