"""What a sync stands on is killed in its middle: it goes on behind the last chunk, and nothing is lost or double."""

import asyncio
import os
import shutil
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

ROWS = 120_000
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


@pytest.mark.parametrize(
    ("what", "blow"), [("-m workers", signal.SIGKILL), ("postgres", signal.SIGKILL), ("postgres", signal.SIGINT)]
)
async def test_a_kill_in_the_middle_of_a_sync_loses_nothing_and_doubles_nothing(
    settings: Settings, supervisor: subprocess.Popen[str], parcels: str, what: str, blow: signal.Signals
) -> None:
    """SIGINT is how PostgreSQL is restarted: it ends every session at once and shuts down in order."""
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
            os.kill(victim(supervisor, what), blow)

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


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk that is full after a few thousand documents."""
    with tempfile.TemporaryDirectory(prefix="tabletalk-tests-disk-") as folder:
        mounting = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0711", "tmpfs", folder], capture_output=True, check=False
        )
        if mounting.returncode != 0:
            pytest.skip("mounting a small disk needs root; tests/tools/sync/test_faults.py has the error alone")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


async def test_a_store_whose_disk_is_full_goes_on_when_there_is_room(
    settings: Settings, supervisor: subprocess.Popen[str], parcels: str, small_disk: Path
) -> None:
    with servers(settings) as filled:
        assert filled.database_url is not None
        owner = await asyncpg.connect(filled.database_url.get_secret_value())
        data = Path(await owner.fetchval("SHOW data_directory"))
        place = small_disk / "documents"
        place.mkdir(mode=0o700)
        os.chown(place, data.stat().st_uid, data.stat().st_gid)
        await owner.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
        await owner.execute("VACUUM FULL tabletalk.documents")  # what other tests left lying is too much for it
        await owner.execute("ALTER TABLE tabletalk.documents SET TABLESPACE small")
        try:
            async with open_toolbox(filled) as box:
                actor = await local_person(box.store)
                address = databases.address_from_url(POSTGRES).model_copy(update={"database": parcels})
                await databases.register(box, actor, parcels, address)
                job = await sync.start_sync(box, actor, parcels)
                async with asyncio.timeout(120):
                    while shutil.disk_usage(small_disk).free > 500_000:
                        assert (await jobs.get(box, actor, job.id)).live, "the sync was over before the disk was full"
                        await asyncio.sleep(0.1)
                    before = await jobs.get(box, actor, job.id)
                    await asyncio.sleep(3)  # nothing moves, and nothing fails at once
                stuck = await jobs.get(box, actor, job.id)
                assert stuck.live and stuck.counts["read"] < ROWS, (before.counts, stuck.counts, stuck.error)
                subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)

                ended = await over(box, actor, job.id)
                assert (ended.state, ended.error) == ("succeeded", None)
                assert (ended.counts["read"], ended.counts["new"]) == (ROWS, ROWS)
                again = await sync.start_sync(box, actor, parcels, options=SyncOptions(mode="full"))
                ended = await over(box, actor, again.id)
                assert (ended.counts["read"], ended.counts["unchanged"]) == (ROWS, ROWS)
                await databases.forget(box, actor, parcels, approved_by=actor.user_id)
        finally:
            await owner.execute("ALTER TABLE tabletalk.documents SET TABLESPACE pg_default")
            await owner.execute("DROP TABLESPACE small")
            await owner.close()
