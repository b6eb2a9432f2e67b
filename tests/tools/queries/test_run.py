"""A query from asking to its entry in the history, on real databases of both dialects."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from sqlalchemy import update

from tests.tools.queries.conftest import Shop
from tools import databases, jobs, queries, schemas
from tools.errors import AssistantError, Conflict, NotAllowed, NotFound, QueryFailed, QueryRejected, QueryTimedOut
from tools.queries import Answer, history
from tools.queries.background import run_in_background
from tools.settings import Settings
from tools.store.models import DatabaseRow
from tools.toolbox import Actor, Toolbox, open_toolbox


@dataclass
class Desk:
    box: Toolbox
    actor: Actor


@pytest.fixture
async def desk(toolbox: Toolbox, actor: Actor, shop: Shop) -> AsyncIterator[Desk]:
    await databases.register(toolbox, actor, "shop", shop.address)
    await schemas.refresh(toolbox, actor, "shop")
    yield Desk(toolbox, actor)
    await toolbox.connectors.close()


async def test_rows_come_back_and_are_kept(desk: Desk) -> None:
    sql = "select status, count(*) as n from orders group by status order by status;"
    result = await queries.run(desk.box, desk.actor, "shop", sql, question="orders by status", estimated=True)
    assert [column.name for column in result.columns] == ["status", "n"]
    assert len(result.rows) == 4 and not result.truncated and result.warnings == ()
    assert result.sql.endswith("LIMIT 1001") and result.sql_asked == sql
    assert [table.rsplit(".", 1)[-1] for table in result.tables] == ["orders"]
    entry = await queries.get_query(desk.box, desk.actor, result.id)
    assert (entry.verdict, entry.rows, entry.error, entry.question) == ("allowed", 4, None, "orders by status")
    assert entry.result is not None and [list(row) for row in entry.result.rows] == [list(row) for row in result.rows]


async def test_a_limit_of_ones_own_stays(desk: Desk) -> None:
    result = await queries.run(desk.box, desk.actor, "shop", "SELECT id FROM orders ORDER BY id LIMIT 3")
    assert result.sql == "SELECT id FROM orders ORDER BY id LIMIT 3" and len(result.rows) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM orders UNION ALL SELECT id FROM customers",
        "(SELECT id FROM orders LIMIT 2) UNION ALL (SELECT id FROM customers LIMIT 2)",
        "WITH t AS (SELECT id FROM orders LIMIT 5) SELECT * FROM t",
        "(SELECT id FROM orders)",
        "SELECT name FROM employees ORDER BY id",
    ],
)
async def test_the_row_limit_fits_every_form(desk: Desk, sql: str) -> None:
    bare = await queries.run(desk.box, desk.actor, "shop", sql)
    assert bare.sql.endswith("LIMIT 1001") and bare.rows


async def test_a_cut_is_said(desk: Desk) -> None:
    small = desk.box.settings.model_copy(update={"query_rows": 5})
    box = replace(desk.box, settings=small)
    result = await queries.run(box, desk.actor, "shop", "SELECT id FROM orders ORDER BY id")
    assert len(result.rows) == 5 and result.truncated and "first 5 rows" in result.warnings[0]


async def test_a_rejected_query_is_kept_with_its_reason(desk: Desk) -> None:
    for sql in ("DELETE FROM canary", "SELECT totl FROM orders", "SELECT 1\0"):
        with pytest.raises(QueryRejected):
            await queries.run(desk.box, desk.actor, "shop", sql)
    kept = await queries.list_queries(desk.box, desk.actor)
    assert [entry.verdict for entry in kept] == ["rejected"] * 3
    assert "did you mean 'total'" in (kept[1].error or "") and kept[0].sql_executed is None


async def test_a_failed_query_is_kept_with_its_reason(desk: Desk, shop: Shop) -> None:
    sql = "SELECT CAST(name AS int) FROM customers" if shop.dialect == "postgres" else "SELECT (SELECT id FROM orders)"
    with pytest.raises(QueryFailed):
        await queries.run(desk.box, desk.actor, "shop", sql)
    entry = (await queries.list_queries(desk.box, desk.actor))[0]
    assert entry.verdict == "allowed" and entry.error and entry.rows is None


SLOW = (
    "SELECT count(*) FROM orders a JOIN orders b ON a.id <> b.id JOIN orders c ON b.id <> c.id"
    " JOIN orders d ON c.id <> d.id WHERE a.note LIKE '%x%y%z%' OR d.id > 0"
)


async def test_a_slow_query_is_stopped_and_kept(desk: Desk) -> None:
    hasty = desk.box.settings.model_copy(update={"query_seconds": 0.3})
    box = replace(desk.box, settings=hasty)
    with pytest.raises(QueryTimedOut):
        await queries.run(box, desk.actor, "shop", SLOW)
    entry = (await queries.list_queries(desk.box, desk.actor))[0]
    assert entry.error and entry.verdict == "allowed"


async def slow_entry(desk: Desk, sql: str) -> queries.Query:
    """A query that took too long, in the history."""
    hasty = replace(desk.box, settings=desk.box.settings.model_copy(update={"query_seconds": 0.001}))
    with pytest.raises(QueryTimedOut):
        await queries.run(hasty, desk.actor, "shop", sql, question="how many pairs?")
    return (await queries.list_queries(desk.box, desk.actor))[0]


async def test_what_took_too_long_is_asked_again_by_a_worker(desk: Desk) -> None:
    entry = await slow_entry(desk, "SELECT count(*) AS n FROM orders a JOIN orders b ON a.id <= b.id")
    assert entry.slow
    job = await queries.start_in_background(desk.box, desk.actor, entry.id)
    assert job.title == "Query of shop: how many pairs?"
    await jobs.attempt(desk.box, job.id, lambda _: run_in_background)
    done = await jobs.get(desk.box, desk.actor, job.id)
    assert done.state == "succeeded"
    found = await queries.get_query(desk.box, desk.actor, UUID(done.counts["query_id"]))
    assert found.result is not None and found.question == "how many pairs?" and not found.slow
    with pytest.raises(Conflict, match="took too long"):
        await queries.start_in_background(desk.box, desk.actor, found.id)
    with pytest.raises(NotAllowed):
        await queries.start_in_background(desk.box, desk.actor.model_copy(update={"door": "widget"}), entry.id)


async def test_what_takes_too_long_for_a_worker_too_fails_at_once(desk: Desk) -> None:
    entry = await slow_entry(desk, SLOW)
    job = await queries.start_in_background(desk.box, desk.actor, entry.id)
    settings = desk.box.settings.model_copy(update={"background_query_seconds": 0.2})
    await jobs.attempt(replace(desk.box, settings=settings), job.id, lambda _: run_in_background)
    failed = await jobs.get(desk.box, desk.actor, job.id)
    assert failed.state == "failed" and "took longer than 0.2 s" in str(failed.error)


async def test_a_cancelled_query_is_kept(desk: Desk) -> None:
    asking = asyncio.create_task(queries.run(desk.box, desk.actor, "shop", SLOW))
    await asyncio.sleep(0.3)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        while not (kept := await queries.list_queries(desk.box, desk.actor)):
            await asyncio.sleep(0.05)
    assert "Stopped by the person" in (kept[0].error or "")


async def test_asking_again_keeps_what_was_said(desk: Desk) -> None:
    first = await queries.run(desk.box, desk.actor, "shop", "SELECT count(*) AS n FROM orders", question="how many?")
    await queries.set_answer(desk.box, desk.actor, first.id, Answer(read_as="all orders", confidence=0.9))
    again = await queries.rerun(desk.box, desk.actor, first.id)
    entry = await queries.get_query(desk.box, desk.actor, again.id)
    assert again.id != first.id and entry.question == "how many?"
    assert entry.answer is not None and entry.answer.read_as == "all orders"


async def test_a_rejected_query_cannot_be_asked_again(desk: Desk) -> None:
    with pytest.raises(QueryRejected):
        await queries.run(desk.box, desk.actor, "shop", "DROP TABLE canary")
    entry = (await queries.list_queries(desk.box, desk.actor))[0]
    with pytest.raises(QueryRejected, match="was rejected"):
        await queries.rerun(desk.box, desk.actor, entry.id)


async def test_history_is_searched_rated_and_private(desk: Desk, stranger: Actor) -> None:
    one = await queries.run(desk.box, desk.actor, "shop", "SELECT 1 AS a FROM orders LIMIT 1", question="50% off?")
    await queries.run(desk.box, desk.actor, "shop", "SELECT name FROM employees", question="who works here")
    found = await queries.list_queries(desk.box, desk.actor, search="50%")
    assert [entry.id for entry in found] == [one.id]
    assert len(await queries.list_queries(desk.box, desk.actor, search="EMPLOYEES", database="shop")) == 1
    await queries.rate(desk.box, desk.actor, one.id, liked=True)
    assert (await queries.get_query(desk.box, desk.actor, one.id)).liked is True
    assert await queries.list_queries(desk.box, stranger) == ()
    for refused in (
        queries.get_query(desk.box, stranger, one.id),
        queries.rate(desk.box, stranger, one.id, liked=False),
        queries.rerun(desk.box, stranger, one.id),
    ):
        with pytest.raises(NotFound):
            await refused


async def test_verified_pairs_are_found_by_the_same_and_by_near_questions(desk: Desk, stranger: Actor) -> None:
    result = await queries.run(
        desk.box, desk.actor, "shop", "SELECT sum(total) AS revenue FROM orders", question="What is our total revenue?"
    )
    saved = await queries.save_example(desk.box, desk.actor, query_id=result.id)
    assert saved.question == "What is our total revenue?" and saved.created_by == desk.actor.user_name
    same = await queries.find_examples(desk.box, desk.actor, "shop", "what is our  total revenue")
    assert [(found.similarity, found.exact) for found in same] == [(1.0, True)]
    near = await queries.find_examples(desk.box, desk.actor, "shop", "what is the total revenue of last year")
    assert near and not near[0].exact and near[0].similarity < 1
    assert await queries.find_examples(desk.box, desk.actor, "shop", "names of employees in sales") == ()
    replaced = await queries.save_example(
        desk.box, desk.actor, database="shop", question=saved.question, sql="SELECT sum(total) AS r FROM orders"
    )
    assert replaced.id == saved.id and len(await queries.list_examples(desk.box, desk.actor)) == 1
    with pytest.raises(NotFound):
        await queries.remove_example(desk.box, stranger, saved.id)
    await queries.remove_example(desk.box, desk.actor, saved.id)
    assert await queries.list_examples(desk.box, desk.actor, "shop") == ()


async def test_only_what_may_run_is_saved_as_verified(desk: Desk) -> None:
    with pytest.raises(QueryRejected):
        await queries.save_example(desk.box, desk.actor, database="shop", question="empty it", sql="DELETE FROM canary")
    viewer = desk.actor.model_copy(update={"role": "viewer"})
    with pytest.raises(AssistantError, match="viewer"):
        await queries.save_example(desk.box, viewer, database="shop", question="q", sql="SELECT id FROM orders")


async def test_an_unknown_database_is_told(desk: Desk) -> None:
    with pytest.raises(NotFound, match="shop"):
        await queries.run(desk.box, desk.actor, "shp", "SELECT 1")
    assert await history.list_queries(desk.box, desk.actor) == ()


async def test_a_database_that_does_not_answer_holds_nobody_else_up(
    settings: Settings, actor: Actor, postgres_shop: Shop
) -> None:
    """More wait for it than the store and the pool have connections, and another database answers meanwhile."""
    knocked = asyncio.Event()
    silent = await asyncio.start_server(lambda _reader, _writer: knocked.set(), "127.0.0.1", 0)
    async with open_toolbox(settings.model_copy(update={"connect_seconds": 600, "query_seconds": 600})) as box:
        for name in ("shop", "dead"):
            await databases.register(box, actor, name, postgres_shop.address)
            await schemas.refresh(box, actor, name)
        async with box.store.begin(actor.workspace_id) as session:
            there = {"host": "127.0.0.1", "port": silent.sockets[0].getsockname()[1]}
            await session.execute(update(DatabaseRow).where(DatabaseRow.name == "dead").values(**there))
        asked = "SELECT count(*) FROM orders"
        waiting = [asyncio.create_task(queries.run(box, actor, "dead", asked)) for _ in range(40)]
        async with asyncio.timeout(60):
            await knocked.wait()
            for _ in range(5):
                assert (await queries.run(box, actor, "shop", asked)).rows
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(one) for one in ended} == {asyncio.CancelledError}
    silent.close()
