"""The embed job: only what has changed, at its pace, to its end, and nothing that may not leave."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.tools.documents.conftest import Shelf, Topics
from tools import documents, jobs
from tools.documents import embedding, indexes
from tools.errors import NotAllowed
from tools.jobs import Claim
from tools.jobs.claim import take

ALL = 11
"""Documents of the shelf."""


async def rows(shelf: Shelf, sql: str, **values: Any) -> list[Any]:
    async with shelf.box.store.begin(shelf.actor.workspace_id) as session:
        return list((await session.execute(text(sql), values)).all())


async def vectors(shelf: Shelf) -> dict[tuple[str, str], str]:
    """Table and key of each document that has a vector, with its model."""
    found = await rows(
        shelf,
        "SELECT d.table_name, d.source_key, e.model FROM tabletalk.document_embeddings e "
        "JOIN tabletalk.documents d ON d.id = e.document_id WHERE e.embedding IS NOT NULL",
    )
    return {(row.table_name, row.source_key): row.model for row in found}


async def test_only_what_has_changed_is_read_again(shelf: Shelf) -> None:
    topics = Topics(shelf.box.settings)
    shelf.box = replace(shelf.box, embedder=topics)
    job = await shelf.embed()
    assert (job.state, job.progress, job.counts["embedded"]) == ("succeeded", 100, ALL), job.error
    assert len(await vectors(shelf)) == ALL
    assert await documents.start_embedding(shelf.box, shelf.actor, "shop") is None

    await shelf.put("claims", "100", "claim", "Nine days late", "Still waiting.", order_id=10)
    await shelf.remove("claims", "101")
    topics.batches.clear()
    third = await shelf.embed()
    assert (third.counts["embedded"], topics.batches) == (1, [1])
    assert ("public.claims", "101") not in await vectors(shelf)


async def test_a_document_that_comes_back_is_found_by_meaning_again(shelf: Shelf) -> None:
    shelf.box = replace(shelf.box, embedder=Topics(shelf.box.settings))
    await shelf.embed()
    await shelf.remove("claims", "101")
    await shelf.put("claims", "107", "claim", "Late once more", order_id=10)
    await shelf.embed()
    assert ("public.claims", "101") not in await vectors(shelf)
    await shelf.put("claims", "101", "claim", "Broken lamp", "In pieces.", order_id=11)
    await shelf.embed()
    assert ("public.claims", "101") in await vectors(shelf)


async def test_a_change_of_the_model_makes_every_vector_anew(shelf: Shelf) -> None:
    await shelf.embed()
    shelf.box = replace(shelf.box, embedder=Topics(shelf.box.settings, "topics-2"))
    found = await documents.search_documents(shelf.box, shelf.actor, "late delivery")
    assert found.hits[0].source_key == "100"
    assert "Run `tabletalk reembed`" in found.warnings[0]
    (job,) = await documents.reembed(shelf.box, shelf.actor.model_copy(update={"conversation_id": "talk"}))
    assert job.conversation_id is None
    await jobs.attempt(shelf.box, job.id, lambda _: documents.run_embedding)
    assert set((await vectors(shelf)).values()) == {"topics-2"}
    assert (await documents.search_documents(shelf.box, shelf.actor, "late delivery")).warnings == ()

    topics = Topics(shelf.box.settings, "topics-2")
    shelf.box = replace(shelf.box, embedder=topics)
    (job,) = await documents.reembed(shelf.box, shelf.actor, force=True)
    await jobs.attempt(shelf.box, job.id, lambda _: documents.run_embedding)
    assert sum(topics.batches) == ALL


async def test_a_failed_batch_keeps_what_was_done_and_the_job_goes_on_there(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "BATCH", 4)
    topics = Topics(shelf.box.settings)
    shelf.box = replace(shelf.box, embedder=topics)
    job = await documents.start_embedding(shelf.box, shelf.actor, "shop")
    assert job is not None
    real = topics.embed

    async def breaks(texts: Any) -> Any:
        topics.away = bool(topics.batches)
        return await real(texts)

    monkeypatch.setattr(topics, "embed", breaks)
    await jobs.attempt(shelf.box, job.id, lambda _: documents.run_embedding)
    waits = await jobs.get(shelf.box, shelf.actor, job.id)
    assert waits.state == "queued"
    assert "does not answer" in (waits.error or "")
    assert len(await vectors(shelf)) == 4

    monkeypatch.setattr(topics, "embed", real)
    topics.away = False
    await rows(shelf, "UPDATE tabletalk.jobs SET not_before = NULL WHERE id = :id RETURNING id", id=job.id)
    await jobs.attempt(shelf.box, job.id, lambda _: documents.run_embedding)
    assert topics.batches == [4, 4, 3]
    assert len(await vectors(shelf)) == ALL


async def test_who_was_taken_over_writes_nothing(shelf: Shelf) -> None:
    job = await documents.start_embedding(shelf.box, shelf.actor, "shop")
    assert job is not None
    orphan = await take(shelf.box, job.id)
    assert isinstance(orphan, Claim)
    await rows(shelf, "UPDATE tabletalk.jobs SET claim = gen_random_uuid() WHERE id = :id RETURNING id", id=job.id)
    with pytest.raises(jobs.ClaimLost):
        await documents.run_embedding(shelf.box, orphan)
    assert await vectors(shelf) == {}
    assert await rows(shelf, "SELECT document_id FROM tabletalk.document_links") == []


async def test_a_cancelled_job_keeps_what_it_has_made(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BATCH", 4)
    topics = Topics(shelf.box.settings)
    shelf.box = replace(shelf.box, embedder=topics)
    job = await documents.start_embedding(shelf.box, shelf.actor, "shop")
    assert job is not None
    real = topics.embed

    async def cancels(texts: Any) -> Any:
        if topics.batches:
            await jobs.cancel(shelf.box, shelf.actor, job.id)
            await asyncio.Event().wait()  # a model that does not answer any more
        return await real(texts)

    monkeypatch.setattr(topics, "embed", cancels)
    await jobs.attempt(shelf.box, job.id, lambda _: documents.run_embedding)
    assert (await jobs.get(shelf.box, shelf.actor, job.id)).state == "cancelled"
    assert len(await vectors(shelf)) == 4


async def test_a_second_job_is_not_started_beside_a_live_one(shelf: Shelf) -> None:
    assert await documents.start_embedding(shelf.box, shelf.actor, "shop") is not None
    assert await documents.start_embedding(shelf.box, shelf.actor, "shop") is None
    viewer = shelf.actor.model_copy(update={"role": "viewer"})
    with pytest.raises(NotAllowed):
        await documents.start_embedding(shelf.box, viewer, "shop")


async def test_rows_that_may_not_leave_are_found_by_words(shelf: Shelf) -> None:
    topics = Topics(shelf.box.settings)
    settings = shelf.box.settings.model_copy(update={"preview_rows": 0})
    shelf.box = replace(shelf.box, embedder=topics, settings=settings)
    job = await shelf.embed()
    assert topics.batches == []
    assert "TABLETALK_PREVIEW_ROWS=0" in job.stage
    assert await vectors(shelf) == {}
    found = await documents.search_documents(shelf.box, shelf.actor, "customer who complained about late delivery")
    assert found.hits[0].source_key == "1"
    assert await documents.start_embedding(shelf.box, shelf.actor, "shop") is None  # nothing is due again


async def test_batches_go_to_a_model_at_its_pace(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BATCH", 2)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await shelf.box.limiter.forget("3/minute", "embed", topics.name)  # a minute later

    monkeypatch.setattr("tools.documents.pace.sleep", sleep)
    topics = Topics(shelf.box.settings, "topics-paced")
    settings = shelf.box.settings.model_copy(update={"embed_batches_per_minute": 3})
    shelf.box = replace(shelf.box, embedder=topics, settings=settings)
    job = await shelf.embed()
    assert job.counts["embedded"] == ALL
    assert topics.batches == [2, 2, 2, 2, 2, 1]
    assert len(slept) == 1
    assert 0 < slept[0] <= 60


async def test_links_follow_keys_also_where_none_is_declared(shelf: Shelf) -> None:
    await shelf.embed()
    found = await rows(shelf, "SELECT table_name, column_name, target_table, target_key FROM tabletalk.document_links")
    assert {tuple(row) for row in found if row.table_name == "public.claims"} == {
        ("public.claims", "order_id", "public.orders", key) for key in ("10", "11")
    }
    assert ("public.order_lines", "order_id", "public.orders", "10") in set(map(tuple, found))


async def test_many_vectors_get_an_index_and_are_found_by_it(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics(shelf.box.settings, "topics ':-) 3")
    shelf.box = replace(shelf.box, embedder=topics)
    monkeypatch.setattr(indexes, "EXACT_NUMBERS", 3 * 5)
    job = await shelf.embed()
    assert job.counts["indexed"] == 1, job.error
    found = await documents.search_documents(shelf.box, shelf.actor, "shattered")
    assert [hit.source_key for hit in found.hits] == ["101"]
    through = await documents.search_documents(shelf.box, shelf.actor, "shattered", entity="customer")
    assert [hit.source_key for hit in through.hits] == ["2"]
    await shelf.put("claims", "106", "claim", "Late again", order_id=10)
    assert (await shelf.embed()).counts["indexed"] == 0
    monkeypatch.setattr(indexes, "EXACT_NUMBERS", 3)
    await shelf.box.store.alone(f"DROP INDEX {indexes.name_of(topics.name, 3)}")
