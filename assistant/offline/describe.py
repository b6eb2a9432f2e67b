"""Says in one sentence how a question was read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from assistant.offline.figures import in_words
from assistant.offline.forms import (
    All,
    Any,
    Compare,
    Condition,
    Expr,
    Form,
    Member,
    Not,
    Operator,
    Ref,
    compared,
    refs_of,
)
from assistant.offline.lexicon import Lexicon
from assistant.offline.plurals import plural, singular
from assistant.offline.roles import part
from assistant.offline.spans import span_of
from tools.schemas.vocabulary import split_name

_AGGREGATES = {"sum": "total", "avg": "average", "min": "lowest", "max": "highest", "count": "number of"}
_OPS = {
    "=": "is",
    "<>": "is not",
    ">": "above",
    ">=": "at least",
    "<": "below",
    "<=": "at most",
    "like": "contains",
    "not like": "does not contain",
    "starts": "starts with",
    "ends": "ends with",
    "null": "is missing",
    "not null": "is present",
}

_INVERSE: dict[str, Operator] = {"=": "<>", "<>": "=", "like": "not like", "not like": "like"}
"""What is not so, said without brackets."""


class Describer:
    """Words for forms over one database."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def sentence(self, form: Form) -> str:
        """`number of orders, for each country, where status is 'shipped'`."""
        shown = set(form.select)
        groups = [e for e in form.group if e in shown] or list(form.group)
        if form.group and any(e.agg for e in (*form.select, *(s.expr for s in form.order))):
            # What is shown of each is said once, by `for each`.
            rest = tuple(e for e in form.select if e not in form.group)
            main = rest[0].table if rest else ""
            parts = [self._head(form.change(select=rest) if rest else form)]
            parts.append("for each " + _and([self._each(e, main) for e in groups]))
        else:
            parts = [self._head(form)]
        if plain := [c for c in form.where if not isinstance(c, Member)]:
            parts.append("where " + " and ".join(self.condition(c) for c in plain))
        if members := [c for c in form.where if isinstance(c, Member)]:
            parts.append(" and ".join(self.condition(c) for c in members))
        if form.having:
            parts.append("with " + " and ".join(self.condition(c) for c in form.having))
        if tied := self._only_joined(form):
            parts.append(f"one row for each of their {_and([self.table(t) for t in tied])}")
        if form.outer:
            parts.append("also those with none")
        parts.extend(self._order(form))
        if form.union is not None:
            parts.append(f"together with {self.sentence(form.union)}")
        return ", ".join(parts)

    def way(self, form: Form) -> str:
        """`customers by revenue`: what a ranking goes by, for a button."""
        table = form.select[0].table if form.select else form.star
        return f"{self.table(table)} by {self._brief(form.order[0].expr).removeprefix('total ')}"

    def _head(self, form: Form) -> str:
        if form.star:
            return f"all columns of {self.table(form.star)}"
        runs: list[tuple[str, list[str]]] = []
        for expr in form.select:
            owner = "" if expr.ref is None or expr.label or self._counts_rows(expr) else expr.table
            if not runs or runs[-1][0] != owner:
                runs.append((owner, []))
            runs[-1][1].append(self.expr(expr))
        head = _and([f"{_and(names)} of {self.table(owner)}" if owner else _and(names) for owner, names in runs])
        return f"different {head}" if form.distinct else head

    def _only_joined(self, form: Form) -> list[str]:
        """Tables that are joined though no part of the form uses a column of theirs."""
        used = {e.table for e in (*form.select, *form.group, *(s.expr for s in form.order), *compared(form.having))}
        used |= {ref.table for ref in refs_of(form)} | {form.star}
        return [] if form.group else [t for t in form.tables if t not in used]

    def _each(self, expr: Expr, main: str) -> str:
        """A thing that is grouped by: `customer` for its name, `country of customers` for a country of theirs."""
        entry = self.lexicon.tables[expr.table]
        if expr.ref is not None and not expr.bucket and not expr.agg and expr.ref.column in entry.display:
            words = spoken(expr.table)
            return " ".join([*words[:-1], singular(words[-1])])
        if expr.ref is not None and expr.bucket:
            return f"{expr.bucket} {said_date(expr.ref.column)}"
        return self._brief(expr) + (f" of {self.table(expr.table)}" if main not in ("", expr.table) else "")

    def _order(self, form: Form) -> list[str]:
        if not form.order:
            return [f"first {form.limit}"] if form.limit else []
        keys = _and([self._brief(s.expr) for s in form.order])
        high, low = ("latest", "earliest") if self._dated(form.order[0].expr) else ("highest", "lowest")
        if form.limit == 1:
            return [f"the one with the {high if form.order[0].descending else low} {keys}"]
        if form.limit:
            return [f"the {form.limit} with the {high if form.order[0].descending else low} {keys}"]
        return [f"ordered by {keys}{f', {high} first' if form.order[0].descending else ''}"]

    def _dated(self, expr: Expr) -> bool:
        return (
            expr.ref is not None
            and expr.since is None
            and expr.agg != "count"
            and self.lexicon.column(expr.ref).temporal
        )

    def table(self, name: str) -> str:
        """A table in words, in the plural."""
        words = spoken(name)
        return " ".join([*words[:-1], plural(words[-1])])

    def _counts_rows(self, expr: Expr) -> bool:
        return expr.agg == "count" and expr.ref is not None and expr.ref.column in self.lexicon.tables[expr.table].key

    def _brief(self, expr: Expr) -> str:
        """An expression without saying how it is computed."""
        if expr.label and expr.share is None and expr.ref is not None:
            return f"{_AGGREGATES.get(expr.agg, '')} {expr.label.replace('_', ' ')}".strip()
        return self.expr(expr)

    def expr(self, expr: Expr) -> str:
        """A column or aggregate in words."""
        if expr.share is not None:
            return f"share of {self.table(expr.table)} {self._sharing(expr.share)}"
        if expr.ref is None:
            return f"number of {self.table(expr.table)}" if expr.table else "number of rows"
        if expr.label:
            bare = expr.table.split(".", 1)[-1]
            by = f" \u00d7 {expr.times.column}" if expr.times else ""
            return f"{self._brief(expr)} ({bare}.{expr.ref.column}{by})"
        name = " ".join(split_name(expr.ref.column))
        if expr.since is not None:
            name = f"days from {said_date(expr.since.column)} to {said_date(expr.ref.column)}"
        if expr.times is not None:
            name = f"{name} times {' '.join(split_name(expr.times.column))}"
        if expr.bucket:
            name = f"{expr.bucket} of {name}"
        if expr.agg == "count":
            if self._counts_rows(expr):
                return f"number of {self.table(expr.table)}"
            return f"number of {'different ' if expr.distinct else ''}{name}"
        if expr.agg == "sum" and "total" in name.split():
            return f"sum of {name}"
        return f"{_AGGREGATES[expr.agg]} {name}" if expr.agg else name

    def _sharing(self, condition: Condition) -> str:
        words = self.condition(condition)
        return words if isinstance(condition, Member) else f"where {words}"

    def _tested(self, expr: Expr) -> str:
        """A tested expression; a name says whose."""
        words = self.expr(expr)
        entry = self.lexicon.tables[expr.table]
        if expr.agg and expr.ref is not None and not expr.label and not self._counts_rows(expr):
            return f"{words} of {self.table(expr.table)}"
        if expr.ref is None or expr.agg or expr.ref.column not in entry.display or expr.ref.column in entry.key:
            return words
        owner = spoken(expr.table)
        whose = " ".join([*owner[:-1], singular(owner[-1])])
        return words if whose in words else f"{whose} {words}"

    def condition(self, condition: Condition) -> str:
        """A condition in words."""
        match condition:
            case All():
                return self._both(condition.parts)
            case Any():
                return " or ".join(self.condition(part) for part in condition.parts)
            case Not(part=Compare(op=op) as part) if op in _INVERSE:
                return self.condition(replace(part, op=_INVERSE[op]))
            case Not():
                return f"not ({self.condition(condition.part)})"
            case Member(form=Form(select=(Expr(ref=Ref() as ref),))) if not self._ties(ref) and not self._ties(
                condition.ref
            ):
                column = " ".join(split_name(ref.column))
                tests = (
                    f" where {' and '.join(map(self.condition, _said(condition.form)))}"
                    if _said(condition.form)
                    else ""
                )
                return f"{'not ' if condition.negated else ''}among the {column} of {self.table(ref.table)}{tests}"
            case Member():
                inner = condition.form
                tests = f" where {' and '.join(self.condition(c) for c in inner.where)}" if inner.where else ""
                tables = _and([self.table(t) for t in dict.fromkeys([*(e.table for e in inner.select), *inner.tables])])
                return f"{'without' if condition.negated else 'with'} {tables}{tests}"
            case Compare():
                return f"{self._tested(condition.expr)} {_OPS[condition.op]}{self._value(condition.value)}"

    def _ties(self, ref: Ref) -> bool:
        """True for a key: that it is among others says that rows are related."""
        return self.lexicon.column(ref).is_key

    def _both(self, parts: Sequence[Condition]) -> str:
        if (span := span_of(All(tuple(parts)))) is not None:
            column = said_date(span.expr.ref.column) if self._plain(span.expr) and span.expr.ref else ""
            return f"{column or self.expr(span.expr)} {span.exact}"
        return " and ".join(self.condition(part) for part in parts)

    def _plain(self, expr: Expr) -> bool:
        return not expr.agg and not expr.bucket and expr.since is None and not expr.label

    def _value(self, value: object) -> str:
        match value:
            case None:
                return ""
            case Form():
                if value.group and value.order:
                    often = "most" if value.order[0].descending else "least"
                    return f" the {often} common {self.expr(value.select[0])}"
                return f" the {self.expr(value.select[0])}" + (
                    f" where {' and '.join(self.condition(c) for c in value.where)}" if value.where else ""
                )
            case Expr():
                return f" {self.expr(value)}"
            case str():
                return f" '{value}'"
            case date():
                return f" {in_words(value)}"
        return f" {value}"


def _said(form: Form) -> tuple[Condition, ...]:
    """Its conditions, but for the one that only keeps missing values out."""
    return tuple(c for c in form.where if not (isinstance(c, Compare) and c.op == "not null"))


def spoken(table: str) -> tuple[str, ...]:
    """The words for a table, or for the part it plays."""
    return tuple(part(table).split("_")) if part(table) else split_name(table.split(".", 1)[-1])


def said_date(column: str) -> str:
    """A column of dates in words: what is called `shipped_at` was `shipped`."""
    words = split_name(column)
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in ("at", "on") else words)


def _and(parts: Sequence[str]) -> str:
    parts = list(dict.fromkeys(parts))
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
