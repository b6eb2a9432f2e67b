"""From a command about background work to the calls of tools: syncs, schedules, jobs, documents."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from assistant.offline.commands import Command
from assistant.offline.step import Call, Step, call, choices, say
from tools import jobs
from tools.desk import Desk
from tools.jobs import Job, Schedule
from tools.schemas.catalog import TrainedTable

FAILED: tuple[jobs.State, ...] = ("failed", "partial")
LIVE: tuple[jobs.State, ...] = ("queued", "running", "cancelling")
OVER: tuple[jobs.State, ...] = ("failed", "partial", "cancelled")
BUTTONS = 8
ALL = ("everything", " all ")

ABOUT_A_DATABASE = {
    "sync", "preview_sync", "sync_status", "show_plan", "train_scheduled", "plan_ignore", "plan_include", "plan_rename",
    "plan_entity", "plan_title", "plan_tags", "plan_watermark",
}  # fmt: skip
"""Intents that need a database; without one in the words it is the one that holds the tables, or the one in hand."""


class Working:
    """Carries out one command about background work."""

    def __init__(self, desk: Desk, prompt: str) -> None:
        """Take what was typed."""
        self.desk, self.prompt = desk, prompt

    async def carry_out(self, command: Command, database: str | None) -> Step | None:
        """The calls that carry out `command`, or the words that answer it; None when it is about something else."""
        return (
            self._about_syncs(command, database)
            or self._about_plans(command, database)
            or await self._about_schedules(command, database)
            or await self._about_jobs(command)
        )

    # Syncs and documents

    def _about_syncs(self, command: Command, database: str | None) -> Step | None:
        how = dict(command.how)
        asked = {"database": database, "tables": command.tables or "*", **how}
        match command.intent:
            case "sync" if how.pop("dry_run", False):
                return call("preview_sync", **{**asked, "dry_run": None})
            case "sync" if "when" in how:
                return call("schedule_sync", **asked)
            case "sync":
                return call("sync_tables", **asked)
            case "preview_sync":
                return call("preview_sync", **asked)
            case "sync_status":
                return call("sync_status", database=database)
            case "search_documents":
                # What is sought is read from the whole sentence: "the customer who complained about ...".
                words = self.prompt if command.entity else command.text or self.prompt
                return call("search_documents", query=words.strip().rstrip("?!. "), database=command.database)
        return None

    def _about_plans(self, command: Command, database: str | None) -> Step | None:
        columns = list(command.columns)
        changes: dict[str, dict[str, Any]] = {
            "show_plan": {},
            "plan_ignore": {"ignore": columns},
            "plan_include": {"include": columns},
            "plan_rename": {"rename": dict.fromkeys(columns[:1], command.name)},
            "plan_entity": {"entity": command.entity},
            "plan_title": {"title": columns},
            "plan_tags": {"tags": columns},
            "plan_watermark": {"watermark": columns[0] if columns else None},
        }
        if command.intent not in changes:
            return None
        if command.table is None:
            return say("Of which table? Say it as in “ignore customers.fax when syncing”.")
        return call("edit_sync_plan", database=database, table=command.table, **changes[command.intent])

    # Schedules

    async def _about_schedules(self, command: Command, database: str | None) -> Step | None:
        match command.intent:
            case "train_scheduled":
                when = command.how.get("when")
                if when is None:
                    return call("train_tables", database=database, tables=command.tables or "*")
                return call("schedule_training", database=database, tables=command.tables or "*", when=when)
            case "list_schedules":
                return call("list_schedules", words=_plain(command.schedule))
            case "pause_schedule":
                return await self._schedule(command, "pause_schedule", "pause", lambda one: not one.paused)
            case "resume_schedule":
                return await self._schedule(command, "resume_schedule", "resume", lambda one: one.paused)
            case "delete_schedule":
                return await self._schedule(command, "delete_schedule", "delete", lambda _: True)
            case "change_schedule":
                when = command.how.get("when")
                if when is None:
                    return say("To when? Say for instance “change schedule 3 to weekdays at 7:30”.")
                return await self._schedule(command, "change_schedule", "change", lambda _: True, when=when)
        return None

    async def _schedule(
        self, command: Command, tool: str, verb: str, fits: Callable[[Schedule], bool], **more: Any
    ) -> Step:
        """Do something to the schedule that is meant: the only one that fits, all of them, or a choice."""
        words = _plain(command.schedule)
        found = await jobs.schedules.find_schedules(self.desk.box, self.desk.actor, words)
        meant = [one for one in found if fits(one)]
        if not meant and found:
            state = "paused already" if verb == "pause" else "not paused"
            return say(f"Schedule {found[0].id} ({found[0].title}) is {state}.")
        if not meant:
            return say(f"There is no such schedule{f' ({words})' if words else ''}. Say “show schedules”.")
        if len(meant) > 1 and verb in ("pause", "resume") and any(word in f" {self.prompt.lower()} " for word in ALL):
            return Step(calls=tuple(Call(tool, {"schedule_id": one.id}) for one in meant))
        if len(meant) > 1:
            tail = f" to {more['when']}" if more else ""
            options = [(f"{one.id}: {one.title}, {one.when}", f"{verb} schedule {one.id}{tail}") for one in meant]
            return choices("Which schedule?", *options[:BUTTONS])
        return call(tool, schedule_id=meant[0].id, **more)

    # Jobs

    async def _about_jobs(self, command: Command) -> Step | None:
        kind = "train" if "train" in self.prompt.lower() else "sync"
        match command.intent:
            case "retry_all":
                only = kind if any(word in self.prompt.lower() for word in ("sync", "training")) else None
                return call("retry_failed_jobs", kind=only, since=command.period)
            case "failed_syncs":
                return call("list_jobs", states=list(FAILED), kind="sync", since=command.period)
            case "list_syncs":
                return call("list_jobs", kind="sync", since=command.period)
            case "running_sync":
                return await self._running(command, kind)
            case "cancel_sync":
                return await self._one(command, kind, LIVE, "cancel")
            case "retry_sync":
                return await self._one(command, kind, OVER, "retry")
        return None

    async def _running(self, command: Command, kind: str) -> Step:
        """How the live job stands, or the last one where none is live."""
        found = await self._jobs(command, kind, None)
        if not found:
            return say("Nothing of that kind has run yet.")
        live = [job for job in found if job.live]
        return Step(calls=tuple(Call("job_status", {"job_id": job.id}) for job in live or found[:1]))

    async def _one(self, command: Command, kind: str, states: Sequence[jobs.State], verb: str) -> Step:
        found = await self._jobs(command, kind, states)
        if not found and verb == "cancel":
            return await self._nothing_to_cancel(command, kind)
        if not found:
            return say(f"No {'training' if kind == 'train' else 'sync'} has failed.")
        if len(found) == 1 or verb == "retry":
            return call(f"{verb}_job", job_id=found[0].id)
        return choices("Which job?", *((f"{job.id}: {job.title}", f"{verb} {job.id}") for job in found[:BUTTONS]))

    async def _nothing_to_cancel(self, command: Command, kind: str) -> Step:
        """Nothing runs; perhaps its schedule is meant."""
        words = _plain(command.schedule)
        planned = (
            await jobs.schedules.find_schedules(self.desk.box, self.desk.actor, f"{kind} {words}") if words else ()
        )
        said = f"No {'training' if kind == 'train' else 'sync'} is running."
        if not planned:
            return say(said)
        options = [(f"Delete schedule {one.id}: {one.when}", f"delete schedule {one.id}") for one in planned]
        return choices(f"{said} It starts by a schedule:", *options[:BUTTONS])

    async def _jobs(self, command: Command, kind: str, states: Sequence[jobs.State] | None) -> list[Job]:
        found = await jobs.list_jobs(self.desk.box, self.desk.actor, states=states, kind=kind, limit=50)
        words = _plain(command.schedule).lower().split()
        return [job for job in found if all(_names(job.target, word) for word in words)]


def holding(tables: str | None, table: str | None, held: Iterable[tuple[str, frozenset[str]]]) -> str | None:
    """The one database among `held` (name, qualified names of its tables) that has all the tables meant."""
    names = {name for name in (tables or table or "").split(",") if name and "*" not in name}
    found = [database for database, there in held if names and names <= there]
    return found[0] if len(found) == 1 else None


def shortly(tables: str | None, known: Sequence[TrainedTable]) -> str | None:
    """The same tables without their schema where that is enough: jobs and schedules are called by them."""
    if not tables:
        return tables
    names = [table.shape.name for table in known]
    plain = {table.shape.qualified_name: table.shape.name for table in known}
    return ",".join(plain[name] if names.count(plain.get(name, "")) == 1 else name for name in tables.split(","))


def _names(target: str, word: str) -> bool:
    parts = target.lower().replace(",", " ").replace(":", " ").split()
    return any(word in (part, part.rpartition(".")[2], part.partition(".")[0]) for part in parts)


def _plain(words: str | None) -> str:
    """Words that name a schedule, without those that name none: `the sync of shop` is `shop`."""
    idle = {"the", "a", "an", "of", "for", "from", "in", "schedule", "schedules", "number", "and", "syncs", "trainings"}
    return " ".join(word for word in (words or "").replace("#", "").split() if word.lower() not in idle)
