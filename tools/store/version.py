"""Whether the store's tables are up to date, told without loading what brings them there."""

import re
from collections.abc import Iterable
from pathlib import Path

import asyncpg

VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest() -> str:
    """Give the revision that no other one follows."""
    texts = [file.read_text() for file in VERSIONS.glob("*.py")]
    (only,) = _named("revision", texts) - _named("down_revision", texts)
    return only


def known() -> set[str]:
    """Give every revision there has been."""
    return _named("revision", [file.read_text() for file in VERSIONS.glob("*.py")])


def _named(variable: str, texts: Iterable[str]) -> set[str]:
    pattern = re.compile(rf'^{variable}\b[^=\n]*= "(\w+)"', re.MULTILINE)
    return {found[1] for text in texts if (found := pattern.search(text))}


async def is_current(url: str) -> bool:
    """Tell whether the store at `url` is at the newest revision; False too when it cannot be asked."""
    plain = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
    try:
        connection = await asyncpg.connect(plain, timeout=5)
    except (OSError, asyncpg.PostgresError, ValueError):
        return False
    try:
        return bool(await connection.fetchval("SELECT version_num FROM tabletalk.alembic_version") == newest())
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.close()
