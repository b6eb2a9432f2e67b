"""`tabletalk examples`: verified questions with their SQL."""

import json
from typing import Annotated
from uuid import UUID

import typer

from assistant import printing
from assistant.command_line import As, Json, with_box

# What a command needs is imported inside it, as in assistant.cli.

examples_app = typer.Typer(help="Verified questions with their SQL.", no_args_is_help=True)

COLUMNS = ("id", "database", "question", "sql", "created_by")


@examples_app.command("list")
def list_examples(
    database: Annotated[str | None, typer.Argument(help="Only of this one.")] = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """List the verified questions, the oldest first."""
    from tools import queries

    printing.show(with_box(lambda box, actor: queries.list_examples(box, actor, database), user), COLUMNS, as_json)


@examples_app.command("add")
def add_example(database: str, question: str, sql: str, as_json: Json = False, user: As = None) -> None:
    """Keep a question with its SQL as verified; the SQL is checked like any other."""
    from tools import queries

    made = with_box(
        lambda box, actor: queries.save_example(box, actor, database=database, question=question, sql=sql), user
    )
    printing.show([made], COLUMNS, as_json)


@examples_app.command("remove")
def remove_example(example: UUID, as_json: Json = False, user: As = None) -> None:
    """Remove one, by its id."""
    from tools import queries

    with_box(lambda box, actor: queries.remove_example(box, actor, example), user)
    if as_json:
        typer.echo(json.dumps({"removed": str(example)}))
    printing.narrate("Removed.")
