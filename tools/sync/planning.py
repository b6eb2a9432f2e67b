"""What a run is going to do with each table: its plan, full or incremental, from which watermark, how many rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools import databases
from tools.connectors.base import Connector, ReadLimits, TableSchema
from tools.databases import Target
from tools.errors import Invalid, NotAllowed, Upstream
from tools.reach import Reach, reach
from tools.schemas import TableChange, TrainedTable, catalog
from tools.schemas.drift import compare
from tools.schemas.matching import any_matches, chosen, is_everything, name_fits, patterns
from tools.schemas.tables import known
from tools.settings import Settings
from tools.sync.options import SyncOptions
from tools.sync.plan import PlanChanges, SyncPlan, derive
from tools.sync.plans import read_changes
from tools.sync.selection import Selection, changed_since, select
from tools.sync.state import SyncState, read_states
from tools.toolbox import Actor, Toolbox

ESTIMATE_SECONDS = 2.0
VIEWS = ("view", "foreign table")
"""Synced when they are named, not with `*`: a view repeats what its tables hold."""


@dataclass(frozen=True)
class Source:
    """A database as a run sees it: its tables, what people changed in their plans, how far each is."""

    database: Target
    connector: "databases.Watched"
    tables: tuple[TrainedTable, ...]
    changes: Mapping[str, PlanChanges]
    states: Mapping[str, SyncState]
    now: datetime
    seen: Reach
    """What the person sees of it; an admin, who keeps the policies, is not held to them here."""
    whole: frozenset[str] = frozenset()
    """Qualified names of all its tables, those too that the person does not see."""
    expected: tuple[str, ...] = ()
    """Qualified names of tables that were there when the job was started."""

    @property
    def catalog(self) -> tuple[TableSchema, ...]:
        """The shapes of all tables."""
        return tuple(table.shape for table in self.tables)

    def asked(self, tables: str | Sequence[str]) -> list[TrainedTable]:
        """The tables that names or patterns mean; NotFound names near ones of a name that means no other either."""
        wanted, missing = patterns(tables), self.missing(tables)
        if is_everything(wanted):
            return [table for table in self.tables if table.shape.kind not in VIEWS]
        gone = {pattern for pattern in wanted for name in missing if name_fits(pattern, name)}
        there = [pattern for pattern in wanted if pattern not in gone or any_matches(pattern, self.tables)]
        return chosen(self.tables, there, self.database.name)

    def check_parts(self, shape: TableSchema, options: SyncOptions) -> bool:
        """Whether the person sees but a part of a table; then NotAllowed for a condition: it would tell of the rest."""
        parted = bool(self.seen.session) or self.seen.rule_of(shape).binds
        if parted and (options.filtered or options.order_by is not None):
            raise NotAllowed(
                f"You see only a part of {shape.qualified_name}, and a sync with a condition would tell of the rest. "
                "Sync it whole, or ask an admin."
            )
        return parted

    def missing(self, tables: str | Sequence[str]) -> list[str]:
        """Qualified names of tables that have been synced, or were expected, and are not to be seen, of those meant."""
        wanted = patterns(tables)
        synced = [name for name in self.states if self.synced(name)]
        return [
            name
            for name in dict.fromkeys((*synced, *self.expected))
            if name not in self.whole and (is_everything(wanted) or any(name_fits(pattern, name) for pattern in wanted))
        ]

    def synced(self, name: str) -> bool:
        """Whether documents of the table may be there."""
        state = self.states.get(name)
        return state is not None and (state.synced_at is not None or state.resume is not None)


@dataclass(frozen=True)
class Task:
    """One table of a run."""

    shape: TableSchema
    plan: SyncPlan
    selection: Selection
    """All rows that are asked for."""
    reading: Selection
    """Those of them that are read: all, or what may have changed."""
    full: bool
    watermark: str | None
    """The highest value before the first row is read."""
    since: str | None
    """The watermark that an incremental run reads from."""
    estimate: int | None
    stamp: str
    """Of plan and filters: a watermark is good only for the same ones."""
    told: str
    """Why it is done so, where that is worth saying."""
    drift: TableChange | None
    """How it has changed since the last sync."""
    frozen: bool
    """Columns that have come since are left out."""

    @property
    def name(self) -> str:
        """The table's qualified name."""
        return self.shape.qualified_name

    @property
    def mode(self) -> str:
        """As people are told."""
        return "full" if self.full else "incremental"


async def look(box: Toolbox, actor: Actor, database: str) -> Source:
    """Gather what is known of a database and of the syncs of its tables."""
    found, connector = await databases.connect(box, actor, database)
    tables = await catalog(box, actor, database)
    async with box.store.begin(actor.workspace_id) as session:
        changes = await read_changes(session, actor.workspace_id, found.id)
        states = await read_states(session, actor.workspace_id, found.id)
    seen = Reach() if actor.role == "admin" else await reach(box, actor, database)
    whole = frozenset(table.shape.qualified_name for table in (await known(box, actor, database, unseen=True)).tables)
    return Source(found, connector, tables, changes, states, datetime.now(UTC), seen, whole)


async def plan_task(settings: Settings, source: Source, table: TrainedTable, options: SyncOptions) -> Task:
    """Decide how one table is read; an Invalid, QueryFailed or DatabaseUnreachable says why it cannot be."""
    name = table.shape.qualified_name
    parted = source.check_parts(table.shape, options)
    state = source.states.get(name) or SyncState(table=name)
    shape, drift = _drifted(options, state, table.shape)
    changes = (source.changes.get(name) or PlanChanges()).fitting(shape)
    if options.watermark is not None:
        changes = changes.merged(PlanChanges(watermark=options.watermark))
    plan = derive(shape, table.values, changes, settings.private_columns)
    selection = select(options, source.connector.dialect, shape, plan, source.catalog, source.now)
    stamp = _stamp(plan, options)
    partial = bool(options.range or selection.part or selection.order)
    since = state.watermark if state.plan == stamp and not partial and options.mode != "full" else None
    if not plan.watermark:
        since = None
    watermark, future = None, ""
    if plan.watermark and not partial:
        watermark, future = await _highest(settings, source.connector, selection, source.now)
    reading = changed_since(selection, since, options.lag_seconds) if since else selection
    return Task(
        shape=shape,
        plan=plan,
        selection=selection,
        reading=reading,
        full=since is None,
        watermark=watermark,
        since=since,
        estimate=None if parted else await _estimate(source.connector, reading, shape),
        stamp=stamp,
        told=", and ".join(filter(None, (_told(options, state, plan, since, stamp), future))),
        drift=drift,
        frozen=options.drift == "freeze" and drift is not None,
    )


def _drifted(options: SyncOptions, state: SyncState, shape: TableSchema) -> tuple[TableSchema, TableChange | None]:
    """The shape to read, by the drift policy, and what has changed since the last sync."""
    old = state.shape
    if old is None or old.fingerprint == shape.fingerprint:
        return shape, None
    found = compare("", {shape.qualified_name: old}, {shape.qualified_name: shape})
    change = found.changed[0] if found.changed else None
    if options.drift == "stop" and change:
        raise Invalid(f"The sync stops because the table changed: {change}. Sync with drift 'evolve' to accept that.")
    if options.drift == "freeze":
        known = {column.name for column in old.columns}
        kept = tuple(column for column in shape.columns if column.name in known)
        return shape.model_copy(update={"columns": kept}), change
    return shape, change


def _stamp(plan: SyncPlan, options: SyncOptions) -> str:
    filters = {"where": options.where, "since": options.since, "until": options.until}
    said = "".join(f"|{name}={value}" for name, value in filters.items() if value)
    return f"{plan.fingerprint}|{','.join(plan.watermark)}{said}"


def _told(options: SyncOptions, state: SyncState, plan: SyncPlan, since: str | None, stamp: str) -> str:
    said = []
    if since is None and not plan.watermark and options.mode != "full":
        said.append("is read in full each time: no column tells what has changed")
    elif since is None and state.watermark and state.plan != stamp and options.mode != "full":
        said.append("is read in full: its plan, its columns or the filter changed")
    elif since is None and options.mode == "incremental":
        said.append("is read in full this once, incrementally from then on")
    if not plan.key:
        said.append("has no key, so its rows are told apart by their hash, and equal rows become one document")
    return ", and ".join(said)


async def _highest(
    settings: Settings, connector: Connector, selection: Selection, now: datetime
) -> tuple[str | None, str]:
    """The watermark that a run leaves behind, and what is worth saying of it.

    A value from the future, of a clock that was wrong for a while, would hide what is changed until then.
    """
    # Without an index on it the whole table is looked through, which the read itself would take longer for.
    limits = ReadLimits(seconds=settings.job_seconds, rows=1, cell_bytes=1000, total_bytes=100_000)
    found: Sequence[Any] = (await connector.fetch(selection.highest(), limits)).rows[0]
    values = [str(value) for value in found if value is not None]
    main = selection.shape.column(selection.plan.watermark[0])
    if main is not None and main.family not in ("date", "datetime"):
        return (values[0] if values else None), ""
    highest = max(values, key=_moment, default=None)
    if highest is None or _moment(highest) <= now:
        return highest, ""
    said = f"holds rows whose {selection.plan.watermark[0]} lies in the future; they are read each time"
    # Sessions of both dialects run in UTC.
    return (now.date() if main and main.family == "date" else now.replace(tzinfo=None)).isoformat(), said


def _moment(value: str) -> datetime:
    """A value of a date column; where Python has no date for it, the last or the first of all: `infinity`, BC."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        late = value.startswith("infinity") or value[4:5].isdigit()
        return datetime.max.replace(tzinfo=UTC) if late else datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _estimate(connector: Connector, reading: Selection, shape: TableSchema) -> int | None:
    """Rows that will be read, about: the catalogue's number, or the planner's where only some are."""
    if not reading.conditions:
        return shape.row_estimate
    try:
        return await connector.estimate(reading.unordered("1"), ESTIMATE_SECONDS)
    except Upstream:
        return None  # only the progress bar misses it: the read itself says what is wrong
