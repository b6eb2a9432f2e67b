"""Single sign-on by OpenID Connect: Chainlit walks the way to the provider, and here its claims become a person."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from assistant.accounts.people import check_attributes
from assistant.accounts.who import person_of_subject
from tools import audit
from tools.connectors.base import Frozen
from tools.errors import ConfigurationError, NotSignedIn
from tools.settings import LOOPBACK, Settings
from tools.store.models import Member, User, Workspace
from tools.toolbox import Actor, Toolbox

log = structlog.get_logger(__name__)

WELL_KNOWN = "/.well-known/openid-configuration"
SECONDS = 10


class Provider(Frozen):
    """What a provider says of itself, as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str


def discover(settings: Settings, kept: Path) -> Provider:
    """Ask the provider where its doors are; what it said is kept in `kept` for a start while it is away.

    ConfigurationError when it has never answered, is another one, or could be overheard.
    """
    issuer = settings.oidc_issuer.rstrip("/")
    if not settings.oidc_client_id or settings.oidc_client_secret is None:
        raise ConfigurationError("TABLETALK_OIDC_ISSUER needs TABLETALK_OIDC_CLIENT_ID and _CLIENT_SECRET beside it.")
    _private(issuer)
    try:
        answer = httpx.get(issuer + WELL_KNOWN, timeout=SECONDS).raise_for_status()
        found = Provider.model_validate(_known(answer.json()))
        kept.write_text(found.model_dump_json(), encoding="utf-8")
    except (httpx.HTTPError, ValueError, ValidationError) as error:
        if not kept.exists():
            raise ConfigurationError(
                f"TABLETALK_OIDC_ISSUER {issuer!r} does not tell its configuration ({type(error).__name__}); "
                f"is {issuer + WELL_KNOWN} right?"
            ) from None
        log.warning("identity provider does not answer, using what it said before", issuer=issuer)
        found = Provider.model_validate_json(kept.read_text(encoding="utf-8"))
    if found.issuer.rstrip("/") != issuer:
        raise ConfigurationError(f"{issuer!r} says that it is {found.issuer!r}; set TABLETALK_OIDC_ISSUER to that.")
    for url in (found.authorization_endpoint, found.token_endpoint, found.userinfo_endpoint):
        _private(url)
    return found


def environment(settings: Settings, provider: Provider) -> dict[str, str]:
    """The variables by which Chainlit learns of the provider."""
    assert settings.oidc_client_secret is not None
    return {
        "OAUTH_GENERIC_NAME": settings.oidc_label,
        "OAUTH_GENERIC_CLIENT_ID": settings.oidc_client_id,
        "OAUTH_GENERIC_CLIENT_SECRET": settings.oidc_client_secret.get_secret_value(),
        "OAUTH_GENERIC_AUTH_URL": provider.authorization_endpoint,
        "OAUTH_GENERIC_TOKEN_URL": provider.token_endpoint,
        "OAUTH_GENERIC_USER_INFO_URL": provider.userinfo_endpoint,
        "OAUTH_GENERIC_SCOPES": " ".join(settings.oidc_scopes.split(",")),
        "OAUTH_GENERIC_USER_IDENTIFIER": "sub",
    }


async def signed_on(box: Toolbox, claims: Mapping[str, Any], address: str = "") -> Actor:
    """Give the person whom the provider vouches for; made at the first time, with role and workspace of the settings.

    Who they are is told by the provider's own id (`sub`), never by a name or an address: those can be another's.
    NotSignedIn says why not: no id or name, a name that is taken, an account that was removed.
    """
    settings = box.settings
    sub, name = str(claims.get("sub") or ""), str(claims.get(settings.oidc_name) or "")
    if not sub:
        raise NotSignedIn("The identity provider sent no `sub`.")
    subject = f"{settings.oidc_issuer.rstrip('/')} {sub}"
    attributes = attributes_of(claims, settings.oidc_attributes)
    person = await person_of_subject(box.store, subject)
    if person is None:
        person = await _first_time(box, subject, name, claims)
    async with box.store.begin_for_all() as session:
        mine = (Member.user_id == person.user_id) & (Member.workspace_id == person.workspace_id)
        if settings.oidc_attributes:
            await session.execute(update(Member).where(mine).values(attributes=attributes))
            person = person.model_copy(update={"attributes": attributes})
        person = person.model_copy(update={"address": address})
        session.add(audit.noted(person, "sign in", person.user_name, detail="single sign-on"))
    return person


async def _first_time(box: Toolbox, subject: str, name: str, claims: Mapping[str, Any]) -> Actor:
    settings = box.settings
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise NotSignedIn(f"The identity provider sent no usable {settings.oidc_name!r}; see TABLETALK_OIDC_NAME.")
    if settings.oidc_name == "email" and claims.get("email_verified") is False:
        raise NotSignedIn(f"{name!r} is not verified by the identity provider.")
    async with box.store.begin_for_all() as session:
        if await session.scalar(select(User.id).where(User.subject == subject)) is not None:
            raise NotSignedIn(f"{name!r} is a member of no workspace any more; ask an admin.")
        made = insert(User).values(name=name, subject=subject).on_conflict_do_nothing().returning(User.id)
        user_id = await session.scalar(made)
        if user_id is None:
            raise NotSignedIn(f"Another account is called {name!r} already; ask an admin to remove or rename it.")
        workspace = insert(Workspace).values(name=settings.oidc_workspace).on_conflict_do_nothing()
        await session.execute(workspace)
        workspace_id = await session.scalar(select(Workspace.id).where(Workspace.name == settings.oidc_workspace))
        session.add(Member(workspace_id=workspace_id, user_id=user_id, role=settings.oidc_role))
    person = await person_of_subject(box.store, subject)
    assert person is not None
    return person


def attributes_of(claims: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """The named claims as attributes: a list with commas between, a structure as JSON, an absent one not at all."""
    found = {}
    for name in names:
        value = claims.get(name)
        if isinstance(value, list):
            value = ",".join(str(one) for one in value)
        if value is not None:
            found[name] = value if isinstance(value, str) else json.dumps(value)
    check_attributes(found)
    return found


def _known(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ValueError("no object")  # noqa: TRY004  # as for any other nonsense that a server sends
    return {name: told.get(name) for name in Provider.model_fields}


def _private(url: str) -> None:
    """Refuse a way on which tokens could be overheard."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigurationError(f"Single sign-on needs https, and {url!r} is not.")
