"""Tokens and keys: what a program comes in with is short-lived, used once, scoped, and ended at will."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from sqlalchemy import select, text, update

from assistant import accounts
from assistant.accounts import tokens as tokens_module
from tools.errors import Invalid, NotFound, NotSignedIn
from tools.store.models import ApiKeyRow, RefreshTokenRow
from tools.toolbox import Actor, Toolbox

PASSWORD = "a long enough password"


# Access


async def test_an_access_token_is_its_person_for_a_quarter_of_an_hour(toolbox: Toolbox, actor: Actor) -> None:
    tokens = await accounts.issue_tokens(toolbox, actor)
    assert tokens.expires_in <= 15 * 60
    found = await accounts.actor_of_access(toolbox, tokens.access)
    assert (found.user_id, found.workspace_id, found.role) == (actor.user_id, actor.workspace_id, "admin")
    claims = jwt.decode(tokens.access, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == tokens.expires_in
    assert (claims["iss"], claims["aud"]) == (tokens_module.ISSUER, tokens_module.AUDIENCE)


def forged(toolbox: Toolbox, good: str, key: Any = None, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {**jwt.decode(good, options={"verify_signature": False}), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key if key is not None else toolbox.secrets.signing_key, algorithm=algorithm)


def unsigned(good: str) -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{head}.{good.split('.')[1]}."


async def test_no_other_token_is_taken(toolbox: Toolbox, actor: Actor) -> None:
    good = (await accounts.issue_tokens(toolbox, actor)).access
    key = toolbox.secrets.signing_key
    past = datetime.now(UTC) - timedelta(minutes=1)
    bad = [
        "",
        "nonsense",
        good[:-2],
        unsigned(good),
        forged(toolbox, good, key=b"0" * 32),
        forged(toolbox, good, key=b"0" * 64, algorithm="HS512"),
        jwt.encode(jwt.decode(good, options={"verify_signature": False}), key * 2, algorithm="HS512"),
        forged(toolbox, good, exp=past),
        forged(toolbox, good, aud="another"),
        forged(toolbox, good, iss="another"),
        forged(toolbox, good, sub="not an id"),
        *(forged(toolbox, good, **dict[str, Any]({claim: None})) for claim in tokens_module.CLAIMS),
        forged(toolbox, good, sid=str(uuid4())),
        forged(toolbox, good, wid=str(uuid4())),
    ]
    for token in bad:
        with pytest.raises(NotSignedIn):
            await accounts.actor_of_access(toolbox, token)


async def test_a_role_that_changed_counts_at_once(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    await accounts.add_user(toolbox, actor, stranger.user_name, role="editor")
    there = await accounts.find_person(toolbox.store, stranger.user_name, actor.workspace_id)
    tokens = await accounts.issue_tokens(toolbox, there)
    await accounts.set_role(toolbox, actor, stranger.user_name, "viewer")
    assert (await accounts.actor_of_access(toolbox, tokens.access)).role == "viewer"
    await accounts.remove_member(toolbox, actor, stranger.user_name)
    with pytest.raises(NotSignedIn):
        await accounts.actor_of_access(toolbox, tokens.access)
    with pytest.raises(NotSignedIn):
        await accounts.refresh(toolbox, tokens.refresh)


# Refresh


async def test_a_refresh_token_is_used_once(toolbox: Toolbox, actor: Actor) -> None:
    first = await accounts.issue_tokens(toolbox, actor)
    second = await accounts.refresh(toolbox, first.refresh)
    assert second.refresh != first.refresh
    assert (await accounts.actor_of_access(toolbox, second.access)).user_id == actor.user_id
    third = await accounts.refresh(toolbox, second.refresh)
    assert (await accounts.actor_of_access(toolbox, third.access)).user_id == actor.user_id


async def test_a_copied_refresh_token_ends_the_session_for_both(toolbox: Toolbox, actor: Actor) -> None:
    first = await accounts.issue_tokens(toolbox, actor)
    second = await accounts.refresh(toolbox, first.refresh)
    other = await accounts.issue_tokens(toolbox, actor)
    with pytest.raises(NotSignedIn, match="copied"):
        await accounts.refresh(toolbox, first.refresh)
    with pytest.raises(NotSignedIn):
        await accounts.refresh(toolbox, second.refresh)
    for access in (first.access, second.access):
        with pytest.raises(NotSignedIn):
            await accounts.actor_of_access(toolbox, access)
    assert (await accounts.actor_of_access(toolbox, other.access)).user_id == actor.user_id  # another session goes on


async def test_signing_out_ends_the_session_at_once(toolbox: Toolbox, actor: Actor) -> None:
    tokens = await accounts.issue_tokens(toolbox, actor)
    await accounts.revoke(toolbox, tokens.refresh)
    await accounts.revoke(toolbox, tokens.refresh)
    await accounts.revoke(toolbox, "nobody's")
    with pytest.raises(NotSignedIn):
        await accounts.actor_of_access(toolbox, tokens.access)
    with pytest.raises(NotSignedIn):
        await accounts.refresh(toolbox, tokens.refresh)


async def test_an_expired_refresh_token_is_refused(toolbox: Toolbox, actor: Actor) -> None:
    tokens = await accounts.issue_tokens(toolbox, actor)
    async with toolbox.store.begin_for_all() as session:
        mine = update(RefreshTokenRow).where(RefreshTokenRow.user_id == actor.user_id)
        await session.execute(mine.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    with pytest.raises(NotSignedIn, match="not valid any more"):
        await accounts.refresh(toolbox, tokens.refresh)


async def test_only_hashes_are_kept(toolbox: Toolbox, actor: Actor) -> None:
    tokens = await accounts.issue_tokens(toolbox, actor)
    key = (await accounts.create_key(toolbox, actor, "nightly")).key
    async with toolbox.store.begin_for_all() as session:
        for table in ("refresh_tokens", "api_keys"):
            rows = await session.scalars(text(f"SELECT t::text FROM tabletalk.{table} t"))
            for row in rows:
                assert tokens.refresh not in row
                assert tokens.refresh.encode().hex() not in row
                assert key not in row


# Keys


@pytest.mark.parametrize(("scope", "role"), [("read", "viewer"), ("write", "editor"), ("admin", "admin")])
async def test_a_key_acts_as_its_maker_within_its_scope(toolbox: Toolbox, actor: Actor, scope: Any, role: str) -> None:
    made = await accounts.create_key(toolbox, actor, f"for {scope}", scope)
    assert made.key.startswith(made.about.prefix)
    assert len(made.about.prefix) < 15
    found = await accounts.actor_of_key(toolbox, made.key)
    assert (found.user_id, found.workspace_id, found.role) == (actor.user_id, actor.workspace_id, role)
    listed = next(one for one in await accounts.list_keys(toolbox, actor) if one.id == made.about.id)
    assert listed.last_used_at is not None and listed.created_by == actor.user_name


async def test_a_key_never_exceeds_what_its_maker_may_now(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    await accounts.add_user(toolbox, actor, stranger.user_name, role="admin")
    maker = await accounts.find_person(toolbox.store, stranger.user_name, actor.workspace_id)
    key = (await accounts.create_key(toolbox, maker, "theirs", "admin")).key
    await accounts.set_role(toolbox, actor, stranger.user_name, "viewer")
    assert (await accounts.actor_of_key(toolbox, key)).role == "viewer"
    await accounts.remove_member(toolbox, actor, stranger.user_name)
    with pytest.raises(NotSignedIn):
        await accounts.actor_of_key(toolbox, key)


async def test_a_key_ends_when_revoked_or_expired(toolbox: Toolbox, actor: Actor, stranger: Actor) -> None:
    one, two = [await accounts.create_key(toolbox, actor, name, days=1) for name in ("one", "two")]
    with pytest.raises(NotFound):
        await accounts.revoke_key(toolbox, stranger, one.about.id)
    assert (await accounts.revoke_key(toolbox, actor, "one")).revoked_at is not None
    with pytest.raises(NotSignedIn):
        await accounts.actor_of_key(toolbox, one.key)
    with pytest.raises(NotFound, match=r"two \("):
        await accounts.revoke_key(toolbox, actor, "one")
    await accounts.actor_of_key(toolbox, two.key)
    async with toolbox.store.begin_for_all() as session:
        mine = update(ApiKeyRow).where(ApiKeyRow.id == two.about.id)
        await session.execute(mine.values(expires_at=datetime.now(UTC)))
    for key in (two.key, two.key[:-1], "ttk_" + "a" * 43, ""):
        with pytest.raises(NotSignedIn, match="not valid"):
            await accounts.actor_of_key(toolbox, key)


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"name": "x", "scope": "owner"}, {"name": "x", "days": 0}, {"name": "x", "days": 9999}]
)
async def test_odd_keys_are_refused(toolbox: Toolbox, actor: Actor, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await accounts.create_key(toolbox, actor, **wrong)


async def test_a_workspace_does_not_read_the_hashes_of_its_keys(toolbox: Toolbox, actor: Actor) -> None:
    for column in (ApiKeyRow.hash, RefreshTokenRow.id):
        with pytest.raises(Exception, match="permission denied"):
            async with toolbox.store.begin(actor.workspace_id) as session:
                await session.execute(select(column))
