"""How a result is shown, weighed and taken away: chart, files, confidence, and what the model is told."""

import io
import json
import zipfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from pydantic_ai import RunContext

from tests.tools.queries.conftest import Shop
from tools import databases, queries, schemas
from tools.connectors.base import ResultColumn, Rows, TypeFamily
from tools.desk import Desk, Reading
from tools.errors import Invalid
from tools.queries import toolset
from tools.queries.chart import ChartSpec, suggest
from tools.queries.confidence import tell
from tools.queries.examples import Example, FoundExample
from tools.queries.export import to_csv, to_xlsx
from tools.queries.run import QueryResult
from tools.toolbox import Actor, Toolbox


def columns(**families: TypeFamily) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(name=name, family=family) for name, family in families.items())


def result(sql: str, rows: Sequence[Sequence[object]], **families: TypeFamily) -> QueryResult:
    return QueryResult(
        id=uuid4(),
        database="shop",
        dialect="postgres",
        sql_asked=sql,
        sql=sql,
        tables=("public.orders",),
        columns=columns(**families),
        rows=tuple(tuple(row) for row in rows),
        truncated=False,
        milliseconds=1,
    )


# Charts


def chart(rows: Sequence[Sequence[Any]], **families: TypeFamily) -> ChartSpec | None:
    return suggest(columns(**families), rows)


def test_one_number_is_a_figure() -> None:
    found = chart([[1284]], orders="number")
    assert found is not None and (found.kind, found.y) == ("figure", ("orders",))
    assert chart([[None]], orders="number") is None
    assert chart([["x"]], name="text") is None


def test_a_time_series_is_a_line() -> None:
    months = [[f"2026-{month:02}", month * 10] for month in range(1, 7)]
    families: tuple[TypeFamily, ...] = ("text", "date", "datetime")
    for family in families:
        found = chart(months, month=family, revenue="number")
        assert found is not None and (found.kind, found.x, found.y) == ("line", "month", ("revenue",))


def test_categories_are_bars_and_long_labels_lie() -> None:
    short = chart([["DE", 4], ["FR", 2]], country="text", n="number")
    assert short is not None and (short.kind, short.horizontal, short.top) == ("bar", False, None)
    long = chart([[f"A rather long product name {n}", n] for n in range(14)], product="text", n="number")
    assert long is not None and (long.horizontal, long.top) == (True, 10)


def test_identifiers_and_lists_are_no_picture() -> None:
    assert chart([[1, 2], [3, 4]], customer_id="number", order_id="number") is None
    assert chart([["a", "b"], ["c", "d"]], name="text", email="text") is None
    assert chart([[f"n{n}", n] for n in range(200)], name="text", n="number") is None
    assert chart([], name="text", n="number") is None


# Files

ROWS = Rows(
    columns=columns(name="text", amount="number", note="text"),
    rows=(
        ("=1+1", -5, "+49 30"),
        ("@SUM(A1)", 2.5, "-x"),
        ("\tx", "123456789012345678901234", "\ry"),
        ('Zoë, "z"\nline', None, "https://example.org"),
    ),
    truncated=False,
    milliseconds=1,
)


def test_csv_defuses_formulas_and_keeps_numbers() -> None:
    text = to_csv(ROWS).decode("utf-8-sig")
    assert to_csv(ROWS).startswith(b"\xef\xbb\xbf")
    assert "'=1+1,-5,'+49 30" in text and "'@SUM(A1),2.5,'-x" in text and '"Zoë, ""z""\nline"' in text
    assert "'\tx,123456789012345678901234" in text


def test_xlsx_holds_numbers_as_numbers_and_no_formula_or_link() -> None:
    with zipfile.ZipFile(io.BytesIO(to_xlsx(ROWS))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet and "hyperlink" not in sheet
    assert "<v>-5</v>" in sheet and "<v>2.5</v>" in sheet
    assert "'=1+1" in texts and "https://example.org" in texts


# Confidence


def test_typed_sql_was_not_misunderstood() -> None:
    sql = "SELECT count(*) AS n FROM orders"
    told = tell(result(sql, [[5]], n="number"), f"run this SQL:\n{sql};", "as typed")
    assert told.confidence == 0.95 and told.reasons == ("the SQL is your own",)


def test_every_word_accounted_for_is_surer_than_a_word_left_out() -> None:
    sql = "SELECT sum(total) AS revenue FROM orders WHERE status = 'paid'"
    whole = tell(result(sql, [[5]], revenue="number"), "revenue of paid orders", "…")
    part = tell(result(sql, [[5]], revenue="number"), "revenue of paid orders by giraffe", "…")
    assert 0 <= part.confidence < whole.confidence <= 1
    assert any("giraffe" in reason for reason in part.reasons)


def test_nothing_found_assumptions_and_cuts_make_less_sure() -> None:
    sql, question = "SELECT id FROM orders", "orders"
    sure = tell(result(sql, [[1], [2]], id="number"), question, "…").confidence
    assert tell(result(sql, [], id="number"), question, "…").confidence < sure
    assert tell(result(sql, [[1], [2]], id="number"), question, "…", assumptions=["this year"]).confidence < sure
    cut = result(sql, [[1], [2]], id="number").model_copy(update={"truncated": True})
    assert tell(cut, question, "…").confidence < sure


def test_retrieval_counts() -> None:
    asked = result("SELECT id FROM orders", [[1]], id="number")
    near = tell(asked, "orders", "…", found={"public.orders": 0.9}).confidence
    far = tell(asked, "orders", "…", found={"public.customers": 0.9})
    assert far.confidence < near and any("does not point to" in reason for reason in far.reasons)


def test_a_verified_question_is_nearly_sure_and_named() -> None:
    sql = "SELECT sum(total) AS revenue FROM orders"
    example = Example(
        id=uuid4(), database="shop", question="revenue", sql=sql, tables=("public.orders",), created_by="Ada",
        created_at=datetime.now(UTC),
    )  # fmt: skip
    same = tell(
        result(sql, [[5]], revenue="number"), "revenue?", "…", example=FoundExample(example=example, similarity=1.0)
    )
    assert same.verified is not None and (same.verified.kind, same.verified.by) == ("verified", "Ada")
    assert same.confidence >= 0.97
    adapted = tell(
        result(sql + " WHERE id > 5", [[5]], revenue="number"), "revenue of late", "…",
        example=FoundExample(example=example, similarity=0.8),
    )  # fmt: skip
    assert adapted.verified is not None and adapted.verified.kind == "adapted"


def test_a_parsers_own_reading_is_the_base() -> None:
    told = tell(result("SELECT 1", [[1]], a="number"), "one", "…", parsed=(0.42, ("two readings",)))
    assert told.confidence == 0.42 and told.reasons == ("two readings",)


# What a model may call


@pytest.fixture
async def desk(toolbox: Toolbox, actor: Actor, postgres_shop: Shop) -> AsyncIterator[Desk]:
    talking = actor.model_copy(update={"conversation_id": f"talk-{uuid4().hex[:8]}"})
    await databases.register(toolbox, talking, "shop", postgres_shop.address)
    await schemas.refresh(toolbox, talking, "shop")
    yield Desk(toolbox, talking, question="how many orders per status")
    await toolbox.connectors.close()


def context(desk: Desk) -> RunContext[Desk]:
    return cast(RunContext[Desk], SimpleNamespace(deps=desk))


async def test_the_model_sees_a_preview_and_the_person_the_whole(desk: Desk) -> None:
    returned = await toolset.run_query(
        context(desk), "shop", "SELECT id, total FROM orders ORDER BY id", "all orders", ["every status"]
    )
    told = json.loads(returned.return_value)
    assert told["rows_in_result"] == 200 and len(told["first_rows"]) == desk.box.settings.preview_rows
    assert told["columns"] == ["id (number)", "total (number)"]
    assert returned.metadata is not None
    card = returned.metadata["cards"][0]
    assert card["type"] == "result" and card["query_id"] == told["query_id"]
    entry = (await queries.list_queries(desk.box, desk.actor))[0]
    whole = await queries.get_query(desk.box, desk.actor, entry.id)
    assert whole.answer is not None and whole.result is not None and len(whole.result.rows) == 200
    assert whole.answer.read_as == "all orders" and whole.answer.assumptions == ("every status",)
    assert 0 < whole.answer.confidence < 1 and whole.answer.reasons and whole.answer.estimate


async def test_a_reading_of_the_offline_model_counts_for_its_own_sql_only(desk: Desk) -> None:
    desk.reading = Reading(
        database="shop", sql="SELECT count(*) AS n FROM orders", read_as="…", confidence=0.33, reasons=("guess",)
    )
    for sql, own in ((desk.reading.sql, True), ("SELECT count(*) AS m FROM orders", False)):
        await toolset.run_query(context(desk), "shop", sql, "…")
        answer = (await queries.list_queries(desk.box, desk.actor))[0].answer
        assert answer is not None and (answer.confidence == 0.33) is own


async def test_saving_again_and_history_by_sentence(desk: Desk) -> None:
    with pytest.raises(Invalid):
        await toolset.save_verified(context(desk))
    await toolset.run_query(context(desk), "shop", "SELECT status, count(*) AS n FROM orders GROUP BY status", "…")
    saved = await toolset.save_verified(context(desk))
    assert "how many orders per status" in saved.return_value
    again = await toolset.rerun_query(context(desk))
    assert json.loads(again.return_value)["rows_in_result"] == 4
    listed = await toolset.list_verified(context(desk))
    assert "how many orders per status" in listed.return_value
    told = await toolset.query_history(context(desk), search="group by")
    assert told.return_value.count("\n") == 1 and told.metadata is not None
    example = (await queries.list_examples(desk.box, desk.actor))[0]
    assert await toolset.remove_verified(context(desk), example.id) == "Removed."


async def test_a_verified_question_asked_again_is_told_as_verified(desk: Desk) -> None:
    sql = "SELECT status, count(*) AS n FROM orders GROUP BY status"
    await toolset.run_query(context(desk), "shop", sql, "…")
    await toolset.save_verified(context(desk))
    desk.question = "How many orders per status?"
    await toolset.run_query(context(desk), "shop", sql, "…")
    answer = (await queries.list_queries(desk.box, desk.actor))[0].answer
    assert answer is not None and answer.verified is not None and answer.verified.kind == "verified"
    assert answer.chart is not None and answer.chart.kind == "bar"
