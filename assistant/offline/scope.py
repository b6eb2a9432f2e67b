"""Whether a question is about these tables at all."""

from collections.abc import Sequence

from tools.schemas.catalog import TrainedTable
from tools.vocabulary import expand, name_terms, related, terms, words


def in_scope(question: str, tables: Sequence[TrainedTable]) -> bool:
    """Whether any word of `question` names a table, a column or a trained value, synonyms included."""
    names: set[str] = set()
    for table in tables:
        names.update(name_terms(table.shape.name))
        for column in table.shape.columns:
            names.update(name_terms(column.name))
    asked = [word for word in terms(question) if not word.isdigit()]
    if any(word in names or not names.isdisjoint((*expand(word), *related(word))) for word in asked):
        return True
    held = {word for table in tables for values in table.values.values() for value in values for word in words(value)}
    return not held.isdisjoint(words(question))
