"""One turn on the screen: the events of a conversation become messages, steps and cards."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID

import chainlit as cl
from chainlit.utils import utc_now

from assistant import conversation
from assistant.chat.door import actor, door
from assistant.chat.screen import show_data
from assistant.events import ApprovalNeeded, Done, Event, Failed, Shown, TextDelta, ToolCalled, ToolReturned
from tools import queries
from tools.cards import Choice, ChoicesCard, ResultCard
from tools.errors import QueryTimedOut
from tools.toolbox import Actor

STEPS = {
    "find_tables": ("Looking up tables", "Looked up tables"),
    "describe_table": ("Reading a table's description", "Read a table's description"),
    "list_tables": ("Listing tables", "Listed tables"),
    "list_databases": ("Listing databases", "Listed databases"),
    "run_query": ("Asking the database", "Asked the database"),
    "rerun_query": ("Asking the database again", "Asked the database again"),
    "check_database": ("Checking the database", "Checked the database"),
    "train_tables": ("Starting a training", "Started a training"),
    "forget_database": ("Forgetting the database", "Forgot the database"),
    "untrain_tables": ("Untraining tables", "Untrained tables"),
    "sync_tables": ("Starting a sync", "Started a sync"),
    "preview_sync": ("Looking at what a sync would read", "Looked at what a sync would read"),
    "sync_status": ("Looking at the syncs", "Looked at the syncs"),
    "edit_sync_plan": ("Looking at the sync plan", "Looked at the sync plan"),
    "schedule_sync": ("Scheduling a sync", "Scheduled a sync"),
    "delete_schedule": ("Deleting the schedule", "Deleted the schedule"),
    "list_schedules": ("Listing schedules", "Listed schedules"),
    "list_jobs": ("Listing jobs", "Listed jobs"),
    "job_status": ("Looking at the job", "Looked at the job"),
    "cancel_job": ("Cancelling the job", "Cancelled the job"),
    "retry_job": ("Starting the job again", "Started the job again"),
    "retry_failed_jobs": ("Starting failed jobs again", "Started failed jobs again"),
    "schedule_training": ("Scheduling a training", "Scheduled a training"),
    "pause_schedule": ("Pausing the schedule", "Paused the schedule"),
    "resume_schedule": ("Resuming the schedule", "Resumed the schedule"),
    "change_schedule": ("Changing the schedule", "Changed the schedule"),
    "queue_stats": ("Looking at the queue", "Looked at the queue"),
    "query_history": ("Looking into the history", "Looked into the history"),
    "save_verified": ("Saving as verified", "Saved as verified"),
    "list_verified": ("Listing verified queries", "Listed verified queries"),
    "remove_verified": ("Removing a verified query", "Removed a verified query"),
    "add_note": ("Making a note", "Made a note"),
    "list_notes": ("Listing notes", "Listed notes"),
    "remove_note": ("Removing a note", "Removed a note"),
    "set_table_description": ("Describing the table", "Described the table"),
    "refresh_schema": ("Looking for changes", "Looked for changes"),
    "training_status": ("Looking at the training", "Looked at the training"),
    "rename_database": ("Renaming the database", "Renamed the database"),
    "search_documents": ("Searching the rows", "Searched the rows"),
}
"""Tool -> what a person reads while it runs and after; others are called by their own name."""

STOPPED = "Stopped. What was still running at the database was cancelled there."

UNSEEN = {"ask_back", "register_database"}
"""Tools that only show a card: the card says it all."""

QUERIES = {"run_query", "rerun_query"}

YES = {"delete_schedule": "Delete it", "forget_database": "Forget it", "untrain_tables": "Untrain"}
"""Tool -> the button that approves it."""


async def take(
    person: Actor,
    message: str | None,
    approvals: Mapping[str, bool] | None = None,
    *,
    page: Any = None,
    language: str = "",
) -> "Screen":
    """Run one turn and show it, and give what it showed; a turn that is stopped says so."""
    refused = {call for call, yes in (approvals or {}).items() if not yes}
    screen = Screen(refused, quiet=person.door == "widget", sql_shown=person.sql_shown)
    try:
        box = door().box
        # A generator, so that leaving it early ends it here and now.
        run = cast(
            AsyncGenerator[Event, None],
            conversation.run(box, person, message, approvals=approvals, page=page, language=language),
        )
        async with aclosing(run) as events:
            async for event in events:
                await screen.show(event)
    except asyncio.CancelledError:
        await screen.stopped()
        raise
    finally:
        await screen.close()
    return screen


def in_background(person: Actor, message: str | None, approvals: Mapping[str, bool] | None = None) -> None:
    """Run a turn that a button began, so that Stop reaches it as it reaches any other."""
    session = cl.context.session

    async def run() -> None:
        await cl.context.emitter.task_start()
        try:
            # Chainlit's own turns end quietly when they are stopped; so does this one.
            with contextlib.suppress(asyncio.CancelledError):
                await take(person, message, approvals)
        finally:
            await cl.context.emitter.task_end()

    session.current_task = asyncio.create_task(run())


class Screen:
    """What one turn has put on the screen so far."""

    def __init__(self, refused: Collection[str] = (), *, quiet: bool = False, sql_shown: bool = True) -> None:
        """Begin with nothing shown; calls that were refused are not shown as steps, `quiet` ones without details."""
        self._refused, self._quiet, self._sql_shown = refused, quiet, sql_shown
        self.words: list[str] = []
        """What was said, piece by piece."""
        self.results: list[UUID] = []
        """Queries whose results were shown."""
        self._message: cl.Message | None = None
        self._steps: dict[str, cl.Step] = {}
        self._notes: dict[str, str] = {}
        self._undo: list[Choice] = []

    async def show(self, event: Event) -> None:
        """Put one event on the screen."""
        match event:
            case TextDelta(text=text):
                await self._text(text)
            case ToolCalled(id=call, name=name) if call not in self._refused and name not in UNSEEN:
                await self.close()
                await self._begin(event)
            case ToolReturned():
                await self._end(event)
            case Shown(card=ChoicesCard(prompt=prompt) as card) if prompt:
                # What is asked stands as text above its buttons, and what the model adds goes on behind it.
                await self._text(f"{prompt} ")
                await self._card(card.model_copy(update={"prompt": ""}).model_dump(mode="json"))
            case Shown(card=card):
                self.results += [card.query_id] if isinstance(card, ResultCard) else []
                await self._card(card.model_dump(mode="json"))
            case ApprovalNeeded(calls=calls):
                yes = YES.get(calls[0].tool, "Do it") if len(calls) == 1 else "Do it"
                for pending in calls:
                    await self._take_back(pending.id)
                waiting = [{"id": call.id, "tool": call.tool, "consequence": call.consequence} for call in calls]
                await self._card({"type": "approval", "calls": waiting, "yes": yes})
            case Done(suggestions=suggestions) if suggestions or self._undo:
                choices = (*self._undo, *(Choice(label=one, message=one) for one in suggestions))
                await self._card(ChoicesCard(prompt="", choices=choices).model_dump(mode="json"))
            case Failed(title=title, message=reason):
                await self._text(f"**{title}.** {reason}")

    async def stopped(self) -> None:
        """Say that a person stopped the turn."""
        for step in self._steps.values():
            step.end, step.output = utc_now(), "Stopped."
            await step.update()
        await self.close()
        await self._text(STOPPED)

    async def close(self) -> None:
        """End the text in hand: what comes next begins below it."""
        message, self._message = self._message, None
        if message is not None and (message.streaming or message.content):
            await (message.update() if message.persisted else message.send())

    async def _text(self, text: str) -> None:
        if self._message is None:
            self._message = cl.Message("")
            self._message.created_at = utc_now()
        self.words.append(text)
        await self._message.stream_token(text)

    async def _card(self, data: dict[str, Any]) -> None:
        # The words about a result come after it and stand above it: both belong to one message.
        if self._message is None:
            self._message = await cl.Message("").send()
        elif not self._message.persisted:
            await self._message.send()
        await show_data(self._message.thread_id, self._message.id, data)

    async def _begin(self, call: ToolCalled) -> None:
        doing = STEPS.get(call.name, (call.name.replace("_", " ").capitalize(),))[0]
        sql = call.args.get("sql") if self._sql_shown else None
        above = cl.context.current_step
        step = cl.Step(
            name=doing, type="tool", show_input="sql" if sql else False, parent_id=above.id if above else None
        )
        step.input = sql or ""
        if call.name == "add_note":
            self._notes[call.id] = str(call.args.get("text", ""))
        step.start = utc_now()
        self._steps[call.id] = step
        await step.send()

    async def _slow(self) -> None:
        """Show the query that has just taken too long, with the way to wait for it."""
        box, person = door().box, await actor()
        latest = await queries.list_queries(box, person, conversation_id=person.conversation_id, limit=1)
        if latest and latest[0].slow:
            await self._card(ResultCard(query_id=latest[0].id).model_dump(mode="json"))

    async def _take_back(self, call_id: str) -> None:
        """Remove the step of a call that waits: nothing runs yet."""
        if (step := self._steps.pop(call_id, None)) is not None:
            await step.remove()

    async def _end(self, returned: ToolReturned) -> None:
        step = self._steps.pop(returned.id, None)
        if returned.ok and (note := self._notes.get(returned.id)):
            self._undo = [Choice(label="Undo note", message=f"remove the note saying {note}")]
        if step is None:
            return
        named = STEPS.get(returned.name)
        if not returned.ok:
            step.name = f"{named[0] if named else step.name}: not possible"
        elif named:
            step.name = named[1]
        # Of a query that ran the card below shows more than its summary could.
        if not returned.ok and returned.name in QUERIES and returned.summary.startswith(QueryTimedOut.title):
            await self._slow()
        step.output = "" if self._quiet or (returned.ok and returned.name in QUERIES) else returned.summary
        # Step.output guesses a language; what tools say is plain text.
        step.language = "text"
        step.end = utc_now()
        await step.update()
