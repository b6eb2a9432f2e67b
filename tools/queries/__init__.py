"""Queries: the one way SQL reaches a registered database, what became of each, and what was learned from them.

The path: `guard.check` judges -> `run` reads and keeps the history -> `confidence` weighs how sure it is ->
`chart` and `export` lay it out; `examples` are the pairs that people verified.
"""

from tools.queries.answer import Answer, Verified
from tools.queries.background import start_in_background
from tools.queries.confidence import tell
from tools.queries.examples import (
    Example,
    FoundExample,
    broken_examples,
    find_examples,
    list_examples,
    remove_example,
    save_example,
)
from tools.queries.guard import CheckedSQL, check
from tools.queries.history import Query, get_query, list_queries, rate, set_answer
from tools.queries.run import QueryResult, rerun, run

__all__ = [
    "Answer",
    "CheckedSQL",
    "Example",
    "FoundExample",
    "Query",
    "QueryResult",
    "Verified",
    "broken_examples",
    "check",
    "find_examples",
    "get_query",
    "list_examples",
    "list_queries",
    "rate",
    "remove_example",
    "rerun",
    "run",
    "save_example",
    "set_answer",
    "start_in_background",
    "tell",
]
