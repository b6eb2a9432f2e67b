"""Reaching a registered database, and keeping note of whether it answers."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from sqlalchemy import func, update

from tools.connectors.base import (
    Address,
    BulkReader,
    BulkReading,
    Connector,
    Dialect,
    Greeting,
    ReadLimits,
    Rows,
    TableSchema,
    Withholder,
)
from tools.connectors.reach import Unreached
from tools.databases.credentials import address_of
from tools.databases.database import Database, Target, outage
from tools.databases.rows import find, find_target, shown
from tools.errors import AssistantError, DatabaseUnreachable, Invalid, NotAllowed, StoreUnavailable
from tools.store.models import DatabaseRow
from tools.toolbox import Actor, Toolbox

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


async def connect(box: Toolbox, actor: Actor, name: str) -> tuple[Target, "Watched"]:
    """Give a database and its connector; the credential is decrypted here and nowhere else.

    No socket is opened yet. What the connector then meets is noted when it changes: the first failure, the first
    answer after it. NotFound names what is registered.
    """
    target, row = await find_target(box.store, actor, name)
    connector = box.connectors.open(target.id, address_of(box.secrets, row))
    return target, Watched(box, actor, target, connector)


async def check(box: Toolbox, actor: Actor, name: str) -> Database:
    """Knock at a database now and store what it said; a failure is stored in `last_error`, not raised."""
    async with box.store.begin(actor.workspace_id) as session:
        found = await find(session, actor, name)
    before = shown(found)
    connector = box.connectors.open(before.id, address_of(box.secrets, found[0]))
    try:
        greeting = await connector.greet()
    except (DatabaseUnreachable, NotAllowed) as error:
        await note_failure(box, actor, before, error)
    else:
        await note_answer(box, actor, before, greeting)
    async with box.store.begin(actor.workspace_id) as session:
        return shown(await find(session, actor, before.name))


async def try_address(box: Toolbox, address: Address) -> Greeting:
    """Knock at an address that is not registered, keeping nothing; DatabaseUnreachable or NotAllowed says why not."""
    async with box.connectors.trial(address) as connector:
        return await connector.greet()


async def note_failure(box: Toolbox, actor: Actor, database: Database | Target, error: AssistantError) -> None:
    """Store why a database does not answer; the outage began when that was first noticed."""
    values: dict[str, object] = {"last_error": reason_of(error), "checked_at": func.now()}
    if database.last_error is None:
        values["reached_at"] = func.now()
    await _store(box, actor, database, values)


async def note_answer(
    box: Toolbox, actor: Actor, database: Database | Target, greeting: Greeting | None = None
) -> None:
    """Store that a database answers, and what it said of itself if it was asked."""
    values: dict[str, object] = {"last_error": None, "checked_at": func.now(), "reached_at": func.now()}
    if greeting is not None:
        values["greeting"] = greeting.model_dump(mode="json")
    await _store(box, actor, database, values)


async def _store(box: Toolbox, actor: Actor, database: Database | Target, values: dict[str, object]) -> None:
    async with box.store.begin(actor.workspace_id) as session:
        await session.execute(update(DatabaseRow).where(DatabaseRow.id == database.id).values(values))


def reason_of(error: AssistantError) -> str:
    """The phrase of an error that stands in `last_error`."""
    return error.reason if isinstance(error, Unreached) else str(error).rstrip(".")


class Watched:
    """A connector that notes when its database stops answering, and when it answers again.

    One that goes on as it was costs no write.
    """

    dialect: Dialect

    def __init__(self, box: Toolbox, actor: Actor, database: Database | Target, connector: Connector) -> None:
        self.dialect = connector.dialect
        self.connector = connector
        self._box = box
        self._actor = actor
        self._database = database
        self._failing = database.last_error

    async def greet(self) -> Greeting:
        """See base.Connector."""
        return await self._watch(self.connector.greet())

    async def snapshot(self, schemas: Sequence[str] | None = None) -> tuple[TableSchema, ...]:
        """See base.Connector."""
        return await self._watch(self.connector.snapshot(schemas))

    async def fetch(self, sql: str, limits: ReadLimits, told: Mapping[str, str] | None = None) -> Rows:
        """See base.Connector."""
        return await self._watch(self.connector.fetch(sql, limits, told))

    async def estimate(self, sql: str, seconds: float, told: Mapping[str, str] | None = None) -> int | None:
        """See base.Connector."""
        return await self._watch(self.connector.estimate(sql, seconds, told))

    async def pour(self, reading: BulkReading, sink: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """See base.BulkReader; Invalid where the dialect's connector is none."""
        if not isinstance(self.connector, BulkReader):
            raise Invalid(f"Databases of dialect {self.dialect!r} cannot be synced.")
        await self._watch(self.connector.pour(reading, sink))

    async def withheld(self, schema: str, table: str) -> str | None:
        """See base.Withholder; None where the dialect's connector cannot tell."""
        if not isinstance(self.connector, Withholder):
            return None
        return await self._watch(self.connector.withheld(schema, table))

    async def close(self) -> None:
        """Close the pool underneath, which others may share: Connectors.drop is the usual way."""
        await self.connector.close()

    async def _watch(self, work: Awaitable[Answer]) -> Answer:
        try:
            answer = await work
        except DatabaseUnreachable as error:
            await self._failed(error)
            raise self._told(error) from error
        if self._failing is not None:
            self._failing = None
            await self._note(note_answer(self._box, self._actor, self._database))
        return answer

    async def _failed(self, error: DatabaseUnreachable) -> None:
        reason = reason_of(error)
        if reason != self._failing:
            await self._note(note_failure(self._box, self._actor, self._database, error))
        self._failing = reason

    async def _note(self, writing: Awaitable[None]) -> None:
        """Write, or do without: what the database said matters more than our note of it."""
        try:
            await writing
        except StoreUnavailable as error:
            log.warning("the health of a database was not noted", database=self._database.name, reason=str(error))

    def _told(self, error: DatabaseUnreachable) -> DatabaseUnreachable:
        """The same failure with the database's name, since when, and what still works."""
        if not isinstance(error, Unreached):
            return error
        since = self._database.reached_at if self._database.last_error is not None else None
        verb = "does not let us in" if error.answers else "does not answer"
        told = DatabaseUnreachable(
            f"{self._database.name} {verb} ({outage(error.reason, since)}). Its training still works. {error.advice}"
        )
        told.passing = error.passing
        return told
