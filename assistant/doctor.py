"""`tabletalk doctor`: looks at everything Tabletalk stands on, and says what to do where it does not stand."""

import asyncio
import platform
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import select, text

from tools.connectors.base import Frozen
from tools.errors import AssistantError
from tools.settings import Settings
from tools.store import isolation
from tools.store.models import DatabaseRow, Member, User
from tools.toolbox import Actor, Toolbox, open_toolbox

FREE_BYTES = 500_000_000
MODEL_SECONDS = 20


class Finding(Frozen):
    """One thing that was looked at."""

    what: str
    ok: bool
    state: str
    advice: str = ""
    """What to do; empty when there is nothing to do."""


async def examine(settings: Settings) -> tuple[Finding, ...]:
    """Check everything; what cannot be checked because of another fault says so."""
    findings = [_python(), _disk(settings), _secret_key(settings)]
    async with open_toolbox(settings) as box:
        store = [finding async for finding in _store(box)]
        findings += [*store, await _queue(box), await _workers(box), await _model(settings)]
        if all(finding.ok for finding in store):
            findings.append(await _embedder(box))
            findings += await _databases(box)
    return tuple(findings)


def _python() -> Finding:
    ok = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding(
        what="Python", ok=ok, state=platform.python_version(), advice="" if ok else "install Python 3.11, 3.12 or 3.13"
    )


def _disk(settings: Settings) -> Finding:
    folder = settings.home if settings.home.exists() else Path(settings.home.anchor)
    free = shutil.disk_usage(folder).free
    return Finding(
        what="Disk",
        ok=free >= FREE_BYTES,
        state=f"{free / 1e9:.1f} GB free at {str(settings.home)!r}",
        advice="" if free >= FREE_BYTES else "free some space, or set TABLETALK_HOME to a folder on another disk",
    )


def _secret_key(settings: Settings) -> Finding:
    from tools.credentials import secret_key

    try:
        secret_key(settings)
    except AssistantError as error:
        return Finding(what="Secret key", ok=False, state="not usable", advice=str(error))
    file = settings.home / "secret_key"
    if settings.secret_key is None and stat.S_IMODE(file.stat().st_mode) & 0o077:
        return Finding(
            what="Secret key", ok=False, state=f"{str(file)!r} is open to others", advice=f"chmod 600 {str(file)!r}"
        )
    return Finding(
        what="Secret key",
        ok=True,
        state="from TABLETALK_SECRET_KEY" if settings.secret_key else f"kept in {str(file)!r}",
    )


async def _store(box: Toolbox) -> AsyncIterator[Finding]:
    try:
        async with box.store.begin_as_owner() as session:
            version = await session.scalar(text("SHOW server_version"))
            rows = await session.execute(text("SELECT extname, extversion FROM pg_extension"))
            extensions: dict[str, str] = dict(rows.tuples().all())
    except AssistantError as error:
        yield Finding(what="Store", ok=False, state="does not answer", advice=str(error))
        return
    yield Finding(what="Store", ok=True, state=f"PostgreSQL {version}")
    yield Finding(
        what="pgvector",
        ok="vector" in extensions,
        state=extensions.get("vector", "missing"),
        advice="" if "vector" in extensions else "install pgvector on the store's server, then `tabletalk migrate`",
    )
    yield Finding(
        what="pg_trgm",
        ok=True,
        state=extensions.get("pg_trgm", "missing"),
        advice="" if "pg_trgm" in extensions else "optional: misspelt names are found less often without it",
    )
    yield await _migrations(box)
    yield await _isolation(box)


async def _migrations(box: Toolbox) -> Finding:
    from alembic.script import ScriptDirectory

    from tools.store.session import alembic_config

    assert box.settings.database_url is not None
    script = ScriptDirectory.from_config(alembic_config(box.settings.database_url.get_secret_value()))
    async with box.store.begin_as_owner() as session:
        there = await session.scalar(text("SELECT to_regclass('tabletalk.alembic_version') IS NOT NULL"))
        current = await session.scalar(text("SELECT version_num FROM tabletalk.alembic_version")) if there else None
    head = script.get_current_head()
    return Finding(
        what="Migrations",
        ok=current == head,
        state=f"at {current or 'nothing'}" + ("" if current == head else f", newest is {head}"),
        advice="" if current == head else "run `tabletalk migrate`",
    )


async def _isolation(box: Toolbox) -> Finding:
    """Whether transactions take the role of one workspace, and PostgreSQL holds every table to that."""
    try:
        async with box.store.begin_for_all():
            pass
        async with box.store.begin_as_owner() as session:
            bare = list(await session.scalars(text(isolation.UNGUARDED), {"schemas": list(isolation.SCHEMAS)}))
    except AssistantError as error:
        return Finding(what="Isolation", ok=False, state="workspaces are not kept apart", advice=str(error))
    return Finding(
        what="Isolation",
        ok=not bare,
        state="no row-level security on " + ", ".join(bare) if bare else "every table is held to its workspace",
        advice="run `tabletalk migrate`" if bare else "",
    )


async def _queue(box: Toolbox) -> Finding:
    try:
        await box.queue.ping()
    except AssistantError as error:
        return Finding(what="Queue", ok=False, state="does not answer", advice=str(error))
    return Finding(what="Queue", ok=True, state="answers")


async def _workers(box: Toolbox) -> Finding:
    try:
        workers = (await box.queue.stats()).workers
    except AssistantError as error:
        return Finding(what="Workers", ok=False, state="unknown", advice=str(error))
    return Finding(
        what="Workers",
        ok=bool(workers),
        state=f"{len(workers)} alive",
        advice="" if workers else "start one: `tabletalk worker`, or everything: `tabletalk up`",
    )


async def _model(settings: Settings) -> Finding:
    if not settings.model:
        return Finding(what="Model", ok=True, state="offline, needs no key")
    from assistant.agent import choose_model

    try:
        model = choose_model(settings)
    except AssistantError as error:
        return Finding(what="Model", ok=False, state=settings.model, advice=str(error))
    assert model is not None
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest

    try:
        async with asyncio.timeout(MODEL_SECONDS):
            await model_request(model, [ModelRequest.user_text_prompt("Answer with the word: yes")])
    except Exception as error:  # noqa: BLE001  # whatever a provider raises is the finding
        reason = (str(error).splitlines() or [""])[0][:200] or f"no answer within {MODEL_SECONDS} s"
        return Finding(
            what="Model",
            ok=False,
            state=f"{settings.model}: {reason}",
            advice="check TABLETALK_MODEL, OPENAI_API_KEY and OPENAI_BASE_URL; until then the offline model answers",
        )
    return Finding(what="Model", ok=True, state=f"{settings.model} answers")


async def _embedder(box: Toolbox) -> Finding:
    try:
        vector = (await box.embedder.embed(["orders of last month"]))[0]
    except AssistantError as error:
        return Finding(what="Embedder", ok=False, state=box.embedder.name, advice=str(error))
    async with box.store.begin_for_all() as session:
        query = text("SELECT count(*) FROM tabletalk.table_embeddings WHERE model <> :model OR dimension <> :dimension")
        named = {"model": box.embedder.name, "dimension": len(vector)}
        old = await session.scalar(query, named)
    return Finding(
        what="Embedder",
        ok=not old,
        state=f"{box.embedder.name}, {len(vector)} dimensions"
        + (f"; {old} tables were embedded otherwise" if old else ""),
        advice="" if not old else "train those databases again",
    )


async def _databases(box: Toolbox) -> list[Finding]:
    """Every registered database of every workspace, by the state that a fresh check gives."""
    from tools import databases

    async with box.store.begin_for_all() as session:
        rows = (
            await session.execute(
                select(DatabaseRow.name, DatabaseRow.workspace_id, User.id, User.name)
                .join(Member, Member.workspace_id == DatabaseRow.workspace_id)
                .join(User, User.id == Member.user_id)
                .distinct(DatabaseRow.id)
                .order_by(DatabaseRow.id)
            )
        ).all()
    findings = []
    for name, workspace_id, user_id, user_name in rows:
        actor = Actor(user_id=user_id, user_name=user_name, workspace_id=workspace_id, door="cli")
        try:
            found = await databases.check(box, actor, name)
            wrong = found.last_error
        except AssistantError as error:
            wrong = str(error)
        findings.append(
            Finding(
                what=f"Database {name!r}",
                ok=not wrong,
                state="does not answer" if wrong else "answers",
                advice=wrong or "",
            )
        )
    return findings
