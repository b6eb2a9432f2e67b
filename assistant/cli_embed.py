"""`tabletalk embed`: keys that put the chat into other pages."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from assistant import printing
from assistant.command_line import As, Json, with_box
from assistant.up import url_of
from tools.settings import load_settings

if TYPE_CHECKING:
    from assistant.embed import NewWidgetKey

# What a command needs is imported inside it, as in assistant.cli.

embed_app = typer.Typer(help="The chat in your own pages.", no_args_is_help=True)

COLUMNS = ("name", "key", "origins", "tables", "role", "anonymous_daily", "revoked_at")

Address = Annotated[str | None, typer.Option(help="Where visitors reach Tabletalk: https://chat.example.com.")]


@embed_app.command("create")
def create_key(  # noqa: PLR0917  # typer reads the options from the signature
    name: str,
    origin: Annotated[list[str], typer.Option(help="Pages that may: https://portal.example.com; repeatable.")],
    tables: Annotated[list[str], typer.Option(help="What is seen: shop, shop.orders, shop.stock_*; repeatable.")],
    role: Annotated[str, typer.Option(help="viewer or editor.")] = "viewer",
    title: Annotated[str, typer.Option(help="Above the chat.")] = "Ask about your data",
    theme: Annotated[str, typer.Option(help="auto, light or dark.")] = "auto",
    accent: Annotated[str, typer.Option(help="A colour: #0b6b75.")] = "",
    language: Annotated[str, typer.Option(help="en, de, fr or es.")] = "en",
    hide_sql: Annotated[bool, typer.Option("--hide-sql", help="Show no SQL.")] = False,
    anonymous_daily: Annotated[int, typer.Option(help="Questions a day of all visitors without a token.")] = 0,
    address: Address = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Make a key; its secret is shown this once, the line for the page at any time."""
    from pydantic import ValidationError

    from assistant import embed
    from tools.errors import Invalid

    try:
        look = embed.Look.model_validate(
            {"title": title, "theme": theme, "accent": accent, "language": language, "hide_sql": hide_sql}
        )
    except ValidationError as error:
        faults = "; ".join(f"--{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise Invalid(f"The chat cannot look so: {faults}.") from None

    made: NewWidgetKey = with_box(
        lambda box, actor: embed.create_key(
            box,
            actor,
            name,
            origin,
            tables,
            role=role,  # type: ignore[arg-type]  # checked there, in words
            look=look,
            anonymous_daily=anonymous_daily,
        ),
        user,
    )
    if as_json:
        sys.stdout.write(f"{made.model_dump_json()}\n")
    else:
        printing.narrate(f"The secret, for the page's server; it cannot be shown again:\n{made.secret}\nThe page:")
        sys.stdout.write(embed.snippet(made.about, _address(address)) + "\n")


@embed_app.command("list")
def list_keys(as_json: Json = False, user: As = None) -> None:
    """List the keys, those that are revoked too."""
    from assistant import embed

    printing.show(with_box(embed.list_keys, user), COLUMNS, as_json)


@embed_app.command("show")
def show_key(name: str, address: Address = None, as_json: Json = False, user: As = None) -> None:
    """Show the line that goes into the page."""
    from assistant import embed

    key = with_box(lambda box, actor: embed.find_key(box, actor, name), user)
    if as_json:
        printing.show([key], COLUMNS, as_json)
    else:
        sys.stdout.write(embed.snippet(key, _address(address)) + "\n")


@embed_app.command("revoke")
def revoke_key(name: str, as_json: Json = False, user: As = None) -> None:
    """End a key at once."""
    from assistant import embed

    gone = with_box(lambda box, actor: embed.revoke_key(box, actor, name), user)
    printing.show([gone], COLUMNS, as_json)


@embed_app.command("rotate")
def rotate_key(name: str, as_json: Json = False, user: As = None) -> None:
    """Give a key another secret, shown this once; the old one is good no more."""
    from assistant import embed

    made: NewWidgetKey = with_box(lambda box, actor: embed.rotate_key(box, actor, name), user)
    typer.echo(made.model_dump_json() if as_json else made.secret)
    printing.narrate("Copy it now: it cannot be shown again.")


def _address(given: str | None) -> str:
    settings = load_settings()
    return given or settings.public_url or url_of(settings)
