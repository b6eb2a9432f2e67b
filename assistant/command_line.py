"""What the commands of the command line share: their options, and the open toolbox they work with."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from assistant import printing
from tools.embedded import running, servers
from tools.errors import AssistantError, Invalid
from tools.settings import Settings, load_settings

if TYPE_CHECKING:
    from tools.toolbox import Actor, Toolbox

Result = TypeVar("Result")

Json = Annotated[bool, typer.Option("--json", help="Give JSON, for programs.")]
As = Annotated[str | None, typer.Option("--as", metavar="USER", help="Whose workspace; needed outside local mode.")]


def with_box(work: "Callable[[Toolbox, Actor], Awaitable[Result]]", user: str | None = None) -> Result:
    """Run `work(box, actor)` with the servers of this set-up, starting them for as long as it takes."""
    from assistant.accounts import find_person, local_person
    from tools import audit
    from tools.toolbox import open_toolbox

    async def opened(settings: Settings) -> Result:
        async with open_toolbox(settings) as box:
            if user is None and not settings.local:
                raise Invalid("Outside local mode say in whose workspace: --as USER")
            person = await (find_person(box.store, user) if user else local_person(box.store))
            try:
                return await work(box, person.model_copy(update={"door": "cli"}))
            except AssistantError as error:
                await audit.note_refusal(box, error)
                raise

    with ready() as settings:
        return asyncio.run(opened(settings))


@contextmanager
def ready() -> Iterator[Settings]:
    """Give settings with servers that run and a store that is up to date."""
    from tools.store.session import migrate as migrate_store

    settings = load_settings()
    kept = settings.database_url is not None or running(settings) is not None
    with servers(settings, tell=printing.narrate) as filled:
        if not kept:  # nobody else has seen to it
            migrate_store(url_of(filled))
        yield filled


def url_of(settings: Settings) -> str:
    """The URL of the store of settings that are filled in."""
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()
