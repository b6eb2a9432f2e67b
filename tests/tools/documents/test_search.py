"""Searching documents: by words, by meaning, through what is linked, within bounds."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.tools.documents.conftest import Shelf, Topics
from tools import documents
from tools.documents import FoundDocuments, plain
from tools.errors import Invalid, NotFound
from tools.toolbox import Actor


def titles(found: FoundDocuments) -> list[str]:
    return [plain(hit.title) for hit in found.hits]


async def search(shelf: Shelf, query: str, **more: object) -> FoundDocuments:
    return await documents.search_documents(shelf.box, shelf.actor, query, **more)  # type: ignore[arg-type]


async def test_words_are_found_before_there_are_vectors(shelf: Shelf) -> None:
    found = await search(shelf, "late delivery")
    assert titles(found)[0] == "Eight days late"
    (first, *_) = found.hits
    assert (first.database, first.table, first.source_key, first.entity) == ("shop", "public.claims", "100", "claim")
    assert first.score == 1.0
    assert "late" in first.why
    assert {piece.text.lower() for piece in first.snippet if piece.marked} >= {"delivery", "late"}


async def test_the_customer_is_found_through_the_claim(shelf: Shelf) -> None:
    await shelf.embed()
    found = await search(shelf, "find the customer who complained about late delivery")
    assert titles(found)[0] == "Ada Byron"
    (first, *_) = found.hits
    assert first.entity == "customer"
    assert [(one.table, one.source_key) for one in first.evidence] == [("public.claims", "100")]
    assert "claim" in first.why
    assert "late" in first.why
    assert {hit.entity for hit in found.hits} == {"customer"}


async def test_what_is_sought_may_be_named_apart(shelf: Shelf) -> None:
    await shelf.embed()
    assert titles(await search(shelf, "broken lamp", entity="customers"))[0] == "Bo Ek"
    assert titles(await search(shelf, "broken lamp", table="orders"))[0] == "Order 11"
    # The other way: orders of a customer who is known by name.
    assert titles(await search(shelf, "Byron", entity="order")) == ["Order 10"]


async def test_what_a_document_and_a_linked_one_say_together_counts(shelf: Shelf) -> None:
    await shelf.put("customers", "4", "customer", "Di Roma", "Delft", id=4)
    await shelf.put("orders", "13", "order", "Order 13", "shipped", id=13, customer_id=4)
    await shelf.put("claims", "108", "claim", "Ten days late", "Such a late delivery.", id=108, order_id=13)
    await shelf.embed()
    assert titles(await search(shelf, "customers in Delft who complained about late delivery"))[0] == "Di Roma"
    assert titles(await search(shelf, "customers in Turin who complained about late delivery"))[0] == "Ada Byron"


async def test_a_wrong_guess_of_what_is_sought_is_given_up(shelf: Shelf) -> None:
    await shelf.put("letters", "1", "letter", "To the press", "About orders of merit.")
    await shelf.embed()
    found = await search(shelf, "find orders of merit")
    assert titles(found)[0] == "To the press"
    assert found.read_as.startswith("documents that say")


async def test_filters_hold_for_what_says_it(shelf: Shelf) -> None:
    late = await search(shelf, "waiting late", since=datetime(2026, 10, 1, tzinfo=UTC))
    assert titles(late) == ["Where is my parcel"]
    early = await search(shelf, "waiting late", entity="claim", until=datetime(2026, 10, 1, tzinfo=UTC))
    assert titles(early) == ["Eight days late"]
    assert titles(await search(shelf, "lamp late waiting", tag="type:damaged goods")) == ["Broken lamp"]
    assert "tagged type:damaged goods" in (await search(shelf, "lamp", tag="type:damaged goods")).read_as


async def test_a_change_is_found_at_once_and_a_deleted_row_never(shelf: Shelf) -> None:
    await shelf.embed()
    await shelf.put("claims", "103", "claim", "Kettle leaks", "Water everywhere.", order_id=12)
    assert titles(await search(shelf, "leaking kettle"))[0] == "Kettle leaks"
    await shelf.put("claims", "103", "claim", "Toaster smokes", "Smoke everywhere.", order_id=12)
    assert titles(await search(shelf, "smoking toaster"))[0] == "Toaster smokes"
    assert "Toaster smokes" not in titles(await search(shelf, "kettle", entity="claim"))[:1]

    await shelf.remove("claims", "100")
    assert "Eight days late" not in titles(await search(shelf, "eight days late delivery", limit=100))
    through = await search(shelf, "late delivery", entity="customer")
    assert all(one.source_key != "100" for hit in through.hits for one in hit.evidence)


async def test_a_misspelt_word_is_found_by_its_letters(shelf: Shelf) -> None:
    await shelf.embed()
    found = await search(shelf, "delivary", entity="claim")
    assert titles(found)[0] == "Eight days late"
    assert any(piece.marked and piece.text == "delivery" for piece in found.hits[0].snippet)


async def test_meaning_is_found_where_no_word_is_shared(shelf: Shelf) -> None:
    shelf.box = replace(shelf.box, embedder=Topics(shelf.box.settings))
    assert (await search(shelf, "shattered")).hits == ()
    assert (await shelf.embed()).state == "succeeded"
    found = await search(shelf, "shattered")
    assert titles(found) == ["Broken lamp"]
    assert found.hits[0].why == "near in meaning"
    assert titles(await search(shelf, "customer whose goods were shattered")) == ["Bo Ek"]


async def test_without_the_embedding_model_words_still_find(shelf: Shelf) -> None:
    topics = Topics(shelf.box.settings)
    shelf.box = replace(shelf.box, embedder=topics)
    await shelf.embed()
    topics.away = True
    found = await search(shelf, "late delivery")
    assert titles(found)[0] == "Eight days late"
    assert "by their words alone" in found.warnings[0]


async def test_another_workspace_sees_nothing(shelf: Shelf, stranger: Actor) -> None:
    await shelf.embed()
    found = await search(shelf, "late delivery")
    with pytest.raises(NotFound, match="No document is here yet"):
        await documents.search_documents(shelf.box, stranger, "late delivery")
    for look in (documents.document, documents.related, documents.open_row):
        with pytest.raises(NotFound, match="No document"):
            await look(shelf.box, stranger, found.hits[0].id)
    assert await documents.show(shelf.box, stranger, [hit.id for hit in found.hits], "late") == {}


async def test_what_is_not_there_is_named_with_what_is(shelf: Shelf) -> None:
    with pytest.raises(NotFound, match="synced: shop"):
        await search(shelf, "late", database="warehouse")
    with pytest.raises(NotFound, match=r"near: public\.claims"):
        await search(shelf, "late", table="claim")
    with pytest.raises(NotFound, match="there are: claim, customer, order, order line"):
        await search(shelf, "late", entity="xyz")
    with pytest.raises(Invalid, match="late delivery"):
        await search(shelf, "   ")
    with pytest.raises(Invalid):
        await search(shelf, "x" * 1001)


@pytest.mark.parametrize(
    "query", ["'); DROP TABLE x; --", "a & | ! (", "\\", "\x02\x03", "the of and", "日本語", "%", "''"]
)
async def test_any_text_may_be_searched_for(shelf: Shelf, query: str) -> None:
    await shelf.embed()
    assert isinstance(await search(shelf, query), FoundDocuments)


async def test_marks_survive_signs_of_our_own(shelf: Shelf) -> None:
    await shelf.put("claims", "105", "claim", "Odd \x02signs\x03", "a \x03<b>zebra</b>\x02 crossing")
    (hit, *_) = (await search(shelf, "zebra")).hits
    assert [piece.text for piece in hit.snippet if piece.marked] == ["zebra"]
    assert "\x02" not in plain(hit.snippet) + plain(hit.title)
