"""Parts that rows of a table play for others: the winner of a match, the mother of a dog, a manager."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.schemas.catalog import TrainedTable
from tools.vocabulary import lemma, split_name

AS = "@"
"""Between a table and the part it plays: `public.player@winner`."""
_IDS = frozenset({"id", "code", "no", "number", "key", "ref", "reference", "fk"})
_VERBAL = frozenset({"by", "to", "from", "at", "of", "in", "for", "on", "with"})
"""Words of keys that say what was done (`reported_by`), and name nobody."""


@dataclass(frozen=True, slots=True)
class Role:
    """A table as a foreign key of another (or of itself) sees it."""

    name: str
    """The table's qualified name and the part: how forms and links name it."""
    child: str
    column: str
    target: str
    target_column: str
    words: tuple[str, ...]


def base(table: str) -> str:
    """The table itself, whatever part it plays."""
    return table.partition(AS)[0]


def part(table: str) -> str:
    """The part a table plays, its words joined by `_`; empty for a table as such."""
    return table.partition(AS)[2]


def roles_of(tables: Sequence[TrainedTable]) -> Iterator[Role]:
    """Every part that the foreign keys of some tables name: keys that do not just repeat the name of a table."""
    known = {table.shape.qualified_name: table.shape.name for table in tables}
    called = [{lemma(word) for word in split_name(name)} for name in known.values()]
    taken: set[str] = set()
    for table in tables:
        for key in table.shape.foreign_keys:
            target = f"{key.target_schema}.{key.target_table}"
            if len(key.columns) != 1 or target not in known:
                continue
            if key.columns == key.target_columns or set(key.columns) == set(table.shape.primary_key):
                continue
            words = tuple(word for word in map(lemma, split_name(key.columns[0])) if word not in _IDS)
            named = any(set(words) <= names for names in called)
            if named or not words or set(words) & _VERBAL:
                continue
            name = f"{target}{AS}{'_'.join(words)}"
            if name in taken:
                name = f"{target}{AS}{table.shape.name.lower()}_{'_'.join(words)}"
            taken.add(name)
            yield Role(name, table.shape.qualified_name, key.columns[0], target, key.target_columns[0], words)
