"""Schedules: work that starts by itself, made, listed, paused, changed and deleted here; `due` starts it."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tools import audit
from tools.connectors.base import Frozen
from tools.errors import Conflict, Invalid, NotAllowed, NotFound, StoreUnavailable
from tools.jobs import cron
from tools.jobs.job import LABELS, State
from tools.jobs.records import workspace_channel
from tools.jobs.times import read_when
from tools.rights import may_change
from tools.store.models import DatabaseRow, JobRow, Member, ScheduleRow, User
from tools.toolbox import Actor, Toolbox

MOST = 500
"""Schedules of one workspace, at most: more is a loop that made them."""


class Schedule(Frozen):
    """One schedule, as it stood when it was read."""

    id: int
    workspace_id: UUID
    kind: str
    target: str
    database_id: UUID | None
    database: str | None
    """The name of that database."""
    arguments: dict[str, Any]
    cron: str
    timezone: str
    paused: bool
    next_run: datetime | None
    last_run: datetime | None
    last_job_id: int | None
    last_state: State | None
    """How the last job stands; None when the last time started none."""
    last_word: str | None
    """Why the last time started nothing."""
    conversation_id: str | None
    created_at: datetime
    created_by: UUID | None
    created_by_name: str | None

    @property
    def title(self) -> str:
        """What it does, as a person says it: `Sync shop`."""
        return f"{LABELS.get(self.kind, self.kind.capitalize())} {self.target}"

    @property
    def when(self) -> str:
        """When it comes, in words: `every day at 02:00 Europe/Berlin`, `every 15 minutes`."""
        words = cron.in_words(self.cron)
        if self.cron.split()[1:] == ["*"] * 4:
            return words  # the same in every zone
        return f"{words} ({self.timezone})" if "," in words else f"{words} {self.timezone}"

    @property
    def only(self) -> str:
        """To what part of its tables it keeps, in words: `only the last 18 months`; empty for all of them."""
        return str(self.arguments.get("only") or "")

    @property
    def said(self) -> str:
        """When it comes, to whom knows what it does: `Every day at 02:00 UTC, only the last 18 months (next: ...).`."""
        words = ", ".join(filter(None, (self.when, self.only)))
        after = f" (next: {local(self.next_run, self.timezone)})" if self.next_run is not None else ""
        return f"{words[:1].upper()}{words[1:]}{after}."

    def next_runs(self, count: int, after: datetime | None = None) -> tuple[datetime, ...]:
        """The next times, in its own zone; none while it is paused."""
        if self.paused:
            return ()
        return cron.next_runs(self.cron, self.timezone, after or datetime.now(UTC), count)

    def __str__(self) -> str:
        """One line that tells how it stands."""
        parts = [f"Schedule {self.id}, {self.title}: {self.when}", *([self.only] if self.only else [])]
        if self.paused:
            parts.append("paused")
        elif self.next_run is not None:
            parts.append(f"next {local(self.next_run, self.timezone)}")
        if self.last_run is not None:
            outcome = self.last_word or (f"job {self.last_job_id} {self.last_state}" if self.last_job_id else "started")
            parts.append(f"last {local(self.last_run, self.timezone)}: {outcome}")
        return ", ".join(parts).rstrip(".") + "."


def local(at: datetime, timezone: str) -> str:
    """A time as its zone's clock shows it: `Sunday 29 November, 02:00`."""
    try:
        there = at.astimezone(cron.zone(timezone))
    except Invalid:  # a zone that was given up: the schedule rests, and is still told
        there = at
    return f"{there:%A} {there.day} {there:%B, %H:%M}"


async def create(
    box: Toolbox,
    actor: Actor,
    kind: str,
    target: str,
    when: str,
    *,
    database_id: UUID | None = None,
    arguments: dict[str, Any] | None = None,
    timezone: str | None = None,
) -> Schedule:
    """Make a schedule that starts `kind` at the times `when` says, in words or as cron.

    A zone named in `when` wins over `timezone`; without either it is TABLETALK_TIMEZONE, this machine's own by
    default. Conflict names the schedule that does the same at the same times.
    """
    may_change(actor, "schedule work")
    read = read_when(when)
    zone = cron.check_zone(read.timezone or timezone or default_zone(box))
    row = ScheduleRow(
        workspace_id=actor.workspace_id,
        created_by=actor.user_id,
        kind=kind,
        target=target,
        database_id=database_id,
        arguments=arguments or {},
        cron=read.cron,
        timezone=zone,
        next_run=cron.next_run(read.cron, zone, datetime.now(UTC)),
        conversation_id=actor.conversation_id,
    )
    async with box.store.begin(actor.workspace_id) as session:
        await _refuse_same(session, actor, row)
        session.add_all([row, audit.noted(actor, f"schedule {kind}", target, detail=f"{read.cron} {zone}")])
        await session.flush()
        return await _find(session, actor, row.id)


async def get(box: Toolbox, actor: Actor, schedule_id: int) -> Schedule:
    """The schedule as it stands now; NotFound when this workspace has none of that number."""
    async with box.store.begin(actor.workspace_id) as session:
        return await _find(session, actor, schedule_id)


async def list_schedules(box: Toolbox, actor: Actor, *, database_id: UUID | None = None) -> tuple[Schedule, ...]:
    """The workspace's schedules, the next to come first, paused ones last."""
    query = _schedules(actor).order_by(ScheduleRow.next_run.asc().nulls_last(), ScheduleRow.id)
    if database_id is not None:
        query = query.where(ScheduleRow.database_id == database_id)
    async with box.store.begin(actor.workspace_id) as session:
        return tuple(_schedule(row) for row in await session.execute(query))


async def find_schedules(box: Toolbox, actor: Actor, words: str) -> tuple[Schedule, ...]:
    """Schedules that `words` may mean: a number, a database, a table, a kind, `nightly`; all for no words."""
    found = await list_schedules(box, actor)
    wanted = [word for word in words.lower().replace(",", " ").replace("#", "").split() if word]
    return tuple(one for one in found if all(_meant(one, word) for word in wanted))


async def pause(box: Toolbox, actor: Actor, schedule_id: int) -> Schedule:
    """Let a schedule rest until it is resumed; a job that runs goes on. Conflict when it rests already."""
    may_change(actor, "schedule work")
    async with box.store.begin(actor.workspace_id) as session:
        row = await _locked(session, actor, schedule_id)
        if row.paused:
            raise Conflict(f"Schedule {schedule_id} is paused already.")
        row.paused, row.next_run = True, None
        await session.flush()
        after = await _find(session, actor, schedule_id)
    return await _announced(box, after)


async def resume(box: Toolbox, actor: Actor, schedule_id: int) -> Schedule:
    """Let a paused schedule go on at its next time; what it missed meanwhile stays missed."""
    may_change(actor, "schedule work")
    async with box.store.begin(actor.workspace_id) as session:
        row = await _locked(session, actor, schedule_id)
        if not row.paused:
            raise Conflict(f"Schedule {schedule_id} is not paused.")
        row.paused, row.next_run = False, cron.next_run(row.cron, row.timezone, datetime.now(UTC))
        await session.flush()
        after = await _find(session, actor, schedule_id)
    return await _announced(box, after)


async def change(box: Toolbox, actor: Actor, schedule_id: int, when: str, timezone: str | None = None) -> Schedule:
    """Give a schedule other times, in words or as cron; a paused one stays paused."""
    may_change(actor, "schedule work")
    read = read_when(when)
    async with box.store.begin(actor.workspace_id) as session:
        row = await _locked(session, actor, schedule_id)
        row.cron, row.timezone = read.cron, cron.check_zone(read.timezone or timezone or row.timezone)
        row.next_run = None if row.paused else cron.next_run(row.cron, row.timezone, datetime.now(UTC))
        await session.flush()
        after = await _find(session, actor, schedule_id)
    return await _announced(box, after)


async def remove(box: Toolbox, actor: Actor, schedule_id: int, approved_by: UUID) -> Schedule:
    """Delete a schedule and give what it was; jobs it started, and what they brought, stay.

    `approved_by` is the member of the workspace who said yes.
    """
    may_change(actor, "schedule work")
    async with box.store.begin(actor.workspace_id) as session:
        if await session.get(Member, (actor.workspace_id, approved_by)) is None:
            raise NotAllowed("Deleting a schedule needs the yes of a member of this workspace.")
        gone = await _find(session, actor, schedule_id)
        await session.execute(delete(ScheduleRow).where(ScheduleRow.id == schedule_id))
        session.add(audit.noted(actor, f"unschedule {gone.kind}", gone.target, detail=f"schedule {schedule_id}"))
    return await _announced(box, gone)


async def consequence_of_removing(box: Toolbox, actor: Actor, schedule_id: int) -> str:
    """Say what deleting a schedule would do, and what stays."""
    found = await get(box, actor, schedule_id)
    return (
        f"This deletes schedule {found.id}: {found.title}, {found.when}. It will not start again by itself. "
        "Jobs it started and what they brought stay."
    )


def default_zone(box: Toolbox) -> str:
    """The zone of a schedule that names none."""
    return box.settings.timezone or cron.local_zone()


async def _announced(box: Toolbox, schedule: Schedule) -> Schedule:
    """Tell boards to look again; with the queue down they do so by themselves, a little later."""
    with contextlib.suppress(StoreUnavailable):
        await box.queue.publish(workspace_channel(schedule.workspace_id), json.dumps({"schedule_id": schedule.id}))
    return schedule


def _meant(schedule: Schedule, word: str) -> bool:
    if word.isdecimal():
        return schedule.id == int(word)
    names = f"{schedule.kind} {schedule.target} {schedule.database or ''} {LABELS.get(schedule.kind, '')}".lower()
    if word in names.replace(",", " ").replace(":", " ").replace(".", " ").split() or word in names.split():
        return True
    try:
        return _rhythm(read_when(word).cron) == _rhythm(schedule.cron)
    except Invalid:
        return False


def _rhythm(expression: str) -> tuple[object, ...]:
    """Which days it comes on, and whether more than once an hour or a day: `nightly` means any hour."""
    minute, hour, *days = expression.split()
    return ("*" in minute, "*" in hour, *days)


def _schedules(actor: Actor) -> Select[ScheduleRow, str, str, str]:
    return (
        select(ScheduleRow, User.name, DatabaseRow.name, JobRow.state)
        .outerjoin(User, User.id == ScheduleRow.created_by)
        .outerjoin(DatabaseRow, DatabaseRow.id == ScheduleRow.database_id)
        .outerjoin(JobRow, JobRow.id == ScheduleRow.last_job_id)
        .where(ScheduleRow.workspace_id == actor.workspace_id)
    )


def _schedule(row: Row[ScheduleRow, str, str, str]) -> Schedule:
    joined = {"created_by_name", "database", "last_state"}
    shared = {name: getattr(row[0], name) for name in Schedule.model_fields.keys() - joined}
    return Schedule.model_validate({**shared, "created_by_name": row[1], "database": row[2], "last_state": row[3]})


async def _find(session: AsyncSession, actor: Actor, schedule_id: int) -> Schedule:
    query = _schedules(actor).where(ScheduleRow.id == schedule_id).execution_options(populate_existing=True)
    row = (await session.execute(query)).first()
    if row is None:
        raise NotFound(f"No schedule {schedule_id!r} in this workspace. List the schedules to see their numbers.")
    return _schedule(row)


async def _locked(session: AsyncSession, actor: Actor, schedule_id: int) -> ScheduleRow:
    await _find(session, actor, schedule_id)
    row = await session.get(ScheduleRow, schedule_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"Schedule {schedule_id!r} has just been deleted.")
    return row


async def _refuse_same(session: AsyncSession, actor: Actor, new: ScheduleRow) -> None:
    mine = ScheduleRow.workspace_id == actor.workspace_id
    if (await session.scalar(select(func.count()).where(mine)) or 0) >= MOST:
        raise Conflict(f"This workspace has {MOST} schedules; delete some first.")
    same = select(ScheduleRow.id).where(
        mine,
        ScheduleRow.kind == new.kind,
        ScheduleRow.target == new.target,
        ScheduleRow.database_id == new.database_id,
        ScheduleRow.arguments == new.arguments,
        ScheduleRow.cron == new.cron,
        ScheduleRow.timezone == new.timezone,
    )
    if (found := await session.scalar(same)) is not None:
        raise Conflict(f"Schedule {found} does just that already, {cron.in_words(new.cron)} {new.timezone}.")
