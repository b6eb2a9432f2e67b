"""What whoever runs the machine asks of the web process: does it live, is it ready, how is it doing."""

from collections.abc import Awaitable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from assistant.loopback import is_loopback
from tools import jobs, metrics
from tools.errors import AssistantError, NotAllowed, NotFound, StoreUnavailable
from tools.store.version import is_current
from tools.toolbox import Toolbox

router = APIRouter()


@router.get("/healthz")
async def healthz(request: Request) -> JSONResponse:
    """Answer 200 when store and queue answer, 503 with the reason otherwise."""
    box: Toolbox = request.app.state.box
    return _told({"store": await _state(box.store.ping()), "queue": await _state(box.queue.ping())})


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Answer 200 when requests can be served: all that `/healthz` asks, and tables that are up to date."""
    box: Toolbox = request.app.state.box
    states = {"store": await _state(box.store.ping()), "queue": await _state(box.queue.ping())}
    assert box.settings.database_url is not None
    if states["store"] == "ok":
        current = await is_current(box.settings.database_url.get_secret_value())
        states["migrations"] = "ok" if current else "The store is not up to date: run `tabletalk migrate`."
    return _told(states)


@router.get("/metrics")
async def metrics_page(request: Request) -> Response:
    """Give the figures Prometheus collects; to this machine alone, unless TABLETALK_METRICS opens them."""
    box: Toolbox = request.app.state.box
    if box.settings.metrics == "off":
        raise NotFound("Metrics are off (TABLETALK_METRICS).")
    if box.settings.metrics == "loopback" and not _from_here(request):
        raise NotAllowed("Metrics are for this machine alone; TABLETALK_METRICS=open opens them to everybody.")
    await _count_jobs(box)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _from_here(request: Request) -> bool:
    # A proxy on this machine is not who asks.
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    return request.client is not None and is_loopback(request.client.host) and not forwarded


async def _count_jobs(box: Toolbox) -> None:
    """Ask store and queue for what they know of jobs; what does not answer is missing in the figures, and told."""
    for gauge in (metrics.jobs, metrics.waiting, metrics.workers):
        gauge.clear()
    try:
        for (kind, state), count in (await jobs.census(box)).items():
            metrics.jobs.labels(kind, state).set(count)
        metrics.up.labels("store").set(1)
    except StoreUnavailable:
        metrics.up.labels("store").set(0)
    try:
        stats = await box.queue.stats()
    except StoreUnavailable:
        metrics.up.labels("queue").set(0)
        return
    metrics.up.labels("queue").set(1)
    for kind, count in stats.by_queue.items():
        metrics.waiting.labels(kind).set(count)
    for state in ("idle", "busy"):
        metrics.workers.labels(state).set(sum(worker.state == state for worker in stats.workers))


async def _state(ping: Awaitable[None]) -> str:
    try:
        await ping
    except AssistantError as error:
        return str(error)
    return "ok"


def _told(states: dict[str, str]) -> JSONResponse:
    return JSONResponse(states, status_code=200 if set(states.values()) == {"ok"} else 503)
