"""Documents under policies: what a person does not see whole of a table, they do not find as documents."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.tools.documents.conftest import Shelf, Topics
from tools import documents, policies
from tools.errors import NotFound
from tools.toolbox import Actor


async def titles(shelf: Shelf, person: Actor, words: str) -> set[str]:
    found = await documents.search_documents(shelf.box, person, words)
    shown = [hit for one in found.hits for hit in (one, *one.evidence)]
    return {documents.plain(hit.title) for hit in shown}


@pytest.fixture
def viewer(actor: Actor) -> Actor:
    return actor.model_copy(update={"role": "viewer"})


@pytest.mark.parametrize("policy", [{"predicate": "id = 100"}, {"masked": ["description"]}, {"hidden": True}])
async def test_documents_of_a_bound_table_are_not_found(
    shelf: Shelf, actor: Actor, viewer: Actor, policy: dict[str, object]
) -> None:
    await shelf.embed()
    before = await documents.search_documents(shelf.box, viewer, "eight days late")
    claim = before.hits[0]
    order = next(one for one in await documents.related(shelf.box, viewer, claim.id) if one.entity == "order")
    await policies.add_policy(shelf.box, actor, "shop", "claims", role="viewer", **policy)  # type: ignore[arg-type]

    assert await titles(shelf, actor, "eight days late") >= {"Eight days late"}
    assert "Eight days late" not in await titles(shelf, viewer, "eight days late")
    with pytest.raises(NotFound):
        await documents.document(shelf.box, viewer, claim.id)
    with pytest.raises(NotFound):
        await documents.related(shelf.box, viewer, claim.id)
    assert "claim" not in {one.entity for one in await documents.related(shelf.box, viewer, order.id)}
    shown = await documents.show(shelf.box, viewer, [claim.id, order.id], "late")
    assert set(shown) == {order.id}
    with pytest.raises(NotFound, match="No documents of a table 'claims'"):
        await documents.search_documents(shelf.box, viewer, "late", table="claims")


async def test_spelling_tells_no_words_that_are_not_seen(shelf: Shelf, actor: Actor, viewer: Actor) -> None:
    await shelf.embed()
    assert "neighbour" in (await documents.search_documents(shelf.box, viewer, "nieghbour")).words
    await policies.add_policy(shelf.box, actor, "shop", "order_lines", role="viewer", hidden=True)
    assert "neighbour" not in (await documents.search_documents(shelf.box, viewer, "nieghbour")).words


async def test_a_key_of_some_tables_finds_their_documents_alone(shelf: Shelf, actor: Actor) -> None:
    narrow = actor.model_copy(update={"tables": ("shop.customers",)})
    found = await documents.search_documents(shelf.box, narrow, "Byron")
    assert {hit.entity for hit in found.hits} == {"customer"}
    with pytest.raises(NotFound):
        await documents.search_documents(shelf.box, narrow, "late", table="claims")


async def test_what_a_policy_masks_does_not_leave_for_a_model(shelf: Shelf, actor: Actor) -> None:
    topics = Topics(shelf.box.settings)
    shelf.box = replace(shelf.box, embedder=topics)
    await policies.add_policy(shelf.box, actor, "shop", "claims", role="viewer", masked=["description"])
    await shelf.embed()
    assert sum(topics.batches) == 8
    async with shelf.box.store.begin(actor.workspace_id) as session:
        made = await session.scalars(
            text("SELECT table_name FROM tabletalk.document_embeddings WHERE embedding IS NULL")
        )
        assert set(made) == {"public.claims"}
