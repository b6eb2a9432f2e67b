"""What a model is told of a search, and what the person is shown."""

import json
from dataclasses import replace
from typing import Any

from pydantic_ai import RunContext, ToolReturn
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from tests.tools.documents.conftest import Shelf
from tools.cards import DocumentsCard
from tools.desk import Desk
from tools.documents import toolset
from tools.toolbox import Toolbox


def replaced(shelf: Shelf, **settings: int) -> Toolbox:
    return replace(shelf.box, settings=shelf.box.settings.model_copy(update=settings))


async def called(shelf: Shelf, **arguments: str) -> tuple[dict[str, Any], DocumentsCard]:
    context = RunContext(deps=Desk(shelf.box, shelf.actor), model=TestModel(), usage=RunUsage())
    answer = await toolset.search_documents(context, **arguments)  # type: ignore[arg-type]
    assert isinstance(answer, ToolReturn)
    return json.loads(str(answer.return_value)), DocumentsCard.model_validate(answer.metadata["cards"][0])


async def test_the_model_sees_a_preview_and_the_person_all(shelf: Shelf) -> None:
    shelf.box = replaced(shelf, preview_rows=1)
    told, card = await called(shelf, query="late waiting lamp")
    assert told["hits"] == len(card.hits) == 3
    (first,) = told["first_hits"]
    assert first["row"].startswith("shop.public.claims ")


async def test_a_model_that_may_see_no_row_is_told_how_many_there_are(shelf: Shelf) -> None:
    shelf.box = replaced(shelf, preview_rows=0)
    told, card = await called(shelf, query="late delivery", since="2026-01-01")
    assert told["first_hits"] == []
    assert told["hits"] == len(card.hits) > 0
