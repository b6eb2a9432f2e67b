"""Training: reading what tables hold, writing it into words and vectors, as a job in four stages."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text

from tools import databases, jobs
from tools.connectors.base import Connector
from tools.errors import QueryFailed
from tools.jobs import Claim, Job, Outcome, Schedule
from tools.reach import masked_columns
from tools.rights import may_change
from tools.schemas.analysis import Analysis, analyse
from tools.schemas.catalog import TrainedTable
from tools.schemas.drift import refresh
from tools.schemas.matching import any_matches, chosen, is_everything, patterns
from tools.schemas.tables import BUMP, Known, known
from tools.schemas.vectors import BATCH, store_vectors
from tools.schemas.wording import describe_by_rule, search_lines, vector_text
from tools.store.models import TableEmbedding, TableRow
from tools.toolbox import Actor, Toolbox

AT_ONCE = 4
"""Tables read at the same time: a source is somebody's production database."""

STORE = text("""
UPDATE tabletalk.tables AS t SET
    trained_at = now(),
    trained_fingerprint = r.fingerprint,
    description = CASE WHEN t.description_edited THEN t.description ELSE r.description END,
    values = r.values,
    samples = r.samples,
    left_out = r.left_out,
    search_text = r.search_text
FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r
    (id uuid, fingerprint text, description text, values jsonb, samples jsonb, left_out jsonb, search_text text)
WHERE t.id = r.id AND t.workspace_id = :workspace
""")


class Learned(NamedTuple):
    """One table with what was read of it, and the words made from that."""

    table: TrainedTable
    analysis: Analysis
    description: str

    @property
    def vector_text(self) -> str:
        """The text its vector stands for."""
        return vector_text(self.table.shape, self.description, self.table.notes)

    def record(self) -> dict[str, Any]:
        """The row for STORE."""
        shape, values = self.table.shape, self.analysis.values
        return {
            "id": str(self.table.id),
            "fingerprint": shape.fingerprint,
            "description": self.description,
            "values": values,
            "samples": self.analysis.samples,
            "left_out": self.analysis.left_out,
            "search_text": search_lines(shape, self.description, values, self.table.notes),
        }


async def start_training(
    box: Toolbox, actor: Actor, database: str, tables: str | Sequence[str] = "*", *, force: bool = False
) -> Job:
    """Start a job that trains tables of a database: names or patterns (`*`, `stock_*`), parted by commas.

    Only tables that are new or have changed are trained, unless `force`. NotFound names near tables; Conflict names
    the job that is already at it.
    """
    may_change(actor, "train tables")
    wanted = patterns(tables)
    about = await known(box, actor, database)
    if not is_everything(wanted) and not all(any_matches(pattern, about.tables) for pattern in wanted):
        await refresh(box, actor, database)  # it may have been created since we last looked
        about = await known(box, actor, database)
        chosen(about.tables, wanted, database)
    arguments = {"tables": list(wanted), "force": force}
    return await jobs.start(box, actor, "train", _target(database, wanted), database_id=about.id, arguments=arguments)


async def schedule_training(
    box: Toolbox,
    actor: Actor,
    database: str,
    tables: str | Sequence[str] = "*",
    *,
    when: str,
    timezone: str | None = None,
) -> Schedule:
    """Train tables of a database again and again, at the times `when` says in words or as cron.

    A pattern takes what it matches at each run; what has not changed is passed over. NotFound names near tables.
    """
    may_change(actor, "schedule work")
    wanted = patterns(tables)
    about = await known(box, actor, database)
    if not is_everything(wanted):
        chosen(about.tables, wanted, database)
    return await jobs.schedules.create(
        box,
        actor,
        "train",
        _target(database, wanted),
        when,
        database_id=about.id,
        arguments={"tables": list(wanted)},
        timezone=timezone,
    )


def _target(database: str, wanted: Sequence[str]) -> str:
    if is_everything(wanted):
        return database
    return f"{database}.{wanted[0]}" if len(wanted) == 1 else f"{database}: {', '.join(wanted)}"


async def run_training(box: Toolbox, claim: Claim) -> Outcome:
    """Train the tables of a job's arguments: fetch to 25 %, analyse to 50 %, vectorise to 75 %, store to 100 %.

    A table that cannot be read is named in the outcome and the others go on; when none could be read, or the
    database or the embedding model does not answer, the error passes to the job.
    """
    actor, arguments = claim.actor, claim.job.arguments
    database = await databases.name_of(box, actor, claim.job.database_id)
    await claim.progress(1, f"fetching {database}")
    drift = await refresh(box, actor, database)
    about = await known(box, actor, database, unseen=True)
    wanted = patterns(arguments.get("tables", "*"))
    if not about.tables:
        return Outcome(state="empty", message=f"{database} has no tables that its account can see.")
    asked = chosen(about.tables, wanted, database)
    due = asked if arguments.get("force") else await _due(box, actor, asked)
    counts: dict[str, Any] = {"tables": len(due), "unchanged": len(asked) - len(due)}
    if drift.any:
        counts |= {"drift": str(drift), "changes": drift.model_dump(mode="json")}
    await claim.progress(25, f"fetched {database}", done=0, **counts)
    if not due:
        message = f"Nothing to do: all {len(asked)} tables of {database} are trained and unchanged."
        return Outcome(state="succeeded", counts={**counts, "trained": 0}, message=message)
    learned, failed = await _analyse(box, claim, database, due)
    if not learned:
        raise _none_readable(database, failed)
    vectors = await _vectorise(box, claim, learned)
    await _store(box, claim, about, learned, vectors)
    return _outcome(database, learned, failed, counts)


async def _due(box: Toolbox, actor: Actor, asked: Sequence[TrainedTable]) -> list[TrainedTable]:
    """Those of `asked` that were never trained, have changed since, or have no vector of the present model."""
    query = (
        select(TableRow.id)
        .join(TableEmbedding, TableEmbedding.table_id == TableRow.id)
        .where(TableRow.workspace_id == actor.workspace_id, TableRow.id.in_([table.id for table in asked]))
        .where(TableEmbedding.model == box.embedder.name)
    )
    async with box.store.begin(actor.workspace_id) as session:
        embedded = set(await session.scalars(query))
    return [table for table in asked if table.trained_at is None or table.stale or table.id not in embedded]


async def _analyse(
    box: Toolbox, claim: Claim, database: str, due: Sequence[TrainedTable]
) -> tuple[list[Learned], dict[str, str]]:
    _, connector = await databases.connect(box, claim.actor, database)
    gate = asyncio.Semaphore(min(AT_ONCE, box.settings.pool_size))
    failed: dict[str, str] = {}
    done = 0

    masks = await masked_columns(box, claim.actor, database)

    async def one(table: TrainedTable) -> Learned | None:
        nonlocal done
        async with gate:
            try:
                learned = await _learn(box, connector, table, masks.get(table.shape.qualified_name, ()))
            except QueryFailed as error:
                failed[table.shape.qualified_name] = str(error)
                learned = None
        done += 1
        await claim.progress(25 + 25 * done / len(due), _analysed(table, learned), done=done, failed=len(failed))
        return learned

    async with _together() as group:
        tasks = [group.create_task(one(table)) for table in due]
    return [found for found in (task.result() for task in tasks) if found is not None], failed


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first error comes out bare, not wrapped in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _learn(box: Toolbox, connector: Connector, table: TrainedTable, masked: Sequence[str]) -> Learned:
    found = await analyse(connector, table.shape, box.settings, masked)
    edited = table.description if table.edited else ""
    return Learned(table, found, edited or describe_by_rule(table.shape, found.values))


def _analysed(table: TrainedTable, learned: Learned | None) -> str:
    name = table.shape.name
    if learned is None:
        return f"could not read {name}"
    left_out = ", ".join(f"{name}.{column}" for column in learned.analysis.left_out[:3])
    return f"analysed {name}" + (f" · left out: {left_out} (look secret or personal)" if left_out else "")


async def _vectorise(box: Toolbox, claim: Claim, learned: Sequence[Learned]) -> dict[UUID, list[float]]:
    vectors: dict[UUID, list[float]] = {}
    for start in range(0, len(learned), BATCH):
        batch = learned[start : start + BATCH]
        made = await box.embedder.embed([one.vector_text for one in batch])
        vectors.update({one.table.id: vector for one, vector in zip(batch, made, strict=True)})
        await claim.progress(50 + 25 * len(vectors) / len(learned), f"vectorised {len(vectors)} tables")
    return vectors


async def _store(
    box: Toolbox, claim: Claim, about: Known, learned: Sequence[Learned], vectors: Mapping[UUID, Sequence[float]]
) -> None:
    actor, stored = claim.actor, 0
    for start in range(0, len(learned), BATCH):
        batch = learned[start : start + BATCH]
        async with box.store.begin(actor.workspace_id) as session:
            rows = json.dumps([one.record() for one in batch])
            await session.execute(STORE, {"rows": rows, "workspace": actor.workspace_id})
            some = {one.table.id: vectors[one.table.id] for one in batch}
            await store_vectors(session, actor, box.embedder.name, some)
            await session.execute(BUMP, {"database": about.id})
            await claim.hold(session)
        stored += len(batch)
        await claim.progress(75 + 25 * stored / len(learned), f"stored {stored} tables", trained=stored)


def _none_readable(database: str, failed: Mapping[str, str]) -> QueryFailed:
    name, reason = next(iter(failed.items()))
    several = f" ({len(failed)} tables alike)" if len(failed) > 1 else ""
    error = QueryFailed(f"{name} of {database} could not be read{several}: {reason} Nothing was changed.")
    error.passing = False
    return error


def _outcome(
    database: str, learned: Sequence[Learned], failed: Mapping[str, str], counts: Mapping[str, Any]
) -> Outcome:
    left_out = [f"{one.table.shape.name}.{column}" for one in learned for column in one.analysis.left_out]
    slow = [one.table.shape.name for one in learned if one.analysis.timed_out]
    parts = [f"Trained {len(learned)} {'table' if len(learned) == 1 else 'tables'} of {database}."]
    if left_out:
        shown = ", ".join(left_out[:5]) + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else "")
        parts.append(f"Left out: {shown} (look secret or personal).")
    if slow:
        parts.append(f"Too slow to read, trained on their shape alone: {', '.join(slow[:5])}.")
    if failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(failed.items())[:5])
        parts.append(f"Failed: {len(failed)}. {reasons}")
    told = {**counts, "trained": len(learned), "failed": len(failed), "left_out": left_out}
    return Outcome(
        state="partial" if failed else "succeeded",
        counts={**told, "failures": dict(failed)} if failed else told,
        message=" ".join(parts),
    )
