"""What became of each question, and the figures that sum a run up."""

from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from tools.connectors.base import Frozen

BUCKETS = ((0.0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01))
"""Ranges of confidence, lower bound included, over which calibration is told."""


class Case(Frozen):
    """One question with the SQL that answers it."""

    question: str
    gold_sql: str
    schema_name: str | None = None
    """The schema the question is about, when the database holds several."""
    gold_tables: tuple[str, ...] = ()
    kind: str = ""

    @property
    def answerable(self) -> bool:
        """False for a question that the data cannot answer: to decline it, or to ask back, is right."""
        return bool(self.gold_sql)


class Preview(Frozen):
    """The head of a result, for the report."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int


class Outcome(Frozen):
    """What the conversation made of a case."""

    case: Case
    right: bool
    answered: bool
    """A result was shown; asking back or declining is not an answer."""
    difference: str = ""
    extra_columns: int = 0
    confidence: float | None = None
    read_as: str = ""
    said: str = ""
    sql: str | None = None
    error: str = ""
    """Why there is no answer, when something failed."""
    gold_error: str = ""
    """Why the gold itself did not run: such a case says nothing about the answers."""
    gold: Preview | None = None
    answer: Preview | None = None
    rejections: int = 0
    milliseconds: float = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    found: tuple[str, ...] | None = None
    """Tables that retrieval gave, best first; None when the case names no gold tables."""


class Bucket(Frozen):
    """Answers whose confidence lies in one range."""

    low: float
    high: float
    answers: int
    right: int


class Group(Frozen):
    """Figures of some cases."""

    name: str
    cases: int
    answered: int
    right: int

    @property
    def accuracy(self) -> float:
        """Right of all."""
        return self.right / self.cases if self.cases else 0.0

    @property
    def precision(self) -> float:
        """Right of those answered."""
        return self.right / self.answered if self.answered else 0.0


class Summary(Frozen):
    """The figures of a run."""

    total: Group
    kinds: tuple[Group, ...]
    schemas: tuple[Group, ...]
    confident: tuple[Group, ...]
    """Answers with a confidence of at least 0.5, and of at least 0.8; `cases` counts all."""
    buckets: tuple[Bucket, ...]
    with_extra_columns: int
    unanswerable: Group
    """Questions that the data cannot answer: `right` are the declined ones. The other figures leave them out."""
    gold_errors: int
    failures: int
    """Questions that ended in an error instead of an answer or a plain "no"."""
    rejections: int
    recall_at_5: float | None
    recall_at_10: float | None
    median_ms: float
    p95_ms: float
    input_tokens: int
    output_tokens: int
    cost: float | None


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """Sum a run up; a case whose gold did not run counts as wrong."""
    stray = [outcome for outcome in outcomes if not outcome.case.answerable]
    outcomes = [outcome for outcome in outcomes if outcome.case.answerable]
    times = [outcome.milliseconds for outcome in outcomes] or [0.0]
    costs = [outcome.cost for outcome in outcomes if outcome.cost is not None]
    return Summary(
        total=_group("all", outcomes),
        kinds=_by([(outcome.case.kind or "-", outcome) for outcome in outcomes]),
        schemas=_by([(outcome.case.schema_name or "-", outcome) for outcome in outcomes]),
        confident=tuple(_confident(outcomes, least) for least in (0.5, 0.8)),
        buckets=tuple(_bucket(outcomes, low, high) for low, high in BUCKETS),
        with_extra_columns=sum(outcome.extra_columns > 0 for outcome in outcomes),
        unanswerable=_group("not answerable", stray),
        gold_errors=sum(bool(outcome.gold_error) for outcome in outcomes),
        failures=sum(bool(outcome.error) for outcome in outcomes),
        rejections=sum(outcome.rejections for outcome in outcomes),
        recall_at_5=_recall(outcomes, 5),
        recall_at_10=_recall(outcomes, 10),
        median_ms=median(times),
        p95_ms=quantiles(times, n=20)[-1] if len(times) > 1 else times[0],
        input_tokens=sum(outcome.input_tokens for outcome in outcomes),
        output_tokens=sum(outcome.output_tokens for outcome in outcomes),
        cost=sum(costs) if costs else None,
    )


def _group(name: str, outcomes: Sequence[Outcome]) -> Group:
    return Group(
        name=name,
        cases=len(outcomes),
        answered=sum(outcome.answered for outcome in outcomes),
        right=sum(outcome.right for outcome in outcomes),
    )


def _by(named: Sequence[tuple[str, Outcome]]) -> tuple[Group, ...]:
    names = sorted({name for name, _ in named})
    return tuple(_group(name, [outcome for other, outcome in named if other == name]) for name in names)


def _confident(outcomes: Sequence[Outcome], least: float) -> Group:
    sure = [outcome for outcome in outcomes if outcome.answered and (outcome.confidence or 0) >= least]
    group = _group(f"confidence ≥ {least}", sure)
    return group.model_copy(update={"cases": len(outcomes)})


def _bucket(outcomes: Sequence[Outcome], low: float, high: float) -> Bucket:
    inside = [each for each in outcomes if each.answered and low <= (each.confidence or 0) < high]
    return Bucket(low=low, high=min(high, 1.0), answers=len(inside), right=sum(each.right for each in inside))


def _recall(outcomes: Sequence[Outcome], depth: int) -> float | None:
    """Share of questions all of whose gold tables are among the first `depth` that retrieval gave."""
    known = [each for each in outcomes if each.found is not None]
    if not known:
        return None
    return sum(set(each.case.gold_tables) <= set((each.found or ())[:depth]) for each in known) / len(known)


class Change(Frozen):
    """A case that fared differently in two runs."""

    question: str
    schema_name: str | None
    before: Outcome
    after: Outcome


def compare_runs(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Cases that got worse, and cases that got better; cases of one run only are left out."""
    earlier = {(each.case.schema_name, each.case.question): each for each in before}
    pairs = [(earlier[key], each) for each in after if (key := (each.case.schema_name, each.case.question)) in earlier]
    changed = [
        Change(question=new.case.question, schema_name=new.case.schema_name, before=old, after=new)
        for old, new in pairs
        if old.right != new.right
    ]
    return tuple(each for each in changed if each.before.right), tuple(each for each in changed if each.after.right)
