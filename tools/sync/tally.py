"""Sums over the keys of a table, which tell whether two sides hold the same ones without a key being moved."""

import re
from dataclasses import dataclass

from tools.connectors.base import Column, Dialect, TableSchema
from tools.sync import compile_postgres, mysql_texts
from tools.sync.plan import SyncPlan

PARTS = 4096
"""Into so many parts the keys of a table are parted, at most."""
KEYS_IN_PART = 50
"""Keys of a part, about: where the sums of one differ, so many are read."""
_PRIMES = (2_147_483_629, 2_147_483_587)
_WHOLE = re.compile(r"(tiny|small|medium|big)?int(eger)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Tally:
    """How the keys of one table are summed up in SQL."""

    whole: str
    """Columns that tell all keys of the source; they are compared with nothing but themselves."""
    part: str | None
    """The part a key falls in, at the source; None where it cannot write a key as the store has it."""
    sums: str
    """Columns that tell the keys of a part, at the source."""
    stored_part: str
    """The same of a document."""
    stored_sums: str


def tally_of(dialect: Dialect, plan: SyncPlan, shape: TableSchema, parts: int = PARTS) -> Tally:
    """The sums for a table that has a key: cheap arithmetic for one whole number, checksums of its text otherwise."""
    columns = [column for name in plan.key if (column := shape.column(name))]
    if len(columns) == 1 and _whole(columns[0]) and "unsigned" not in columns[0].type.lower().partition("bigint")[2]:
        return _of_numbers(dialect, columns[0], parts)
    stored = "md5(convert_to(d.source_key, 'UTF8'))"
    stored_sums = f"count(*), coalesce(sum(('x' || substr({stored}, 4, 12))::bit(48)::bigint), 0)::text"
    stored_part = f"substr({stored}, 1, 3)"
    if dialect == "postgres":
        text = compile_postgres.key_text(plan, shape)
        md5 = f"pg_catalog.md5(pg_catalog.convert_to({text}, 'UTF8'))"
        return Tally(
            whole=f'count(*), pg_catalog.sum(pg_catalog.hashtextextended({text} COLLATE "C", 0))::text',
            part=f"pg_catalog.substr({md5}, 1, 3)",
            sums=f"count(*), pg_catalog.sum(('x' || pg_catalog.substr({md5}, 4, 12))::bit(48)::bigint)::text",
            stored_part=stored_part,
            stored_sums=stored_sums,
        )
    names = [mysql_texts.quoted(column.name) for column in columns]
    written = _written_by_mysql(columns)
    md5 = f"MD5(CONVERT({written} USING utf8mb4))"
    return Tally(
        whole=f"COUNT(*), CAST(SUM(CRC32(CONCAT_WS(0x1f, {', '.join(names)}))) AS CHAR)",
        part=f"SUBSTR({md5}, 1, 3)" if written else None,
        sums=f"COUNT(*), CAST(SUM(CAST(CONV(SUBSTR({md5}, 4, 12), 16, 10) AS UNSIGNED)) AS CHAR)",
        stored_part=stored_part,
        stored_sums=stored_sums,
    )


def _of_numbers(dialect: Dialect, column: Column, parts: int) -> Tally:
    stored = "d.source_key::bigint"
    if dialect == "postgres":
        key, text = f"{compile_postgres.quoted(column.name)}::bigint", "sum({})::text"
    else:
        key, text = f"CAST({mysql_texts.quoted(column.name)} AS SIGNED)", "CAST(SUM({}) AS CHAR)"
    sums = f"count(*), {text.format(key)}, {text.format(_mixed(key))}"
    return Tally(
        whole=sums,
        part=f"{key} % {parts}",
        sums=sums,
        stored_part=f"{stored} % {parts}",
        stored_sums=f"count(*), sum({stored})::text, sum({_mixed(stored)})::text",
    )


def _mixed(key: str) -> str:
    """Of numbers a plain sum alone would be the same after 2 and 5 went and 3 and 4 came."""
    return f"({key} % {_PRIMES[0]}) * ({key} % {_PRIMES[1]})"


def _whole(column: Column) -> bool:
    return column.family == "number" and bool(_WHOLE.match(column.type))


def _written_by_mysql(columns: list[Column]) -> str:
    """A source key as SQL, where MySQL writes it as `compile_mysql` does; else empty."""
    names = [mysql_texts.quoted(column.name) for column in columns]
    plain = all(_whole(column) and "zerofill" not in column.type.lower() for column in columns)
    if len(columns) == 1:
        words = columns[0].family == "text" and columns[0].type.lower().startswith(("char", "varchar"))
        return names[0] if plain or words else ""
    return "CONCAT('[\"', " + ", '\", \"', ".join(names) + ", '\"]')" if plain else ""
