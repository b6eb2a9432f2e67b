"""The one composition of the rest: what every capability is handed, and who is asking."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from pydantic import Field

from tools import logs
from tools.connectors import Connectors
from tools.connectors.base import Frozen
from tools.credentials import Secrets, secret_key
from tools.embedding import Embedder
from tools.errors import ConfigurationError
from tools.limiter import Limiter
from tools.memo import Memo
from tools.queue import Queue
from tools.settings import Settings
from tools.store.session import Store

Role = Literal["viewer", "editor", "admin"]
Door = Literal["chat", "widget", "rest", "mcp", "cli", "worker"]


class Actor(Frozen):
    """Who is asking, for which workspace, through which door."""

    user_id: UUID
    user_name: str
    workspace_id: UUID
    role: Role = "admin"
    door: Door = "chat"
    conversation_id: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    """What row policies ask: `region` -> `north`; of the account, or of a signed widget token."""
    tables: tuple[str, ...] = ()
    """Where not empty, the only tables they see, as patterns: `shop.*`, `shop.orders`, `shop.public.orders`."""
    sql_shown: bool = True
    """Whether the person may read the SQL behind an answer."""
    address: str = ""
    """Where the request came from; empty for the command line and the workers."""
    schedule_id: int | None = None
    """The schedule by which they act, so that a job is its schedule's from its first moment on."""


@dataclass(frozen=True)
class Toolbox:
    """Open connections and settings; made by `open_toolbox`, once per process (once per job in a worker)."""

    settings: Settings
    store: Store
    queue: Queue
    connectors: Connectors
    embedder: Embedder
    secrets: Secrets
    limiter: Limiter
    memo: Memo = field(default_factory=Memo)
    """Of databases: shapes of tables, policies."""
    verdicts: Memo = field(default_factory=Memo)
    """Of statements: how they were judged. Apart from the other, which many statements would push out."""


@asynccontextmanager
async def open_toolbox(settings: Settings) -> AsyncIterator[Toolbox]:
    """Open everything a capability needs and close it at the end of the block.

    Both URLs must be filled in (tools.embedded.servers does so for a local set-up); nothing is connected yet.
    """
    if settings.database_url is None or settings.redis_url is None:
        raise ConfigurationError(
            "Neither TABLETALK_DATABASE_URL and TABLETALK_REDIS_URL nor embedded servers are at hand; "
            "start with `make run`."
        )
    logs.unless_configured()
    store = Store(settings.database_url.get_secret_value())
    queue = Queue(settings.redis_url.get_secret_value(), settings.job_seconds)
    limiter = Limiter(settings.redis_url.get_secret_value())
    connectors = Connectors(settings)
    try:
        yield Toolbox(settings, store, queue, connectors, Embedder(settings), Secrets(secret_key(settings)), limiter)
    finally:
        await connectors.close()
        await limiter.close()
        await queue.close()
        await store.dispose()
