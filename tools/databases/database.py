"""A registered database as every reader sees it, and the words for how it is doing."""

import re
from datetime import datetime
from uuid import UUID

from tools.connectors.base import Dialect, Frozen, Greeting
from tools.errors import Invalid

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Target(Frozen):
    """A registered database as those see it who read from it: what is asked anew for each query."""

    id: UUID
    name: str
    dialect: Dialect
    last_error: str | None = None
    """See Database."""
    reached_at: datetime | None = None
    catalog_version: int
    """Changes whenever what is known of its tables, or a policy, does."""


class Database(Frozen):
    """A database a user registered; no password in it."""

    id: UUID
    name: str
    dialect: Dialect
    host: str
    port: int
    database: str
    username: str
    tls: str
    greeting: Greeting | None = None
    """What it said when it was last checked."""
    last_error: str | None = None
    """Why it does not answer, as a phrase; None while it does."""
    checked_at: datetime | None = None
    reached_at: datetime | None = None
    """When it last answered, as far as that was noticed: the start of an outage, while one lasts."""
    tables: int = 0
    """Tables known from its catalogue."""
    trained: int = 0
    """Of these, tables that are trained."""
    session_settings: dict[str, str] = {}  # noqa: RUF012  # pydantic copies it
    """What a session is told for the database's own row policies: setting or variable -> attribute of the person."""
    created_at: datetime
    created_by: str | None = None
    """The name of who registered it."""

    @property
    def place(self) -> str:
        """Where it is, as people write it."""
        return self.host if self.host.startswith("/") else f"{self.host}:{self.port}"

    @property
    def kind(self) -> str:
        """Its version as it says it, or the family we speak to it."""
        return (
            self.greeting.server_version
            if self.greeting
            else {"postgres": "PostgreSQL", "mysql": "MySQL"}[self.dialect]
        )

    @property
    def health(self) -> str:
        """One sentence: `answers, 12 ms away`, or since when it does not and why."""
        if self.last_error is not None:
            return f"does not answer ({outage(self.last_error, self.reached_at)})"
        return f"answers, {self.greeting.latency_ms:.0f} ms away" if self.greeting else "not checked yet"

    @property
    def warning(self) -> str:
        """What the account could do beyond reading, plainly; empty when it cannot."""
        return write_warning(self.greeting) if self.greeting else ""


def outage(reason: str, since: datetime | None) -> str:
    """Put reason and beginning of an outage into one phrase; the day is named when it is not today."""
    if since is None:
        return reason
    local = since.astimezone()
    today = datetime.now(local.tzinfo).date() == local.date()
    return f"{reason} since {local:%H:%M}" if today else f"{reason} since {local.day} {local:%B, %H:%M}"


def write_warning(greeting: Greeting) -> str:
    """Warn of an account that can do more than read; empty when it cannot."""
    if greeting.is_superuser:
        return "The account is a superuser: a read-only account is safer."
    if greeting.can_write:
        return f"The account can write ({', '.join(greeting.privileges)}): a read-only account is safer."
    return ""


def check_name(name: str) -> str:
    """Give `name` if it can be typed and said everywhere; Invalid proposes one that can."""
    if NAME.fullmatch(name):
        return name
    proposed = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "shop"
    proposed = proposed if proposed[0].isalpha() else f"db_{proposed}"[:40]
    raise Invalid(
        f"{name!r} cannot be a database's name: lower-case letters, digits, _ and -, a letter first, "
        f"40 at most. {proposed!r} would do."
    )


def read_only_grants(database: Database) -> str:
    """The statements that make an account for `database` that can only read, ready to be run by its administrator."""
    if database.dialect == "mysql":
        scope = f"`{database.database.replace('`', '``')}`.*" if database.database else "*.*"
        return (
            "CREATE USER 'tabletalk_reader'@'%' IDENTIFIED BY 'choose one';\n"
            f"GRANT SELECT, SHOW VIEW ON {scope} TO 'tabletalk_reader'@'%';"
        )
    lines = [
        "CREATE ROLE tabletalk_reader LOGIN PASSWORD 'choose one' NOSUPERUSER NOCREATEDB NOCREATEROLE;",
        f"GRANT CONNECT ON DATABASE {_quoted(database.database)} TO tabletalk_reader;",
        "ALTER ROLE tabletalk_reader SET default_transaction_read_only = on;",
    ]
    for schema in database.greeting.schemas if database.greeting else ("public",):
        lines += [
            f"GRANT USAGE ON SCHEMA {_quoted(schema)} TO tabletalk_reader;",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {_quoted(schema)} TO tabletalk_reader;",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {_quoted(schema)} GRANT SELECT ON TABLES TO tabletalk_reader;",
        ]
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
