"""Which work each worker of a crew takes."""

import pytest

from tools.queue import QUEUES
from workers.worker import shares


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_kind_is_taken_by_somebody(count: int) -> None:
    taken = shares(count)
    assert len(taken) == count
    assert {kind for kinds in taken for kind in kinds} == set(QUEUES)


@pytest.mark.parametrize("kind", ["sync", "embed"])
def test_long_work_of_one_kind_leaves_a_worker_for_training(kind: str) -> None:
    assert any("train" in kinds and kind not in kinds for kinds in shares(3))
    assert any("embed" not in kinds and {"train", "sync"} <= set(kinds) for kinds in shares(2))
