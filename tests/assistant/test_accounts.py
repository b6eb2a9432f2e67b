"""People: the implicit one of a local set-up, and those who log in."""

from uuid import uuid4

import pytest

from assistant import accounts
from tools.errors import Conflict, Invalid, NotFound
from tools.toolbox import Toolbox

PASSWORD = "a long enough password"


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
        assert await accounts.sign_in(toolbox.store, accounts.LOCAL_USER, password) is None


async def test_who_was_added_signs_in_with_that_password_only(toolbox: Toolbox, name: str) -> None:
    added = await accounts.add_user(toolbox.store, name, PASSWORD, role="viewer")
    assert added.role == "viewer"
    assert await accounts.sign_in(toolbox.store, name, PASSWORD) == added
    assert await accounts.sign_in(toolbox.store, name, PASSWORD + "r") is None
    assert await accounts.sign_in(toolbox.store, name.upper(), PASSWORD) is None


async def test_the_password_is_kept_as_argon2_only(toolbox: Toolbox, name: str) -> None:
    from sqlalchemy import select

    from tools.store.models import User

    await accounts.add_user(toolbox.store, name, PASSWORD)
    async with toolbox.store.begin_for_all() as session:
        stored = await session.scalar(select(User.password_hash).where(User.name == name))
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


async def test_a_name_is_taken_once(toolbox: Toolbox, name: str) -> None:
    await accounts.add_user(toolbox.store, name, PASSWORD)
    with pytest.raises(Conflict, match=name):
        await accounts.add_user(toolbox.store, name, PASSWORD)


@pytest.mark.parametrize("odd", ["", " ", " ann", "ann\n", "x" * 101])
async def test_odd_names_are_refused(toolbox: Toolbox, odd: str) -> None:
    with pytest.raises(Invalid, match="user name"):
        await accounts.add_user(toolbox.store, odd, PASSWORD)


async def test_short_passwords_and_unknown_roles_are_refused(toolbox: Toolbox, name: str) -> None:
    with pytest.raises(Invalid, match="too short"):
        await accounts.add_user(toolbox.store, name, "short")
    with pytest.raises(Invalid, match="'owner'"):
        await accounts.add_user(toolbox.store, name, PASSWORD, role="owner")  # type: ignore[arg-type]


async def test_an_unknown_person_is_not_found(toolbox: Toolbox) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        await accounts.find_person(toolbox.store, "nobody")
