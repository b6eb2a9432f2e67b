"""What a job's card says beside its bar."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from assistant.chat.draw_job import props
from tools.jobs import Job
from tools.jobs.words import duration


def job(**values: Any) -> Job:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": 7,
        "workspace_id": uuid4(),
        "kind": "train",
        "target": "shop",
        "database_id": None,
        "arguments": {},
        "state": "running",
        "progress": 50.0,
        "stage": "analysed orders",
        "counts": {},
        "error": None,
        "attempts": 1,
        "max_attempts": 3,
        "created_at": now,
        "created_by": None,
        "created_by_name": None,
        "not_before": None,
        "heartbeat_at": now,
        "started_at": now - timedelta(seconds=10),
        "finished_at": None,
        "conversation_id": None,
    }
    return Job(**fields | values)


def test_a_running_job_says_how_far_it_is_and_may_be_cancelled() -> None:
    drawn = props(job(counts={"done": 27, "total": 42}))
    assert drawn["title"] == "Training shop"
    assert drawn["percent"] == 50
    assert drawn["amount"].startswith("27 of 42 tables · 10 s left")
    assert drawn["stage"] == "analysed orders"
    assert (drawn["can_cancel"], drawn["can_retry"]) == (True, False)


def test_a_failed_job_says_why_once_and_may_be_tried_again() -> None:
    reason = "permission denied for table stock"
    drawn = props(job(state="failed", stage=reason, error=reason, finished_at=datetime.now(UTC)))
    assert drawn["reason"] == reason
    assert drawn["stage"] == ""
    assert drawn["state_words"] == "failed in 10 s"
    assert (drawn["can_cancel"], drawn["can_retry"]) == (False, True)


def test_a_job_that_took_several_attempts_says_which_one_took_so_long() -> None:
    assert props(job(state="succeeded", attempts=2, finished_at=datetime.now(UTC)))["state_words"] == (
        "done in 10 s at attempt 2"
    )


def test_a_job_being_cancelled_offers_neither() -> None:
    drawn = props(job(state="cancelling"))
    assert (drawn["can_cancel"], drawn["can_retry"], drawn["live"]) == (False, False, True)


def test_a_job_that_waits_for_its_next_attempt_says_when() -> None:
    waiting = job(state="queued", attempts=1, not_before=datetime.now(UTC) + timedelta(seconds=30.4))
    assert props(waiting)["state_words"] == "attempt 2 of 3 in 30 s"


def test_counts_leave_out_zeros_and_words() -> None:
    counts = {"trained": 1200, "left_out": 2, "failed": 0, "drift": "none", "partial": True}
    assert (
        props(job(state="succeeded", counts=counts, finished_at=datetime.now(UTC)))["counts"]
        == "trained 1,200 · left out 2"
    )


def test_a_sync_says_its_rows_its_pace_and_all_five_counts() -> None:
    counts = {"read": 190_112, "rows_expected": 311_000, "rows_per_second": 48_300.4, "new": 188_002, "changed": 2_110}
    drawn = props(job(kind="sync", progress=61.0, attempts=2, counts=counts))
    # By the pace of this attempt, which began 10 s ago with what another had read
    assert drawn["amount"] == "190,112 of 311,000 rows · 48,300 rows/s · 3 s left"
    assert drawn["counts"] == "new 188,002 · changed 2,110 · unchanged 0 · deleted 0 · rejected 0"
    stopped = props(
        job(kind="sync", state="cancelled", stage="public.orders: 400 of about 900 rows", counts={"read": 400})
    )
    assert stopped["stage"] == "400 rows already committed are kept."
    outgrown = props(job(kind="sync", counts={"read": 400, "rows_expected": 400}))
    assert outgrown["amount"] == "400 rows"


def test_tables_are_told_one_by_one_and_a_failed_one_may_be_tried_again() -> None:
    told = {
        "public.orders": {
            "told": "incremental by updated_at",
            "mode": "incremental",
            "read": 12,
            "new": 2,
            "changed": 0,
        },
        "public.stock": {"error": "permission denied for table stock"},
    }
    drawn = props(job(kind="sync", state="partial", counts={"tables": told}))
    orders, stock = drawn["tables"]
    both = "orders finished: 12 rows read. stock failed: permission denied for table stock."
    again = props(job(kind="sync", state="partial", counts={"tables": told}, error=both))
    assert again["reason"] == "orders finished: 12 rows read."  # the rest stands beside its button
    assert (drawn["mode"], orders["label"], stock["label"]) == ("incremental", "orders", "stock")
    assert (orders["words"], orders["told"]) == ("read 12 · new 2", "incremental by updated_at")
    assert (orders["reason"], orders["can_retry"]) == (None, False)
    assert (stock["reason"], stock["can_retry"]) == ("permission denied for table stock", True)
    assert not props(job(kind="sync", counts={"tables": told}))["tables"][1]["can_retry"]  # it still runs
    training = props(job(state="partial", counts={"tables": 2, "failures": {"public.stock": "no right"}}))
    assert [line["name"] for line in training["tables"]] == ["public.stock"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "less than a second"), (4, "4 s"), (200, "3 min 20 s"), (60, "1 min"), (7500, "2 h 5 min"), (3600, "1 h")],
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
