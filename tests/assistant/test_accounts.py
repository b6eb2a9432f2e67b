"""People: the implicit one of a local set-up, and those who log in."""

import asyncio
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr

from assistant import accounts
from assistant.accounts import passwords, throttle
from tools.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn, TooMany
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox, open_toolbox

PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with a hundredth of the work: what is tried here is who gets in, not what a guess costs."""
    quicker = PasswordHasher(time_cost=1, memory_cost=1024)
    monkeypatch.setattr(passwords, "_hasher", lambda: quicker)
    monkeypatch.setattr(passwords, "_unusable_hash", lambda: quicker.hash("nobody's password"))


@pytest.fixture
def name() -> str:
    return f"ann-{uuid4().hex[:8]}"


async def test_the_local_person_is_made_once(toolbox: Toolbox) -> None:
    first = await accounts.local_person(toolbox.store)
    again = await accounts.local_person(toolbox.store)
    assert first == again
    assert first.user_name == accounts.LOCAL_USER
    assert first.role == "admin"


async def test_nobody_signs_in_as_the_local_person(toolbox: Toolbox) -> None:
    await accounts.local_person(toolbox.store)
    for password in ("", "None", "nobody's password", PASSWORD):
        with pytest.raises(NotSignedIn):
            await accounts.sign_in(toolbox, accounts.LOCAL_USER, password, uuid4().hex)


async def test_who_was_added_signs_in_with_that_password_only(toolbox: Toolbox, name: str) -> None:
    added = await accounts.make_user(toolbox.store, name, PASSWORD, role="viewer")
    assert added.role == "viewer"
    assert await accounts.sign_in(toolbox, name, PASSWORD) == added
    for wrong in ((name, PASSWORD + "r"), (name.upper(), PASSWORD)):
        with pytest.raises(NotSignedIn, match="User name or password is wrong"):
            await accounts.sign_in(toolbox, *wrong)


async def test_the_password_is_kept_as_argon2_only(toolbox: Toolbox, name: str) -> None:
    from sqlalchemy import select

    from tools.store.models import User

    await accounts.make_user(toolbox.store, name, PASSWORD)
    async with toolbox.store.begin_for_all() as session:
        stored = await session.scalar(select(User.password_hash).where(User.name == name))
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


async def test_a_name_is_taken_once(toolbox: Toolbox, name: str) -> None:
    await accounts.make_user(toolbox.store, name, PASSWORD)
    with pytest.raises(Conflict, match=name):
        await accounts.make_user(toolbox.store, name, PASSWORD)


@pytest.mark.parametrize("odd", ["", " ", " ann", "ann\n", "x" * 101])
async def test_odd_names_are_refused(toolbox: Toolbox, odd: str) -> None:
    with pytest.raises(Invalid, match="user name"):
        await accounts.make_user(toolbox.store, odd, PASSWORD)


async def test_short_passwords_and_unknown_roles_are_refused(toolbox: Toolbox, name: str) -> None:
    with pytest.raises(Invalid, match="too short"):
        await accounts.make_user(toolbox.store, name, "short")
    with pytest.raises(Invalid, match="'owner'"):
        await accounts.make_user(toolbox.store, name, PASSWORD, role="owner")  # type: ignore[arg-type]


async def test_an_unknown_person_is_not_found(toolbox: Toolbox) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        await accounts.find_person(toolbox.store, "nobody")


# Members


async def test_an_admin_adds_and_changes_members(toolbox: Toolbox, actor: Actor, name: str) -> None:
    added = await accounts.add_user(toolbox, actor, name, PASSWORD, attributes={"region": "north"})
    assert (added.role, added.attributes) == ("viewer", {"region": "north"})
    person = await accounts.sign_in(toolbox, name, PASSWORD)
    assert (person.workspace_id, person.role, person.attributes) == (actor.workspace_id, "viewer", {"region": "north"})
    assert (await accounts.set_role(toolbox, actor, name, "editor")).role == "editor"
    assert (await accounts.set_attributes(toolbox, actor, name, {"team": "x"})).attributes == {"team": "x"}
    assert [one.name for one in await accounts.list_users(toolbox, actor)] == sorted([name, actor.user_name])
    await accounts.remove_member(toolbox, actor, name)
    assert [one.name for one in await accounts.list_users(toolbox, actor)] == [actor.user_name]


async def test_somebody_who_exists_joins_without_a_password(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    await accounts.add_user(toolbox, actor, stranger.user_name, role="editor")
    assert {team.name for team in await accounts.list_workspaces(toolbox, stranger)} == {
        actor.user_name,
        stranger.user_name,
    }
    with pytest.raises(Conflict, match="a member of this workspace already"):
        await accounts.add_user(toolbox, actor, stranger.user_name)
    with pytest.raises(Conflict, match="exists already"):  # nobody takes over somebody else's name
        await accounts.add_user(toolbox, actor, stranger.user_name, PASSWORD)
    with pytest.raises(NotFound, match="'nobody-here'"):
        await accounts.add_user(toolbox, actor, "nobody-here")


async def test_the_last_admin_stays(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    for change in (
        accounts.set_role(toolbox, actor, actor.user_name, "viewer"),
        accounts.remove_member(toolbox, actor, actor.user_name),
    ):
        with pytest.raises(Conflict, match="at least one admin"):
            await change
    await accounts.add_user(toolbox, actor, stranger.user_name, role="admin")
    both = (accounts.set_role(toolbox, actor, one.user_name, "viewer") for one in (actor, stranger))
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["Conflict", "Person"]


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_only_admins_manage(toolbox: Toolbox, actor: Actor, role: accounts.Role) -> None:
    person = actor.model_copy(update={"role": role})
    deeds = (
        accounts.add_user(toolbox, person, "x", PASSWORD),
        accounts.set_role(toolbox, person, actor.user_name, "admin"),
        accounts.set_attributes(toolbox, person, actor.user_name, {}),
        accounts.remove_member(toolbox, person, actor.user_name),
        accounts.create_workspace(toolbox, person, "x"),
        accounts.create_key(toolbox, person, "x"),
        accounts.list_keys(toolbox, person),
        accounts.revoke_key(toolbox, person, "x"),
    )
    for deed in deeds:
        with pytest.raises(NotAllowed, match=rf"{role} may not .*; ask an admin"):
            await deed


async def test_members_of_another_workspace_are_not_found(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    for deed in (
        accounts.set_role(toolbox, actor, stranger.user_name, "viewer"),
        accounts.set_attributes(toolbox, actor, stranger.user_name, {}),
        accounts.remove_member(toolbox, actor, stranger.user_name),
    ):
        with pytest.raises(NotFound):
            await deed


@pytest.mark.parametrize("attributes", [{"a b": "x"}, {"": "x"}, {"region": "a\nb"}, {"region": "x" * 501}])
async def test_odd_attributes_are_refused(toolbox: Toolbox, actor: Actor, attributes: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="attribute"):
        await accounts.set_attributes(toolbox, actor, actor.user_name, attributes)


# Workspaces


async def test_one_works_in_the_workspace_one_chose(toolbox: Toolbox, actor: Actor) -> None:
    other = f"other-{uuid4().hex[:6]}"
    await accounts.create_workspace(toolbox, actor, other)
    with pytest.raises(Conflict, match=other):
        await accounts.create_workspace(toolbox, actor, other)
    there = await accounts.choose_workspace(toolbox, actor, other)
    assert there.workspace_id != actor.workspace_id
    assert (await accounts.find_person(toolbox.store, actor.user_name)).workspace_id == there.workspace_id
    assert [team.name for team in await accounts.list_workspaces(toolbox, there) if team.chosen] == [other]
    with pytest.raises(NotFound, match=f"yours: .*{other}"):
        await accounts.choose_workspace(toolbox, actor, "somebody else's")


# Passwords


async def test_a_changed_password_ends_every_session(toolbox: Toolbox, name: str) -> None:
    person = await accounts.make_user(toolbox.store, name, PASSWORD)
    tokens = await accounts.issue_tokens(toolbox, person)
    with pytest.raises(Invalid, match="old password"):
        await accounts.set_password(toolbox, person, "wrong", PASSWORD)
    await accounts.set_password(toolbox, person, PASSWORD, "another long password")
    assert (await accounts.sign_in(toolbox, name, "another long password")).user_name == name
    with pytest.raises(NotSignedIn):
        await accounts.actor_of_access(toolbox, tokens.access)


# Tries


async def test_guessing_is_slowed_down_for_that_name_and_address_alone(toolbox: Toolbox, name: str) -> None:
    await accounts.make_user(toolbox.store, name, PASSWORD)
    here, there = uuid4().hex, uuid4().hex
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await accounts.sign_in(toolbox, name, "wrong", here)
    with pytest.raises(TooMany, match=r"Try again in \d+ (s|minutes?)\.") as refused:
        await accounts.sign_in(toolbox, name, PASSWORD, here)
    assert 0 < refused.value.seconds <= 300
    assert (await accounts.sign_in(toolbox, name, PASSWORD, there)).user_name == name


async def test_who_gets_in_starts_afresh(toolbox: Toolbox, name: str) -> None:
    await accounts.make_user(toolbox.store, name, PASSWORD)
    here = uuid4().hex
    for _ in range(12):
        await accounts.sign_in(toolbox, name, PASSWORD, here)


async def test_many_names_from_one_address_are_slowed_down(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(throttle, "ADDRESS", "3/15 minutes")
    here = uuid4().hex
    for number in range(3):
        with pytest.raises(NotSignedIn):
            await accounts.sign_in(toolbox, f"{name}-{number}", "wrong", here)
    with pytest.raises(TooMany):
        await accounts.sign_in(toolbox, f"{name}-another", "wrong", here)


async def test_guessing_is_slowed_down_while_redis_is_away(settings: Settings, name: str) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    async with open_toolbox(away) as box:
        for _ in range(5):
            with pytest.raises(NotSignedIn):
                await accounts.sign_in(box, name, "wrong", "10.0.0.1")
        with pytest.raises(TooMany):
            await accounts.sign_in(box, name, "wrong", "10.0.0.1")
