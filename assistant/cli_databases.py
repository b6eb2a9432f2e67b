"""`tabletalk databases`: registering, listing, checking and forgetting what there is to ask."""

from typing import TYPE_CHECKING, Annotated

import typer

from assistant import printing
from assistant.command_line import As, Json, with_box

if TYPE_CHECKING:
    from uuid import UUID

    from tools.databases import Database
    from tools.jobs import Job
    from tools.toolbox import Actor, Toolbox

# What a command needs is imported inside it, as in assistant.cli.

databases_app = typer.Typer(help="Databases to ask.", no_args_is_help=True)


@databases_app.command("list")
def list_databases(as_json: Json = False, user: As = None) -> None:
    """List the registered databases."""
    from tools import databases, sync

    async def work(box: "Toolbox", actor: "Actor") -> tuple[tuple["Database", ...], dict["UUID", str]]:
        return await databases.list_databases(box, actor), await sync.summaries(box, actor)

    found, synced = with_box(work, user)
    if as_json:
        printing.show(found, (), as_json)
        return
    columns = ("name", "kind", "place", "tables", "trained", "health")
    rows = [[getattr(one, name) for name in columns] + [synced.get(one.id, "never")] for one in found]
    printing.print_table((*columns, "synced"), rows)


@databases_app.command("register")
def register_database(
    name: str,
    url: Annotated[
        str,
        typer.Option(
            prompt="URL, as in postgresql://user:password@host/database",
            hide_input=True,
            envvar="TABLETALK_REGISTER_URL",
        ),
    ],
    as_json: Json = False,
    user: As = None,
) -> None:
    """Register a database; its URL is asked for, so that the password stays out of the shell's history."""
    from tools import databases, schemas

    async def work(box: "Toolbox", actor: "Actor") -> tuple["Database", "Job"]:
        registered = await databases.register(box, actor, name, databases.address_from_url(url))
        return registered, await schemas.start_training(box, actor, name)

    registered, job = with_box(work, user)
    printing.narrate(f"{registered.warning} {job.title} is queued as job {job.id}.".strip())
    printing.show([registered], ("name", "kind", "place", "health"), as_json)


@databases_app.command("check")
def check_database(name: str, as_json: Json = False, user: As = None) -> None:
    """Connect to a database and tell how it is."""
    from tools import databases

    found = with_box(lambda box, actor: databases.check(box, actor, name), user)
    printing.show([found], ("name", "kind", "place", "health", "warning"), as_json)
    raise typer.Exit(1 if found.last_error else 0)


@databases_app.command("refresh")
def refresh_database(name: str, as_json: Json = False, user: As = None) -> None:
    """Look at a database again and tell which tables and columns were added, removed or changed."""
    from tools import schemas

    drift = with_box(lambda box, actor: schemas.refresh(box, actor, name), user)
    typer.echo(drift.model_dump_json() if as_json else str(drift))


@databases_app.command("rename")
def rename_database(name: str, new_name: str, as_json: Json = False, user: As = None) -> None:
    """Call a database by another name; what was learned of it stays."""
    from tools import databases

    renamed = with_box(lambda box, actor: databases.rename(box, actor, name, new_name), user)
    printing.show([renamed], ("name", "kind", "place", "health"), as_json)


@databases_app.command("forget")
def forget_database(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Forget a database: its credentials, training, notes and examples; the database itself is not touched."""
    from tools import databases

    if not yes:
        typer.confirm(f"Forget {name!r} with its training, notes and examples?", abort=True, err=True)
    gone = with_box(lambda box, actor: databases.forget(box, actor, name, approved_by=actor.user_id), user)
    if as_json:
        typer.echo(gone.model_dump_json())
    printing.narrate(str(gone))
