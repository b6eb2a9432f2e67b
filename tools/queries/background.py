"""Queries that take long: asked once more by a worker, which waits longer than a person would."""

from dataclasses import replace
from uuid import UUID

from tools import databases, jobs
from tools.errors import Conflict, NotAllowed, QueryFailed, QueryTimedOut
from tools.jobs import Claim, Job, Outcome
from tools.jobs.words import duration
from tools.queries import history
from tools.queries.run import rerun
from tools.toolbox import Actor, Toolbox

LONGEST_TITLE = 80
"""Letters of the question that the job is called by."""


async def start_in_background(box: Toolbox, actor: Actor, query_id: UUID) -> Job:
    """Start a job that asks a query again which took too long; its result is a new entry in the history.

    Conflict when the query did not take too long; NotAllowed in somebody's page.
    """
    if actor.door == "widget":
        raise NotAllowed("Nothing runs in the background here.")
    entry = await history.get_query(box, actor, query_id)
    if not entry.slow:
        raise Conflict("Only a query that was stopped because it took too long is run in the background.")
    asked = " ".join((entry.question or entry.sql_asked).split())
    asked = asked if len(asked) <= LONGEST_TITLE else f"{asked[:LONGEST_TITLE].rsplit(' ', 1)[0]} ..."
    return await jobs.start(
        box,
        actor,
        "query",
        f"{entry.database}: {asked}",
        database_id=(await databases.target(box, actor, entry.database)).id,
        arguments={"query_id": str(query_id)},
    )


async def run_in_background(box: Toolbox, claim: Claim) -> Outcome:
    """Ask the job's query with the time limit of background work; the outcome names the new entry."""
    seconds = box.settings.background_query_seconds
    patient = replace(box, settings=box.settings.model_copy(update={"query_seconds": seconds}))
    await claim.progress(1, f"asking the database, for {duration(seconds)} at most")
    try:
        result = await rerun(patient, claim.actor, UUID(claim.job.arguments["query_id"]))
    except QueryTimedOut as error:
        raise QueryFailed(str(error)) from error  # asked again it would take as long
    counts = {"query_id": str(result.id), "rows": len(result.rows)}
    return Outcome(state="succeeded", counts=counts, message="The result stands in its conversation and the history.")
