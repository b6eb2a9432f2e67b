"""Writing documents while the store goes away."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from tools.errors import StoreUnavailable
from tools.sync.load import SETTINGS, STAGING, copy_from
from tools.toolbox import Actor, Toolbox

LINE = b"1\ttitle\t" + b"late delivery " * 5000 + b"\t{}\t\\N\t{}\n"


async def test_a_write_whose_line_breaks_does_not_wait_for_ever(toolbox: Toolbox, actor: Actor) -> None:
    assert toolbox.settings.database_url is not None
    owner = await asyncpg.connect(toolbox.settings.database_url.get_secret_value())

    async def copied() -> None:
        async with toolbox.store.begin(actor.workspace_id) as session:
            await session.execute(SETTINGS)
            await session.execute(STAGING)
            backend = await session.scalar(text("SELECT pg_backend_pid()"))

            async def blocks() -> AsyncIterator[bytes]:
                yield LINE
                await owner.execute("SELECT pg_terminate_backend($1)", backend)
                for _ in range(1000):
                    yield LINE

            await copy_from(session, "sync_staging", blocks())

    async with asyncio.timeout(60):
        with pytest.raises(StoreUnavailable):
            await copied()
    await owner.close()
    await toolbox.store.ping()
