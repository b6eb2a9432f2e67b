"""The words a reading statement begins with: the second wall, behind `tools.queries.guard`."""

import re

from tools.connectors.base import Dialect
from tools.errors import QueryFailed

READING: dict[Dialect, frozenset[str]] = {
    "postgres": frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW"}),
    "mysql": frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW", "DESCRIBE", "DESC"}),
}
_FIRST = re.compile(r"[\s(]*([A-Za-z]+)\b")
_TO_FILE = re.compile(r"\b(OUTFILE|DUMPFILE)\b", re.IGNORECASE)


def check_opening(sql: str, dialect: Dialect) -> str:
    """Give the first word in capitals; QueryFailed where it cannot begin a read, and for MySQL's way to write a file.

    A read-only transaction leaves holes that a server opens on purpose: COPY to a file or program, DO and
    CALL, LOCK, LOAD, HANDLER, and MariaDB's SET STATEMENT and compound statements, which switch read-only off.
    None begins like a read. What does is the business of the guard and of the read-only session.
    """
    first = _FIRST.match(sql)
    if first is None or first[1].upper() not in READING[dialect]:
        word = first[1].upper() if first else sql.strip()[:12]
        raise QueryFailed(f"Only a statement that reads can be sent to a database; this one begins with {word!r}.")
    if dialect == "mysql" and _TO_FILE.search(sql):
        raise QueryFailed("A statement that may write a file at the server cannot be sent to a database.")
    return first[1].upper()
