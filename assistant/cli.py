"""The `tabletalk` command: starts what there is to start, and calls the same functions as the chat."""

import asyncio
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from assistant import cli_people, printing
from assistant.cli_databases import databases_app
from assistant.cli_embed import embed_app
from assistant.cli_examples import examples_app
from assistant.cli_jobs import exit_code, jobs_app, schedules_app, sync_command
from assistant.cli_store import backup_store, restore_store
from assistant.command_line import As, Json, url_of, with_box
from assistant.evaluate_cli import evaluate_command
from assistant.up import Ended, Narrator, child_environment, program, up
from tools.embedded import AlreadyRunning, lifeline, running, servers
from tools.errors import AssistantError, Conflict
from tools.settings import load_settings

if TYPE_CHECKING:
    from tools.jobs import Job
    from tools.toolbox import Actor, Toolbox

# What a command needs of the capabilities is imported inside it: `tabletalk --help` and `up` stay quick and small.

Result = TypeVar("Result")

app = typer.Typer(
    help="Talk to your databases. Data goes to stdout, everything else to stderr.",
    epilog="Exit codes: 0 done; 1 refused or failed, and stderr says why; 2 wrong usage; 3 done only in part.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(databases_app, name="databases")
app.add_typer(jobs_app, name="jobs")
app.add_typer(embed_app, name="embed")
app.add_typer(examples_app, name="examples")
app.command("backup-store")(backup_store)
app.command("restore-store")(restore_store)
app.add_typer(schedules_app, name="schedules")
cli_people.add_to(app)
app.command("eval")(evaluate_command)
app.command("sync")(sync_command)


def main() -> None:
    """Run the command; an error raised on purpose is one line on stderr and exit code 1."""
    try:
        app()
    except AssistantError as error:
        sys.stderr.write(f"tabletalk: {error}\n")
        sys.exit(1)


@app.command("up")
def run_up(
    with_parent: Annotated[bool, typer.Option(hidden=True, help="Stop when the calling process dies.")] = False,
) -> None:
    """Start everything: servers, web process and worker, until Ctrl-C."""
    narrator = Narrator()
    try:
        up(load_settings(), narrator, with_parent=with_parent)
    except AlreadyRunning as found:  # what was asked for is so
        narrator.say(str(found))


@app.command()
def worker() -> None:
    """Run a worker here, on the store and the queue of the settings; any number, on any machine."""
    _run_here("workers")


@app.command()
def web() -> None:
    """Run a web process here, on the store and the queue of the settings; several need a sticky proxy before them."""
    _run_here("assistant.web")


def _run_here(module: str) -> None:
    with servers(load_settings(), tell=printing.narrate) as settings:
        process = lifeline.spawn(
            program(module), death_signal=signal.SIGTERM, output=sys.stderr.buffer, env=child_environment(settings)
        )
        try:
            with Ended().on_signals():
                code = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            code = process.wait()
    raise typer.Exit(code)


@app.command()
def migrate() -> None:
    """Bring the store's tables up to date."""
    from tools.store.session import migrate as migrate_store

    with servers(load_settings(), tell=printing.narrate) as settings:
        migrate_store(url_of(settings))


@app.command()
def demo(
    renew: Annotated[bool, typer.Option(help="Only bring it up to today; a shop that was forgotten stays so.")] = False,
    sync: Annotated[bool, typer.Option(help="Have a worker make its rows searchable as documents.")] = True,
) -> None:
    """Make, register and train the sample shop, as far as it is missing, and have it synced."""
    from tools import databases
    from tools import demo as shop

    async def work(box: "Toolbox", actor: "Actor") -> None:
        if not renew or any(found.name == "shop" for found in await databases.list_databases(box, actor)):
            ours = await shop.install(box, actor)
            if ours and sync:
                await shop.make_searchable(box, actor)

    with_box(work)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check everything that Tabletalk stands on; exit code 1 when something is wrong."""
    from assistant.doctor import examine

    with servers(load_settings(), tell=printing.narrate) as settings:
        findings = asyncio.run(examine(settings))
    if as_json:
        printing.show(findings, (), as_json)
    else:
        for finding in findings:
            mark = "ok   " if finding.ok else "WRONG"
            sys.stdout.write(
                f"{mark}  {finding.what}: {finding.state}{f' - {finding.advice}' if finding.advice else ''}\n"
            )
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command("rotate-key")
def rotate_key(
    old_key: Annotated[
        str | None, typer.Option(envvar="TABLETALK_OLD_SECRET_KEY", help="Asked for when needed.")
    ] = None,
) -> None:
    """Encrypt stored credentials anew: with TABLETALK_SECRET_KEY, or with a new key that is kept in the home."""
    from tools import databases
    from tools.credentials import replacing_kept_key, secret_key

    settings = load_settings()
    if running(settings) is not None:
        raise Conflict("Tabletalk is running with the old key; stop it, rotate the key, start it again.")
    with ExitStack() as stack:
        if settings.secret_key is None and settings.local:
            old, new = stack.enter_context(replacing_kept_key(settings))
        else:
            old, new = old_key or typer.prompt("The old secret key", hide_input=True, err=True), secret_key(settings)
        count = with_box(lambda box, _actor: databases.rotate_key(box, old, new))
    printing.narrate(f"Encrypted anew: {count} credential(s). Start every process of Tabletalk again.")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the REST API."""
    import json

    from assistant.api import create_api

    sys.stdout.write(json.dumps(create_api(load_settings()).openapi(), indent=2, ensure_ascii=False) + "\n")


@app.command("mcp")
def serve_mcp(user: As = None) -> None:
    """Serve the tools to another program's model over stdin and stdout (MCP), until it hangs up."""
    from assistant import mcp
    from tools import logs

    logs.configure(load_settings())
    with_box(mcp.serve_stdio, user)


@app.command()
def reembed(
    force: Annotated[bool, typer.Option(help="Also where the model has not changed.")] = False, user: As = None
) -> None:
    """Make vectors anew after TABLETALK_EMBEDDING_MODEL has changed: of tables here, of documents as jobs."""
    from tools import documents, schemas

    async def work(box: "Toolbox", actor: "Actor") -> None:
        printing.narrate(str(await schemas.reembed(box, actor, force=force)))
        for job in await documents.reembed(box, actor, force=force):
            printing.narrate(f"The vectors of the documents of {job.target} are made anew as job {job.id}.")

    with_box(work, user)


@app.command()
def train(database: str, tables: str = "*", as_json: Json = False, user: As = None) -> None:
    """Train tables of a database (a name or a pattern), and follow the job to its end."""
    from tools import schemas

    async def work(box: "Toolbox", actor: "Actor") -> "Job":
        return await printing.watch(box, actor, await schemas.start_training(box, actor, database, tables))

    job = with_box(work, user)
    printing.show([job], ("id", "kind", "target", "state", "error"), as_json)
    raise typer.Exit(exit_code(job))


@app.command()
def tables(database: str, as_json: Json = False, user: As = None) -> None:
    """List the tables of a database that Tabletalk knows."""
    from tools import schemas

    found = with_box(lambda box, actor: schemas.catalog(box, actor, database), user)
    if as_json:
        printing.show(found, (), as_json)
    else:
        rows = [
            (table.shape.qualified_name, table.shape.row_estimate, table.trained_at, table.description)
            for table in found
        ]
        printing.print_table(("table", "rows", "trained", "description"), rows)


@app.command()
def ask(
    question: str,
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Ask in words; the answer streams to stdout, with --json every event as a line."""
    from assistant import conversation as conversations
    from assistant.events import ApprovalNeeded, Failed, Shown, TextDelta, ToolCalled

    async def work(box: "Toolbox", actor: "Actor") -> bool:
        ok = True
        person = actor.model_copy(update={"conversation_id": conversation})
        async for event in conversations.run(box, person, question):
            ok = ok and not isinstance(event, Failed)
            if as_json:
                sys.stdout.write(event.model_dump_json() + "\n")
            elif isinstance(event, TextDelta):
                sys.stdout.write(event.text)
            elif isinstance(event, Shown):
                await printing.show_card(box, person, event.card)
            elif isinstance(event, ToolCalled):
                printing.narrate(f"... {event.name}")
            elif isinstance(event, ApprovalNeeded):
                for call in event.calls:
                    printing.narrate(f"Needs your word, which only the chat can take: {call.consequence}")
            elif isinstance(event, Failed):
                printing.narrate(f"{event.title}: {event.message}")
            sys.stdout.flush()
        sys.stdout.write("" if as_json else "\n")
        return ok

    raise typer.Exit(0 if with_box(work, user) else 1)


@app.command()
def search(  # noqa: PLR0917  # typer reads the options from the signature
    query: str,
    database: Annotated[str | None, typer.Option(help="Only documents of this database.")] = None,
    table: Annotated[str | None, typer.Option(help="Rows of this table are sought.")] = None,
    entity: Annotated[str | None, typer.Option(help="What is sought: customer, order, claim ...")] = None,
    tag: Annotated[str | None, typer.Option(help="A tag of what says it, as column:value.")] = None,
    since: Annotated[str | None, typer.Option(help="Since then: 'last 3 months', or an ISO date.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then, put likewise.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many hits.")] = 10,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Find synced rows by what they say or mean; exit code 1 when none is found."""
    from tools import documents

    found = with_box(
        lambda box, actor: documents.search_documents(
            box,
            actor,
            query,
            database=database,
            table=table,
            entity=entity,
            tag=tag,
            since=documents.moment(since),
            until=documents.moment(until),
            limit=limit,
        ),
        user,
    )
    if as_json:
        sys.stdout.write(f"{found.model_dump_json()}\n")
    else:
        printing.print_documents(found)
    raise typer.Exit(0 if found.hits else 1)


@app.command()
def sql(database: str, statement: str, as_json: Json = False, user: As = None) -> None:
    """Run one reading statement, checked like any other."""
    from tools import queries

    result = with_box(lambda box, actor: queries.run(box, actor, database, statement), user)
    if as_json:
        sys.stdout.write(f"{result.model_dump_json()}\n")
    else:
        printing.print_result(result)


if __name__ == "__main__":
    main()
