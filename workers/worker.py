"""The RQ worker: forks a work horse for each job, survives a Redis restart, leaves nothing running behind."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Sequence
from uuid import uuid4

import structlog
from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue as RQQueue
from rq import Worker
from rq.job import Job

from tools.embedded.lifeline import die_with_parent
from tools.queue import QUEUES, SERIALIZER

log = structlog.get_logger(__name__)

WORKER_TTL = 30
"""An idle worker reports every 15 s."""
STOP_SECONDS = 10


class ForkingWorker(Worker):
    """RQ's forking worker with the three things it lacks: see each method."""

    max_connection_wait_time = 2.0
    """Redis away: try again every two seconds, not every minute."""

    def main_work_horse(self, job: Job, queue: RQQueue) -> None:
        """Bind the horse's life to the worker's: RQ's own lives on after a kill -9, beside its successor."""
        die_with_parent(signal.SIGKILL, self.pid)
        super().main_work_horse(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        """Ask the horse to hand its job back, where RQ would wait an hour for its end."""
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(self.horse_pid, signal.SIGTERM)
        last_resort = threading.Timer(STOP_SECONDS, os._exit, (1,))
        last_resort.daemon = True
        last_resort.start()

    def maintain_heartbeats(self, job: Job) -> None:
        """Go without a heartbeat in Redis rather than die with it: our own stands in PostgreSQL."""
        try:
            super().maintain_heartbeats(job)
        except RedisError as error:
            log.warning("worker heartbeat not written", reason=str(error))

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: object = None) -> None:
        """As above: nobody reads this figure."""
        self.current_job_working_time = current_job_working_time


def shares(count: int) -> list[tuple[str, ...]]:
    """Which kinds of work each of `count` workers takes, in this order.

    A sync or an embedding may take an hour. With two workers one never embeds, with three one never syncs either: long
    work of one kind leaves a worker for the others.
    """
    everything = tuple(QUEUES)
    own = [tuple(kind for kind in everything if kind != "embed"), tuple(kind for kind in everything if kind != "sync")]
    if count < 3:
        return [own[0], everything][-count:]
    return [*own, *[everything] * (count - 2)]


def work(redis_url: str, kinds: Sequence[str] = tuple(QUEUES)) -> None:
    """Run jobs of `kinds` until SIGTERM; returns or raises when Redis has been away for long, to be started anew."""
    retry = Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 8)
    connection: Redis = Redis.from_url(redis_url, socket_connect_timeout=5, retry=retry)
    worker = ForkingWorker(
        [QUEUES[kind] for kind in kinds],
        name=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}",
        connection=connection,
        serializer=SERIALIZER,
        worker_ttl=WORKER_TTL,
        job_monitoring_interval=5,
    )
    worker.work(logging_level="WARNING")
