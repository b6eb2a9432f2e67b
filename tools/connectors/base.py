"""What every dialect's connector offers, and the one shape of a table that both dialects fill."""

import hashlib
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr

Dialect = Literal["postgres", "mysql"]
"""The two families we speak; MariaDB is of the family "mysql". Both words are sqlglot's names too."""

TypeFamily = Literal["number", "text", "bool", "date", "datetime", "time", "json", "binary", "other"]
"""What a column holds, independent of dialect; `number` covers integers, decimals and floats."""


class Frozen(BaseModel):
    """Base of the values that cross module borders."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
    """One column of a table, as the source's catalogue describes it."""

    name: str
    type: str
    """The source's own spelling, e.g. `numeric(10,2)` or `varchar(40)`."""
    family: TypeFamily
    nullable: bool = True
    default: str | None = None
    comment: str | None = None
    generated: bool = False
    enum_values: tuple[str, ...] = ()


class ForeignKey(Frozen):
    """A declared reference from some columns of this table to those of another."""

    name: str
    columns: tuple[str, ...]
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]


class Index(Frozen):
    """An index of a table; `kind` is the access method (btree, hash, gin, fulltext ...)."""

    name: str
    columns: tuple[str, ...]
    unique: bool
    kind: str


class TableSchema(Frozen):
    """The shape of one table or view, in one format for both dialects.

    For MySQL `schema_name` is the database's name: there the two words mean the same.
    """

    schema_name: str
    name: str
    kind: Literal["table", "view", "materialized view", "foreign table", "partitioned table"] = "table"
    comment: str | None = None
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique_constraints: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[Index, ...] = ()
    row_estimate: int | None = None
    """Rows by the source's own statistics; None when it has none. Not part of the fingerprint."""

    @property
    def qualified_name(self) -> str:
        """`schema_name.name`, unquoted; unique within one database."""
        return f"{self.schema_name}.{self.name}"

    @property
    def fingerprint(self) -> str:
        """A 32-character hash of the shape: equal when nothing that training depends on has changed."""
        body = self.model_dump_json(exclude={"row_estimate", "indexes"})
        return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()

    def column(self, name: str) -> Column | None:
        """The column called `name`, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def key(self, without: Collection[str] = ()) -> tuple[str, ...]:
        """The columns that tell rows apart: the primary key, or a unique constraint whose columns are never empty.

        One that holds a column of `without` is passed over. Empty where nothing tells rows apart.
        """
        for columns in (self.primary_key, *self.unique_constraints):
            known = [self.column(name) for name in columns]
            certain = columns == self.primary_key or all(column and not column.nullable for column in known)
            if columns and certain and all(known) and not set(without) & set(columns):
                return columns
        return ()


def quoted(name: str, dialect: Dialect) -> str:
    """A name as an identifier."""
    mark = '"' if dialect == "postgres" else "`"
    return mark + name.replace(mark, mark * 2) + mark


def literal(text: str, dialect: Dialect) -> str:
    """A text as a literal of our sessions: backslashes escape in MySQL's, and in no other."""
    plain = text.replace("\\", "\\\\") if dialect == "mysql" else text
    return "'" + plain.replace("'", "''") + "'"


def bare_names(names: Iterable[str]) -> dict[str, str]:
    """Qualified name -> the name alone, where all lie in one schema, which then says nothing."""
    known = list(names)
    one = len({name.partition(".")[0] for name in known}) == 1
    return {name: name.partition(".")[2] if one and "." in name else name for name in known}


class Address(Frozen):
    """Where a database answers and how to log in; the password shows in no repr, log or error."""

    dialect: Dialect
    host: str
    port: int
    database: str
    username: str
    password: SecretStr = SecretStr("")
    tls: Literal["disable", "prefer", "require", "verify-full"] = "prefer"
    tls_ca: str | None = None
    """PEM text of the authority to trust, for `verify-full`."""


class Greeting(Frozen):
    """What a database said of itself when we knocked."""

    server_version: str
    """As people say it: `PostgreSQL 15.4`, `MariaDB 10.11.6`."""
    latency_ms: float
    """One round trip of `SELECT 1` on an open connection, in milliseconds."""
    can_write: bool
    is_superuser: bool
    privileges: tuple[str, ...]
    """Kinds of right the account holds beyond reading: `INSERT`, `CREATE`, `SUPERUSER` ..."""
    schemas: tuple[str, ...]
    """Schemas the account can see, system schemas left out."""


class ResultColumn(Frozen):
    """One column of a result: its label and what it holds."""

    name: str
    family: TypeFamily


class Rows(Frozen):
    """What a read gave, as JSON-able cells.

    Cells: None, bool, int, float, str; a Decimal that a float would change up to its sixth decimal and an integer
    past 2**53 come as str; dates and times as ISO 8601 text; binary as `0x...` text. Long cells are cut with an
    ellipsis.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    """True when the source had more rows than `max_rows`, or the byte cap was reached."""
    milliseconds: float
    """From sending the statement to holding the last row, at the source."""


class ReadLimits(Frozen):
    """Bounds of one read; the defaults come from settings."""

    seconds: float
    rows: int
    cell_bytes: int
    total_bytes: int


class Connector(Protocol):
    """An open pool to one registered database. Every statement runs alone, read-only, and is rolled back.

    Every method raises DatabaseUnreachable (in words: unknown host, refused, TLS, wrong password, no such
    database), QueryFailed (the database's own reason) or QueryTimedOut; none leaks a credential.
    """

    dialect: Dialect

    async def greet(self) -> Greeting:
        """Log in and say what is there: version, latency, what the account may do."""

    async def snapshot(self, schemas: Sequence[str] | None = None) -> tuple[TableSchema, ...]:
        """Read the shape of all tables and views (of `schemas`, or of all the account sees) set-based."""

    async def fetch(self, sql: str, limits: ReadLimits, told: Mapping[str, str] | None = None) -> Rows:
        """Run one checked SELECT in a read-only session and give its rows.

        The session is `told` who asks, for the source's own policies: settings in PostgreSQL, @variables in MySQL.

        `limits.rows` rows at most (one more is read to know of the cut); stopped on the server at
        `limits.seconds`; a cancelled task cancels the statement on the server too.
        Only `tools.queries.run` and training call this: nothing else may send SQL to a source.
        """

    async def estimate(self, sql: str, seconds: float, told: Mapping[str, str] | None = None) -> int | None:
        """The planner's row estimate for a checked SELECT (EXPLAIN, never ANALYZE); None when it gives none."""

    async def close(self) -> None:
        """Close the pool; a second call does nothing."""


@runtime_checkable
class Withholder(Protocol):
    """A connector that can tell a table which the account may not read from one that is gone."""

    async def withheld(self, schema: str, table: str) -> str | None:
        """Say why a table is not in the snapshot although it exists, as far as the account can know; None: it is gone.

        Like `permission denied for table stock`, with no full stop. Raises like Connector.fetch.
        """


@dataclass(frozen=True)
class BulkReading:
    """A read of a whole table, to come as lines of PostgreSQL's COPY text format."""

    sql: str
    """A SELECT made by `tools.sync`; whatever a person wrote in it has passed the guard."""
    seconds: float
    """After so long it is stopped at the server."""
    lines: Callable[[Sequence[bytes]], bytes] | None = None
    """Makes the lines of some rows, where the server itself cannot; None where it does. A row is the text of all its
    columns, one behind the other."""


@runtime_checkable
class BulkReader(Protocol):
    """A connector that can read whole tables fast."""

    async def pour(self, reading: BulkReading, sink: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        """Hand the lines to `sink` in blocks (of any cut) as they come, waiting for it each time.

        Read-only, rolled back, and stopped at the server when `sink` raises or the task is cancelled. Raises like
        Connector.fetch.
        """
