"""The sample shop's questions said in other words: the same query must come of them."""

import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest

from assistant.offline.parser import read
from tests.conftest import registered
from tools import schemas
from tools.demo import seed_postgres
from tools.schemas.catalog import TrainedTable
from tools.toolbox import Actor, Toolbox

pytestmark = pytest.mark.slow

QUESTIONS = Path(__file__).parent / "shop_questions.jsonl"
TODAY = date(2026, 11, 21)
MOST = 0.02
"""Share of the paraphrases that may be read otherwise."""
ASKING = ("how", "what", "which", "when", "who", "where")
SHOWING = ("show", "list")


def _begun(question: str) -> str:
    return question[:1].lower() + question[1:].rstrip("?")


def _asks(question: str) -> bool:
    return question.split(maxsplit=1)[0].lower() in ASKING


def _bare(question: str) -> bool:
    return question.split(maxsplit=1)[0].lower() not in (*ASKING, *SHOWING)


WORDINGS: dict[str, Callable[[str], str]] = {
    "polite": lambda q: f"{q.rstrip('?')}, please",
    "told": lambda q: f"Could you tell me {_begun(q)}?" if _asks(q) else "",
    "wanted": lambda q: f"I want to know {_begun(q)}" if _asks(q) else "",
    "plain": lambda q: q.lower().rstrip("?") if not re.search(" [A-Z]", q) else "",
    "short": lambda q: re.sub("^What (is|was) ", "What's ", q) if re.match("What (is|was) ", q) else "",
    "given": lambda q: re.sub("^(Show me|List) ", "Give me ", q) if re.match("(Show me|List) ", q) else "",
    "named": lambda q: f"Give me the {_begun(q)}" if _bare(q) else "",
    "shown": lambda q: f"Can you show me the {_begun(q)}?" if _bare(q) else "",
    "counted": lambda q: (
        re.sub(r"^How many (\w+) (have|receive|live) ", r"What is the count of \1 who \2 ", q)
        if re.match(r"How many \w+ (have|receive|live) ", q)
        else ""
    ),
    "numbered": lambda q: (
        re.sub(r"^How many (\w+) (were|are) (.*)\?$", r"What's the number of \1 that \2 \3?", q)
        if re.match(r"How many \w+ (were|are) (?!there)", q)
        else ""
    ),
}


@pytest.fixture
async def tables(toolbox: Toolbox, actor: Actor) -> AsyncIterator[tuple[TrainedTable, ...]]:
    """The shop's trained tables."""
    async with registered(toolbox, actor, "shop", lambda there: seed_postgres(there, TODAY)) as name:
        yield tuple(await schemas.catalog(toolbox, actor, name))


def _sql(question: str, tables: tuple[TrainedTable, ...]) -> str:
    best = read(question, tables, "postgres", TODAY).best
    return best.sql if best else ""


@pytest.mark.timeout(300)
async def test_other_words_ask_for_the_same(tables: tuple[TrainedTable, ...]) -> None:
    asked = 0
    otherwise = []
    for question in [json.loads(line)["question"] for line in QUESTIONS.read_text().splitlines()]:
        meant = _sql(question, tables)
        for said in (wording(question) for wording in WORDINGS.values()):
            asked += bool(said)
            if said and _sql(said, tables) != meant:
                otherwise.append(f"{said}\n  {_sql(said, tables)}\n  not {meant}")
    assert asked > 200
    assert len(otherwise) <= MOST * asked, "\n".join(otherwise)
