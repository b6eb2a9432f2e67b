"""Which function does the work of each kind of job."""

from importlib import import_module
from typing import cast

from tools.errors import Invalid
from tools.jobs import Runner

RUNNERS = {
    "sync": "tools.sync.run_sync",
    "train": "tools.schemas.training.run_training",
    "index": "tools.documents.indexing.run_indexing",
    "embed": "tools.documents.embedding.run_embedding",
    "query": "tools.queries.background.run_in_background",
}
"""Kind of job -> dotted name of its runner: imported when first needed, so that a worker starts without them."""


def runner_of(kind: str) -> Runner:
    """The runner of `kind`; Invalid when this version of the workers knows none."""
    if kind not in RUNNERS:
        raise Invalid(
            f"This worker cannot run jobs of kind {kind!r}; it knows: {', '.join(RUNNERS)}. Update the worker."
        )
    module, _, name = RUNNERS[kind].rpartition(".")
    return cast(Runner, getattr(import_module(module), name))
