"""Which columns look secret or personal, so that training never reads their values."""

from collections.abc import Iterable, Sequence

from tools.connectors.base import TableSchema
from tools.vocabulary import lemma, split_name, vocabulary


def private_columns(shape: TableSchema, more: Iterable[str] = ()) -> tuple[str, ...]:
    """Name the columns of `shape` whose values must not be read; `more` are parts of names to add to the rule."""
    parts = tuple(part.lower() for part in more)
    return tuple(column.name for column in shape.columns if looks_private(column.name, parts))


def looks_private(name: str, more: Sequence[str] = ()) -> bool:
    """Tell by its name whether a column holds secrets or personal data: `pwd_hash`, `emailAddr`, `dob`."""
    lowered = name.lower()
    if any(part in lowered for part in more):
        return True
    lists = vocabulary()
    # Only plurals are brought to their base form: `pinned` is no `pin`, `mailing` no `mail`.
    terms = tuple(lemma(part) if part.endswith("s") else part for part in split_name(name))
    if any(_holds(terms, wanted) for wanted in lists.secret):
        return True
    personal = any(_holds(terms, wanted) for wanted in lists.personal)
    return personal and (len(terms) == 1 or terms[-1] not in lists.harmless)


def _holds(terms: Sequence[str], wanted: Sequence[str]) -> bool:
    width = len(wanted)
    return any(tuple(terms[at : at + width]) == tuple(wanted) for at in range(len(terms) - width + 1))
