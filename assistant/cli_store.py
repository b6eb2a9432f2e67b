"""`tabletalk backup-store` and `restore-store`: everything people told Tabletalk, in one file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from assistant import printing
from assistant.command_line import Json, ready
from tools.embedded import running
from tools.errors import Conflict
from tools.settings import load_settings

File = Annotated[Path, typer.Argument(dir_okay=False)]


def backup_store(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Replace the file if there is one.")] = False,
    as_json: Json = False,
) -> None:
    """Write the whole store to a file; Tabletalk may go on running. The secret key is not in it."""
    from tools.upkeep import back_up

    with ready() as settings:
        held = back_up(settings, file, over=yes)
    key = "TABLETALK_SECRET_KEY" if settings.secret_key else str(settings.home / "secret_key")
    printing.narrate(f"{file}: {held}. Credentials in it open with the secret key alone; keep {key} too, elsewhere.")
    if as_json:
        sys.stdout.write(f"{held.model_dump_json()}\n")


def restore_store(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the store holds.")] = False,
    as_json: Json = False,
) -> None:
    """Put the store back from a file, all or nothing; what it holds is replaced. Stop Tabletalk first."""
    from tools.upkeep import restore

    if running(load_settings()) is not None:
        raise Conflict("Tabletalk is running on this store; stop it, restore, start it again.")
    with ready() as settings:
        held = restore(settings, file, over=yes)
    printing.narrate(f"The store holds {held} again.")
    if as_json:
        sys.stdout.write(f"{held.model_dump_json()}\n")
