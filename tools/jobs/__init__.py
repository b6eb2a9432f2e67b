"""Background work as records: start and follow a job here, work on it in a worker.

The path of a job: `records.start` writes the row and queues its id -> a worker's `attempt` takes a `claim`, runs the
runner of its kind and writes the outcome -> each change is announced, and `follow` shows it. `sweep` sets right what
a dead worker or a lost message left behind, `prune` what grows. Work that starts by itself is a row of `schedules`;
`due` starts it.
"""

from tools.jobs import periods, schedules, times, told, words
from tools.jobs.attempt import Runner, attempt
from tools.jobs.census import census
from tools.jobs.claim import Claim
from tools.jobs.due import Start, claim_due, reset_clocks, start_now
from tools.jobs.follow import JobStats, follow, follow_all, follow_events, happened, queue_stats
from tools.jobs.job import ClaimLost, Job, JobCancelled, JobEvent, Outcome, State, check_state
from tools.jobs.prune import prune
from tools.jobs.records import (
    OVER,
    cancel,
    events,
    failures,
    get,
    job_channel,
    list_jobs,
    retry,
    retry_all,
    start,
    workspace_channel,
)
from tools.jobs.schedules import Schedule
from tools.jobs.sweep import Swept, silence, sweep
from tools.jobs.told import ended_before, mark_told, untold

__all__ = [
    "OVER",
    "Claim",
    "ClaimLost",
    "Job",
    "JobCancelled",
    "JobEvent",
    "JobStats",
    "Outcome",
    "Runner",
    "Schedule",
    "Start",
    "State",
    "Swept",
    "attempt",
    "cancel",
    "census",
    "check_state",
    "claim_due",
    "ended_before",
    "events",
    "failures",
    "follow",
    "follow_all",
    "follow_events",
    "get",
    "happened",
    "job_channel",
    "list_jobs",
    "mark_told",
    "periods",
    "prune",
    "queue_stats",
    "reset_clocks",
    "retry",
    "retry_all",
    "schedules",
    "silence",
    "start",
    "start_now",
    "sweep",
    "times",
    "told",
    "untold",
    "words",
    "workspace_channel",
]
