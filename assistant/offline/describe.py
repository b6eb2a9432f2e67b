"""Says in one sentence how a question was read."""

from collections.abc import Sequence
from datetime import date

from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Member, Not
from assistant.offline.lexicon import Lexicon
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


class Describer:
    """Words for forms over one database."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def sentence(self, form: Form) -> str:
        """`number of orders, for each country, where status is 'shipped'`."""
        parts = [self._head(form)]
        shown = set(form.select)
        groups = [e for e in form.group if e in shown] or list(form.group)
        if form.group and any(e.agg for e in (*form.select, *(s.expr for s in form.order))):
            parts.append("for each " + _and([self.expr(e) for e in groups]))
        if form.where:
            parts.append("where " + " and ".join(self.condition(c) for c in form.where))
        if form.having:
            parts.append("with " + " and ".join(self.condition(c) for c in form.having))
        parts.extend(self._order(form))
        return ", ".join(parts)

    def _head(self, form: Form) -> str:
        if form.star:
            return f"all columns of {self.table(form.star)}"
        tables = list(dict.fromkeys([*(e.table for e in form.select), *form.tables]))
        head = _and([self.expr(e) for e in form.select])
        if form.distinct:
            head = f"different {head}"
        if all(e.ref is None for e in form.select):
            return head
        return f"{head} of {_and([self.table(t) for t in tables])}"

    def _order(self, form: Form) -> list[str]:
        if not form.order:
            return [f"first {form.limit}"] if form.limit else []
        keys = _and([self.expr(s.expr) for s in form.order])
        if form.limit == 1:
            return [f"the one with the {'highest' if form.order[0].descending else 'lowest'} {keys}"]
        if form.limit:
            return [f"the {form.limit} with the {'highest' if form.order[0].descending else 'lowest'} {keys}"]
        return [f"ordered by {keys}{', highest first' if form.order[0].descending else ''}"]

    def table(self, name: str) -> str:
        """A table in words."""
        return " ".join(split_name(name.split(".", 1)[-1]))

    def expr(self, expr: Expr) -> str:
        """A column or aggregate in words."""
        if expr.share is not None:
            return f"share where {self.condition(expr.share)}"
        if expr.ref is None:
            return f"number of {self.table(expr.table)}" if expr.table else "number of rows"
        name = " ".join(split_name(expr.ref.column))
        if expr.times is not None:
            name = f"{name} times {' '.join(split_name(expr.times.column))}"
        if expr.bucket:
            name = f"{expr.bucket} of {name}"
        if expr.agg == "count":
            return f"number of {'different ' if expr.distinct else ''}{name}"
        return f"{_AGGREGATES[expr.agg]} {name}" if expr.agg else name

    def condition(self, condition: Condition) -> str:
        """A condition in words."""
        match condition:
            case All():
                return self._both(condition.parts)
            case Any():
                return " or ".join(self.condition(part) for part in condition.parts)
            case Not():
                return f"not ({self.condition(condition.part)})"
            case Member():
                inner = condition.form
                tests = f" where {' and '.join(self.condition(c) for c in inner.where)}" if inner.where else ""
                tables = _and([self.table(t) for t in dict.fromkeys([*(e.table for e in inner.select), *inner.tables])])
                return f"{'without' if condition.negated else 'with'} {tables}{tests}"
            case Compare():
                return f"{self.expr(condition.expr)} {_OPS[condition.op]}{self._value(condition.value)}"

    def _both(self, parts: Sequence[Condition]) -> str:
        if len(parts) == 2 and all(isinstance(p, Compare) and isinstance(p.value, date) for p in parts):
            low, high = parts
            if isinstance(low, Compare) and isinstance(high, Compare) and low.op == ">=" and high.op == "<":
                assert isinstance(low.value, date)
                assert isinstance(high.value, date)
                last = date.fromordinal(high.value.toordinal() - 1)
                return f"{self.expr(low.expr)} from {low.value.isoformat()} to {last.isoformat()}"
        return " and ".join(self.condition(part) for part in parts)

    def _value(self, value: object) -> str:
        match value:
            case None:
                return ""
            case Form():
                return f" the {self.expr(value.select[0])}" + (
                    f" where {' and '.join(self.condition(c) for c in value.where)}" if value.where else ""
                )
            case Expr():
                return f" {self.expr(value)}"
            case str():
                return f" '{value}'"
            case date():
                return f" {value.isoformat()}"
        return f" {value}"


def _and(parts: Sequence[str]) -> str:
    parts = list(dict.fromkeys(parts))
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
