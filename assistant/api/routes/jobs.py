"""Background work: follow it, cancel it, try it again."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request

from assistant.api import streams
from assistant.api.once import KeepingRoute, Once
from assistant.api.pages import Page, Paged
from assistant.api.person import Box, Person
from tools import jobs
from tools.connectors.base import Frozen
from tools.jobs import Job, JobEvent, JobStats, State
from tools.jobs.periods import since as since_when
from tools.toolbox import Actor, Toolbox

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=KeepingRoute)

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


STREAM_SECONDS = 600
"""So long a stream without end goes on: who reads on comes again, and says anew who they are."""


class Retried(Frozen):
    """What was queued again."""

    jobs: tuple[Job, ...]
    refused: tuple[str, ...]
    """Why others were not."""


@router.get("")
async def list_jobs(
    box: Box,
    person: Person,
    paging: Paged,
    state: Annotated[list[State] | None, Query(description="Only these states.")] = None,
    kind: Annotated[str | None, Query(max_length=50, examples=["train"])] = None,
    since: Annotated[str | None, Query(max_length=50, examples=["this week", "2026-11-01"])] = None,
) -> Page[Job]:
    """List jobs, newest first; `state=failed` gives those that failed."""
    begun = since_when(since) if since else None
    found = await jobs.list_jobs(
        box, person, states=state, kind=kind, since=begun, limit=paging.limit + 1, before=paging.number()
    )
    return paging.cut(found, str(found[paging.limit - 1].id) if len(found) > paging.limit else None)


@router.get("/stats")
async def job_stats(box: Box, person: Person) -> JobStats:
    """Count what waits, runs and failed, and tell which workers are alive."""
    return await jobs.queue_stats(box, person)


@router.get("/failed")
async def failed_jobs(box: Box, person: Person, paging: Paged) -> Page[Job]:
    """List failed and partly done work that no later job has made good, newest first."""
    return paging.whole(await jobs.failures(box, person))


@router.post("/failed/retry", status_code=202, dependencies=[Once])
async def retry_all(box: Box, person: Person) -> Retried:
    """Queue again whatever failed and has not been done since."""
    retried, refused = await jobs.retry_all(box, person)
    return Retried(jobs=retried, refused=refused)


@router.get("/events", response_model=Page[JobEvent], responses=streams.DESCRIBED)
async def happened(
    box: Box,
    person: Person,
    request: Request,
    paging: Paged,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=2**63 - 1, description="Of a stream that broke off; 0 for all that is kept.")
    ] = None,
) -> Any:
    """List what happened to all jobs, oldest first; asked for `text/event-stream`, go on telling for ten minutes.

    Who reads on comes again with the id of the last event, as an EventSource does by itself.
    """
    if streams.wanted(request):
        return streams.stream(_all_told(box, person, last_event_id))
    found = await jobs.happened(box, person, paging.number() or 0, paging.limit + 1)
    return paging.cut(found, str(found[paging.limit - 1].id) if len(found) > paging.limit else None)


async def _all_told(box: Toolbox, person: Actor, after: int | None) -> AsyncGenerator[str, None]:
    async with aclosing(jobs.follow_all(box, person, after, seconds=STREAM_SECONDS)) as happened:
        async for event in happened:
            yield streams.event(event.type, event, event.id)


@router.get("/{job}")
async def get_job(box: Box, person: Person, job: Number) -> Job:
    """Show a job as it stands now."""
    return await jobs.get(box, person, job)


@router.get("/{job}/events", response_model=Page[JobEvent], responses=streams.DESCRIBED)
async def job_events(
    box: Box,
    person: Person,
    request: Request,
    paging: Paged,
    job: Number,
    last_event_id: Annotated[int, Header(ge=0, le=2**63 - 1, description="Of a stream that broke off.")] = 0,
) -> Any:
    """List what happened to a job; asked for `text/event-stream`, go on telling until it is over."""
    if streams.wanted(request):
        await jobs.get(box, person, job)
        return streams.stream(_told(box, person, job, last_event_id))
    return paging.whole(await jobs.events(box, person, job))


async def _told(box: Toolbox, person: Actor, job: int, after: int) -> AsyncGenerator[str, None]:
    async with aclosing(jobs.follow_events(box, person, job, after)) as happened:
        async for event in happened:
            yield streams.event(event.type, event, event.id)
    yield streams.event("job", await jobs.get(box, person, job))


@router.post("/{job}/cancel")
async def cancel(box: Box, person: Person, job: Number) -> Job:
    """Cancel a job: a queued one at once, a running one as soon as its worker hears of it."""
    return await jobs.cancel(box, person, job)


@router.post("/{job}/retry", status_code=202, dependencies=[Once])
async def retry(box: Box, person: Person, job: Number) -> Job:
    """Queue a job that is over once more."""
    return await jobs.retry(box, person, job)
