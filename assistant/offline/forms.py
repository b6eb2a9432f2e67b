"""The intermediate query form: what a question asks for, before any dialect's SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

Aggregate = Literal["", "count", "sum", "avg", "min", "max"]
Bucket = Literal["", "year", "quarter", "month", "week", "day"]
Operator = Literal[
    "=", "<>", ">", ">=", "<", "<=", "like", "not like", "starts", "ends", "null", "not null", "true", "false"
]
Scalar = str | int | float | date


@dataclass(frozen=True, slots=True)
class Ref:
    """A column of a table; `table` is the qualified name, with the part it plays where it plays one."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Expr:
    """A column or an aggregate; `ref` None counts the rows of `table`."""

    table: str
    ref: Ref | None = None
    agg: Aggregate = ""
    distinct: bool = False
    bucket: Bucket = ""
    times: Ref | None = None
    """A second factor, as in sum(quantity * unit_price)."""
    share: Condition | None = None
    """Percentage of rows (or of the sum) for which this holds."""
    label: str = ""
    since: Ref | None = None
    """An earlier date of the same row: the expression is the days from there to `ref`."""


@dataclass(frozen=True, slots=True)
class Compare:
    """One test of an expression against a value, another expression or a query of one cell."""

    expr: Expr
    op: Operator
    value: Scalar | Expr | Form | None = None
    fold: bool = False
    """Compare text without regard to case: the value is as the person typed it."""


@dataclass(frozen=True, slots=True)
class Member:
    """`ref` is (not) among the rows of `form`."""

    ref: Ref
    form: Form
    negated: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = Compare | Member | All | Any | Not


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order."""

    expr: Expr
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """One query; FROM and its joins follow from the tables that the parts use."""

    select: tuple[Expr, ...]
    star: str = ""
    """Table whose every column is shown; `select` is empty then."""
    tables: tuple[str, ...] = ()
    """Tables to join even when no column of theirs is used; the first is what the question is about."""
    where: tuple[Condition, ...] = ()
    group: tuple[Expr, ...] = ()
    having: tuple[Condition, ...] = ()
    order: tuple[Sort, ...] = ()
    limit: int | None = None
    distinct: bool = False
    ties: bool = False
    """Keep all rows that tie with the best one (for `limit` 1)."""
    union: Form | None = None
    outer: bool = False
    """Keep rows of the first table that have none in the others, and count 0 for them."""
    via: tuple[tuple[str, str], ...] = ()
    """Foreign-key columns (table, column) that the question names, preferred in join paths."""

    def change(self, **parts: object) -> Form:
        """A copy with `parts` replaced."""
        return replace(self, **parts)  # type: ignore[arg-type]


def refs_of(part: Condition | Expr | Sort | Form) -> tuple[Ref, ...]:
    """Columns a part uses outside its own sub-queries, in order of appearance."""
    match part:
        case Expr():
            own = tuple(ref for ref in (part.ref, part.times, part.since) if ref)
            return own + (refs_of(part.share) if part.share else ())
        case Compare():
            right = refs_of(part.value) if isinstance(part.value, Expr) else ()
            return refs_of(part.expr) + right
        case Member():
            return (part.ref,)
        case All() | Any():
            return tuple(ref for inner in part.parts for ref in refs_of(inner))
        case Not():
            return refs_of(part.part)
        case Sort():
            return refs_of(part.expr)
        case Form():
            parts: tuple[Condition | Expr | Sort, ...] = (
                *part.select,
                *part.where,
                *part.group,
                *part.having,
                *part.order,
            )
            return tuple(ref for inner in parts for ref in refs_of(inner))


def tables_of(form: Form) -> tuple[str, ...]:
    """Tables a form's FROM must reach, the one it is about first."""
    exprs = [*form.select, *form.group, *(sort.expr for sort in form.order), *compared(form.where + form.having)]
    names = [*form.tables, form.star, *(expr.table for expr in exprs), *(ref.table for ref in refs_of(form))]
    return tuple(dict.fromkeys(name for name in names if name))


def compared(parts: tuple[Condition, ...]) -> list[Expr]:
    """Expressions on either side of the comparisons within some conditions."""
    found: list[Expr] = []
    for part in parts:
        match part:
            case Compare():
                found.append(part.expr)
                if isinstance(part.value, Expr):
                    found.append(part.value)
            case All() | Any():
                found.extend(compared(part.parts))
            case Not():
                found.extend(compared((part.part,)))
    return found
