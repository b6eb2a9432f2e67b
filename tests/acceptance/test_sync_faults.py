"""What a sync stands on is killed in its middle: it goes on behind the last chunk, and nothing is lost or double."""

import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import func, select

from assistant.accounts import local_person
from tests.acceptance.test_faults import over, supervisor, victim
from tests.conftest import POSTGRES
from tools import databases, jobs, sync
from tools.embedded import servers
from tools.settings import Settings
from tools.store.models import LIVE_STATES, DocumentRow
from tools.sync import SyncOptions
from tools.toolbox import open_toolbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

__all__ = ["supervisor"]

ROWS = 60_000
"""So many that the sync is still under way when the blow falls."""
FILL = f"""
CREATE TABLE parcels (id int PRIMARY KEY, town text, note text);
INSERT INTO parcels SELECT i, 'town ' || i % 7, 'came late: ' || md5(i::text) FROM generate_series(1, {ROWS}) i;
ANALYZE parcels
"""


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-") as folder:
        Path(folder).chmod(0o711)
        # Port 0 of the system's choice would not be told to the children.
        port = 20_000 + os.getpid() % 20_000
        yield Settings(
            home=Path(folder),
            port=port,
            demo=False,
            heartbeat_seconds=1,
            database_url=None,
            redis_url=None,
            _env_file=None,
        )


@pytest.fixture
async def parcels() -> AsyncIterator[str]:
    """A source on the machine's server: only what Tabletalk runs on is killed."""
    name = f"tt_sync_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(POSTGRES)
    await admin.execute(f"CREATE DATABASE {name}")
    there = await asyncpg.connect(POSTGRES, database=name)
    await there.execute(FILL)
    await there.close()
    yield name
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.mark.parametrize("what", ["-m workers", "postgres"])
async def test_a_kill_in_the_middle_of_a_sync_loses_nothing_and_doubles_nothing(
    settings: Settings, supervisor: subprocess.Popen[str], parcels: str, what: str
) -> None:
    with servers(settings) as filled:
        async with open_toolbox(filled) as box:
            actor = await local_person(box.store)
            address = databases.address_from_url(POSTGRES).model_copy(update={"database": parcels})
            await databases.register(box, actor, parcels, address)
            job = await sync.start_sync(box, actor, parcels)
            async for state in jobs.follow(box, actor, job.id):
                assert state.state in LIVE_STATES, "the sync was over before the blow; make more rows"
                if state.counts.get("read", 0) > ROWS // 20:
                    break
            os.kill(victim(supervisor, what), signal.SIGKILL)

            ended = await over(box, actor, job.id)
            assert (ended.state, ended.error) == ("succeeded", None)
            # As many new ones as rows: what an attempt had committed, the next one did not read again.
            assert (ended.counts["read"], ended.counts["new"]) == (ROWS, ROWS)
            kinds = [event.type for event in await jobs.events(box, actor, job.id)]
            if what == "-m workers":
                assert "taken over" in kinds or "handed back" in kinds
            async with box.store.begin(actor.workspace_id) as session:
                query = select(func.count()).select_from(DocumentRow).where(DocumentRow.table_name == "public.parcels")
                found = await databases.get(box, actor, parcels)
                assert await session.scalar(query.where(DocumentRow.database_id == found.id)) == ROWS
            again = await over(
                box, actor, (await sync.start_sync(box, actor, parcels, options=SyncOptions(mode="full"))).id
            )
            assert (again.counts["read"], again.counts["unchanged"]) == (ROWS, ROWS)
            await databases.forget(box, actor, parcels, approved_by=actor.user_id)
