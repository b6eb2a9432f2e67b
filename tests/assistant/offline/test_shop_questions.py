"""Sixty questions as the sample shop's users would ask them; nine of ten must be answered rightly.

A further column beside the ones asked for (the price of the most expensive product) is no mistake here. Where a
question has two fair readings (revenue with or without shipping), `or_sql` holds the others.
"""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from assistant.evaluation.ask import evaluate
from assistant.evaluation.cases import read_cases
from assistant.evaluation.measure import Case
from tests.conftest import registered
from tools.demo import seed_postgres
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

QUESTIONS = Path(__file__).parent / "shop_questions.jsonl"
LEAST = 0.9
TODAY = date.today()  # noqa: DTZ011  # the shop's day is the person's day


@pytest.fixture
async def shop(toolbox: Toolbox, actor: Actor) -> AsyncIterator[str]:
    """The sample shop, registered and trained."""
    async with registered(toolbox, actor, "shop", lambda there: seed_postgres(there, TODAY)) as name:
        yield name


@pytest.mark.timeout(300)
async def test_the_questions_of_its_users_are_answered(toolbox: Toolbox, actor: Actor, shop: str) -> None:
    cases = _dated(read_cases(QUESTIONS))
    assert len(cases) == 60
    outcomes = await evaluate(toolbox, actor, shop, cases, at_once=2)
    assert [each.case.question for each in outcomes if each.gold_error] == []
    assert [each.case.question for each in outcomes if each.error] == []
    missed = {each.case.question: each for each in outcomes if not each.right and not each.extra_columns}
    others = [case for case in _dated(_other_readings()) if case.question in missed]
    for again in await evaluate(toolbox, actor, shop, others):
        assert not again.gold_error
        if again.right or again.extra_columns:
            missed.pop(again.case.question, None)
    told = [f"{name} | {each.difference or 'no answer'} | {each.sql or each.said}" for name, each in missed.items()]
    assert len(told) <= (1 - LEAST) * len(cases), "\n".join(told)


def _other_readings() -> list[Case]:
    rows = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]
    return [Case(question=row["question"], gold_sql=sql) for row in rows for sql in row.get("or_sql", ())]


def _dated(cases: Sequence[Case]) -> list[Case]:
    today = TODAY.isoformat()
    return [case.model_copy(update={"gold_sql": case.gold_sql.replace("{today}", today)}) for case in cases]
