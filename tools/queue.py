"""The client of the queue: hands job ids to RQ by dotted name, and carries "look again" messages over Redis."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import BaseModel, ConfigDict
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue as RQQueue
from rq.worker import BaseWorker, Worker

from tools import telemetry
from tools.errors import StoreUnavailable

EXECUTE = "workers.jobs.execute"
"""What a worker runs for every job, by name: nothing here imports the workers."""

QUEUES = {"train": "tabletalk-train", "sync": "tabletalk-sync", "embed": "tabletalk-embed"}
"""Kind of job -> RQ queue, in the order a worker empties them; a kind not named here goes with training."""

TRACE = "trace"
"""Where in a message the trace stands that it was sent in."""

ALIVE_SECONDS = 45
"""A worker silent for longer is not counted as alive; an idle one reports every 15 s."""

SERIALIZER = "json"
"""Never pickle: whoever can write to Redis could otherwise run code in a worker."""


class WorkerSeen(BaseModel):
    """A worker process that reported to Redis lately."""

    model_config = ConfigDict(frozen=True)

    name: str
    host: str
    pid: int
    state: str
    """`idle` or `busy`."""
    job_id: int | None
    heartbeat_at: datetime | None


class QueueStats(BaseModel):
    """What Redis knows: how many ids wait, run and failed before they reached their job, and who works."""

    model_config = ConfigDict(frozen=True)

    queued: int
    running: int
    failed: int
    by_queue: dict[str, int]
    """Kind -> ids waiting."""
    workers: tuple[WorkerSeen, ...]


class Queue:
    """An RQ client over Redis or Valkey (`redis://`, `rediss://` or `unix://`); nothing is connected yet.

    Every method raises StoreUnavailable when Redis does not answer.
    """

    def __init__(self, redis_url: str, job_seconds: int = 3600) -> None:
        """Take the URL, and the time after which RQ itself kills a job that outlived its own limit."""
        self.url = redis_url
        self._job_seconds = job_seconds
        self._redis: Redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3),
        )
        # One quick retry only: a message that is lost costs a reader one poll, a wait here costs the job its time.
        self._messages: AsyncRedis = AsyncRedis.from_url(
            redis_url,
            decode_responses=True,
            socket_connect_timeout=2,
            retry=AsyncRetry(ExponentialBackoff(cap=0.1, base=0.02), 1),
        )

    async def enqueue(self, job_id: int, kind: str) -> None:
        """Hand a job's id to the workers; handing it twice does no harm, only one of them gets the claim."""
        await asyncio.to_thread(self._enqueue, job_id, kind)

    async def waiting(self) -> frozenset[int]:
        """Ids of jobs that lie in a queue and no worker has taken yet."""
        return await asyncio.to_thread(self._waiting)

    async def publish(self, channel: str, message: str) -> None:
        """Tell whoever listens on `channel` to look again."""
        with _answering():
            await self._messages.publish(channel, message)

    async def subscribe(self, channel: str) -> AsyncGenerator[str, None]:
        """Yield each message on `channel`, without end; close the generator when done.

        Yields "" each time the subscription has (again) begun: messages before it may have been missed, so look.
        Waits out a Redis that is away.
        """
        while True:
            with contextlib.suppress(RedisError, OSError):  # away: the loop comes back to it
                async with self._messages.pubsub() as pubsub:
                    await pubsub.subscribe(channel)
                    yield ""
                    async for message in pubsub.listen():
                        if message["type"] == "message":
                            yield str(message["data"])
            await asyncio.sleep(0.5)

    async def ping(self) -> None:
        """One round trip."""
        with _answering():
            await self._messages.ping()

    async def stats(self) -> QueueStats:
        """Count what waits, runs and failed in RQ, and see which workers are alive."""
        return await asyncio.to_thread(self._stats)

    async def close(self) -> None:
        """Close every connection."""
        await self._messages.aclose()
        self._redis.close()

    def _queue(self, name: str) -> RQQueue:
        return RQQueue(name, connection=self._redis, serializer=SERIALIZER)

    def _enqueue(self, job_id: int, kind: str) -> None:
        with _answering():
            self._queue(QUEUES.get(kind, QUEUES["train"])).enqueue_call(
                EXECUTE,
                args=(job_id,),
                timeout=self._job_seconds + 60,
                result_ttl=0,
                failure_ttl=86_400,
                description=f"{kind} job {job_id}",
                meta={TRACE: telemetry.carrier()},
                job_id=f"{job_id}-{uuid4().hex[:8]}",
            )

    def _waiting(self) -> frozenset[int]:
        with _answering():
            return frozenset(_own_id(entry) for name in QUEUES.values() for entry in self._queue(name).get_job_ids())

    def _stats(self) -> QueueStats:
        with _answering():
            queues = {kind: self._queue(name) for kind, name in QUEUES.items()}
            by_queue = {kind: queue.count for kind, queue in queues.items()}
            now = datetime.now(UTC)
            seen = (_seen(worker) for worker in Worker.all(connection=self._redis, serializer=SERIALIZER))
            return QueueStats(
                queued=sum(by_queue.values()),
                running=sum(queue.started_job_registry.get_job_count(cleanup=False) for queue in queues.values()),
                failed=sum(queue.failed_job_registry.get_job_count(cleanup=False) for queue in queues.values()),
                by_queue=by_queue,
                workers=tuple(
                    worker
                    for worker in seen
                    if worker.heartbeat_at is not None and (now - worker.heartbeat_at).total_seconds() < ALIVE_SECONDS
                ),
            )


def _seen(worker: BaseWorker) -> WorkerSeen:
    current = worker.get_current_job_id()
    return WorkerSeen(
        name=worker.name,
        host=worker.hostname or "",
        pid=worker.pid or 0,
        state=str(getattr(worker.get_state(), "value", worker.get_state())),
        job_id=_own_id(current) if current else None,
        heartbeat_at=worker.last_heartbeat,
    )


def _own_id(rq_id: str) -> int:
    return int(rq_id.partition("-")[0])


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(
            f"The job queue (Redis) does not answer ({type(error).__name__}). Jobs are kept and start once it is back."
        ) from error
