"""The plan of a table: how each of its rows becomes a document, derived from its shape and edited by people."""

import hashlib
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.connectors.base import Column, Frozen, TableSchema
from tools.errors import Invalid
from tools.sync.words import ends, entity_of, lists, looks_secret, rank
from tools.vocabulary import name_terms

TAGGED_VALUES = 30
"""A column with at most so many known values makes tags."""
VERSION = 1
"""Of what documents are made of: another one syncs every table in full again."""


class Field(Frozen):
    """One field of a document's data."""

    column: str
    name: str


class PlanChanges(Frozen):
    """What people changed in a plan; None leaves a part as it was derived."""

    entity: str | None = None
    title: tuple[str, ...] | None = None
    """Columns, in this order."""
    body: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    date: str | None = None
    """The column of the main date; empty for none."""
    watermark: str | None = None
    """The column that tells what has changed; empty for none."""
    rename: Mapping[str, str] = {}
    """Column -> the name of its field."""
    ignore: tuple[str, ...] = ()
    """Columns that are not read."""
    include: tuple[str, ...] = ()
    """Columns that are read although they look secret."""
    constants: Mapping[str, str] = {}
    """Field -> the same text in every document."""

    def fitting(self, shape: TableSchema) -> "PlanChanges":
        """These changes without those that name columns which the table has no more."""
        there = {column.name for column in shape.columns}
        kept: dict[str, Any] = {}
        for name, value in self.model_dump(exclude_unset=True).items():
            if name in ("title", "body", "tags", "ignore", "include") and value is not None:
                kept[name] = tuple(column for column in value if column in there)
            elif name == "rename":
                kept[name] = {column: new for column, new in value.items() if column in there}
            elif name not in ("date", "watermark") or not value or value in there:
                kept[name] = value
        return PlanChanges.model_validate(kept)

    def merged(self, later: "PlanChanges") -> "PlanChanges":
        """These changes with `later` ones on top; ignoring and including a column undo each other."""
        changed: dict[str, Any] = later.model_dump(exclude_unset=True)
        changed["rename"] = {**self.rename, **later.rename}
        changed["constants"] = {
            name: value for name, value in {**self.constants, **later.constants}.items() if value != ""
        }
        changed["ignore"] = _union(self.ignore, later.ignore, later.include)
        changed["include"] = _union(self.include, later.include, later.ignore)
        return PlanChanges.model_validate({**self.model_dump(exclude_unset=True), **changed})


class SyncPlan(Frozen):
    """How each row of a table becomes a document."""

    table: str
    """Qualified name."""
    entity: str
    fields: tuple[Field, ...]
    constants: Mapping[str, str] = {}
    key: tuple[str, ...] = ()
    """Columns that tell rows apart; none: the hash of the row does."""
    title: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    date: str | None = None
    money: tuple[str, ...] = ()
    """Columns that hold money: numbers in the data, whatever the source's type."""
    watermark: tuple[str, ...] = ()
    """The column that tells what has changed, and the one that stands in while it is empty."""
    left_out: tuple[str, ...] = ()
    """Columns that look secret: they never leave the source."""
    ignored: tuple[str, ...] = ()
    """Columns that people left out."""

    @property
    def fingerprint(self) -> str:
        """Equal as long as the same row gives the same document."""
        body = self.model_dump_json(exclude={"left_out", "ignored", "watermark", "money"})
        return hashlib.blake2b(f"{VERSION}{body}".encode(), digest_size=16).hexdigest()

    def __str__(self) -> str:
        """The plan in a few lines, for people and models."""
        lines = [
            f"{self.table}: each row is a {self.entity}, told apart by {', '.join(self.key) or 'the hash of the row'}."
        ]
        lines += [f"Title: {', '.join(self.title) or 'entity and key'}. Text: {', '.join(self.body) or 'none'}."]
        lines += [f"Tags: {', '.join(self.tags) or 'none'}. Date: {self.date or 'none'}."]
        renamed = [f"{field.column} as {field.name}" for field in self.fields if field.column != field.name]
        lines += [f"Renamed: {', '.join(renamed)}."] if renamed else []
        lines += [f"Constant: {name} = {value}." for name, value in self.constants.items()]
        lines += (
            [f"Changes are told by {self.watermark[0]}."] if self.watermark else ["Nothing tells what has changed."]
        )
        lines += [f"Left out, look secret: {', '.join(self.left_out)}."] if self.left_out else []
        lines += [f"Ignored: {', '.join(self.ignored)}."] if self.ignored else []
        return "\n".join(lines)


def derive(
    shape: TableSchema,
    values: Mapping[str, Sequence[str]] | None = None,
    changes: PlanChanges | None = None,
    private: Sequence[str] = (),
) -> SyncPlan:
    """Make the plan of a table from its shape, its known frequent values and what people changed.

    `private` are more parts of names of columns that stay at the source. Invalid names a change that does not fit
    the table.
    """
    changes = changes or PlanChanges()
    _check(shape, changes)
    left_out = {c.name for c in shape.columns if looks_secret(c, private)} - set(changes.include)
    read = [c for c in shape.columns if c.name not in left_out and c.name not in changes.ignore]
    if not read:
        raise Invalid(f"No column of {shape.qualified_name} is left to sync; name one to include.")
    title = changes.title if changes.title is not None else _title(read)
    tags = changes.tags if changes.tags is not None else _tags(shape, read, values or {})
    body = (
        changes.body
        if changes.body is not None
        else tuple(c.name for c in read if c.family == "text" and c.type not in _WORDLESS and c.name not in title)
    )
    return SyncPlan(
        table=shape.qualified_name,
        entity=changes.entity or entity_of(shape),
        fields=tuple(Field(column=c.name, name=changes.rename.get(c.name, c.name)) for c in read),
        constants=dict(changes.constants),
        # A key that looks secret tells nothing: it would leave the source in the document's key.
        key=shape.key(without=left_out),
        title=_readable(title, read),
        body=_readable(body, read),
        tags=_readable(tags, read),
        date=_chosen(changes.date, _date(read)),
        money=tuple(c.name for c in read if c.family == "number" and rank(c.name, lists().money) is not None),
        watermark=watermark_of(shape, changes.watermark),
        left_out=tuple(c.name for c in shape.columns if c.name in left_out),
        ignored=tuple(name for name in changes.ignore if shape.column(name)),
    )


def watermark_of(shape: TableSchema, named: str | None = None) -> tuple[str, ...]:
    """The column that tells what has changed: the one named, or an updated_at-like one; of several, an indexed one.

    With it comes the created_at-like one that stands in while it is NULL. Empty where there is none.
    """
    if named == "":
        return ()
    first = {index.columns[0] for index in shape.indexes if index.columns}
    times = [c for c in shape.columns if c.family in ("datetime", "date")]
    column = shape.column(named) if named else None
    if column is None:
        ranked = [(rank(c.name, lists().watermark), c.name not in first, c) for c in times]
        found = sorted(((place, bare, c.name) for place, bare, c in ranked if place is not None))
        column = shape.column(min(found, key=lambda one: (one[1], one[0]))[2]) if found else None
    if column is None:
        return ()
    births = [c for c in times if not c.nullable and c.name != column.name]
    birth = _best(births, lists().birth) if column.nullable else None
    return (column.name, birth) if birth else (column.name,)


def _check(shape: TableSchema, changes: PlanChanges) -> None:
    """Refuse changes that name columns which are not there, or give two fields one name."""
    named = [*(changes.title or ()), *(changes.body or ()), *(changes.tags or ()), *changes.rename]
    named += [*changes.ignore, *changes.include, changes.date or "", changes.watermark or ""]
    missing = [name for name in named if name and shape.column(name) is None]
    if missing:
        known = ", ".join(column.name for column in shape.columns[:20])
        raise Invalid(f"{shape.qualified_name} has no column {missing[0]!r}; it has: {known}.")
    names = [changes.rename.get(column.name, column.name) for column in shape.columns] + list(changes.constants)
    twice = {name for name in names if names.count(name) > 1} if len(names) != len(set(names)) else set()
    if twice:
        raise Invalid(f"Two fields of {shape.qualified_name} would be called {min(twice)!r}; give one another name.")
    for what, columns in (("title", changes.title), ("text", changes.body), ("tags", changes.tags)):
        for name in columns or ():
            column = shape.column(name)
            if column is not None and column.family not in _AS_TEXT and not _WHOLE.match(column.type):
                raise Invalid(f"{name} is {column.type}, which cannot stand in the {what} of a document.")


_WORDLESS = ("uuid", "inet4", "inet6")
"""Types of the family of texts that hold no words to search for."""
_AS_TEXT = ("text", "bool", "date")
"""Families whose text is the same from every dialect; so is that of whole numbers."""
_WHOLE = re.compile(r"(tiny|small|medium|big)?int", re.IGNORECASE)


def _readable(names: Sequence[str], read: Sequence[Column]) -> tuple[str, ...]:
    there = {column.name for column in read}
    return tuple(name for name in names if name in there)


def _title(read: Sequence[Column]) -> tuple[str, ...]:
    texts = [column.name for column in read if column.family == "text"]
    for fits in (operator.eq, ends):
        for group in lists().title:
            found = [next((name for name in texts if fits(name_terms(name), words)), None) for words in group]
            if all(found):
                return tuple(name for name in found if name)
    return ()


def _tags(shape: TableSchema, read: Sequence[Column], values: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    alone = {columns[0] for columns in (shape.primary_key, *shape.unique_constraints) if len(columns) == 1}
    return tuple(
        column.name
        for column in read
        if column.family == "text"
        and column.name not in alone
        and (
            column.enum_values
            or 0 < len(values.get(column.name, ())) <= TAGGED_VALUES
            or (not values and rank(column.name, lists().tag) is not None)
        )
    )


def _date(read: Sequence[Column]) -> str | None:
    times = [column for column in read if column.family in ("date", "datetime")]
    changing = {column.name for column in times if rank(column.name, lists().watermark) is not None}
    return _best([column for column in times if column.name not in changing], lists().date) or (
        times[0].name if times else None
    )


def _best(columns: Sequence[Column], wanted: Sequence[tuple[str, ...]]) -> str | None:
    ranked = [(place, at) for at, column in enumerate(columns) if (place := rank(column.name, wanted)) is not None]
    return columns[min(ranked)[1]].name if ranked else None


def _chosen(named: str | None, derived: str | None) -> str | None:
    return derived if named is None else named or None


def _union(first: Sequence[str], second: Sequence[str], without: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys((*first, *second)) if name not in without)
