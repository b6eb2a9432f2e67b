"""Sync: rows of registered databases as documents that can be searched; the only path by which they come.

The path: `start_sync` records a job -> `run_sync` looks at the database, `planning` decides for each table what is read
and how its rows become documents (`plan`) -> `selection` and a compiler per dialect make the SQL -> `read` brings lines
in chunks -> `load` writes what is new or changed, and notes it for the index job -> `reconcile` finds the keys that may
differ, by sums (`tally`), and `deletes` marks what is gone and brings what came unseen -> `outcome` says how it ended.
"""

from tools.sync.load import Counts
from tools.sync.options import SyncOptions
from tools.sync.plan import Field, PlanChanges, SyncPlan
from tools.sync.plans import edit_plan, plan_of, reset_plan
from tools.sync.preview import SyncPreview, TablePreview, preview
from tools.sync.rejects import Reject, rejects
from tools.sync.run import run_sync
from tools.sync.schedule import plan_lines, schedule_sync
from tools.sync.start import start_sync
from tools.sync.state import SyncState, states, summaries, summary

__all__ = [
    "Counts",
    "Field",
    "PlanChanges",
    "Reject",
    "SyncOptions",
    "SyncPlan",
    "SyncPreview",
    "SyncState",
    "TablePreview",
    "edit_plan",
    "plan_lines",
    "plan_of",
    "preview",
    "rejects",
    "reset_plan",
    "run_sync",
    "schedule_sync",
    "start_sync",
    "states",
    "summaries",
    "summary",
]
