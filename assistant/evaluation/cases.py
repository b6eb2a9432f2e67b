"""Cases from a file of questions, or from a database's verified pairs."""

import json
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from assistant.evaluation.measure import Case
from tools.connectors.base import Dialect, TableSchema
from tools.errors import Invalid

NEEDED = ("question",)


def read_cases(path: Path, *, schema_field: str | None = None, limit: int | None = None) -> tuple[Case, ...]:
    """Read a JSON-lines file of {question, gold_sql, schema?, gold_tables?, kind?}; Invalid names a wrong line.

    A row with `"answerable": false` needs no gold: there, to decline is right.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Invalid(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    cases = [_case(path, number, line, schema_field) for number, line in enumerate(lines, start=1) if line.strip()]
    if not cases:
        raise Invalid(f"{str(path)!r} holds no questions; each line is a JSON object with question and gold_sql.")
    return tuple(cases[:limit])


def _case(path: Path, number: int, line: str, schema_field: str | None) -> Case:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise Invalid(f"Line {number} of {path.name!r} is not JSON: {error}.") from None
    needed = (*NEEDED, *(("gold_sql",) if row.get("answerable", True) else ()))
    missing = [name for name in (*needed, *((schema_field,) if schema_field else ())) if not row.get(name)]
    if missing:
        raise Invalid(f"Line {number} of {path.name!r} lacks {', '.join(missing)}.")
    return Case(
        question=row["question"],
        gold_sql=row.get("gold_sql") or "",
        schema_name=row[schema_field] if schema_field else None,
        gold_tables=tuple(row.get("gold_tables") or ()),
        kind=row.get("kind") or "",
    )


def qualified(sql: str, schema: str | None, tables: tuple[TableSchema, ...], dialect: Dialect) -> str:
    """Give `sql` with its bare table names in `schema`, so that it runs without a search path."""
    if schema is None:
        return sql
    known = {table.name.lower(): table for table in tables if table.schema_name == schema}
    try:
        tree = sqlglot.parse_one(sql, read=dialect)
        for scope in traverse_scope(tree):
            for source in scope.sources.values():
                if isinstance(source, exp.Table) and not source.db and source.name.lower() in known:
                    _qualify(source, known[source.name.lower()])
    except SqlglotError:
        return sql
    return tree.sql(dialect=dialect, normalize_functions=False)


def _qualify(source: exp.Table, table: TableSchema) -> None:
    # Columns may be written with the bare table's name; an alias keeps them valid.
    if not source.alias:
        source.set("alias", exp.TableAlias(this=source.this.copy()))
    source.set("db", exp.to_identifier(table.schema_name, quoted=True))
