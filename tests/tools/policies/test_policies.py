"""Policies as admins keep them and as people meet them: in answers, in what models see, in history and examples."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import registered
from tools import jobs, policies, queries, schemas, sync
from tools.errors import Invalid, NotAllowed, NotFound, QueryRejected
from tools.sync.planning import look
from tools.toolbox import Actor, Toolbox

SHOP = """
    CREATE TABLE regions (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO regions VALUES (1, 'north'), (2, 'south');
    CREATE TABLE staff (id int PRIMARY KEY, region text NOT NULL, nickname text NOT NULL, grade text NOT NULL);
    INSERT INTO staff SELECT i, CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END, 'Nick' || i, 'G' || i % 3
    FROM generate_series(1, 20) i;
    CREATE VIEW everyone AS SELECT * FROM staff;
"""


async def _fill(there: "asyncpg.Connection[asyncpg.Record]") -> None:
    await there.execute(SHOP)


@pytest.fixture
async def firm(toolbox: Toolbox, actor: Actor) -> AsyncIterator[str]:
    async with registered(toolbox, actor, "firm", _fill) as name:
        yield name


@pytest.fixture
def viewer(actor: Actor) -> Actor:
    """A viewer of the same workspace, of the north."""
    return actor.model_copy(update={"role": "viewer", "attributes": {"region": "north"}})


async def north(toolbox: Toolbox, actor: Actor, firm: str, **more: Any) -> policies.Kept:
    return await policies.add_policy(
        toolbox, actor, firm, "staff", predicate="region = {user.region}", role="viewer", **more
    )


async def count(toolbox: Toolbox, actor: Actor, firm: str, sql: str = "SELECT count(*) AS n FROM staff") -> Any:
    return (await queries.run(toolbox, actor, firm, sql)).rows[0][0]


async def test_a_policy_holds_from_the_next_query_until_it_is_lifted(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    assert await count(toolbox, viewer, firm) == 20
    kept = await north(toolbox, actor, firm)
    assert str(kept) == "firm.public.staff for viewers: rows where region = {user.region}"
    assert await count(toolbox, viewer, firm) == 10
    assert await count(toolbox, actor, firm) == 20  # it is for viewers
    part = await queries.run(toolbox, viewer, firm, "SELECT count(*) FROM staff, regions")
    assert part.warnings == ("Of staff, only what you may see.",)
    south = viewer.model_copy(update={"attributes": {"region": "south"}})
    assert await count(toolbox, south, firm, "SELECT min(id) FROM staff") == 1
    with pytest.raises(NotAllowed, match="region"):
        await count(toolbox, viewer.model_copy(update={"attributes": {}}), firm)
    assert await policies.remove_policy(toolbox, actor, kept.id) == kept
    assert await count(toolbox, viewer, firm) == 20


async def test_all_policies_of_a_table_hold(toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str) -> None:
    await north(toolbox, actor, firm)
    await policies.add_policy(toolbox, actor, firm, "staff", predicate="id <= 10")
    assert await count(toolbox, viewer, firm) == 5
    assert await count(toolbox, actor, firm) == 10


async def test_a_view_is_hidden_until_a_policy_names_it(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    assert await count(toolbox, viewer, firm, "SELECT count(*) FROM everyone") == 20
    await north(toolbox, actor, firm)
    with pytest.raises(QueryRejected, match="No table 'everyone'"):
        await count(toolbox, viewer, firm, "SELECT count(*) FROM everyone")
    await policies.add_policy(toolbox, actor, firm, "everyone", predicate="region = {user.region}", role="viewer")
    assert await count(toolbox, viewer, firm, "SELECT count(*) FROM everyone") == 10


async def test_everything_that_is_not_named_can_be_hidden(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    await policies.add_policy(toolbox, actor, firm, "*", hidden=True, role="viewer")
    await policies.add_policy(toolbox, actor, firm, "regions", role="viewer", predicate="name = {user.region}")
    assert [table.shape.name for table in await schemas.catalog(toolbox, viewer, firm)] == ["regions"]
    assert await count(toolbox, viewer, firm, "SELECT count(*) FROM regions") == 1
    with pytest.raises(QueryRejected, match="No table 'staff'"):
        await count(toolbox, viewer, firm)
    with pytest.raises(NotFound):
        await schemas.describe(toolbox, viewer, firm, "staff")
    assert len(await schemas.catalog(toolbox, actor, firm)) == 3


async def test_only_the_tables_of_a_key_are_there(toolbox: Toolbox, actor: Actor, firm: str) -> None:
    narrow = actor.model_copy(update={"tables": ("firm.regions",)})
    assert [table.shape.name for table in await schemas.catalog(toolbox, narrow, firm)] == ["regions"]
    found = await schemas.retrieve(toolbox, narrow, "staff by region")
    assert [one.table.shape.name for one in found.tables] == ["regions"]
    elsewhere = actor.model_copy(update={"tables": ("other.*",)})
    with pytest.raises(NotFound, match="No database named 'firm'; none is registered"):
        await queries.run(toolbox, elsewhere, firm, "SELECT 1")
    assert (await schemas.retrieve(toolbox, elsewhere, "staff by region")).tables == ()


async def test_what_one_person_looked_up_of_all_tables_is_not_carried_to_who_sees_fewer(
    toolbox: Toolbox, actor: Actor, firm: str, viewer: Actor
) -> None:
    await policies.add_policy(toolbox, actor, firm, "*", hidden=True, role="viewer")
    await north(toolbox, actor, firm)
    await schemas.retrieve(toolbox, actor, "staff by region")  # counts the tables and follows their links
    assert [table.shape.name for table in await schemas.catalog(toolbox, viewer, firm)] == ["staff"]
    found = await schemas.retrieve(toolbox, viewer, "staff by region")
    assert [one.table.shape.name for one in found.tables] == ["staff"]


async def test_models_are_shown_nothing_of_rows_that_are_not_seen(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    before = await schemas.describe(toolbox, viewer, firm, "staff")
    assert before.samples and "south" in before.values["region"]
    await north(toolbox, actor, firm)
    told = [
        await schemas.describe(toolbox, viewer, firm, "staff"),
        *(one.table for one in (await schemas.retrieve(toolbox, viewer, "south staff by grade", firm)).tables),
    ]
    for table in told:
        if table.shape.name == "staff":
            assert "south" not in table.model_dump_json()
            assert table.samples == () and table.values == {}
    assert (await schemas.describe(toolbox, actor, firm, "staff")).samples


async def test_what_was_learned_of_a_masked_column_is_forgotten(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    assert "G1" in (await schemas.describe(toolbox, actor, firm, "staff")).values["grade"]
    await policies.add_policy(toolbox, actor, firm, "staff", masked=["GRADE"], role="viewer")
    job = (await jobs.list_jobs(toolbox, actor, kind="train"))[0]
    for person in (actor, viewer):
        assert "G1" not in (await schemas.describe(toolbox, person, firm, "staff")).model_dump_json()
    await jobs.attempt(toolbox, job.id, lambda _: schemas.run_training)
    again = await schemas.describe(toolbox, actor, firm, "staff")
    assert again.trained_at is not None and "grade" not in again.values and "grade" in again.left_out
    assert "G1" not in again.model_dump_json() and "north" in again.values["region"]
    result = await queries.run(toolbox, viewer, firm, "SELECT id, grade FROM staff ORDER BY id LIMIT 1")
    assert result.rows == ((1, None),)
    assert result.warnings == ("Masked for you in staff: grade.",)
    assert (await queries.run(toolbox, viewer, firm, "SELECT id FROM staff WHERE id = 1")).warnings == ()
    assert (await queries.run(toolbox, actor, firm, "SELECT grade FROM staff WHERE id = 1")).rows == (("G1",),)


async def test_a_pseudonym_is_the_same_each_time_and_another_for_another_team(
    toolbox: Toolbox, actor: Actor, viewer: Actor, stranger: Actor, firm: str
) -> None:
    kept = await policies.add_policy(
        toolbox, actor, firm, "staff", masked={"nickname": "hash", "grade": "last4"}, role="viewer"
    )
    assert str(kept) == "firm.public.staff for viewers: masked grade (last4), nickname (hash)"
    sql = "SELECT nickname FROM staff WHERE id IN (1, 2) ORDER BY id"
    first, again = [await queries.run(toolbox, viewer, firm, sql) for _ in range(2)]
    assert first.rows == again.rows and len(set(first.rows)) == 2
    assert first.warnings == ("Masked for you in staff: nickname (pseudonym).",)
    key = toolbox.secrets.mask_key(actor.workspace_id)
    assert key != toolbox.secrets.mask_key(stranger.workspace_id)
    kept_query = await queries.get_query(toolbox, viewer, first.id)
    assert key not in kept_query.model_dump_json() and "Nick1" not in kept_query.model_dump_json()


async def test_history_shows_what_was_read_under_the_same_policies(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    whole = await queries.run(toolbox, actor, firm, "SELECT nickname FROM staff")
    await north(toolbox, actor, firm)
    mine = await queries.run(toolbox, viewer, firm, "SELECT nickname FROM staff")
    south = viewer.model_copy(update={"attributes": {"region": "south"}})
    assert (await queries.get_query(toolbox, viewer, mine.id)).rows == 10
    for person, hidden in ((viewer, whole.id), (south, whole.id), (south, mine.id)):
        with pytest.raises(NotFound):
            await queries.get_query(toolbox, person, hidden)
        with pytest.raises(NotFound):
            await queries.rerun(toolbox, person, hidden)
    assert [one.id for one in await queries.list_queries(toolbox, viewer)] == [mine.id]
    assert await queries.list_queries(toolbox, south) == ()
    assert len(await queries.list_queries(toolbox, actor)) == 2


async def test_examples_of_what_is_not_seen_are_not_told(
    toolbox: Toolbox, actor: Actor, viewer: Actor, firm: str
) -> None:
    for question, sql in (
        ("how many of grade one", "SELECT count(*) FROM staff WHERE grade = 'G1'"),
        ("how many staff", "SELECT count(*) FROM staff"),
    ):
        await queries.save_example(toolbox, actor, database=firm, question=question, sql=sql)
    assert len(await queries.list_examples(toolbox, viewer, firm)) == 2
    await policies.add_policy(toolbox, actor, firm, "staff", masked=["grade"], role="viewer")
    assert [one.question for one in await queries.list_examples(toolbox, viewer, firm)] == ["how many staff"]
    assert await queries.find_examples(toolbox, viewer, firm, "how many of grade one") == ()
    assert len(await queries.find_examples(toolbox, actor, firm, "how many of grade one")) == 1


async def test_no_sync_counts_rows_that_are_not_seen(toolbox: Toolbox, actor: Actor, firm: str) -> None:
    editor = actor.model_copy(update={"role": "editor", "attributes": {"region": "north"}})
    of_the_south = sync.SyncOptions(where="region = 'south' AND grade = 'G1'")
    before = (await sync.preview(toolbox, editor, firm, "staff", of_the_south)).tables[0]
    assert before.error is None
    await policies.add_policy(toolbox, actor, firm, "staff", predicate="region = {user.region}", role="editor")
    told = (await sync.preview(toolbox, editor, firm, "staff", of_the_south)).tables[0]
    assert told.rows is None and "You see only a part of public.staff" in str(told.error)
    whole = (await sync.preview(toolbox, editor, firm, "staff")).tables[0]
    assert (whole.rows, whole.error) == (None, None)
    with pytest.raises(NotAllowed, match="only a part"):
        await sync.start_sync(toolbox, editor, firm, "staff", of_the_south)
    assert (await sync.preview(toolbox, actor, firm, "staff", of_the_south)).tables[0].error is None


async def test_a_table_that_is_not_seen_is_not_taken_for_gone_by_a_sync(
    toolbox: Toolbox, actor: Actor, firm: str
) -> None:
    job = await sync.start_sync(toolbox, actor, firm, "staff")
    await jobs.attempt(toolbox, job.id, lambda _: sync.run_sync)
    editor = actor.model_copy(update={"role": "editor"})
    await policies.add_policy(toolbox, actor, firm, "staff", hidden=True, role="editor")
    source = await look(toolbox, editor, firm)
    assert "public.staff" in source.states
    assert "public.staff" not in [table.shape.qualified_name for table in source.asked("*")]
    assert source.missing("*") == []


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"table": "nothing"}, NotFound, "nothing"),
        ({"predicate": "regio = 'x'"}, QueryRejected, "regio"),
        ({"predicate": "wipe()"}, QueryRejected, "wipe"),
        ({"predicate": "true) OR (true"}, QueryRejected, "cannot be a policy"),
        ({"predicate": "region = {user.}"}, QueryRejected, "cannot be a policy"),
        ({"masked": ["salary"]}, NotFound, "salary"),
        ({"table": "*", "masked": ["id"]}, Invalid, "table by table"),
        ({"masked": {"grade": "blur"}}, Invalid, "No mask 'blur'; one of: empty"),
        ({"masked": {"grade": "year"}}, Invalid, "'grade' of staff is no date"),
        ({"table": "*"}, Invalid, "every table"),
        ({"table": "*", "predicate": "tenant = 1"}, QueryRejected, "fits no table"),
        ({"role": "owner"}, Invalid, "owner"),
    ],
)
async def test_a_wrong_policy_is_not_kept(
    toolbox: Toolbox, actor: Actor, firm: str, wrong: dict[str, Any], error: type[Exception], words: str
) -> None:
    given = {"table": "staff", **wrong}
    with pytest.raises(error, match=words):
        await policies.add_policy(toolbox, actor, firm, **given)
    assert await policies.list_policies(toolbox, actor, firm) == ()


async def test_only_admins_of_the_workspace_keep_policies(
    toolbox: Toolbox, actor: Actor, stranger: Actor, firm: str
) -> None:
    kept = await north(toolbox, actor, firm)
    editor = actor.model_copy(update={"role": "editor"})
    for deed in (
        policies.add_policy(toolbox, editor, firm, "staff", hidden=True),
        policies.list_policies(toolbox, editor),
        policies.remove_policy(toolbox, editor, kept.id),
    ):
        with pytest.raises(NotAllowed, match="An editor may not"):
            await deed
    with pytest.raises(NotFound):
        await policies.remove_policy(toolbox, stranger, kept.id)
    with pytest.raises(NotFound):
        await policies.remove_policy(toolbox, actor, uuid4())
    assert await policies.list_policies(toolbox, stranger) == ()
