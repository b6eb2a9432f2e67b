"""Words about readings: why one is more or less sure, what tells two apart, what can be asked instead."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.offline.lexicon import Lexicon
from assistant.offline.understanding import ReadingOf
from tools.schemas.vocabulary import split_name

DROPPED = "not every word is used"
"""The reason of a reading that leaves words out."""

LONGEST = 90
"""Characters of a label."""


def reasons(features: Mapping[str, float], unknown: Sequence[str]) -> tuple[str, ...]:
    """What makes a reading more or less sure, in words."""
    found = []
    if unknown:
        found.append("not understood: " + ", ".join(f"“{word}”" for word in unknown))
    if features.get("inferred"):
        found.append("tables are joined by the names of their columns, no key is declared")
    if features.get("folded"):
        found.append("a value of the question is not among the known values")
    if features.get("weak links") or features.get("worst", 1.0) < 0.7:
        found.append("a word names its column only roughly")
    if features.get("sure", 1.0) < 0.4:
        found.append("other readings are near")
    if features.get("dropped"):
        found.append(DROPPED)
    if features.get("between", 0) >= 2:
        found.append("the tables are tied together only through others")
    return tuple(found) or ("every word is understood",)


def labels(readings: Sequence[ReadingOf]) -> tuple[ReadingOf, ...]:
    """Give each reading a short label that tells it from the others."""
    named: list[ReadingOf] = []
    for reading in readings:
        label = _short(reading.read_as)
        if named and len(reading.read_as) > LONGEST:
            label = _apart(reading, named[0]) or label
        if any(other.label == label for other in named):
            label = _difference(reading, label)
        if any(other.label == label for other in named):
            label = f"{label} ({len(named) + 1})"
        named.append(replace(reading, label=label))
    return tuple(named)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3].rsplit(" ", 1)[0] + " ..."


def _apart(reading: ReadingOf, best: ReadingOf) -> str:
    """What a long reading says that the best one does not: `instead: where shipped at from ...`."""
    said = set(best.read_as.split(", "))
    other = [clause for clause in reading.read_as.split(", ") if clause not in said]
    return _short(", ".join(other))


def _difference(reading: ReadingOf, label: str) -> str:
    if reading.form.distinct:
        return f"{label}, each once"
    if reading.form.group:
        return f"{label}, one row for each"
    return f"{label}, all rows"


def declined(lexicon: Lexicon, unknown: Sequence[str]) -> str:
    """Why a question cannot be answered, and what can be asked."""
    tables = sorted(
        (t for t in lexicon.tables.values() if not t.bridge), key=lambda t: -(t.trained.shape.row_estimate or 0)
    )
    names = [" ".join(split_name(table.trained.shape.name)) for table in tables[:8]]
    if not names:
        return "No table is trained yet."
    about = " and ".join(f"“{word}”" for word in unknown[:3])
    start = f"These data hold nothing about {about}." if about else "I cannot read that as a question about these data."
    return f"{start} I can answer about: {', '.join(names)}."
