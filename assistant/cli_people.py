"""`tabletalk user`, `workspace`, `key`, `policy` and `audit`: who may do what, for whoever runs the machine."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from assistant import printing
from assistant.command_line import As, Json, ready, url_of, with_box
from tools.errors import Invalid
from tools.settings import Settings

if TYPE_CHECKING:
    from tools.store.session import Store

# What a command needs is imported inside it, as in assistant.cli.

Result = TypeVar("Result")

user_app = typer.Typer(help="People who may log in.", no_args_is_help=True)
workspace_app = typer.Typer(help="What teams share.", no_args_is_help=True)
key_app = typer.Typer(help="API keys: what programs come in with.", no_args_is_help=True)
policy_app = typer.Typer(help="Which rows and columns of a database are seen, and by whom.", no_args_is_help=True)

Attributes = Annotated[
    list[str] | None, typer.Option("--attribute", metavar="NAME=VALUE", help="What policies ask of them; repeatable.")
]
Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="TABLETALK_NEW_PASSWORD")
]
RoleName = Annotated[str, typer.Option("--role", help="viewer, editor or admin.")]

PEOPLE = ("name", "role", "attributes", "created_at")
KEYS = ("name", "prefix", "scope", "created_by", "expires_at", "last_used_at", "revoked_at")


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the `tabletalk` command."""
    for name, group in (("user", user_app), ("workspace", workspace_app), ("key", key_app), ("policy", policy_app)):
        app.add_typer(group, name=name)
    app.command("audit")(show_audit)


# People


@user_app.command("add")
def add_user(
    name: str,
    role: RoleName = "admin",
    workspace: Annotated[str, typer.Option(help="What a team shares; made when it is new.")] = "home",
    attribute: Attributes = None,
    password: Password = "",
    as_json: Json = False,
) -> None:
    """Add somebody who may log in; asks for the password."""
    from assistant.accounts import make_user

    given = attributes_of(attribute)
    # A role that is none is told of there, in words.
    made = _with_store(lambda store: make_user(store, name, password, role, workspace, given))  # type: ignore[arg-type]
    if as_json:
        typer.echo(made.model_dump_json(include={"user_id", "user_name", "workspace_id", "role", "attributes"}))
    printing.narrate(f"{name} may log in now.")


@user_app.command("list")
def list_users(as_json: Json = False, user: As = None) -> None:
    """List the members of a workspace."""
    from assistant import accounts

    printing.show(with_box(accounts.list_users, user), PEOPLE, as_json)


@user_app.command("role")
def set_role(name: str, role: str, as_json: Json = False, user: As = None) -> None:
    """Change what a member may do: viewer, editor or admin."""
    from assistant import accounts

    changed = with_box(lambda box, actor: accounts.set_role(box, actor, name, role), user)  # type: ignore[arg-type]
    printing.show([changed], PEOPLE, as_json)


@user_app.command("attributes")
def set_attributes(
    name: str,
    attribute: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...")] = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Write what policies ask of a member; those that are not named are gone."""
    from assistant import accounts

    given = attributes_of(attribute)
    changed = with_box(lambda box, actor: accounts.set_attributes(box, actor, name, given), user)
    printing.show([changed], PEOPLE, as_json)


@user_app.command("remove")
def remove_user(name: str, as_json: Json = False, user: As = None) -> None:
    """Take a member out of the workspace, with their keys and sessions; what they made stays."""
    from assistant import accounts

    with_box(lambda box, actor: accounts.remove_member(box, actor, name), user)
    if as_json:
        typer.echo(json.dumps({"removed": name}))
    printing.narrate(f"{name} is no longer a member.")


@user_app.command("password")
def reset_password(name: str, password: Password = "") -> None:
    """Give somebody another password and end their sessions; asks for it."""
    from assistant.accounts import reset_password as reset

    _with_store(lambda store: reset(store, name, password))
    printing.narrate(f"{name} has a new password; every session has ended.")


# Workspaces


@workspace_app.command("list")
def list_workspaces(as_json: Json = False, user: As = None) -> None:
    """List the workspaces somebody belongs to."""
    from assistant import accounts

    printing.show(with_box(accounts.list_workspaces, user), ("name", "role", "members", "chosen"), as_json)


@workspace_app.command("create")
def create_workspace(name: str, as_json: Json = False, user: As = None) -> None:
    """Make a workspace; who makes it is its admin."""
    from assistant import accounts

    made = with_box(lambda box, actor: accounts.create_workspace(box, actor, name), user)
    printing.show([made], ("name", "role", "members", "chosen"), as_json)


@workspace_app.command("choose")
def choose_workspace(name: str, as_json: Json = False, user: As = None) -> None:
    """Work in another workspace from now on, through every door."""
    from assistant import accounts

    there = with_box(lambda box, actor: accounts.choose_workspace(box, actor, name), user)
    if as_json:
        typer.echo(there.model_dump_json(include={"user_name", "workspace_id", "role"}))
    printing.narrate(f"{there.user_name} works in {name} now, as {there.role}.")


@workspace_app.command("remove")
def remove_workspace(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Remove the workspace one works in with all it holds, after saying what goes; for its admins."""
    from assistant import accounts

    if not yes:
        printing.narrate(str(with_box(lambda box, actor: accounts.holdings(box, actor, name), user)))
        typer.confirm(f"Remove {name!r}?", abort=True, err=True)
    gone = with_box(
        lambda box, actor: accounts.remove_workspace(box, actor, name, approved_by=actor.user_id),
        user,
    )
    printing.show([gone], tuple(accounts.Holdings.model_fields), as_json)


# Keys


@key_app.command("create")
def create_key(
    name: str,
    scope: Annotated[str, typer.Option(help="read, write or admin.")] = "read",
    days: Annotated[int, typer.Option(help="Good for so many days; 0: until it is revoked.")] = 365,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Make an API key and print it, once; it acts as its maker, within its scope."""
    from assistant import accounts

    made = with_box(
        lambda box, actor: accounts.create_key(box, actor, name, scope, days or None),  # type: ignore[arg-type]
        user,
    )
    typer.echo(made.model_dump_json() if as_json else made.key)
    printing.narrate("Copy it now: it is not kept, and cannot be shown again.")


@key_app.command("list")
def list_keys(as_json: Json = False, user: As = None) -> None:
    """List the API keys of the workspace."""
    from assistant import accounts

    printing.show(with_box(accounts.list_keys, user), KEYS, as_json)


@key_app.command("revoke")
def revoke_key(key: str, as_json: Json = False, user: As = None) -> None:
    """End a key at once, by its name, its id or its first letters."""
    from assistant import accounts

    printing.show([with_box(lambda box, actor: accounts.revoke_key(box, actor, key), user)], KEYS, as_json)


# Policies


@policy_app.command("add")
def add_policy(
    database: str,
    table: Annotated[str, typer.Argument(help="Its name, or * for all tables that no other policy names.")],
    where: Annotated[str, typer.Option(help="Which rows are seen: region = {user.region}")] = "",
    mask: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN[=HOW]", help="Not shown, or as hash, last4, constant, year; repeatable."),
    ] = None,
    hide: Annotated[bool, typer.Option(help="The table is not there at all.")] = False,
    role: Annotated[str | None, typer.Option(help="For viewers, editors or admins; left out, for everybody.")] = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Bind what is seen of a table, from the next query on."""
    from tools import policies

    kept = with_box(
        lambda box, actor: policies.add_policy(
            box,
            actor,
            database,
            table,
            predicate=where,
            masked={name: how or "empty" for name, _, how in (one.partition("=") for one in mask or ())},  # type: ignore[misc]
            hidden=hide,
            role=role,  # type: ignore[arg-type]
        ),
        user,
    )
    printing.narrate(f"{kept}.")
    printing.show([kept], POLICIES, as_json)


@policy_app.command("list")
def list_policies(
    database: Annotated[str | None, typer.Argument()] = None, as_json: Json = False, user: As = None
) -> None:
    """List the policies of one database, or of all."""
    from tools import policies

    printing.show(with_box(lambda box, actor: policies.list_policies(box, actor, database), user), POLICIES, as_json)


@policy_app.command("remove")
def remove_policy(policy: str, as_json: Json = False, user: As = None) -> None:
    """Lift a policy, by its id."""
    from uuid import UUID

    from tools import policies

    try:
        policy_id = UUID(policy)
    except ValueError:
        raise Invalid(f"{policy!r} is no id of a policy; `tabletalk policy list` shows them.") from None
    gone = with_box(lambda box, actor: policies.remove_policy(box, actor, policy_id), user)
    printing.show([gone], POLICIES, as_json)


@policy_app.command("session")
def tell_session(
    database: str,
    settings: Annotated[list[str] | None, typer.Argument(metavar="SETTING=ATTRIBUTE...")] = None,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Tell the database's own row policies who asks: app.region=region; those not named are told no more."""
    from tools import policies

    given = attributes_of(settings)
    told = with_box(lambda box, actor: policies.tell_session(box, actor, database, given), user)
    printing.show([told], ("name", "session_settings"), as_json)


POLICIES = ("id", "database", "table", "role", "predicate", "masked", "hidden")


# Audit


def show_audit(
    action: Annotated[str | None, typer.Option(help="Only these: query, sign in, add policy ...")] = None,
    who: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    before: Annotated[int | None, typer.Option(help="Only older ones than the entry of this number.")] = None,
    limit: int = 50,
    as_json: Json = False,
    user: As = None,
) -> None:
    """Show who did what, through which door and from where; the newest first."""
    from tools import audit

    found = with_box(
        lambda box, actor: audit.list_audit(box, actor, before=before, action=action, who=who, limit=limit), user
    )
    printing.show(found, ("id", "at", "who", "door", "address", "action", "target", "verdict", "detail"), as_json)


def attributes_of(given: list[str] | None) -> dict[str, str]:
    """Read `name=value` as attributes; Invalid shows how they are written."""
    pairs = [one.partition("=") for one in given or ()]
    if wrong := next(("".join(one) for one in pairs if not one[1]), None):
        raise Invalid(f"{wrong!r} is no attribute; write it name=value: region=north")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _with_store(work: "Callable[[Store], Awaitable[Result]]") -> Result:
    """Run what needs the store alone, and nobody's workspace."""
    from tools.store.session import Store

    async def opened(settings: Settings) -> Result:
        store = Store(url_of(settings))
        try:
            return await work(store)
        finally:
            await store.dispose()

    with ready() as settings:
        return asyncio.run(opened(settings))
