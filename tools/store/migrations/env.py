"""Alembic's entry: run the migrations on one connection, one process at a time."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tools.store.isolation import isolate
from tools.store.models import Row

LOCK = 0x7AB1E7A1
"""Advisory lock key: web and worker may start at the same moment."""

TRIGRAMS = """
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'pg_trgm is not at hand (%): misspelt names are found less well', SQLERRM;
END $$
"""
"""pg_trgm is used where it is present; a hosted PostgreSQL may not allow it."""


def _migrate(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS tabletalk"))
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    connection.execute(text(TRIGRAMS))
    connection.execute(text("SET LOCAL search_path TO public"))
    context.configure(
        connection=connection,
        target_metadata=Row.metadata,
        version_table_schema="tabletalk",
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == "tabletalk",
    )
    before = context.get_context().get_current_revision()
    with context.begin_transaction():
        context.run_migrations()
    if context.get_context().get_current_revision() != before:
        isolate(connection)


async def _run(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


asyncio.run(_run(context.config.attributes["url"]))
