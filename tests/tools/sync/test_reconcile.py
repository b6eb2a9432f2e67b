"""What an incremental sync does not see by its watermark: rows that are gone, and rows that came with an old date."""

from typing import Any

import pytest

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import documents, run_sync, told
from tools.databases import Watched
from tools.sync import deletes, reconcile, table
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

ROWS = 600
NUMBERS = {
    "postgres": f"FROM generate_series(1, {ROWS}) n",
    "mysql": f"FROM (SELECT CAST(seq AS SIGNED) AS n FROM seq_1_to_{ROWS}) numbers",
}
KEYS: dict[str, dict[str, tuple[str, str, str, str]]] = {
    # kind of key -> dialect -> columns, the key in row n, the condition of row 7, the key of another row
    "number": {
        "postgres": ("id int PRIMARY KEY", "n - 300", "id = -293", "-5000"),
        "mysql": ("id int PRIMARY KEY", "n - 300", "id = -293", "-5000"),
    },
    "large number": {
        "postgres": ("id bigint PRIMARY KEY", "n + 1234567890123456700", "id = 1234567890123456707", "5"),
        "mysql": ("id bigint unsigned PRIMARY KEY", "n + 18446744073709550000", "id = 18446744073709550007", "5"),
    },
    "text": {
        "postgres": ("id text PRIMARY KEY", "'käy ' || n", "id = 'käy 7'", "'new \"one\\'"),
        "mysql": ("id varchar(40) PRIMARY KEY", "concat('käy ', n)", "id = 'käy 7'", "'new \"one'"),
    },
    "two numbers": {
        "postgres": ("a int, b int, PRIMARY KEY (a, b)", "n % 10, n", "a = 7 AND b = 7", "7, 9000"),
        "mysql": ("a int, b int, PRIMARY KEY (a, b)", "n % 10, n", "a = 7 AND b = 7", "7, 9000"),
    },
    "a date and a text": {
        "postgres": (
            "a timestamptz, b text, PRIMARY KEY (a, b)",
            "timestamptz '2026-01-01 10:00:00.5+00' + n * interval '1 hour', 'x'",
            "a = timestamptz '2026-01-01 17:00:00.5+00'",
            "'1999-01-01 00:00:00+00', 'y'",
        ),
        "mysql": (
            "a datetime(3), b varchar(20), PRIMARY KEY (a, b)",
            "timestamp('2026-01-01 10:00:00.5') + INTERVAL n HOUR, 'x'",
            "a = '2026-01-01 17:00:00.5'",
            "'1999-01-01 00:00:00', 'y'",
        ),
    },
}


@pytest.mark.parametrize("kind", KEYS)
async def test_a_row_that_went_while_another_came_unseen(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(reconcile, "FEW", 0)
    columns, keys, seventh, other = KEYS[kind][source.dialect]
    await source.run(f"CREATE TABLE moves (what varchar(20), updated_at timestamp NOT NULL, {columns})")
    await source.run(f"INSERT INTO moves SELECT 'first', '2026-01-01 10:00:00', {keys} {NUMBERS[source.dialect]}")
    await source.run(f"UPDATE moves SET updated_at = '2026-02-02 10:00:00' WHERE {seventh}")
    await run_sync(toolbox, actor)
    quiet = await run_sync(toolbox, actor)
    assert told(quiet) == {"read": 1, "unchanged": 1}, quiet.stage
    # As many rows as before, and none at or above the watermark is new.
    await source.run(f"DELETE FROM moves WHERE {seventh}")
    await source.run(f"INSERT INTO moves VALUES ('late', '2025-01-01 10:00:00', {other})")
    job = await run_sync(toolbox, actor)
    assert (job.state, told(job)) == ("succeeded", {"read": 1, "new": 1, "deleted": 1}), (job.error, job.stage)
    late = [one for one in await documents(toolbox, actor) if one["data"]["what"] == "late"]
    assert len(late) == 1 and len(await documents(toolbox, actor)) == ROWS
    whole = await run_sync(toolbox, actor, mode="full")
    assert told(whole) == {"read": ROWS, "unchanged": ROWS}


async def test_where_nothing_went_no_key_is_read(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await source.run("CREATE TABLE moves (id int PRIMARY KEY, updated_at timestamp NOT NULL)")
    await source.run(f"INSERT INTO moves SELECT n, '2026-01-01 10:00:00' {NUMBERS[source.dialect]}")
    await source.run("UPDATE moves SET updated_at = '2026-02-02 10:00:00' WHERE id = 7")
    await run_sync(toolbox, actor)
    monkeypatch.setattr(reconcile, "FEW", 0)
    taken = spied(monkeypatch, "take_keys")
    stored = spied(monkeypatch, "_stored", reconcile)
    for _ in range(2):  # the source alone is summed up, and compared with what it was when all of it was read
        assert (await run_sync(toolbox, actor)).state == "succeeded"
    assert (taken, stored) == ([], [])
    await source.run("DELETE FROM moves WHERE id = 5")
    assert told(await run_sync(toolbox, actor))["deleted"] == 1
    assert (len(taken), len(stored)) == (1, 1)


async def test_a_row_that_goes_while_all_are_read_is_missed_by_no_later_run(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await source.run("CREATE TABLE moves (id int PRIMARY KEY, updated_at timestamp NOT NULL)")
    await source.run(f"INSERT INTO moves SELECT n, '2026-01-01 10:00:00' {NUMBERS[source.dialect]}")
    sums: list[tuple[int, str]] = []

    async def meanwhile(*arguments: Any) -> Any:
        if sums:
            await source.run("DELETE FROM moves WHERE id = 5")
        found = await reconcile.summed(*arguments)
        assert found is not None
        sums.append(found)
        return sums[-1]

    monkeypatch.setattr(table, "summed", meanwhile)
    await run_sync(toolbox, actor)
    assert [rows for rows, _ in sums] == [ROWS, ROWS - 1]
    assert told(await run_sync(toolbox, actor))["deleted"] == 1


def spied(monkeypatch: pytest.MonkeyPatch, name: str, module: Any = deletes) -> list[Any]:
    """Keep the arguments of each call."""
    calls, real = [], getattr(module, name)

    async def spy(*arguments: Any) -> Any:
        calls.append(arguments)
        return await real(*arguments)

    monkeypatch.setattr(module, name, spy)
    return calls


async def test_only_the_parts_that_differ_are_read(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "FEW", 0)
    await source.run("CREATE TABLE moves (id int PRIMARY KEY, updated_at timestamp NOT NULL)")
    await source.run(f"INSERT INTO moves SELECT n, '2026-01-01 10:00:00' {NUMBERS[source.dialect]}")
    await run_sync(toolbox, actor)
    taken = spied(monkeypatch, "take_keys")
    await source.run("DELETE FROM moves WHERE id = 5")
    assert told(await run_sync(toolbox, actor))["deleted"] == 1
    (call,) = taken
    assert " IN ('5')" in call[2].sql  # of twelve parts, fifty keys each


async def test_a_table_without_a_key_is_read_once(
    toolbox: Toolbox, actor: Actor, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await source.run("CREATE TABLE log (what varchar(20), amount int)")
    await source.run("INSERT INTO log VALUES ('a', 1), ('a', 1), ('b', 2), ('c', 3)")
    assert told(await run_sync(toolbox, actor)) == {"read": 4, "new": 3, "unchanged": 1}
    await source.run("DELETE FROM log WHERE what = 'b'")
    await source.run("INSERT INTO log VALUES ('d', 4)")
    poured, pour = [], Watched.pour

    async def spy(*arguments: Any) -> None:
        poured.append(arguments)
        await pour(*arguments)

    monkeypatch.setattr(Watched, "pour", spy)
    job = await run_sync(toolbox, actor)
    assert told(job) == {"read": 4, "new": 1, "unchanged": 3, "deleted": 1}
    assert len(poured) == 1
    assert sorted(one["data"]["what"] for one in await documents(toolbox, actor)) == ["a", "c", "d"]
