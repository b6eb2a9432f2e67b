"""Widget keys: who makes them, what they allow, and when they end."""

import pytest
from sqlalchemy import delete

from assistant import embed
from assistant.embed.keys import Look
from tools import audit, databases
from tools.credentials import Secrets
from tools.errors import AssistantError, Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from tools.store.models import DatabaseRow, WidgetKeyRow
from tools.toolbox import Actor, Toolbox

PORTAL = "https://portal.example.com"

PAGES: tuple[tuple[str, str, bool], ...] = (
    ("https://portal.example.com", "https://portal.example.com", True),
    ("https://portal.example.com:443", "https://portal.example.com", True),
    ("HTTPS://Portal.Example.com/", "https://portal.example.com", True),
    ("https://portal.example.com", "http://portal.example.com", False),
    ("https://portal.example.com", "https://portal.example.com:8443", False),
    ("https://portal.example.com", "https://portal.example.com.evil.org", False),
    ("https://*.example.com", "https://a.b.example.com", True),
    ("https://*.example.com", "https://example.com", False),
    ("https://*.example.com", "https://evilexample.com", False),
    ("https://*.example.com", "https://evil.org/.example.com", False),
    ("https://*.example.com", "https://evil.org:1@x.example.com", False),
    ("http://[::1]:8000", "http://[::1]:8000", True),
    ("https://portal.example.com", "null", False),
)
"""Origin of a key, origin of a page, and whether it may show the chat."""

REFUSED: tuple[tuple[dict[str, object], type[AssistantError], str], ...] = (
    ({"origins": ["portal.example.com"]}, Invalid, "is no origin"),
    ({"origins": ["https://portal.example.com/path"]}, Invalid, "is no origin"),
    ({"origins": ["*"]}, Invalid, "is no origin"),
    ({"origins": []}, Invalid, "at least one origin"),
    ({"tables": []}, Invalid, "Name the tables"),
    ({"tables": ["shp.orders"]}, NotFound, "No database named 'shp'"),
    ({"role": "admin"}, Invalid, "cannot be an admin"),
    ({"role": "owner"}, Invalid, "No role 'owner'"),
    ({"look": Look(accent="red")}, Invalid, "is no colour"),
    ({"anonymous_daily": -1}, Invalid, "cannot be"),
    ({"name": " "}, Invalid, "cannot be a key's name"),
)
"""What is wrong of a key, the error, and a part of what it says."""


async def test_a_key_is_made_listed_and_revoked(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    made = await embed.create_key(toolbox, actor, "Portal", [PORTAL], [sales], look=Look(title="Ask", hide_sql=True))
    assert made.secret.startswith("tts_")
    assert made.about.key.startswith("ttw_")
    assert [one.name for one in await embed.list_keys(toolbox, actor)] == ["Portal"]
    assert made.secret not in repr(await embed.list_keys(toolbox, actor))
    assert (await embed.find_key(toolbox, actor, made.about.key)).look.hide_sql
    assert made.about.allows(PORTAL)

    gone = await embed.revoke_key(toolbox, actor, "Portal")
    assert gone.revoked_at is not None
    assert not gone.allows(PORTAL)
    with pytest.raises(NotFound, match="No widget key"):
        await embed.admit(toolbox, made.about.key, PORTAL)
    deeds = [(entry.action, entry.target) for entry in await audit.list_audit(toolbox, actor)]
    assert deeds[:2] == [("revoke widget key", "Portal"), ("create widget key", "Portal")]


async def test_the_secret_is_sealed_and_changes_hands_with_the_key_of_the_set_up(
    toolbox: Toolbox, actor: Actor, sales: str
) -> None:
    made = await embed.create_key(toolbox, actor, "Portal", [PORTAL], [sales])

    async def sealed() -> bytes:
        async with toolbox.store.begin(actor.workspace_id) as session:
            return (await session.get_one(WidgetKeyRow, made.about.id)).secret

    async with toolbox.store.begin_for_all() as session:
        # Every row is turned: what other tests left behind, some of it sealed by no key, may not stand in the way.
        for table in (DatabaseRow, WidgetKeyRow):
            await session.execute(delete(table).where(table.workspace_id != actor.workspace_id))
    before = await sealed()
    assert made.secret.encode() not in before
    old = toolbox.settings.home.joinpath("secret_key").read_text()
    await databases.rotate_key(toolbox, old, "another key, thirty-two letters and more")
    try:
        another = Secrets("another key, thirty-two letters and more")
        assert another.open(await sealed(), actor.workspace_id, made.about.id) == made.secret
    finally:
        await databases.rotate_key(toolbox, "another key, thirty-two letters and more", old)


async def test_which_pages_a_key_is_for(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    for number, (pattern, origin, fits) in enumerate(PAGES):
        made = await embed.create_key(toolbox, actor, f"Portal {number}", [pattern], [sales])
        assert made.about.allows(origin) is fits, (pattern, origin)


async def test_what_cannot_be_is_refused(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    for change, error, said in REFUSED:
        asked = {"name": "Portal", "origins": [PORTAL], "tables": [sales], **change}
        with pytest.raises(error, match=said):
            await embed.create_key(toolbox, actor, **asked)  # type: ignore[arg-type]  # wrong on purpose
    assert await embed.list_keys(toolbox, actor) == ()


async def test_only_admins_and_only_of_the_workspace(
    toolbox: Toolbox, actor: Actor, stranger: Actor, sales: str
) -> None:
    made = await embed.create_key(toolbox, actor, "Portal", [PORTAL], [sales])
    editor = actor.model_copy(update={"role": "editor"})
    with pytest.raises(NotAllowed):
        await embed.create_key(toolbox, editor, "Another", [PORTAL], [sales])
    with pytest.raises(NotAllowed):
        await embed.list_keys(toolbox, editor)
    with pytest.raises(NotFound):
        await embed.revoke_key(toolbox, stranger, made.about.key)
    with pytest.raises(Conflict):
        await embed.create_key(toolbox, actor, "Portal", [PORTAL], [sales])
    with pytest.raises(NotSignedIn):
        await embed.admit(toolbox, made.about.key, PORTAL)


async def test_the_snippet_is_one_line_of_a_page(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    about = (await embed.create_key(toolbox, actor, "Portal", [PORTAL], [sales])).about
    source = f"https://chat.example.com/embed/widget.js?key={about.key}"
    line = embed.snippet(about, "https://chat.example.com/")
    assert line == f'<script src="{source}" data-token="/tabletalk-token" defer></script>'
    assert "data-token" not in embed.snippet(about.model_copy(update={"anonymous_daily": 5}), "https://x")
