"""Commands beginning with a slash: the same capabilities by name, without a model in between."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import chainlit as cl
from chainlit.types import CommandDict
from sqlalchemy import select

from assistant import accounts, embed
from assistant.chat import syncing
from assistant.chat.door import door
from assistant.chat.draw_result import short_names
from assistant.chat.screen import say
from assistant.loopback import is_loopback
from tools import databases, documents, jobs, queries, schemas, sync
from tools.cards import BoardCard, JobCard, RegisterCard, ResultCard, ScheduleCard, TableCard
from tools.documents.toolset import card_of
from tools.errors import Invalid, QueryTimedOut
from tools.store.models import ConversationRow
from tools.toolbox import Actor, Toolbox

NO_MODEL = """\
Questions are read by the **offline model**: rules, no key, nothing leaves this machine.

To connect a model, set two variables (in the environment or in `.env`) and start again:

```bash
TABLETALK_MODEL=openai-chat:gpt-5
OPENAI_API_KEY=...
```

`OPENAI_BASE_URL` names any server that speaks the OpenAI protocol. \
Any other model name of pydantic-ai works too (`anthropic:...`, `google-gla:...`); \
several, parted by commas, stand in for each other.

A model sees names, shapes and at most `TABLETALK_PREVIEW_ROWS` rows of a result; never a password."""

Deed = Callable[[Toolbox, Actor, str], Awaitable[None]]


@dataclass(frozen=True)
class Command:
    """One command of the menu."""

    usage: str
    """What may follow its name."""
    description: str
    icon: str
    """A lucide icon's name."""
    deed: Deed


@dataclass(frozen=True)
class Call:
    """A command as somebody typed it."""

    name: str
    rest: str


def parse(text: str) -> Call | None:
    """Read `/name what follows`; None when `text` is no command."""
    match = re.match(r"/([a-z]+)(?:\s+(.*))?$", text.strip(), re.DOTALL | re.IGNORECASE)
    return Call(match[1].lower(), (match[2] or "").strip()) if match else None


async def carry_out(person: Actor, call: Call) -> None:
    """Do what `call` says and show what came of it; errors raised on purpose are the caller's to tell."""
    command = COMMANDS.get(call.name)
    if command is None:
        raise Invalid(f"No command {'/' + call.name!r}; there are: {', '.join('/' + name for name in COMMANDS)}.")
    await command.deed(door().box, person, call.rest)


async def _databases(box: Toolbox, person: Actor, _rest: str) -> None:
    found = await databases.list_databases(box, person)
    synced = await sync.summaries(box, person)
    rows = [
        (
            one.name,
            one.kind,
            one.place,
            f"{one.trained:,} of {one.tables:,}",
            synced.get(one.id, "never"),
            one.health,
        )
        for one in found
    ]
    await say(*_listed("Databases", ("name", "kind", "where", "trained", "synced", "health"), rows))


async def _tables(box: Toolbox, person: Actor, rest: str) -> None:
    name, wanted = await _which(box, person, rest)
    tables = [
        table
        for table in await schemas.catalog(box, person, name)
        if wanted.lower() in table.shape.qualified_name.lower()
    ]
    if wanted and not tables:
        raise Invalid(f"{name} has no table whose name holds {wanted!r}; /tables {name} lists them all.")
    names = short_names([table.shape.qualified_name for table in tables])
    rows = [
        (
            shown,
            f"{table.shape.row_estimate:,}" if table.shape.row_estimate is not None else "",
            f"{len(table.shape.columns):,}",
            "no" if table.trained_at is None else "changed since" if table.stale else "yes",
            table.description,
        )
        for shown, table in zip(names, tables, strict=True)
    ]
    await say(*_listed(f"Tables of {name}", ("table", "rows, about", "columns", "trained", "description"), rows))


async def _describe(box: Toolbox, person: Actor, rest: str) -> None:
    name, table_name = await _which(box, person, rest)
    if not table_name:
        raise Invalid(f"Name a table of {name}: /describe orders. /tables lists them.")
    table = await schemas.describe(box, person, name, table_name)
    keys = {
        column: f"{key.target_table}.{key.target_columns[0]}"
        for key in table.shape.foreign_keys
        for column in key.columns[:1]
    }
    rows = [
        (
            column.name,
            column.type,
            "key"
            if column.name in table.shape.primary_key
            else "→ " + keys[column.name]
            if column.name in keys
            else "",
            column.comment or ", ".join(table.values.get(column.name, ())[:6]),
        )
        for column in table.shape.columns
    ]
    title, card = _listed(f"{table.shape.name} in {name}", ("column", "type", "key", "what it holds"), rows)
    await say("\n\n".join(filter(None, [title, table.description, *(f"Note: {note}" for note in table.notes)])), card)


async def _train(box: Toolbox, person: Actor, rest: str) -> None:
    name, tables = await _which(box, person, rest)
    job = await schemas.start_training(box, person, name, tables or "*")
    await say("", JobCard(job_id=job.id))


async def _sync(box: Toolbox, person: Actor, rest: str) -> None:
    await syncing.carry_out(box, person, rest, await _in_hand(box, person))


async def _jobs(box: Toolbox, person: Actor, rest: str) -> None:
    if rest.isdecimal():
        await say("", JobCard(job_id=(await jobs.get(box, person, int(rest))).id))
        return
    await say("", BoardCard())


async def _schedules(box: Toolbox, person: Actor, rest: str) -> None:
    found = await jobs.schedules.find_schedules(box, person, rest)
    none = "Nothing is scheduled yet. Say for instance: train shop every night at 2."
    cards = [ScheduleCard(schedule_ids=tuple(one.id for one in found))] if found else []
    await say("" if found else none, *cards)


async def _search(box: Toolbox, person: Actor, rest: str) -> None:
    names = [one.name for one in await databases.list_databases(box, person)]
    first, _, remainder = rest.partition(" ")
    database, words = (first, remainder) if first in names and remainder else (None, rest)
    if not words.strip():
        raise Invalid("Put what the rows say behind the command: /search late delivery")
    await say("", card_of(await documents.search_documents(box, person, words, database=database)))


async def _history(box: Toolbox, person: Actor, rest: str) -> None:
    found = await queries.list_queries(box, person, search=rest or None)
    rows = [
        (
            f"{one.created_at.astimezone():%d %b %H:%M}",
            one.database,
            one.question or " ".join(one.sql_asked.split()),
            f"{one.rows:,}" if one.rows is not None else "",
            one.error or "ok",
        )
        for one in found
    ]
    await say(*_listed("Queries", ("when", "database", "question", "rows", "outcome"), rows))


async def _sql(box: Toolbox, person: Actor, rest: str) -> None:
    name, sql = await _which(box, person, rest)
    if not sql:
        raise Invalid("Put the query behind the command: /sql select count(*) from orders")
    try:
        query_id = (await queries.run(box, person, name, sql)).id
    except QueryTimedOut:
        # Its card says so, and offers to wait for it.
        query_id = (await queries.list_queries(box, person, conversation_id=person.conversation_id, limit=1))[0].id
    await say("", ResultCard(query_id=query_id))


async def _examples(box: Toolbox, person: Actor, rest: str) -> None:
    name, _ = await _which(box, person, rest)
    rows = [(one.question, " ".join(one.sql.split())) for one in await queries.list_examples(box, person, name)]
    await say(*_listed(f"Verified queries of {name}", ("question", "SQL"), rows))


async def _notes(box: Toolbox, person: Actor, rest: str) -> None:
    name, _ = await _which(box, person, rest)
    rows = [(one.table or "all", one.text, one.created_by or "") for one in await schemas.list_notes(box, person, name)]
    await say(*_listed(f"Notes on {name}", ("about", "note", "by"), rows))


async def _register(_box: Toolbox, _person: Actor, rest: str) -> None:
    await say("", RegisterCard(name=rest.split(maxsplit=1)[0] if rest else ""))


async def _model(box: Toolbox, _person: Actor, _rest: str) -> None:
    model = box.settings.model
    await say(f"Questions are read by **{model}**. TABLETALK_MODEL sets it." if model else NO_MODEL)


async def _embed(box: Toolbox, person: Actor, rest: str) -> None:
    keys = [one for one in await embed.list_keys(box, person) if one.revoked_at is None]
    if not rest:
        rows = [(one.name, ", ".join(one.origins), ", ".join(one.tables), one.role) for one in keys]
        title, card = _listed("Widget keys", ("name", "pages of", "tables", "role"), rows)
        await say(f"{title}\n\nThe chat in your own pages: `tabletalk embed create` makes a key.", card)
        return
    key = await embed.find_key(box, person, rest)
    host = cl.context.session.environ.get("HTTP_HOST", "localhost")
    scheme = "http" if is_loopback(urlsplit(f"//{host}").hostname or "") else "https"
    address = box.settings.public_url or f"{scheme}://{host}"
    token = "" if key.anonymous_daily else "\n`data-token` is where your own server signs who its user is."
    pages = f"This line puts **{key.look.title}** into pages of {', '.join(key.origins)}:"
    await say(f"{pages}\n\n```text\n{embed.snippet(key, address)}\n```{token}")


async def _workspace(box: Toolbox, person: Actor, rest: str) -> None:
    if rest:
        there = await accounts.choose_workspace(box, person, rest)
        await say(
            f"You work in **{rest}** now, as {there.role}. Begin a new conversation: this one stays in its workspace."
        )
        return
    teams = await accounts.list_workspaces(box, person)
    rows = [("here" if team.chosen else "", team.name, team.role, str(team.members)) for team in teams]
    title, card = _listed("Workspaces", ("", "name", "you are", "members"), rows)
    await say(f"{title}\n\n`/workspace name` goes to another.", card)


async def _help(_box: Toolbox, _person: Actor, _rest: str) -> None:
    rows = tuple((f"/{name} {command.usage}".strip(), command.description) for name, command in COMMANDS.items())
    await say(
        "Ask in plain words, or use a command. Where several databases are registered, name one first: "
        "`/tables shop`, `/sql shop select ...`.",
        TableCard(title="", columns=("command", "what it does"), rows=rows),
    )


def _listed(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> tuple[str, TableCard]:
    """Give the message and the card of a list."""
    return f"**{title}**", TableCard(title="", columns=columns, rows=tuple(rows))


async def _which(box: Toolbox, person: Actor, rest: str) -> tuple[str, str]:
    """Take a database's name off the front of `rest`; without one it is the only one there is, or the one in hand.

    Invalid when that leaves a choice.
    """
    names = [one.name for one in await databases.list_databases(box, person)]
    first, _, remainder = rest.partition(" ")
    if first in names:
        return first, remainder.strip()
    if len(names) == 1:
        return names[0], rest
    if not names:
        raise Invalid("No database is registered yet; /register connects one.")
    if (in_hand := await _in_hand(box, person)) in names:
        return str(in_hand), rest
    raise Invalid(f"Name the database first; registered: {', '.join(names)}.")


async def _in_hand(box: Toolbox, person: Actor) -> str | None:
    """Give the database that this conversation asked last."""
    state = select(ConversationRow.state["database"].astext).where(
        ConversationRow.id == person.conversation_id, ConversationRow.workspace_id == person.workspace_id
    )
    async with box.store.begin(person.workspace_id) as session:
        return await session.scalar(state)


COMMANDS: dict[str, Command] = {
    "databases": Command("", "Registered databases and how they are", "database", _databases),
    "tables": Command("[database] [words]", "Tables of a database and whether they are trained", "table-2", _tables),
    "describe": Command("[database] table", "Columns of a table and what they hold", "list-tree", _describe),
    "train": Command("[database] [tables]", "Learn tables, all or some", "graduation-cap", _train),
    "sync": Command("[database] [tables] [when]", "Make rows searchable, now or on a schedule", "refresh-cw", _sync),
    "jobs": Command("[number]", "The board: what runs, failed, is done; workers, schedules", "list-checks", _jobs),
    "schedules": Command("[words]", "What starts by itself, and when", "calendar-clock", _schedules),
    "search": Command("[database] words", "Find synced rows by what they say", "search", _search),
    "history": Command("[words]", "Queries asked before", "history", _history),
    "sql": Command("[database] select ...", "Run a read-only query as it stands", "terminal", _sql),
    "examples": Command("[database]", "Verified queries", "badge-check", _examples),
    "notes": Command("[database]", "What people noted about the data", "sticky-note", _notes),
    "register": Command("[name]", "Connect a database", "plug", _register),
    "embed": Command("[key]", "The chat in your own pages", "app-window", _embed),
    "workspace": Command("[name]", "Where you work, and whom you share with", "users", _workspace),
    "model": Command("", "Which model reads the questions", "cpu", _model),
    "help": Command("", "All commands", "circle-help", _help),
}

MENU: list[CommandDict] = [
    CommandDict(
        id=name, description=command.description, icon=command.icon, button=False, persistent=False, selected=False
    )
    for name, command in COMMANDS.items()
]
