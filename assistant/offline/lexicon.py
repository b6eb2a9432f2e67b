"""The words of one database: what its tables, columns and known values are called."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from assistant.offline.forms import Ref
from assistant.offline.remarks import codes_in, name_in, told_of
from assistant.offline.roles import Role, roles_of
from assistant.offline.tokens import plain, stem
from tools.connectors.base import Column
from tools.schemas.catalog import TrainedTable
from tools.schemas.vocabulary import lemma, split_name

LIGHT = {
    "id": 0.45, "code": 0.35, "name": 0.5, "number": 0.45, "detail": 0.4, "description": 0.4, "type": 0.45,
    "date": 0.4, "value": 0.4, "datetime": 0.3, "time": 0.45, "of": 0.0, "the": 0.0, "at": 0.15, "in": 0.1,
    "to": 0.1, "from": 0.2, "for": 0.1, "by": 0.15, "on": 0.1, "is": 0.1, "text": 0.3, "key": 0.4, "other": 0.3,
    "number of": 0.4, "yn": 0.0, "y": 0.0, "n": 0.0, "flag": 0.2, "reference": 0.1, "tbl": 0.0, "table": 0.0,
    "datum": 0.2, "data": 0.2, "has": 0.2, "and": 0.0, "or": 0.0, "per": 0.1, "have": 0.1, "view": 0.3,
    "cm": 0.2, "mm": 0.2, "km": 0.25, "kg": 0.2, "lb": 0.2, "ft": 0.2, "eur": 0.2, "euro": 0.25, "gbp": 0.2,
    "pound": 0.25,
    "second": 0.28, "minute": 0.28, "hour": 0.28, "sqm": 0.2, "mph": 0.28, "kmh": 0.28, "percent": 0.28,
    "be": 0.1, "billion": 0.3, "million": 0.3, "dollar": 0.3, "usd": 0.2,
}  # fmt: skip
"""Words that many names end with: a name is understood without them."""


@dataclass(frozen=True)
class Word:
    """One word of a name, with its weight in it."""

    lemma: str
    weight: float


@dataclass
class ColumnEntry:
    """A column and what is known of it for linking."""

    table: str
    column: Column
    words: tuple[Word, ...]
    squeezed: str
    raw: tuple[Word, ...] = ()
    """The words as they are written, where abbreviations were written out."""
    told: tuple[Word, ...] = ()
    """The words by which its comment, or a note, calls it."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """What its comment says that codes mean: plain form -> stored value."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Plain form -> stored form of the known values."""
    is_key: bool = False
    """Part of the primary key, or a foreign key."""
    target: str = ""
    """Table a foreign key points to."""

    @property
    def ref(self) -> Ref:
        """The column as the form names it."""
        return Ref(self.table, self.column.name)

    @cached_property
    def lemmas(self) -> frozenset[str]:
        """Base forms of all words of the name."""
        return frozenset(word.lemma for word in self.words)

    @property
    def number(self) -> bool:
        """True when it holds numbers."""
        return self.column.family == "number"

    @property
    def temporal(self) -> bool:
        """True when it holds dates or times, by its type or, stored as text, by its name."""
        return self.column.family in ("date", "datetime") or (
            self.column.family == "text" and bool(self.lemmas & {"date", "birthdate", "datetime"})
        )

    @cached_property
    def yearly(self) -> bool:
        """True for a year that is kept as text."""
        return self.column.family == "text" and "year" in self.lemmas and bool(self.values) and all(
            value.isdigit() and len(value) == 4 for value in self.values
        )  # fmt: skip

    @cached_property
    def identifier(self) -> bool:
        """True for keys and codes, whose sum or average would mean nothing."""
        return self.is_key or bool(
            self.lemmas & {"id", "code", "phone", "zip", "postal", "ssn", "postcode", "zipcode", "extension"}
        )

    @cached_property
    def flag(self) -> bool:
        """True for yes/no columns."""
        known = {value.lower() for value in self.values}
        pairs = ({"y", "n"}, {"yes", "no"}, {"t", "f"}, {"true", "false"}, {"0", "1"})
        named = self.column.name.lower().endswith(("_yn", "_flag")) or self.column.name.lower().startswith(
            ("is_", "has_")
        )
        return self.column.family == "bool" or (
            bool(known) and any(known <= pair for pair in pairs) and (named or not self.number or len(known) == 2)
        )


@dataclass
class TableEntry:
    """A table and what is known of it for linking."""

    name: str
    """Qualified name."""
    trained: TrainedTable
    words: tuple[Word, ...]
    squeezed: str
    columns: dict[str, ColumnEntry]
    told: tuple[Word, ...] = ()
    """The words by which its comment calls it."""
    bridge: bool = False
    """True when it only ties other tables together."""

    @property
    def key(self) -> tuple[str, ...]:
        """Primary-key columns; a likely one when none is declared."""
        if self.trained.shape.primary_key:
            return self.trained.shape.primary_key
        ids = [name for name, entry in self.columns.items() if "id" in entry.lemmas and not entry.target]
        if 1 < len(ids) == len(self.columns):  # it only ties others together
            return tuple(ids)
        return tuple([name for name in ids if self._bears(name)] or ids)[:1]

    def _bears(self, column: str) -> bool:
        """True when an id is called after the table, be it in short: `stuid` of student, `dorm_id` of dorm."""
        said = _squeeze(column).removesuffix("id")
        return len(said) > 2 and any(word.lemma.startswith(said) or said.startswith(word.lemma) for word in self.words)

    @property
    def named(self) -> bool:
        """True when some column, not its key, tells a person which row it is."""
        return any(name not in self.key and self.columns[name].column.family == "text" for name in self.display)

    def _called(self, texts: Sequence[ColumnEntry]) -> frozenset[str]:
        """Words of the key that a column of words is called by too: `school` beside `school_id`."""
        words = frozenset(self.columns[self.key[0]].lemmas - {"id"}) if len(self.key) == 1 else frozenset()
        alike = [entry for entry in texts if entry.lemmas == words and entry.column.name not in self.key]
        return words if alike else frozenset()

    @cached_property
    def display(self) -> tuple[str, ...]:
        """Columns that tell a person which row it is: a name, a title, first and last name; the key at worst."""
        texts = [entry for entry in self.columns.values() if entry.column.family == "text"]
        own = [entry for entry in texts if not entry.target]
        first = [e for e in own if {"first", "given", "fore", "forename", "personal"} & e.lemmas and "name" in e.lemmas]
        last = [e for e in own if ({"last", "family"} & e.lemmas and "name" in e.lemmas) or "surname" in e.lemmas]
        for entry in own:
            if "title" in entry.lemmas and first and last:
                continue
            if (
                entry.lemmas & {"name", "title"}
                and len([w for w in entry.words if w.weight >= 0.4]) <= 1
                and entry.column.name not in self.key
            ):
                return (entry.column.name,)
        if first and last:
            return (first[0].column.name, last[0].column.name)
        for wanted in ({"name"}, {"title"}, {"label"}, self._called(own), {"nickname"}, {"description"}, {"detail"}):
            for entry in own:
                if entry.lemmas & wanted and not entry.lemmas & {"login", "user", "middle", "file", "vice", "password"}:
                    return (entry.column.name,)
        table_words = {word.lemma for word in self.words}
        for entry in own:
            if entry.lemmas <= table_words:
                return (entry.column.name,)
        return self.key or tuple(list(self.columns)[:1])


class _Tables(dict[str, TableEntry]):
    """Tables by qualified name; a part that one plays is found by its name, and never listed."""

    def __init__(self, tables: Mapping[str, TableEntry], played: Mapping[str, TableEntry]) -> None:
        super().__init__(tables)
        self.played = played

    def __missing__(self, name: str) -> TableEntry:
        return self.played[name]


class Lexicon:
    """All tables of one question's world, with an index from words to names."""

    def __init__(self, tables: Sequence[TrainedTable]) -> None:
        self.trained = tuple(tables)
        own = {t.shape.qualified_name: _table(t) for t in tables}
        self.roles: dict[str, Role] = {role.name: role for role in roles_of(tables)}
        self.role_of: dict[Ref, str] = {Ref(role.child, role.column): role.name for role in self.roles.values()}
        self.tables: dict[str, TableEntry] = _Tables(own, {r.name: _played(r, own) for r in self.roles.values()})
        self.columns: tuple[ColumnEntry, ...] = tuple(c for t in self.tables.values() for c in t.columns.values())
        self.by_word: dict[str, list[TableEntry | ColumnEntry]] = defaultdict(list)
        self.by_stem: dict[str, list[TableEntry | ColumnEntry]] = defaultdict(list)
        self.by_squeezed: dict[str, list[TableEntry | ColumnEntry]] = defaultdict(list)
        self.by_value: dict[str, list[tuple[ColumnEntry, str]]] = defaultdict(list)
        self.longest_value = 1
        entries: list[TableEntry | ColumnEntry] = [*self.tables.values(), *self.columns]
        for entry in entries:
            self._index(entry)
        for name in self.roles:
            self._index_words(self.tables[name])
        _mark_bridges(self.tables)

    def _index_words(self, entry: TableEntry | ColumnEntry) -> None:
        more = (*entry.raw, *entry.told) if isinstance(entry, ColumnEntry) else entry.told
        for word in {word.lemma for word in (*entry.words, *more) if word.weight > 0}:
            self.by_word[word].append(entry)
            self.by_stem[stem(word)].append(entry)

    def _index(self, entry: TableEntry | ColumnEntry) -> None:
        self._index_words(entry)
        self.by_squeezed[entry.squeezed].append(entry)
        if isinstance(entry, ColumnEntry) and entry.column.family in ("text", "other"):
            for value, stored in entry.values.items():
                if value and not (value.isdigit() and entry.number):
                    self.by_value[value].append((entry, stored))
                    self.longest_value = max(self.longest_value, min(8, value.count(" ") + 1))
        if isinstance(entry, ColumnEntry):
            for text, stored in entry.codes.items():
                for form in dict.fromkeys((text, " ".join(stem(word) for word in text.split()))):
                    self.by_value[form].append((entry, stored))
                self.longest_value = max(self.longest_value, text.count(" ") + 1)

    def column(self, ref: Ref) -> ColumnEntry:
        """The entry of a column; for the name of a row, the first column that names it."""
        table = self.tables[ref.table]
        return table.columns.get(ref.column) or table.columns[table.display[0]]

    def text_columns(self) -> Iterable[ColumnEntry]:
        """Columns whose values may be named in a question and are not all known."""
        for entry in self.columns:
            table = self.tables[entry.table].trained
            open_text = entry.column.family == "text" and entry.column.name not in table.values and not entry.target
            if open_text and not {"password", "token", "secret", "hash"} & entry.lemmas:
                yield entry


def _table(trained: TrainedTable) -> TableEntry:
    shape = trained.shape
    lemmas = tuple(lemma(word) for word in split_name(shape.name))
    words = _weigh(lemmas, ())
    targets = {
        key.columns[0]: f"{key.target_schema}.{key.target_table}" for key in shape.foreign_keys if len(key.columns) == 1
    }
    keys = set(shape.primary_key) | {name for key in shape.foreign_keys for name in key.columns}
    columns = {}
    notes = told_of(trained.notes, (column.name for column in shape.columns))
    for column in shape.columns:
        values = (*column.enum_values, *trained.values.get(column.name, ()))
        named = name_in(notes.get(column.name)) or name_in(column.comment)
        columns[column.name] = ColumnEntry(
            table=shape.qualified_name,
            column=column,
            words=_weigh(_column_lemmas(column.name, shape.name), lemmas),
            squeezed=_squeeze(column.name),
            raw=_raw(column.name, _column_lemmas(column.name, shape.name), lemmas),
            told=_told(named, _column_lemmas(column.name, shape.name), lemmas),
            codes=codes_in(column.comment, values),
            values={plain(value): value for value in values},
            is_key=column.name in keys,
            target=targets.get(column.name, ""),
        )
    told = _told(name_in(shape.comment), lemmas, ())
    return TableEntry(shape.qualified_name, trained, words, _squeeze(shape.name), columns, told)


def _told(named: tuple[str, ...], own: tuple[str, ...], table: tuple[str, ...]) -> tuple[Word, ...]:
    """The words of a comment's name, where it says more than the name itself; a bare `date` names nothing."""
    says = set(named) - set(own) and any(LIGHT.get(word, 1.0) > 0.45 and word not in table for word in named)
    return _weigh(named, table) if says else ()


def _played(role: Role, tables: Mapping[str, TableEntry]) -> TableEntry:
    """A table under the part it plays: its own columns, the part's words."""
    entry = tables[role.target]
    columns = {name: replace(column, table=role.name) for name, column in entry.columns.items()}
    return TableEntry(role.name, entry.trained, _weigh(role.words, ()), "", columns)


def _raw(name: str, written_out: tuple[str, ...], table: tuple[str, ...]) -> tuple[Word, ...]:
    parts = [part for part in name.lower().split("_") if part]
    plain = tuple(lemma(part) for part in parts)
    if plain == written_out or len(parts) == len(written_out):
        return ()
    first = split_name(parts[0])
    if len(parts) > 1 and all(lemma(word) in table for word in first):
        plain = tuple(lemma(word) for word in first) + plain[1:]
    return _weigh(plain, table)


def _squeeze(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _column_lemmas(name: str, table: str) -> tuple[str, ...]:
    words = [lemma(word) for word in split_name(name)]
    if len(words) == 1 and len(name) > 3:  # gname, btype: the table's first letter before a word
        tail = name[1:].lower()
        if tail in ("name", "type", "date", "code", "title", "rank", "year", "number", "id"):
            words = [tail]
    if len(words) == 1 and len(name) > 3:  # flno of flight
        head, tail = name[:-2].lower(), name[-2:].lower()
        if tail in ("no", "nr", "id") and len(head) >= 2 and table.lower().startswith(head):
            words = [lemma(word) for word in split_name(table)] + ["id" if tail == "id" else "number"]
    if (
        name.lower().endswith("id")
        and len(name) >= 5
        and "_" not in name
        and table.lower().startswith(name[:-2].lower())
    ):
        words = [*(lemma(word) for word in split_name(table)), "id"]  # natid of nations
    if len(words) == 1 and len(name) <= 3 and name.lower().endswith("id") and name.lower() != "id":
        words = ["id"]  # aid, eid, rid
    if len(words) == 2 and len(words[0]) == 1 and table.lower().startswith(words[0]):
        words = words[1:]
    return tuple(words)


def _weigh(lemmas: Sequence[str], table: Sequence[str]) -> tuple[Word, ...]:
    own = [word for word in lemmas if word not in table and LIGHT.get(word, 1.0) >= 0.3]
    words = []
    for word in lemmas:
        weight = LIGHT.get(word, 1.0)
        if word in table and own:
            weight = min(weight, 0.12)
        elif len(own) <= 1 and word in own:
            weight = 1.0
        words.append(Word(word, weight))
    return tuple(words)


def _mark_bridges(tables: Mapping[str, TableEntry]) -> None:
    for table in tables.values():
        tied = {name for key in table.trained.shape.foreign_keys for name in key.columns}
        free = [name for name in table.columns if name not in tied and name not in table.key]
        told = bool(table.trained.shape.primary_key or tied)
        table.bridge = not free and (len(table.trained.shape.foreign_keys) if told else len(table.key)) >= 2
