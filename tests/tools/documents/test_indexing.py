"""Words of documents: found from the end of a sync on, by their index once the job has followed, and never wrongly."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.tools.documents.conftest import Shelf
from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import new_source, run_sync
from tools import databases, documents, jobs, policies, sync
from tools.documents import backlog, indexing
from tools.jobs import Claim
from tools.jobs.claim import take
from tools.sync import load
from tools.toolbox import Actor, Toolbox
from workers.runners import runner_of

NOTES = "CREATE TABLE notes (id int PRIMARY KEY, title text, note text)"
FILL = "INSERT INTO notes SELECT i, 'Parcel ' || i, 'it arrived broken' FROM generate_series({0}, {1}) i"


@pytest.fixture(params=["postgres", "mysql"])
async def source(request: pytest.FixtureRequest, toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    async for found in new_source(request.param, toolbox, actor):
        yield found


@pytest.fixture
async def postgres(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Source]:
    async for found in new_source("postgres", toolbox, actor):
        await found.run(NOTES)
        yield found


async def rows(box: Toolbox, actor: Actor, sql: str, **values: Any) -> list[Any]:
    async with box.store.begin(actor.workspace_id) as session:
        return list((await session.execute(text(sql), values)).all())


async def found(box: Toolbox, actor: Actor, words: str) -> set[str]:
    """The keys of what a search finds."""
    return {hit.source_key for hit in (await documents.search_documents(box, actor, words, limit=100)).hits}


async def best(box: Toolbox, actor: Actor, words: str) -> str:
    """The key of what a search finds first."""
    return (await documents.search_documents(box, actor, words)).hits[0].source_key


async def index(box: Toolbox, actor: Actor) -> jobs.Job:
    """Work on the one index job that waits, as a worker would."""
    (job,) = await jobs.list_jobs(box, actor, kind="index", states=["queued"])
    await jobs.attempt(box, job.id, runner_of)
    return await jobs.get(box, actor, job.id)


async def left(box: Toolbox, actor: Actor) -> int:
    """Documents that stand in the backlog."""
    [row] = await rows(box, actor, "SELECT coalesce(sum(documents), 0) FROM tabletalk.document_backlog")
    return int(row[0])


async def unmade(box: Toolbox, actor: Actor) -> int:
    """Documents whose words the table of words does not have."""
    sql = f"SELECT count(*) FROM tabletalk.documents d WHERE d.deleted_at IS NULL AND {backlog.UNMADE}"
    [row] = await rows(box, actor, sql)
    return int(row[0])


async def test_what_a_sync_brought_is_found_before_and_after_the_job(
    toolbox: Toolbox, actor: Actor, source: Source
) -> None:
    """New, changed, gone and restored documents, by title and by text, with no worker and with one."""
    await source.run("CREATE TABLE notes (id int PRIMARY KEY, title varchar(40), note varchar(200))")
    await source.run("INSERT INTO notes VALUES (1, 'Dying plant', 'the skies were grey'), (2, 'Kettle', 'it leaks')")

    async def seen() -> list[set[str]]:
        searches = ("dead or dying plants", "a grey sky", "kettles", "leaking", "toaster")
        return [await found(toolbox, actor, words) for words in searches]

    async def the_same_after_the_job() -> list[set[str]]:
        before = await seen()
        assert (await index(toolbox, actor)).state == "succeeded"
        assert (await left(toolbox, actor), await unmade(toolbox, actor)) == (0, 0)
        assert await seen() == before
        return before

    assert (await run_sync(toolbox, actor)).counts["new"] == 2
    assert (await left(toolbox, actor), await unmade(toolbox, actor)) == (2, 2)
    assert await the_same_after_the_job() == [{"1"}, {"1"}, {"2"}, {"2"}, set()]

    await source.run("UPDATE notes SET title = 'Toaster' WHERE id = 2")
    await source.run("DELETE FROM notes WHERE id = 1")
    assert (await run_sync(toolbox, actor)).counts["changed"] == 1
    assert await the_same_after_the_job() == [set(), set(), set(), {"2"}, {"2"}]

    await source.run("INSERT INTO notes VALUES (1, 'Dying plant', 'the skies were grey')")
    assert (await run_sync(toolbox, actor)).counts["changed"] == 1
    assert await the_same_after_the_job() == [{"1"}, {"1"}, set(), {"2"}, {"2"}]


SAID = (
    "skies sky dying die lying lie tied ties valency valence credibility credible relational hoping hopping ability "
    "able ugly early only news gently biologist geology formation iciness owed agreed running argued argues fluently "
    "foo-bar foo_bar v2 12e5 3.14 -17 2024-05-01 a1b2 naïve Straße ÖL İzmir \u212aelvin ada@example.com example.com "
    "Müller Müllers naïvely façades résumés Grünewalds café-crème-brûlée "
    "http://example.com/path/file.txt don't O'Neil <b>bold</b> AT&amp;T 日本語 x y"
)


async def test_every_form_of_a_word_is_found_before_as_after(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    said = SAID.split()
    keys = ", ".join(f"""({at}, '', '{word.replace("'", "''")}')""" for at, word in enumerate(said))
    await postgres.run(f"INSERT INTO notes VALUES {keys}")
    await run_sync(toolbox, actor)
    assert await unmade(toolbox, actor) == len(said)
    before = {word: await found(toolbox, actor, word) for word in said}
    await index(toolbox, actor)
    assert before == {word: await found(toolbox, actor, word) for word in said}
    assert sum(map(bool, before.values())) > len(said) * 0.8


async def test_a_table_without_a_key(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run("CREATE TABLE letters (body text); INSERT INTO letters VALUES ('a heron'), ('a heron')")
    await run_sync(toolbox, actor)
    assert len(await found(toolbox, actor, "herons")) == 1
    await index(toolbox, actor)
    assert len(await found(toolbox, actor, "herons")) == 1
    await postgres.run("UPDATE letters SET body = 'a stork'")
    await run_sync(toolbox, actor, mode="full")
    assert (len(await found(toolbox, actor, "storks")), await found(toolbox, actor, "herons")) == (1, set())


async def test_documents_that_are_removed_take_their_words_with_them(
    toolbox: Toolbox, actor: Actor, postgres: Source
) -> None:
    await postgres.run(FILL.format(1, 3))
    await run_sync(toolbox, actor)
    await index(toolbox, actor)
    await postgres.run("DELETE FROM notes WHERE id = 2")
    await run_sync(toolbox, actor, deletes="hard")
    assert len(await rows(toolbox, actor, "SELECT document_id FROM tabletalk.document_texts")) == 2
    await postgres.run(FILL.format(7, 9))
    await run_sync(toolbox, actor)
    await databases.forget(toolbox, actor, "shop", approved_by=actor.user_id)
    for table in ("documents", "document_texts", "document_backlog", "document_words"):
        assert await rows(toolbox, actor, f"SELECT * FROM tabletalk.{table}") == [], table


async def test_a_database_is_forgotten_while_words_are_made(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither waits for what the other holds: the one that came second waits at the start."""
    await postgres.run(FILL.format(1, 10))
    await run_sync(toolbox, actor)
    hold, forgetting = Claim.hold, list[asyncio.Task[Any]]()

    async def while_it_is_forgotten(claim: Claim, session: Any) -> None:
        if not forgetting:
            forget = databases.forget(toolbox, actor, "shop", approved_by=actor.user_id)
            forgetting.append(asyncio.create_task(forget))
            while not forgetting[0].done() and not await waiting():
                await asyncio.sleep(0.01)
        await hold(claim, session)

    async def waiting() -> bool:
        async with toolbox.store.begin_as_owner() as session:
            return bool(await session.scalar(text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")))

    monkeypatch.setattr(Claim, "hold", while_it_is_forgotten)
    (job,) = await jobs.list_jobs(toolbox, actor, kind="index", states=["queued"])
    await jobs.attempt(toolbox, job.id, runner_of)
    assert (await forgetting[0]).parts
    assert await rows(toolbox, actor, "SELECT 1 FROM tabletalk.documents") == []
    assert await rows(toolbox, actor, "SELECT 1 FROM tabletalk.document_texts") == []


async def test_half_of_the_backlog_is_done_and_the_job_is_killed(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made stays, what is not is found all the same, and the next attempt goes on there."""
    monkeypatch.setattr(indexing, "BATCH", 1)
    for at in range(3):
        await postgres.run(FILL.format(at * 10 + 1, at * 10 + 10))
        await run_sync(toolbox, actor)
    (job,) = await jobs.list_jobs(toolbox, actor, kind="index", states=["queued"])
    killed = await take(toolbox, job.id)
    assert isinstance(killed, Claim)
    make, made = indexing._Work._make, 0

    async def breaks(work: Any, some: Any) -> int:
        nonlocal made
        if made:
            raise KeyboardInterrupt
        made += await make(work, some)
        return made

    monkeypatch.setattr(indexing._Work, "_make", breaks)
    with pytest.raises(KeyboardInterrupt):
        await documents.run_indexing(toolbox, killed)
    monkeypatch.setattr(indexing._Work, "_make", make)
    assert (made, await left(toolbox, actor), await unmade(toolbox, actor)) == (10, 20, 20)
    assert await best(toolbox, actor, "broken parcel 7") == "7"
    assert await best(toolbox, actor, "broken parcel 27") == "27"

    await rows(
        toolbox,
        actor,
        "UPDATE tabletalk.jobs SET state = 'queued', claim = NULL WHERE id = :id RETURNING id",
        id=job.id,
    )
    with pytest.raises(jobs.ClaimLost):  # who was taken over writes nothing
        await documents.run_indexing(toolbox, killed)
    assert await left(toolbox, actor) == 20
    assert (await index(toolbox, actor)).counts["indexed"] == 20
    assert (await left(toolbox, actor), await unmade(toolbox, actor)) == (0, 0)


async def test_a_document_that_changes_while_its_words_are_made_is_made_anew(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres.run(FILL.format(1, 3))
    await run_sync(toolbox, actor)
    hold = Claim.hold
    seen: list[str] = []

    async def changed_meanwhile(claim: Claim, session: Any) -> None:
        if not seen and claim.job.kind == "index":  # the words are written, and not committed
            seen.append("before")
            await postgres.run("UPDATE notes SET note = 'it came in time' WHERE id = 2")
            assert (await run_sync(toolbox, actor)).counts["changed"] == 1
            seen.append("after")
        await hold(claim, session)

    monkeypatch.setattr(Claim, "hold", changed_meanwhile)
    job = await index(toolbox, actor)
    assert (job.state, job.counts["indexed"], seen) == ("succeeded", 4, ["before", "after"]), job.error
    assert (await left(toolbox, actor), await unmade(toolbox, actor)) == (0, 0)
    assert await found(toolbox, actor, "broken") == {"1", "3"}
    assert await found(toolbox, actor, "time") == {"2"}


async def test_between_the_change_and_its_words_the_old_ones_are_not_found(
    toolbox: Toolbox, actor: Actor, postgres: Source
) -> None:
    await postgres.run(FILL.format(1, 3))
    await run_sync(toolbox, actor)
    await index(toolbox, actor)
    await postgres.run("UPDATE notes SET title = 'Umbrella' WHERE id = 2")
    await run_sync(toolbox, actor)
    assert await unmade(toolbox, actor) == 1
    assert await found(toolbox, actor, "umbrella") == {"2"}
    assert "2" not in await found(toolbox, actor, "parcel")
    await postgres.run("DELETE FROM notes WHERE id = 2")
    await run_sync(toolbox, actor)
    assert await found(toolbox, actor, "umbrella") == set()


async def test_two_syncs_have_one_job_and_what_is_left_has_one_too(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres.run(FILL.format(1, 3))
    await run_sync(toolbox, actor)
    await postgres.run(FILL.format(4, 6))
    await run_sync(toolbox, actor)
    assert (await index(toolbox, actor)).counts["indexed"] == 6
    (embedding,) = await jobs.list_jobs(toolbox, actor, kind="embed", states=["queued"])
    assert embedding.conversation_id is None

    async def none_started(*_: object) -> None:  # as if it had found one that was just ending
        return None

    await postgres.run(FILL.format(7, 9))
    monkeypatch.setattr(documents, "start_indexing", none_started)
    await run_sync(toolbox, actor)
    assert await mine(toolbox, actor) == ()  # the sync may have been about to start it
    monkeypatch.setattr(indexing, "LEFT_SECONDS", 0)
    (job,) = await mine(toolbox, actor)
    assert (job.kind, job.created_by) == ("index", actor.user_id)
    assert await mine(toolbox, actor) == ()
    await jobs.cancel(toolbox, actor, job.id)
    assert await mine(toolbox, actor) == (), "who cancelled it is not asked again"


async def mine(box: Toolbox, actor: Actor) -> tuple[jobs.Job, ...]:
    return tuple(job for job in await documents.start_left(box) if job.workspace_id == actor.workspace_id)


async def test_while_a_sync_runs_the_job_starts_only_for_much(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres.run(FILL.format(1, 3))
    await run_sync(toolbox, actor)
    await rows(toolbox, actor, "DELETE FROM tabletalk.jobs WHERE kind = 'index' RETURNING id")
    await sync.start_sync(toolbox, actor, "shop")
    monkeypatch.setattr(indexing, "LEFT_SECONDS", 0)
    assert await mine(toolbox, actor) == ()
    monkeypatch.setattr(indexing, "MANY", 2)
    assert len(await mine(toolbox, actor)) == 1


async def test_it_is_told_when_much_is_not_indexed_yet(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "MANY", 2)
    await postgres.run(FILL.format(1, 3))
    await run_sync(toolbox, actor)
    told = (await documents.search_documents(toolbox, actor, "parcel")).warnings
    assert told[0].startswith("3 documents of shop are not in the index of words yet")
    await index(toolbox, actor)
    assert not any("index of words" in one for one in (await documents.search_documents(toolbox, actor, "x")).warnings)


async def test_a_job_that_is_cut_off_before_the_vectors_starts_them_all_the_same(shelf: Shelf) -> None:
    await shelf.index()
    for job in await jobs.list_jobs(shelf.box, shelf.actor, kind="embed"):
        await jobs.cancel(shelf.box, shelf.actor, job.id)
    assert (await shelf.index()).counts["indexed"] == 0
    assert len(await jobs.list_jobs(shelf.box, shelf.actor, kind="embed", states=["queued"])) == 1


@pytest.mark.parametrize("indexed", [True, False])
async def test_policies_hold_before_the_words_are_made_as_after(shelf: Shelf, actor: Actor, indexed: bool) -> None:
    viewer = actor.model_copy(update={"role": "viewer"})
    if indexed:
        await shelf.index()
    await policies.add_policy(shelf.box, actor, "shop", "claims", role="viewer", predicate="id <> 100")
    await policies.add_policy(shelf.box, actor, "shop", "orders", role="viewer", hidden=True)
    assert await best(shelf.box, actor, "late delivery") == "100"
    assert "100" not in await found(shelf.box, viewer, "late delivery")
    assert "11" in await found(shelf.box, actor, "order 11")
    assert "11" not in await found(shelf.box, viewer, "order 11")
    narrow = actor.model_copy(update={"tables": ("shop.customers",)})
    hits = (await documents.search_documents(shelf.box, narrow, "Byron late delivery")).hits
    assert {hit.entity for hit in hits} == {"customer"}


async def test_no_sync_writes_documents_that_are_not_in_the_backlog(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that come apart, by halves, late, or restored: every document without words is where a search looks."""
    monkeypatch.setattr(load, "COPY_BLOCK", 4096)
    await postgres.run("CREATE TABLE odd (id int PRIMARY KEY, at timestamptz, note text)")
    await postgres.run("INSERT INTO odd SELECT i, now(), 'a heron' FROM generate_series(1, 50) i")
    await postgres.run("INSERT INTO odd VALUES (51, '200000-01-01', 'a heron')")  # no date of ours: halved
    await run_sync(toolbox, actor)
    await postgres.run("DELETE FROM odd WHERE id < 10; UPDATE odd SET note = 'a stork' WHERE id > 40")
    await run_sync(toolbox, actor)
    await postgres.run("INSERT INTO odd SELECT i, '2001-01-01', 'a heron' FROM generate_series(1, 9) i")
    await run_sync(toolbox, actor)
    named = f"""
        SELECT count(*) FROM ({backlog.PLACES.format(chosen="true")}) p
        JOIN tabletalk.documents d ON {backlog.THERE} AND {backlog.UNMADE}
    """
    [[count]] = await rows(toolbox, actor, named)
    assert count == await unmade(toolbox, actor) >= 50
    (job,) = await jobs.list_jobs(toolbox, actor, kind="index", states=["queued"])
    await asyncio.gather(*(jobs.attempt(toolbox, job.id, runner_of) for _ in range(2)))
    assert (await left(toolbox, actor), await unmade(toolbox, actor)) == (0, 0)
