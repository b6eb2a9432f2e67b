"""The open points of a reading that grammar does not settle; the ranking does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """The open points that grammar does not settle; the ranking does."""

    show: str = "name"
    """What stands for a table that is shown: its name columns, its key, or all columns (`star`)."""
    distinct: bool = False
    count: str = "rows"
    """`rows` or `distinct` things of the counted table."""
    exist: str = "join"
    """Related rows that only must exist: joined (`join`), or tested without repeating rows (`in`)."""
    best: str = "measure"
    """What `best` means when nothing says it: the highest `measure` (revenue) or `count` of related rows."""
    related: int = 0
    """Which of the related tables a count is of, when the question says only `most popular` or `most often`."""
    negation: str = "rows"
    """What must not hold: of each of the `rows`, or of any row of the `things` shown (studios without a film by X)."""
    group: str = "key"
    """Group by the key and what is shown, or by what is `shown` only."""
