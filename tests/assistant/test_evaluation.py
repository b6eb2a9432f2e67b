"""Evaluation through the same conversation path, against a real database."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer
from sqlalchemy import func, select

from assistant import evaluate_cli
from assistant.evaluation.ask import evaluate
from assistant.evaluation.cases import qualified, read_cases
from assistant.evaluation.kept import load_run, new_run, save_run
from assistant.evaluation.measure import Case, Outcome, compare_runs, summarise
from assistant.evaluation.report import text_changes, text_report, write_report
from tests.conftest import registered
from tools import queries, schemas
from tools.connectors.base import Column, TableSchema
from tools.errors import Invalid, NotFound
from tools.settings import Settings
from tools.store.models import ConversationRow, QueryRow
from tools.toolbox import Actor, Toolbox

CASES = (
    Case(
        question="How many customers are there?",
        gold_sql="SELECT count(*) FROM customers",
        gold_tables=("customers",),
        kind="count",
    ),
    Case(question="How many orders are there?", gold_sql="SELECT 5", gold_tables=("orders",), kind="count"),
    Case(question="What is the weather tomorrow?", gold_sql="SELECT 1", kind="nonsense"),
    Case(question="How many customers are there in France?", gold_sql="SELECT nothing FROM customers", kind="count"),
)


def outcome(question: str, *, right: bool, confidence: float | None = 0.9, **facts: Any) -> Outcome:
    case = Case(question=question, gold_sql="SELECT 1", gold_tables=("a", "b"), kind="count")
    return Outcome(case=case, right=right, answered=confidence is not None, confidence=confidence, **facts)


async def test_questions_are_asked_and_results_compared(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    seen: list[Outcome] = []
    outcomes = await evaluate(toolbox, actor, sales, CASES, at_once=2, progress=seen.append)
    assert len(seen) == 4
    right, wrong, declined, odd = outcomes
    assert right.right and right.answered and right.confidence and right.read_as
    assert right.found is not None and right.found[0] == "customers"
    assert not wrong.right and wrong.answered and wrong.difference == "1 of 1 rows differ"
    assert wrong.gold is not None and wrong.gold.rows == ((5,),)
    assert wrong.answer is not None and wrong.answer.rows == ((4,),)
    assert not declined.answered and "weather" in declined.said
    assert "nothing" in odd.gold_error and not odd.right


async def test_what_the_data_cannot_answer_is_rightly_declined(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    stray = (
        Case(question="Which newsletter did the customers read?", gold_sql="", kind="unanswerable"),
        Case(question="How many customers are there?", gold_sql="", kind="unanswerable"),
    )
    declined, answered = await evaluate(toolbox, actor, sales, stray)
    assert declined.right and not declined.answered and "newsletter" in declined.said
    assert not answered.right and answered.answered and "hold nothing" in answered.difference
    summary = summarise((declined, answered))
    assert (summary.unanswerable.cases, summary.unanswerable.accuracy, summary.total.cases) == (2, 0.5, 0)


async def test_a_conversation_about_some_schemas_finds_only_their_tables(toolbox: Toolbox, actor: Actor) -> None:
    async def fill(there: asyncpg.Connection) -> None:
        for schema in ("north", "south"):
            await there.execute(
                f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.harbours (id int PRIMARY KEY, name text)"
            )

    async with registered(toolbox, actor, "coast", fill) as name:
        found = await schemas.retrieve(toolbox, actor, "harbours", name, schemas=("south",))
        assert [one.table.shape.qualified_name for one in found.tables] == ["south.harbours"]
        everywhere = await schemas.retrieve(toolbox, actor, "harbours", name)
        assert len(everywhere.tables) == 2
        elsewhere = await schemas.retrieve(toolbox, actor, "harbours", databases=("mountains",))
        assert elsewhere.tables == ()


async def test_nothing_is_left_behind(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    await evaluate(toolbox, actor, sales, CASES[:1])
    async with toolbox.store.begin_for_all() as session:
        for row in (ConversationRow, QueryRow):
            mine = select(func.count()).select_from(row).where(row.workspace_id == actor.workspace_id)
            assert await session.scalar(mine) == 0


async def test_a_model_that_cannot_be_used_is_a_finding_not_the_end(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    from dataclasses import replace

    box = replace(toolbox, settings=toolbox.settings.model_copy(update={"model": "nobody:nothing"}))
    (found,) = await evaluate(box, actor, sales, CASES[:1])
    assert "nobody" in found.error and not found.answered


def test_figures_of_a_run() -> None:
    outcomes = [
        outcome("a", right=True, milliseconds=10, found=("a", "b")),
        outcome("b", right=False, milliseconds=20, found=("a", "c", "d", "e", "f", "b"), extra_columns=1),
        outcome("c", right=True, confidence=0.6, milliseconds=30, rejections=2, cost=0.5, input_tokens=7),
        outcome("d", right=False, confidence=None, milliseconds=40, error="Failed: no"),
    ]
    summary = summarise(outcomes)
    assert (summary.total.accuracy, summary.total.answered, round(summary.total.precision, 3)) == (0.5, 3, 0.667)
    half, sure = summary.confident
    assert (half.answered, half.precision, sure.answered, sure.precision) == (3, 2 / 3, 2, 0.5)
    assert [(bucket.answers, bucket.right) for bucket in summary.buckets if bucket.answers] == [(1, 1), (2, 1)]
    assert (summary.recall_at_5, summary.recall_at_10) == (0.5, 1.0)
    assert (summary.with_extra_columns, summary.failures, summary.rejections) == (1, 1, 2)
    assert (summary.median_ms, summary.cost, summary.input_tokens) == (25, 0.5, 7)
    assert summarise([]).total.accuracy == 0


def test_two_runs_are_held_against_each_other(settings: Settings) -> None:
    before = [outcome("a", right=True, sql="SELECT 1"), outcome("b", right=False), outcome("gone", right=True)]
    after = [outcome("a", right=False, sql="SELECT 2"), outcome("b", right=True), outcome("new", right=True)]
    worse, better = compare_runs(before, after)
    assert [change.question for change in worse] == ["a"]
    assert [change.question for change in better] == ["b"]
    assert "was: SELECT 1" in text_changes(worse, better)
    save_run(settings, new_run("first", "sales", "questions.jsonl", "offline", tuple(before)))
    assert load_run(settings, "first").outcomes == tuple(before)
    with pytest.raises(NotFound, match="kept: first"):
        load_run(settings, "second")
    with pytest.raises(Invalid, match="cannot be called"):
        load_run(settings, "../first")


def test_the_report_shows_every_miss_and_escapes_it(tmp_path: Path) -> None:
    outcomes = (outcome("fine", right=True), outcome("<b>bad</b>", right=False, difference="1 rows instead of 2"))
    run = new_run("x", "sales", "questions.jsonl", "offline", outcomes)
    write_report(tmp_path / "report.html", run)
    page = (tmp_path / "report.html").read_text()
    assert "&lt;b&gt;bad&lt;/b&gt;" in page and "<b>bad</b>" not in page and "1 rows instead of 2" in page
    assert "Misses (1)" in page and "$" not in page
    assert "50.0%" in text_report(run)


def test_wrong_files_are_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"question": "a", "gold_sql": "b", "schema": "s"}) + "\n\n{oops\n")
    with pytest.raises(Invalid, match="Line 3"):
        read_cases(path)
    path.write_text(json.dumps({"question": "a"}))
    with pytest.raises(Invalid, match="lacks gold_sql, schema"):
        read_cases(path, schema_field="schema")
    with pytest.raises(Invalid, match="Cannot read"):
        read_cases(tmp_path / "none.jsonl")
    path.write_text(json.dumps({"question": "a", "answerable": False}))
    assert not read_cases(path)[0].answerable
    path.write_text("\n".join(json.dumps({"question": str(n), "gold_sql": "b", "schema": "s"}) for n in range(9)))
    assert [case.schema_name for case in read_cases(path, schema_field="schema", limit=2)] == ["s", "s"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT name FROM people", 'SELECT name FROM "town".people AS people'),
        ("SELECT people.name FROM people", 'SELECT people.name FROM "town".people AS people'),
        ("SELECT p.name FROM people AS p", 'SELECT p.name FROM "town".people AS p'),
        ("WITH people AS (SELECT 1 AS n) SELECT n FROM people", "WITH people AS (SELECT 1 AS n) SELECT n FROM people"),
        ("SELECT 1 FROM elsewhere", "SELECT 1 FROM elsewhere"),
    ],
)
def test_gold_is_put_into_its_schema(sql: str, expected: str) -> None:
    column = Column(name="name", type="text", family="text")
    tables = (TableSchema(schema_name="town", name="people", columns=(column,)),)
    assert qualified(sql, "town", tables, "postgres") == expected
    assert qualified(sql, None, tables, "postgres") == sql


def test_the_command_says_what_it_needs() -> None:
    app = typer.Typer()
    app.command()(evaluate_cli.evaluate_command)
    command = typer.main.get_command(app)
    with pytest.raises(Invalid, match="--verified"):
        command.main(args=[], standalone_mode=False)


async def test_verified_pairs_are_replayed(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    with pytest.raises(Invalid, match="no verified pairs"):
        await evaluate_cli.verified_cases(toolbox, actor, sales)
    sql = "SELECT count(*) AS n FROM customers WHERE country <> 'Peru'"
    await queries.save_example(toolbox, actor, database=sales, question="How many real customers are there?", sql=sql)
    cases = await evaluate_cli.verified_cases(toolbox, actor, sales)
    (replayed,) = await evaluate(toolbox, actor, sales, cases)
    assert replayed.right and replayed.confidence is not None and replayed.confidence >= 0.9
