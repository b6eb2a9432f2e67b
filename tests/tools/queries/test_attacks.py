"""No attack passes the guard, and none changes anything when it is sent past it to a real server."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from tests.tools.queries.conftest import Shop
from tools.connectors.base import Connector, Dialect
from tools.errors import AssistantError, QueryRejected, Upstream
from tools.queries.guard import check

FOLDER = Path(__file__).parent
DIALECTS: tuple[Dialect, ...] = ("postgres", "mysql")
HEAVY = {"bombs"}
"""Not sent to a server: they change nothing, they fill its memory, and others work on the same machine."""


def attacks(dialect: Dialect) -> list[tuple[str, str, bool]]:
    """(class, SQL, whether only a catalogue shows that it is one)."""
    classes = tomllib.loads((FOLDER / f"attacks_{dialect}.toml").read_text())
    return [(name, sql, entry.get("catalogue", False)) for name, entry in classes.items() for sql in entry["sql"]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_corpus_is_large_enough(dialect: Dialect) -> None:
    assert len({sql for _, sql, _ in attacks(dialect)}) >= 150


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_attack_passes_without_a_catalogue(dialect: Dialect) -> None:
    passed = [sql for _, sql, named in attacks(dialect) if not named and _passes(sql, dialect, None)]
    assert passed == []


def test_no_attack_passes_with_a_catalogue(shop: Shop) -> None:
    assert [sql for _, sql, _ in attacks(shop.dialect) if _passes(sql, shop.dialect, shop)] == []


def test_every_refusal_says_why_and_what_next(shop: Shop) -> None:
    for _, sql, _ in attacks(shop.dialect):
        with pytest.raises(QueryRejected) as refusal:
            check(sql, shop.dialect, shop.catalog)
        assert len(str(refusal.value)) > 20 and str(refusal.value)[-1] in ".?", str(refusal.value)


async def test_attacks_past_the_guard_change_nothing(shop: Shop) -> None:
    before = await shop.state()
    limits = shop.limits.model_copy(update={"seconds": 0.5})
    statements = [sql for name, sql, _ in attacks(shop.dialect) if name not in HEAVY]
    async with shop.connector() as connector:

        async def send(sql: str) -> None:
            try:
                await connector.fetch(sql, limits)
            except (AssistantError, UnicodeError):
                return

        for sql in statements:
            await send(sql)
            if sql.upper().startswith(("DELETE", "SELECT WIPE", "CALL", "DO", "COMMIT", "ROLLBACK", "SET")):
                # Whatever it did to the session, the next statement on the same pool still only reads.
                await _still_only_reads(connector, shop)
        await asyncio.gather(*(send("DELETE FROM canary") for _ in range(10)))
    assert await shop.state() == before


async def _still_only_reads(connector: Connector, shop: Shop) -> None:
    with pytest.raises(Upstream):
        await connector.fetch("DELETE FROM canary", shop.limits)


def _passes(sql: str, dialect: Dialect, shop: Shop | None) -> bool:
    try:
        check(sql, dialect, shop.catalog if shop else None)
    except QueryRejected:
        return False
    return True
