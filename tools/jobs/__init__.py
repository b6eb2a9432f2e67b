"""Background work as records: start and follow a job here, work on it in a worker.

The path of a job: `records.start` writes the row and queues its id -> a worker's `attempt` takes a `claim`, runs the
runner of its kind and writes the outcome -> each change is announced, and `follow` shows it. `sweep` sets right what
a dead worker or a lost message left behind.
"""

from tools.jobs.attempt import Runner, attempt
from tools.jobs.claim import Claim
from tools.jobs.follow import JobStats, follow, queue_stats
from tools.jobs.job import ClaimLost, Job, JobCancelled, JobEvent, Outcome, State
from tools.jobs.records import cancel, events, get, job_channel, list_jobs, retry, start, workspace_channel
from tools.jobs.sweep import Swept, silence, sweep

__all__ = [
    "Claim",
    "ClaimLost",
    "Job",
    "JobCancelled",
    "JobEvent",
    "JobStats",
    "Outcome",
    "Runner",
    "State",
    "Swept",
    "attempt",
    "cancel",
    "events",
    "follow",
    "get",
    "job_channel",
    "list_jobs",
    "queue_stats",
    "retry",
    "silence",
    "start",
    "sweep",
    "workspace_channel",
]
