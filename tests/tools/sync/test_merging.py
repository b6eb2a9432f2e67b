"""Words that a load leaves at the end of their index: found at once, sorted in beside it or by the job after it."""

import asyncpg
import pytest

from tests.tools.schemas.conftest import Source
from tests.tools.sync.conftest import run_sync
from tools import documents, jobs
from tools.sync import merging
from tools.toolbox import Actor, Toolbox

NOTES = "CREATE TABLE notes (id int PRIMARY KEY, note text)"
FILL = "INSERT INTO notes SELECT i, 'parcel number ' || i || ' arrived broken' FROM generate_series({0}, {1}) i"


async def left(toolbox: Toolbox) -> int:
    """Pages of words that nobody has sorted in; asking sorts them in."""
    assert toolbox.settings.database_url is not None
    owner = await asyncpg.connect(toolbox.settings.database_url.get_secret_value())
    pages = await owner.fetchval("SELECT gin_clean_pending_list('tabletalk.ix_documents_search')")
    await owner.close()
    return int(pages)


async def found(toolbox: Toolbox, actor: Actor, words: str) -> str:
    return (await documents.search_documents(toolbox, actor, words)).hits[0].source_key


async def test_words_left_at_the_end_of_the_index_are_found(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(NOTES)
    await postgres.run(FILL.format(1, 50_000))
    await left(toolbox)
    assert (await run_sync(toolbox, actor)).counts["new"] == 50_000
    assert await found(toolbox, actor, "broken parcel 49876") == "49876"
    assert await left(toolbox) > 512, "pages: by itself PostgreSQL would sort in as soon as there are 4 MB"


async def test_the_job_that_follows_sorts_them_in(toolbox: Toolbox, actor: Actor, postgres: Source) -> None:
    await postgres.run(NOTES)
    await postgres.run(FILL.format(1, 100))
    await run_sync(toolbox, actor)
    [following] = await jobs.list_jobs(toolbox, actor, kind="embed", states=["queued"])
    await jobs.attempt(toolbox, following.id, lambda _: documents.run_embedding)
    assert (await jobs.get(toolbox, actor, following.id)).state == "succeeded"
    assert await left(toolbox) == 0
    assert await found(toolbox, actor, "broken parcel 99") == "99"


async def test_a_large_load_has_words_sorted_in_beside_it(
    toolbox: Toolbox, actor: Actor, postgres: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0
    sort = documents.merge_words

    async def counted(box: Toolbox) -> None:
        nonlocal begun
        begun += 1
        await sort(box)

    monkeypatch.setattr(documents, "merge_words", counted)
    monkeypatch.setattr(merging, "MERGE_BYTES", 1)
    await postgres.run(NOTES)
    await postgres.run(FILL.format(1, 50_000))
    assert (await run_sync(toolbox, actor)).state == "succeeded"
    assert begun, "beside the writers; the end of the load does not wait for it"
    assert await found(toolbox, actor, "broken parcel 49876") == "49876"
