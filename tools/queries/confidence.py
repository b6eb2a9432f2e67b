"""How sure an answer is and why: computed from what was found, resolved and read, never asked from a model."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from tools import vocabulary
from tools.cards import Choice
from tools.queries.answer import Answer, Verified
from tools.queries.chart import suggest
from tools.queries.examples import FoundExample
from tools.queries.run import QueryResult

MADE = 0.55
"""Where an answer starts whose SQL ran and whose names all resolved."""
COVERED, RETRIEVED = 0.25, 0.10
"""What words of the question found in the query, and tables found for the question, add at most."""
ASSUMED, EMPTY, CUT = 0.05, 0.15, 0.05
"""What an assumption, no row and a cut result take away."""
VERIFIED = 0.97
"""A question that a person verified word for word."""
TYPED = 0.95
"""SQL that the person typed: nothing was understood, so nothing was misunderstood."""
ADAPTED = 0.08
"""What a verified question like it adds."""


def tell(
    result: QueryResult,
    question: str,
    read_as: str,
    *,
    assumptions: Sequence[str] = (),
    found: Mapping[str, float] = {},
    example: FoundExample | None = None,
    parsed: tuple[float, tuple[str, ...]] | None = None,
    notes: Sequence[str] = (),
    alternatives: Sequence[Choice] = (),
) -> Answer:
    """Weigh a result into an Answer.

    `found` holds what retrieval scored the tables (0 to 1), `example` a verified question like this one, `parsed`
    the calibrated confidence and reasons of a parser that made the SQL: then it is the base instead of our own.
    """
    verified = _verified(result, example)
    confidence, reasons = parsed or _weigh(result, question, found)
    if parsed is None:
        confidence -= min(ASSUMED * len(assumptions), 3 * ASSUMED)
        reasons += tuple(f"assumed: {one}" for one in assumptions)
    if not result.rows:
        confidence -= EMPTY
        reasons += ("no row matched",)
    if result.truncated:
        confidence -= CUT
        reasons += ("the result was cut",)
    if verified is not None and example is not None:
        confidence = max(confidence, VERIFIED) if verified.kind == "verified" else confidence + ADAPTED
        reasons = (f"{verified.kind} from “{example.example.question}”", *reasons)
    return Answer(
        read_as=read_as,
        assumptions=tuple(assumptions),
        confidence=round(min(max(confidence, 0.05), 0.99), 2),
        reasons=reasons,
        warnings=result.warnings,
        tables=result.tables,
        chart=suggest(result.columns, result.rows),
        verified=verified,
        notes=tuple(notes),
        alternatives=tuple(alternatives),
        estimate=result.estimate,
    )


def _weigh(result: QueryResult, question: str, found: Mapping[str, float]) -> tuple[float, tuple[str, ...]]:
    if _squeezed(result.sql_asked) in _squeezed(question):
        return TYPED, ("the SQL is your own",)
    reasons = ["it ran, and every table and column in it exists"]
    confidence = MADE
    asked = [word for word in vocabulary.terms(question) if not word.isdigit()]
    if asked:
        missing = _missing(asked, result.sql)
        confidence += COVERED * (1 - len(missing) / len(asked))
        reasons.append(f"nothing in it speaks of {', '.join(missing)}" if missing else "every word is accounted for")
    scores = [found.get(table, 0.0) for table in result.tables]
    if found and scores:
        confidence += RETRIEVED * sum(scores) / len(scores)
        if min(scores) == 0:
            reasons.append("it uses a table the question does not point to")
    return confidence, tuple(reasons)


def _missing(asked: Sequence[str], sql: str) -> list[str]:
    """Words of the question that neither a name nor a value of the query speaks of, synonyms included."""
    written: set[str] = set()
    for word in re.findall(r"\w+", sql):
        written.update(vocabulary.name_terms(word))
    return [word for word in asked if not _spoken(word, written)]


def _spoken(word: str, written: Collection[str]) -> bool:
    return word in written or any(other in written for other in (*vocabulary.expand(word), *vocabulary.related(word)))


def _verified(result: QueryResult, example: FoundExample | None) -> Verified | None:
    if example is None:
        return None
    same = _squeezed(example.example.sql) == _squeezed(result.sql_asked)
    if example.exact and same:
        kind: Literal["verified", "adapted"] = "verified"
    elif same or set(example.example.tables) <= set(result.tables):
        kind = "adapted"
    else:
        return None
    return Verified(kind=kind, question=example.example.question, by=example.example.created_by)


def _squeezed(sql: str) -> str:
    return " ".join(sql.split()).rstrip("; ").lower()
