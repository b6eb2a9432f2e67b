"""The embedded servers as real processes: starts, crashes, company, and what is left behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from tools.embedded import AlreadyRunning, announce, places, places_of, running, servers
from tools.embedded.postgres import _sitting_in
from tools.errors import ConfigurationError
from tools.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
KEEP = """
import sys
from pathlib import Path
from tools.embedded import servers
from tools.settings import Settings
with servers(Settings(home=Path(sys.argv[1]), _env_file=None), purpose=sys.argv[2]) as filled:
    print(filled.database_url.get_secret_value(), flush=True)
    sys.stdin.read()
"""


def local(home: Path) -> Settings:
    """Settings of this home, whatever stands in the environment."""
    return Settings(home=home, database_url=None, redis_url=None, _env_file=None)


@pytest.fixture
def home() -> Iterator[Path]:
    """A new home; 0711, so that root's servers may enter it."""
    folder = Path(tempfile.mkdtemp(prefix="tabletalk-tests-"))
    folder.chmod(0o711)
    yield folder
    if (folder / "data").is_symlink():
        shutil.rmtree((folder / "data").resolve())
    shutil.rmtree(folder)


async def sql(settings: Settings, statement: str) -> object:
    """Run one statement on the store, waiting while it restarts."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    deadline = time.monotonic() + 20
    while True:
        try:
            connection = await asyncpg.connect(url)
            break
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def queue(settings: Settings) -> "redis.Redis":
    """A client of the queue's server."""
    assert settings.redis_url is not None
    return redis.from_url(settings.redis_url.get_secret_value())


def postmaster(home: Path) -> int:
    """The postmaster's pid."""
    return int((places_of(local(home)).state / "postgres" / "postmaster.pid").read_text().split()[0])


def processes_of(home: Path) -> set[int]:
    """Every process whose command line names this home's state, or which sits in its cluster."""
    state = places_of(local(home)).state
    found = _sitting_in(state / "postgres") if (state / "postgres").exists() else set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes()
        except OSError:
            continue
        if b"valkey-server" in words and os.fsencode(state) in words:
            found.add(int(entry.parent.name))
    return found


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def keeper(home: Path, purpose: str = "up") -> "subprocess.Popen[bytes]":
    """Another process that keeps this home's servers until its stdin closes; returns when they are ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP, str(home), purpose], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"postgresql://")
    return process


async def test_both_servers_answer_and_nothing_is_left_behind(home: Path) -> None:
    with servers(local(home)) as filled:
        assert (
            await sql(filled, "SELECT count(*) FROM pg_available_extensions WHERE name IN ('vector', 'pg_trgm')") == 2
        )
        assert await sql(filled, "SHOW fsync") == "on"
        assert await sql(filled, "SHOW listen_addresses") == ""
        assert queue(filled).config_get("appendonly") == {"appendonly": "yes"}
        assert len(processes_of(home)) > 2
        assert filled.home == home
    assert processes_of(home) == set()
    assert running(local(home)) is None


async def test_a_killed_postmaster_is_back_without_losing_a_row(home: Path) -> None:
    told: list[str] = []
    with servers(local(home), tell=told.append) as filled:
        await sql(filled, "CREATE TABLE kept (n int)")
        await sql(filled, "INSERT INTO kept VALUES (7)")
        before = postmaster(home)
        os.kill(before, signal.SIGKILL)
        assert await sql(filled, "SELECT n FROM kept") == 7
        assert postmaster(home) != before
    assert told == ["PostgreSQL was killed by SIGKILL; starting it again"]


async def test_a_busy_session_does_not_hold_up_the_restart(home: Path) -> None:
    with servers(local(home)) as filled:
        assert filled.database_url is not None
        busy = await asyncpg.connect(filled.database_url.get_secret_value())
        pid = busy.get_server_pid()
        pending = asyncio.ensure_future(busy.fetchval("SELECT sum(sqrt(n)) FROM generate_series(1, 2000000000) AS n"))
        while not await sql(filled, f"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%sqrt%' AND pid = {pid}"):
            pass
        os.kill(postmaster(home), signal.SIGKILL)
        assert await sql(filled, "SELECT 1") == 1
        assert pid not in _sitting_in(places_of(filled).state / "postgres")
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await pending


def test_a_killed_valkey_is_back_with_its_queue(home: Path) -> None:
    with servers(local(home)) as filled:
        client = queue(filled)
        client.rpush("jobs", "1", "2")
        client.waitaof(1, 0, 5000)
        before = client.info("server")["process_id"]
        os.kill(before, signal.SIGKILL)

        def back() -> bool:
            try:
                told = client.info()  # it answers this while it still reads its file
                return bool(told["process_id"] != before and not told["loading"])
            except redis.RedisError:
                return False

        until(back, "Valkey")
        assert client.lrange("jobs", 0, -1) == [b"1", b"2"]


async def test_nothing_outlives_a_killed_supervisor_and_the_next_start_has_the_data(home: Path) -> None:
    process = keeper(home)
    with servers(local(home)) as joined:
        await sql(joined, "CREATE TABLE kept (n int)")
        await sql(joined, "INSERT INTO kept VALUES (7)")
        assert len(processes_of(home)) > 2
        process.kill()
        process.wait()
        until(lambda: not processes_of(home), "the servers to end")
    assert running(local(home)) is None
    with servers(local(home), purpose="up") as filled:
        assert await sql(filled, "SELECT n FROM kept") == 7


async def test_a_start_right_after_a_kill_waits_for_what_is_left(home: Path) -> None:
    process = keeper(home)
    process.kill()
    with servers(local(home), purpose="up") as filled:
        assert await sql(filled, "SELECT 1") == 1
    process.wait()


def test_a_second_start_says_where_the_first_is(home: Path) -> None:
    with servers(local(home), purpose="up") as filled:
        announce(filled, "http://127.0.0.1:8000")
        with (
            pytest.raises(AlreadyRunning, match=r"already running on .* http://127\.0\.0\.1:8000 \(process \d+\)"),
            servers(local(home), purpose="up"),
        ):
            pass


async def test_a_command_waits_for_those_who_joined_its_servers(home: Path) -> None:
    process = keeper(home, "command")
    assert process.stdin is not None
    with servers(local(home)) as joined:
        process.stdin.close()
        until(lambda: running(joined) is None, "the keeper to be on its way out")
        assert await sql(joined, "SELECT 1") == 1
    assert process.wait(20) == 0
    assert processes_of(home) == set()


async def test_a_pid_that_another_process_has_now_does_not_hinder_the_start(home: Path) -> None:
    with servers(local(home)):
        lines = (places_of(local(home)).state / "postgres" / "postmaster.pid").read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"], user=places_of(local(home)).ids[0] if os.geteuid() == 0 else None)  # type: ignore[index]
    try:
        stale = places_of(local(home)).state / "postgres" / "postmaster.pid"
        stale.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        if ids := places_of(local(home)).ids:
            os.chown(stale, *ids)
        with servers(local(home)) as filled:
            assert await sql(filled, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_an_interrupted_first_start_is_begun_anew(home: Path) -> None:
    (home / "postgres.unfinished").mkdir()
    (home / "postgres.unfinished" / "PG_VERSION").write_text("18")
    with servers(local(home)) as filled:
        assert await sql(filled, "SELECT 1") == 1


async def test_a_long_home_gets_a_short_socket_folder(home: Path) -> None:
    deep = home / ("long folder name, with commas " * 4)
    deep.mkdir(mode=0o711)
    with servers(local(deep)) as filled:
        assert len(os.fsencode(places_of(filled).run)) <= 80
        assert await sql(filled, "SELECT 1") == 1
        assert queue(filled).ping()
    assert not places_of(filled).run.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another account")
async def test_root_opens_nobodys_folder_up(home: Path) -> None:
    home.chmod(0o700)
    with servers(local(home)) as filled:
        assert await sql(filled, "SELECT 1") == 1
        assert Path(f"/proc/{postmaster(home)}").stat().st_uid != 0
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.stat().st_uid == 0
    data = (home / "data").resolve()
    assert (data / "postgres" / "PG_VERSION").exists()
    with servers(local(home)):
        assert (home / "data").resolve() == data


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another account")
async def test_programs_that_the_account_cannot_read_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = places.can_enter
    monkeypatch.setattr(
        places, "can_enter", lambda path, account: "site-packages" not in str(path) and real(path, account)
    )
    with servers(local(home)) as filled:
        assert await sql(filled, "SELECT 1") == 1
        assert Path(f"/proc/{postmaster(home)}/exe").readlink().is_relative_to(home)


async def test_servers_of_ones_own_start_nothing(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "untouched",
        database_url="postgresql://nowhere/store",
        redis_url="redis://nowhere",
        _env_file=None,
    )
    with servers(settings) as filled:
        assert filled is settings
    assert not (tmp_path / "untouched").exists()


def test_only_what_is_missing_starts(home: Path) -> None:
    settings = local(home).model_copy(update={"database_url": "kept"})
    with servers(settings) as filled:
        assert filled.database_url == "kept"
        assert queue(filled).ping()
        assert not (home / "postgres").exists()


def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"Cannot write in .*: a file is in the way. Set TABLETALK_HOME"),
        servers(local(tmp_path / "file" / "home")),
    ):
        pass


def test_a_full_disk_is_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9, 12_000_000))
    with pytest.raises(ConfigurationError, match=r"is full: 12 MB free, 300 MB needed"), servers(local(home)):
        pass


def test_a_cluster_of_another_version_is_named(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match=r"was made by PostgreSQL 16; this is 18"), servers(local(home)):
        pass
