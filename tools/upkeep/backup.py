"""The whole store as one file, and back: everything people told Tabletalk, but for the secret key that opens it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import make_url

from tools.connectors.base import Frozen
from tools.embedded import places_of
from tools.embedded.postgres import programs
from tools.errors import ConfigurationError, Conflict, Invalid, StoreUnavailable
from tools.settings import Settings
from tools.store.isolation import SCHEMAS
from tools.store.session import migrate
from tools.store.version import known

HOLDS = """
    SELECT count(*) FILTER (WHERE what = 'd'), count(*) FILTER (WHERE what = 'c') FROM (
        SELECT 'd' AS what FROM tabletalk.databases UNION ALL SELECT 'c' FROM tabletalk.conversations) held
"""
MAY_READ_ALL = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tabletalk' AND pid <> pg_backend_pid()
"""
BEGINNING = b"PGDMP"
"""How a file of pg_dump begins."""


class Held(Frozen):
    """What a store holds, counted."""

    databases: int
    conversations: int

    def __str__(self) -> str:
        return f"{self.databases:,} registered database(s) and {self.conversations:,} conversation(s)"


def back_up(settings: Settings, file: Path, *, over: bool = False) -> Held:
    """Write the store to `file`, whole or not at all, and tell what it holds.

    Conflict when the file exists and `over` does not say to replace it; ConfigurationError when the store's login may
    not read past row-level security, or PostgreSQL's programs are not at hand.
    """
    if file.exists() and not over:
        raise Conflict(f"{str(file)!r} exists; name another file, or say --yes to replace it.")
    if _asked(settings, MAY_READ_ALL) != "t":
        raise ConfigurationError(
            "The store's login is held to row-level security and would not see everything. "
            f"Have the server's administrator run pg_dump with {_schemas('--schema=')}."
        )
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        _run(
            settings,
            "pg_dump",
            "--format=custom",
            *_schemas("--schema=").split(),
            "--no-owner",
            f"--file={unfinished}",
        )
        unfinished.chmod(0o600)
        held = holds(settings)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return held


def restore(settings: Settings, file: Path, *, over: bool = False) -> Held:
    """Put a store back from `file`, in one transaction, and bring it up to date; what the store holds is replaced.

    Invalid for a file that is no backup; Conflict when something is connected to the store, or when it holds anything
    and `over` does not say to replace that.
    """
    if not file.is_file():
        raise Invalid(f"There is no file {str(file)!r}.")
    _require_readable(settings, file)
    migrate(_url(settings))  # the roles that the backup's policies name
    if (others := _asked(settings, OTHERS)) != "0":
        raise Conflict(f"Tabletalk has {others} connection(s) to this store; stop every process of it first.")
    held = holds(settings)
    if (held.databases or held.conversations) and not over:
        raise Conflict(f"The store holds {held}; all of that would be replaced. Say --yes to do it.")
    _replace(settings, file)
    migrate(_url(settings))
    return holds(settings)


def holds(settings: Settings) -> Held:
    """Count what the store holds."""
    databases, conversations = _asked(settings, HOLDS).split("|")
    return Held(databases=int(databases), conversations=int(conversations))


def _require_readable(settings: Settings, file: Path) -> None:
    """Refuse what is no backup, and one that a newer Tabletalk wrote, before anything is touched."""
    with file.open("rb") as opened:
        if opened.read(len(BEGINNING)) != BEGINNING:
            raise Invalid(f"{str(file)!r} is no backup of `tabletalk backup-store`.")
    asked = ("--data-only", "--schema=tabletalk", "--table=alembic_version", "--file=-")
    found = re.search(r"^COPY .*alembic_version.*\n(\w+)$", _pg_restore(settings, *asked, str(file)), re.MULTILINE)
    if found is None:
        raise Invalid(f"{str(file)!r} is no backup of `tabletalk backup-store`.")
    if found[1] not in known():
        raise Invalid(f"{str(file)!r} was written by a newer Tabletalk (store {found[1]}); update this one first.")


def _replace(settings: Settings, file: Path) -> None:
    """Run the backup's SQL after dropping what is there; a fault anywhere leaves everything as it was."""
    drop = "; ".join(f"DROP SCHEMA IF EXISTS {schema} CASCADE" for schema in SCHEMAS)
    with tempfile.TemporaryDirectory(prefix="tabletalk-restore-") as folder:
        # Read to its end first: half a backup would be half a store.
        sql = Path(folder) / "store.sql"
        _pg_restore(settings, "--no-owner", f"--file={sql}", str(file))
        command = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "-c", drop)
        _run(settings, "psql", *command, f"--file={sql}")


def _pg_restore(settings: Settings, *arguments: str) -> str:
    """Read a backup; Invalid when it cannot be read whole."""
    done = subprocess.run(  # noqa: S603  # our own program and a person's own file
        (_program(settings, "pg_restore"), *arguments), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Invalid(f"{arguments[-1]!r} is damaged, or no backup of `tabletalk backup-store`.")
    return done.stdout


def _asked(settings: Settings, query: str) -> str:
    return _run(settings, "psql", "--no-psqlrc", "--tuples-only", "--no-align", "-c", query).strip()


def _run(settings: Settings, name: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on the store; the password goes through the environment, which is nobody's."""
    url = make_url(_url(settings))
    query = {("sslmode" if key == "ssl" else key): value for key, value in url.query.items()}
    plain = url.set(drivername="postgresql", password=None, query=query).render_as_string(hide_password=False)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"}
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run(  # noqa: S603  # our own program on our own store
        (_program(settings, name), *arguments, f"--dbname={plain}"),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise StoreUnavailable(f"{name} did not succeed: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout.decode()


def _program(settings: Settings, name: str) -> str:
    """The embedded server's own program, or the one on the path where there is none for this platform."""
    try:
        return str(programs(places_of(settings)) / name)
    except ConfigurationError:
        found = shutil.which(name)
        if found is None:
            raise ConfigurationError(f"{name} is not on this machine; install PostgreSQL's client programs.") from None
        return found


def _schemas(before: str) -> str:
    return " ".join(f"{before}{schema}" for schema in SCHEMAS)


def _url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()
