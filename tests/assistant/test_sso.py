"""Single sign-on: the provider's own id is the person, its claims are attributes, and nothing else lets anybody in."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from assistant import accounts
from assistant.accounts import sso
from tests import oidc_stub
from tools.errors import ConfigurationError, Invalid, NotSignedIn
from tools.settings import Settings
from tools.toolbox import Toolbox, open_toolbox

ISSUER = "https://login.example.com"


def provided(settings: Settings, **more: Any) -> Settings:
    values = {"oidc_issuer": ISSUER, "oidc_client_id": "tabletalk", "oidc_client_secret": "client secret", **more}
    return Settings(**{**settings.model_dump(), **values}, _env_file=None)


@pytest.fixture
async def box(settings: Settings) -> Any:
    own = {"oidc_attributes": ("region", "groups"), "oidc_workspace": f"team {uuid4().hex[:6]}"}
    async with open_toolbox(provided(settings, **own)) as opened:
        yield opened


def claims(**more: Any) -> dict[str, Any]:
    number = uuid4().hex[:8]
    return {"sub": number, "email": f"ann-{number}@example.com", "region": "north", "groups": ["a", "b"], **more}


async def test_a_person_is_made_at_the_first_sign_in(box: Toolbox) -> None:
    told = claims()
    person = await accounts.signed_on(box, told, "10.0.0.1")
    assert (person.user_name, person.role) == (told["email"], "viewer")
    assert person.attributes == {"region": "north", "groups": "a,b"}
    assert (await accounts.list_workspaces(box, person))[0].name == box.settings.oidc_workspace
    again = await accounts.signed_on(box, {**told, "email": "new-name@example.com", "region": "south"})
    assert (again.user_id, again.user_name) == (person.user_id, told["email"])
    assert again.attributes["region"] == "south"
    assert (await accounts.find_person(box.store, told["email"])).attributes["region"] == "south"
    with pytest.raises(NotSignedIn):
        await accounts.sign_in(box, told["email"], "")


async def test_nobody_takes_over_an_account_by_its_name(box: Toolbox) -> None:
    mine = claims()
    await accounts.make_user(box.store, mine["email"], "a long enough password")
    with pytest.raises(NotSignedIn, match=r"called .* already"):
        await accounts.signed_on(box, mine)
    other = claims()
    await accounts.signed_on(box, other)
    with pytest.raises(NotSignedIn, match=r"called .* already"):
        await accounts.signed_on(box, {**claims(), "email": other["email"]})


async def test_who_was_removed_does_not_come_back_by_signing_in(box: Toolbox) -> None:
    admin = await accounts.signed_on(box, claims())
    told = claims()
    await accounts.signed_on(box, told)
    boss = admin.model_copy(update={"role": "admin"})
    await accounts.set_role(box, boss, admin.user_name, "admin")
    await accounts.remove_member(box, boss, told["email"])
    with pytest.raises(NotSignedIn, match="no workspace any more"):
        await accounts.signed_on(box, told)


@pytest.mark.parametrize(
    "wrong", [{"sub": ""}, {"sub": None}, {"email": ""}, {"email": "a\nb"}, {"email_verified": False}]
)
async def test_claims_that_tell_nobody_let_nobody_in(box: Toolbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        await accounts.signed_on(box, claims(**wrong))


async def test_odd_attributes_stop_the_sign_in(box: Toolbox) -> None:
    with pytest.raises(Invalid, match="region"):
        await accounts.signed_on(box, claims(region="a\nb"))


# The provider's configuration


def test_the_provider_is_asked_once_and_remembered(settings: Settings, tmp_path: Path) -> None:
    kept = tmp_path / "oidc.json"
    with oidc_stub.serve() as provider:
        configured = provided(settings, oidc_issuer=provider.url + "/")
        found = sso.discover(configured, kept)
    assert found.token_endpoint == f"{provider.url}/token"
    assert sso.discover(configured, kept) == found  # while it is away
    variables = sso.environment(configured, found)
    assert variables["OAUTH_GENERIC_SCOPES"] == "openid email profile"
    with pytest.raises(ConfigurationError, match="does not tell its configuration"):
        sso.discover(configured, tmp_path / "another.json")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"oidc_client_id": ""}, "CLIENT_ID"),
        ({"oidc_issuer": "http://login.example.com"}, "needs https"),
    ],
)
def test_what_is_missing_or_unsafe_is_named(
    settings: Settings, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        sso.discover(provided(settings, **wrong), tmp_path / "oidc.json")


def test_a_provider_that_is_another_is_refused(settings: Settings, tmp_path: Path) -> None:
    with oidc_stub.serve() as provider:
        configured = provided(settings, oidc_issuer=provider.url)
        provider.url = "https://login.example.com"
        with pytest.raises(ConfigurationError, match="says that it is"):
            sso.discover(configured, tmp_path / "oidc.json")
