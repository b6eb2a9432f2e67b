"""What the ticker starts by itself."""

from datetime import timedelta

from sqlalchemy import text

from tests.conftest import registered
from tools import databases, jobs
from tools.jobs import schedules
from tools.toolbox import Actor, Toolbox
from tools.upkeep import start_part
from workers.ticker import start_due

SEED = "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE stock (id int PRIMARY KEY)"


async def test_a_training_that_is_due_is_started_as_a_person_would(toolbox: Toolbox, actor: Actor) -> None:
    async with registered(toolbox, actor, "sales", lambda there: there.execute(SEED), trained=False) as name:
        database = await databases.get(toolbox, actor, name)
        made = await schedules.create(
            toolbox, actor, "train", name, "nightly", database_id=database.id, arguments={"tables": ["orders"]}
        )
        assert made.next_run is not None
        assert made.id in await start_due(toolbox, made.next_run + timedelta(seconds=1))
        after = await schedules.get(toolbox, actor, made.id)
        assert after.last_job_id is not None
        job = await jobs.get(toolbox, actor, after.last_job_id)
        assert (job.kind, job.target, job.state) == ("train", "sales.orders", "queued")

        again = await start_part(toolbox, actor, job.id, "stock")
        assert again.target == "sales.stock"
        assert "1 schedule" in await databases.consequence_of_forgetting(toolbox, actor, name)


async def test_a_schedule_that_cannot_be_started_does_not_stop_the_others(toolbox: Toolbox, actor: Actor) -> None:
    lost = await schedules.create(toolbox, actor, "train", "gone", "nightly")
    strange = await schedules.create(toolbox, actor, "juggle", "balls", "nightly")
    async with toolbox.store.begin_for_all() as session:
        await session.execute(
            text("UPDATE tabletalk.schedules SET next_run = now() WHERE id IN (:a, :b)"),
            {"a": lost.id, "b": strange.id},
        )
    assert {lost.id, strange.id} <= set(await start_due(toolbox))
    reasons = {job.kind: job.error for job in await jobs.failures(toolbox, actor)}
    assert "no longer registered" in str(reasons["train"])
    assert "juggle" in str(reasons["juggle"])
