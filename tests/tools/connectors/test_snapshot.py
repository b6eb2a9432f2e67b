"""Snapshots: one format for both dialects, everything the catalogue knows, set-based."""

from typing import Any

import aiomysql
import asyncpg

from tools.connectors.base import Address, Connector, ForeignKey, Index, TableSchema
from tools.connectors.mysql import MySQLConnector
from tools.connectors.postgres import PostgresConnector
from tools.settings import Settings

POSTGRES = """
DROP SCHEMA IF EXISTS other CASCADE;
CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN price AS numeric(10,2) NOT NULL;
CREATE TABLE other.country (code char(2) PRIMARY KEY);
CREATE TABLE parent (a int, b int, PRIMARY KEY (b, a));
CREATE TABLE child (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pa int, pb int NOT NULL, country char(2) REFERENCES other.country,
    feeling mood DEFAULT 'glad', cost price, twice numeric GENERATED ALWAYS AS (cost * 2) STORED,
    email varchar(40) UNIQUE, doc jsonb, at timestamptz DEFAULT now(), dropped int,
    CONSTRAINT up FOREIGN KEY (pb, pa) REFERENCES parent (b, a), UNIQUE (pa, email)
);
ALTER TABLE child DROP COLUMN dropped;
COMMENT ON TABLE child IS 'Children''s table';
COMMENT ON COLUMN child.email IS 'where to write';
CREATE INDEX by_lower ON child (lower(email), id DESC);
CREATE INDEX by_doc ON child USING gin (doc);
CREATE VIEW seen AS SELECT id, email FROM child;
CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one;
CREATE TABLE log (day date NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE log_rest PARTITION OF log DEFAULT;
INSERT INTO log SELECT date '2026-01-01' + g, 'x' FROM generate_series(1, 300) g;
INSERT INTO parent VALUES (1, 1); INSERT INTO child (pa, pb, cost) SELECT 1, 1, g FROM generate_series(1, 50) g;
ANALYZE;
"""


async def test_postgres(pg: PostgresConnector, pg_admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    await pg_admin.execute(POSTGRES)
    tables = {table.qualified_name: table for table in await pg.snapshot()}
    assert {name: table.kind for name, table in tables.items()} == {
        "other.country": "table",
        "public.child": "table",
        "public.kept": "materialized view",
        "public.log": "partitioned table",
        "public.parent": "table",
        "public.seen": "view",
    }
    child = tables["public.child"]
    assert child.comment == "Children's table"
    assert child.primary_key == ("id",)
    assert tables["public.parent"].primary_key == ("b", "a")
    assert set(child.unique_constraints) == {("email",), ("pa", "email")}
    assert child.foreign_keys == (
        ForeignKey(
            name="child_country_fkey",
            columns=("country",),
            target_schema="other",
            target_table="country",
            target_columns=("code",),
        ),
        ForeignKey(
            name="up", columns=("pb", "pa"), target_schema="public", target_table="parent", target_columns=("b", "a")
        ),
    )
    assert Index(name="by_lower", columns=("lower(email::text)", "id"), unique=False, kind="btree") in child.indexes
    assert Index(name="by_doc", columns=("doc",), unique=False, kind="gin") in child.indexes
    assert child.row_estimate == 50 and tables["public.log"].row_estimate == 300
    assert tables["public.seen"].row_estimate is None
    shapes = {column.name: (column.type, column.family, column.nullable, column.generated) for column in child.columns}
    assert shapes == {
        "id": ("bigint", "number", False, True),
        "pa": ("integer", "number", True, False),
        "pb": ("integer", "number", False, False),
        "country": ("character(2)", "text", True, False),
        "feeling": ("mood", "text", True, False),
        "cost": ("price", "number", False, False),
        "twice": ("numeric", "number", True, True),
        "email": ("character varying(40)", "text", True, False),
        "doc": ("jsonb", "json", True, False),
        "at": ("timestamp with time zone", "datetime", True, False),
    }
    feeling, email = child.column("feeling"), child.column("email")
    assert feeling is not None and feeling.enum_values == ("glad", "sad") and feeling.default == "'glad'::mood"
    assert email is not None and email.comment == "where to write"

    only = await pg.snapshot(["public"])
    assert "other.country" not in {table.qualified_name for table in only}
    assert next(table for table in only if table.name == "child").foreign_keys == child.foreign_keys
    assert await pg.snapshot(["nowhere"]) == ()


async def test_postgres_shows_what_the_account_can_read(
    pg_admin: "asyncpg.Connection[asyncpg.Record]", postgres_source: Address, plain: Settings
) -> None:
    role = postgres_source.database + "_some"
    await pg_admin.execute(
        f"CREATE TABLE open (a int, b int); CREATE TABLE shut (a int); CREATE TABLE half (a int, secret int);"
        f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role}; GRANT SELECT ON open TO {role};"
        f"GRANT SELECT (a) ON half TO {role}"
    )
    connector = PostgresConnector(postgres_source.model_copy(update={"username": role}), plain)
    try:
        seen = {table.name: [column.name for column in table.columns] for table in await connector.snapshot()}
    finally:
        await connector.close()
        await pg_admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert seen == {"open": ["a", "b"], "half": ["a"]}


MYSQL = (
    "CREATE TABLE parent (a int, b int, PRIMARY KEY (b, a))",
    """CREATE TABLE child (
        id bigint unsigned AUTO_INCREMENT PRIMARY KEY, pa int, pb int NOT NULL,
        feeling enum('glad', 'it''s, so so') DEFAULT 'glad', active boolean NOT NULL DEFAULT true,
        cost decimal(10,2), twice decimal(12,2) AS (cost * 2) STORED,
        email varchar(40) UNIQUE COMMENT 'where to write', body text, at datetime DEFAULT CURRENT_TIMESTAMP, raw blob,
        doc json, `d``oc` json NOT NULL DEFAULT '{}', checked longtext CHECK (checked <> ''),
        CONSTRAINT up FOREIGN KEY (pb, pa) REFERENCES parent (b, a), FULLTEXT KEY words (body), KEY by_at (at, pa)
    ) COMMENT 'Children''s table'""",
    "CREATE VIEW seen AS SELECT id, email FROM child",
    "INSERT INTO parent VALUES (1, 1)",
    "INSERT INTO child (pa, pb, cost) VALUES (1, 1, 2), (1, 1, 3)",
    "ANALYZE TABLE child",
)


async def test_mysql(my: MySQLConnector, my_admin: aiomysql.Cursor, mysql_source: Address) -> None:
    for statement in MYSQL:
        await my_admin.execute(statement)
    tables = {table.name: table for table in await my.snapshot()}
    assert {name: table.kind for name, table in tables.items()} == {"child": "table", "parent": "table", "seen": "view"}
    child = tables["child"]
    assert child.schema_name == mysql_source.database
    assert child.comment == "Children's table" and tables["seen"].comment is None
    assert child.primary_key == ("id",) and tables["parent"].primary_key == ("b", "a")
    assert child.unique_constraints == (("email",),)
    assert child.foreign_keys == (
        ForeignKey(
            name="up",
            columns=("pb", "pa"),
            target_schema=mysql_source.database,
            target_table="parent",
            target_columns=("b", "a"),
        ),
    )
    assert Index(name="words", columns=("body",), unique=False, kind="fulltext") in child.indexes
    assert Index(name="by_at", columns=("at", "pa"), unique=False, kind="btree") in child.indexes
    assert child.row_estimate == 2
    families = {column.name: (column.family, column.nullable, column.generated) for column in child.columns}
    assert families == {
        "id": ("number", False, True),
        "pa": ("number", True, False),
        "pb": ("number", False, False),
        "feeling": ("text", True, False),
        "active": ("bool", False, False),
        "cost": ("number", True, False),
        "twice": ("number", True, True),
        "email": ("text", True, False),
        "body": ("text", True, False),
        "at": ("datetime", True, False),
        "raw": ("binary", True, False),
        "doc": ("json", True, False),
        "d`oc": ("json", False, False),
        "checked": ("text", True, False),
    }
    feeling, email = child.column("feeling"), child.column("email")
    assert feeling is not None and feeling.enum_values == ("glad", "it's, so so")
    assert email is not None and email.comment == "where to write" and email.default is None
    assert await my.snapshot(["nowhere"]) == ()


async def test_the_fingerprint_stands_while_the_shape_does_postgres(
    pg: PostgresConnector, pg_admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await _fingerprints(pg, pg_admin)


async def test_the_fingerprint_stands_while_the_shape_does_mysql(my: MySQLConnector, my_admin: aiomysql.Cursor) -> None:
    await _fingerprints(my, my_admin)


async def _fingerprints(source: Connector, admin: Any) -> None:
    await admin.execute("CREATE TABLE t (a int)")
    first = await _table(source)
    await admin.execute("INSERT INTO t VALUES (1)")
    second = await _table(source)
    await admin.execute("ALTER TABLE t ADD b varchar(10)")
    third = await _table(source)
    assert first.fingerprint == second.fingerprint != third.fingerprint


async def _table(source: Connector) -> TableSchema:
    return next(table for table in await source.snapshot() if table.name == "t")
