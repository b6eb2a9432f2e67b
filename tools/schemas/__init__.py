"""What is known of the tables of registered databases: fetched, trained, described, and found again for a question.

The path: `refresh` fetches shapes and tells what changed -> `start_training` and its job `run_training` read values and
make words and vectors -> `catalog` gives what is known, `retrieve` the part of it that a question is about.
"""

from tools.schemas.catalog import TrainedTable
from tools.schemas.drift import Drift, TableChange, refresh
from tools.schemas.freshness import TableStatus, TrainingStatus, Untrained, consequence_of_untraining, status, untrain
from tools.schemas.notes import add_note, list_notes, remove_note
from tools.schemas.relationships import Relationship, relationships
from tools.schemas.retrieval import DatabaseFit, FoundTable, Retrieved, retrieve
from tools.schemas.tables import Note, catalog, describe, set_description
from tools.schemas.training import run_training, schedule_training, start_training
from tools.schemas.vectors import Reembedded, reembed

__all__ = [
    "DatabaseFit",
    "Drift",
    "FoundTable",
    "Note",
    "Reembedded",
    "Relationship",
    "Retrieved",
    "TableChange",
    "TableStatus",
    "TrainedTable",
    "TrainingStatus",
    "Untrained",
    "add_note",
    "catalog",
    "consequence_of_untraining",
    "describe",
    "list_notes",
    "reembed",
    "refresh",
    "relationships",
    "remove_note",
    "retrieve",
    "run_training",
    "schedule_training",
    "set_description",
    "start_training",
    "status",
    "untrain",
]
