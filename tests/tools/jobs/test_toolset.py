"""What the model may call about jobs: each tells in words and shows a card."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic_ai import RunContext

from tools import jobs
from tools.desk import Desk
from tools.jobs import State, toolset
from tools.toolbox import Actor, Toolbox


def at(toolbox: Toolbox, actor: Actor) -> RunContext[Desk]:
    """The desk a tool is called at."""
    return cast("RunContext[Desk]", SimpleNamespace(deps=Desk(box=toolbox, actor=actor)))


def cards(returned: Any) -> list[dict[str, Any]]:
    return list(returned.metadata["cards"])


async def test_a_job_is_told_listed_cancelled_and_retried(toolbox: Toolbox, actor: Actor) -> None:
    desk = at(toolbox, actor)
    job = await jobs.start(toolbox, actor, "train", "shop")

    told = await toolset.job_status(desk, job.id)
    assert told.return_value == f"Job {job.id}, Training shop: queued."
    assert cards(told) == [{"type": "job", "job_id": job.id}]

    board = await toolset.list_jobs(desk, states=["queued"], since="this week")
    assert cards(board) == [{"type": "board", "job_ids": [job.id]}]
    assert "No sync ran." in str((await toolset.list_jobs(desk, kind="sync")).return_value)

    assert "is cancelled" in str((await toolset.cancel_job(desk, job.id)).return_value)
    assert "queued again" in str((await toolset.retry_job(desk, job.id)).return_value)
    assert "1 jobs wait" in str((await toolset.queue_stats(desk)).return_value)


@pytest.mark.parametrize(
    ("states", "kind", "since", "said"),
    [
        (["failed", "partial"], None, "this week", "Nothing failed this week."),
        (["failed"], "sync", "last 3 days", "No sync failed in the last 3 days."),
        (["queued", "running", "cancelling"], None, None, "Nothing runs or waits."),
        (None, "train", "2026-11-01", "No training ran since 2026-11-01."),
    ],
)
async def test_an_empty_list_says_what_it_is_empty_of(
    toolbox: Toolbox, actor: Actor, states: list[State] | None, kind: str | None, since: str | None, said: str
) -> None:
    assert (await toolset.list_jobs(at(toolbox, actor), states=states, kind=kind, since=since)).return_value == said
