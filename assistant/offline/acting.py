"""From a command to the calls of tools that carry it out, or to the words that answer it."""

from dataclasses import replace
from typing import Any

from assistant.offline import working
from assistant.offline.answering import Answering
from assistant.offline.commands import Command, vocabulary
from assistant.offline.figures import listed
from assistant.offline.step import Step, call, choices, say
from tools import jobs, schemas
from tools.desk import Desk

HELP = """\
Ask about your data in plain words: I only read, and I show the query behind every answer. You can also tell me to

- register, check, rename or forget a database; list databases and tables; describe a table
- train a database or some tables, tell what is trained, look for changes of the schema
- sync tables into searchable documents, now or “every night at 2, only the last 18 months”; preview a sync; say which \
columns it leaves out
- find what rows say: “find the customer who complained about late delivery”
- show schedules, pause, resume, change or delete them; train on a schedule, too
- list jobs, say what failed this week, cancel or retry a job by its number, retry all
- run SQL you type, show history, run a query again, save an answer as verified
- keep notes: “note: revenue means paid orders”; correct me: “that's wrong, revenue must not include cancelled orders”

Say “what can I ask?” for questions about your data."""

MODEL = """\
This is the offline model: it reads questions by rule, on this machine, and needs no key. To connect a language \
model, set TABLETALK_MODEL (for instance `openai-chat:NAME`) with OPENAI_API_KEY, or OPENAI_BASE_URL for a server of \
your own, and start Tabletalk again. The offline model then takes over whenever that one does not answer."""

WRITES = "I only read: nothing was changed, and nothing that is asked here can change your data."
NOTHING_YET = "There is no answer in this conversation yet."

ABOUT_A_DATABASE = working.ABOUT_A_DATABASE | {
    "check_database", "list_tables", "describe_table", "train", "retrain", "untrain", "refresh_schema", "list_verified",
    "add_note", "list_notes", "remove_note", "set_description", "run_sql", "correction",
}  # fmt: skip
"""Intents that need a database; without one in the words it is the one in hand, or the only one."""


class Acting:
    """Carries out one command."""

    def __init__(self, desk: Desk, answering: Answering, prompt: str, query_id: Any) -> None:
        """Take what was typed, and the id of the last query shown."""
        self.desk, self.answering, self.prompt, self.query_id = desk, answering, prompt, query_id
        self.correcting = False

    async def carry_out(self, command: Command) -> Step:
        """The calls that carry out `command`, or the words that answer it."""
        database = command.database
        if command.intent in working.ABOUT_A_DATABASE and database is None:
            held = ((one.name, frozenset(t.shape.qualified_name for t in one.tables)) for one in self.answering.sources)
            database = working.holding(command.tables, command.table, held)
        if command.intent in ABOUT_A_DATABASE and database is None:
            names = [source.name for source in self.answering.sources]
            database = self.desk.database if self.desk.database in names else names[0] if len(names) == 1 else None
            if database is None and names:
                return self._which(command, names)
            if database is None and command.intent != "correction":
                return await self.answering.begin(self.prompt)
        if database is not None and any(source.name == database for source in self.answering.sources):
            self.desk.database = database
        step = self._about_databases(command, database) or await self._about_jobs(command)
        source = next((one for one in self.answering.sources if one.name == database), None)
        short = replace(command, tables=working.shortly(command.tables, source.tables)) if source else command
        step = step or await working.Working(self.desk, self.prompt).carry_out(short, database)
        step = step or self._about_tables(command, database) or self._about_notes(command, database)
        return step or await self._about_answers(command, database)

    def _which(self, command: Command, names: list[str]) -> Step:
        slash = next((name for name, intent in vocabulary().slash.items() if intent == command.intent), None)
        if slash is None or command.text:
            return choices("Which database?", *((name, f"in {name}: {self.prompt}") for name in names[:8]))
        return choices("Which database?", *((name, f"/{slash} {name}") for name in names[:8]))

    def _about_databases(self, command: Command, database: str | None) -> Step | None:
        match command.intent:
            case "list_databases":
                return call("list_databases")
            case "register_database":
                return call("register_database", name=database, dialect=command.dialect)
            case "check_database":
                return call("check_database", name=database)
            case "rename_database":
                return call("rename_database", name=database, new_name=command.name)
            case "forget_database":
                if database is None:
                    return say("Which one? Say “forget” and its name.")
                return call("forget_database", name=database)
            case "use_database":
                return say(f"The questions that follow are about {database}.")
        return None

    def _about_tables(self, command: Command, database: str | None) -> Step | None:
        match command.intent:
            case "list_tables":
                return call("list_tables", database=database)
            case "describe_table":
                return call("describe_table", database=database, table=command.table)
            case "set_description":
                return call("set_table_description", database=database, table=command.table, description=command.text)
            case "train" | "retrain":
                return call("train_tables", database=database, tables=command.tables or "*")
            case "untrain":
                return call("untrain_tables", database=database, tables=command.tables or "*")
            case "training_status":
                return call("training_status", database=database)
            case "refresh_schema":
                return call("refresh_schema", database=database)
        return None

    def _about_notes(self, command: Command, database: str | None) -> Step | None:
        match command.intent:
            case "add_note":
                return call("add_note", database=database, text=command.text, table=command.table)
            case "correction":
                self.correcting = True
                return call("add_note", database=database, text=command.text)
            case "list_notes":
                return call("list_notes", database=database)
        return None

    async def _about_jobs(self, command: Command) -> Step | None:
        match command.intent:
            case "list_jobs":
                return call("list_jobs", since=command.period)
            case "live_jobs":
                return call("list_jobs", states=["queued", "running", "cancelling"])
            case "failed_jobs":
                return call("list_jobs", states=["failed", "partial"], since=command.period)
            case "queue_stats":
                return call("queue_stats")
            case "job_status" if command.number is not None:
                return call("job_status", job_id=command.number)
            case "cancel_job" | "retry_job":
                return await self._one_job(command)
        return None

    async def _one_job(self, command: Command) -> Step:
        """Cancel or retry the job named by its number, or the only one it can mean."""
        cancelling = command.intent == "cancel_job"
        tool = "cancel_job" if cancelling else "retry_job"
        if command.number is not None:
            return call(tool, job_id=command.number)
        states: tuple[jobs.State, ...] = ("failed", "partial", "cancelled")
        if cancelling:
            states = ("queued", "running", "cancelling")
        meant = await jobs.list_jobs(self.desk.box, self.desk.actor, states=states, limit=5)
        if not meant:
            return say("No job is running." if cancelling else "No job has failed.")
        if len(meant) == 1 or not cancelling:
            return call(tool, job_id=meant[0].id)
        word = "cancel" if cancelling else "retry"
        return choices("Which job?", *((f"{job.id}: {job.title}", f"{word} {job.id}") for job in meant))

    async def _about_answers(self, command: Command, database: str | None) -> Step:
        match command.intent:
            case "history":
                return call("query_history", database=database, search=command.text)
            case "run_sql":
                return call("run_query", database=database, sql=command.text, read_as="the SQL as it was typed")
            case "rerun" | "save_verified" if self.query_id is None:
                return say(NOTHING_YET)
            case "rerun":
                return call("rerun_query", query_id=str(self.query_id))
            case "save_verified":
                return call("save_verified", query_id=str(self.query_id), question=self.answering.asked())
            case "list_verified":
                return call("list_verified", database=database)
            case "why":
                return say(await self.answering.why(self.query_id))
            case "remove_note":
                return await self._remove_note(command, database)
            case "examples":
                return self._examples(database)
        return say(self._words(command))

    async def _remove_note(self, command: Command, database: str | None) -> Step:
        """Forget the note that is named by its number in the list or its words, else the last one."""
        if database is None:
            return say("There are no notes.")
        notes = await schemas.list_notes(self.desk.box, self.desk.actor, database)
        if command.number is not None:
            notes = notes[command.number - 1 : command.number]
        elif command.text:
            notes = tuple(note for note in notes if command.text.lower() in note.text.lower())
        if not notes:
            return say(f"{database} has no such note.")
        return call("remove_note", database=database, note=str(notes[-1].id))

    def _examples(self, database: str | None) -> Step:
        questions = self.answering.examples(database)
        if not questions:
            names = listed([repr(source.name) for source in self.answering.sources])
            return say(f"Nothing is known of {names} yet; say “train” and its name." if names else HELP)
        return choices(
            "Here is what these data can tell, for example.", *((question, question) for question in questions)
        )

    def _words(self, command: Command) -> str:
        match command.intent:
            case "help":
                return HELP
            case "connect_model":
                return MODEL
            case "greeting":
                return "Hello. Ask about your data in plain words, or say “what can I ask?”."
            case "thanks":
                return "You are welcome."
            case "wrong":
                return "What should it be? Say for instance “that's wrong, revenue must not include cancelled orders”."
            case "write":
                return WRITES
        return HELP
