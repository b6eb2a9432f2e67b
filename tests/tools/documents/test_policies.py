"""Documents under policies: what a person does not see whole of a table, they do not find as documents."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.tools.documents.conftest import Shelf, Topics
from tools import documents, policies, queries
from tools.errors import NotFound
from tools.toolbox import Actor


async def titles(shelf: Shelf, person: Actor, words: str) -> set[str]:
    found = await documents.search_documents(shelf.box, person, words)
    shown = [hit for one in found.hits for hit in (one, *one.evidence)]
    return {documents.plain(hit.title) for hit in shown}


@pytest.fixture
def viewer(actor: Actor) -> Actor:
    return actor.model_copy(update={"role": "viewer"})


@pytest.mark.parametrize(
    "policy",
    [{"predicate": "id <> 100"}, {"masked": ["description"]}, {"masked": {"subject": "last4"}}, {"hidden": True}],
)
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
    if "predicate" in policy:  # other claims are there, and it is said that there are more
        found = await documents.search_documents(shelf.box, viewer, "late", table="claims")
        assert {hit.source_key for hit in found.hits} <= {"101", "102"}
        assert found.warnings == ("Of public.claims, only what you may see.",)
    else:
        with pytest.raises(NotFound, match="No documents of a table 'claims'"):
            await documents.search_documents(shelf.box, viewer, "late", table="claims")


async def test_a_row_policy_means_for_documents_what_it_means_for_queries(
    shelf: Shelf, actor: Actor, viewer: Actor
) -> None:
    """A condition over other tables: the claims of the customers in one's own city."""
    await shelf.embed()
    own = "order_id IN (SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.city = {user.city})"
    await policies.add_policy(shelf.box, actor, "shop", "claims", role="viewer", predicate=own)
    in_lyon = viewer.model_copy(update={"attributes": {"city": "Lyon"}})
    in_turin = viewer.model_copy(update={"attributes": {"city": "Turin"}})
    for person, there in ((in_lyon, {"101", "102"}), (in_turin, {"100"})):
        found = await documents.search_documents(shelf.box, person, "late broken waiting", table="claims")
        assert {hit.source_key for hit in found.hits} == there
        assert await keys_of(shelf, person, there) == there
    nobody = await documents.search_documents(shelf.box, viewer, "late broken waiting", table="claims")
    assert nobody.hits == ()
    assert nobody.warnings[0].startswith("Documents of public.claims are left out: A policy of public.claims asks")


async def test_what_leads_to_a_hit_is_seen_too(shelf: Shelf, actor: Actor, viewer: Actor) -> None:
    """A customer is found by their claim over an order between them: where the order is not seen, so is not the way."""
    await shelf.embed()
    late = "the customer who complained about eight days late"
    assert "Ada Byron" in await titles(shelf, viewer, late)
    await policies.add_policy(shelf.box, actor, "shop", "orders", role="viewer", predicate="id <> 10")
    assert "Ada Byron" not in await titles(shelf, viewer, late)


async def test_a_source_that_is_away_shows_nothing_that_it_parts(shelf: Shelf, actor: Actor, viewer: Actor) -> None:
    await shelf.embed()
    await policies.add_policy(shelf.box, actor, "shop", "claims", role="viewer", predicate="id = 100")
    claim = (await documents.search_documents(shelf.box, viewer, "late", table="claims")).hits[0]
    async with shelf.box.store.begin(actor.workspace_id) as session:
        await session.execute(text("UPDATE tabletalk.databases SET port = 9, host = '127.0.0.1'"))
    found = await documents.search_documents(shelf.box, viewer, "late", table="claims")
    assert found.hits == () and "Documents of public.claims are left out" in found.warnings[0]
    with pytest.raises(NotFound, match="left out"):
        await documents.document(shelf.box, viewer, claim.id)


async def keys_of(shelf: Shelf, person: Actor, wanted: set[str]) -> set[str]:
    """Of some claims, those that a query shows."""
    sql = f"SELECT id FROM claims WHERE id IN ({', '.join(wanted)})"
    return {str(row[0]) for row in (await queries.run(shelf.box, person, "shop", sql)).rows}


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
