"""Stretches of time as people name them: `October 2026`, `1 May to 3 June 2026`; and the stretch before one."""

from dataclasses import dataclass
from datetime import date, timedelta

from assistant.offline.figures import in_words
from assistant.offline.forms import All, Compare, Condition, Expr, Form
from assistant.offline.periods import unit_around

UNITS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Span:
    """Days from `start` up to and without `end`, by the column that `expr` names."""

    expr: Expr
    start: date
    end: date

    @property
    def unit(self) -> str:
        """The unit of the calendar that it is, or nothing."""
        return next((unit for unit in UNITS if _is(self.start, self.end, unit)), "")

    @property
    def name(self) -> str:
        """What the span is called: `October 2026`."""
        last = self.end - timedelta(1)
        match self.unit:
            case "day":
                return in_words(self.start)
            case "week":
                return f"the week of {in_words(self.start)}"
            case "month":
                return f"{self.start:%B %Y}"
            case "quarter":
                return f"Q{(self.start.month + 2) // 3} {self.start.year}"
            case "year":
                return str(self.start.year)
        if self.start.year == last.year:
            return f"{self.start.day} {self.start:%B} to {in_words(last)}"
        return f"{in_words(self.start)} to {in_words(last)}"

    @property
    def phrase(self) -> str:
        """When it was: `in October 2026`, `on 5 May 2026`, `from 1 May to 3 June 2026`."""
        return f"{'on' if self.unit == 'day' else 'in' if self.unit else 'from'} {self.name}"

    @property
    def exact(self) -> str:
        """The phrase with the days where the name leaves them unsaid: `in October 2026 (1 to 31 October)`."""
        last = self.end - timedelta(1)
        if self.unit == "month":
            return f"{self.phrase} (1 to {last.day} {last:%B})"
        if self.unit in ("quarter", "year"):
            return f"{self.phrase} ({self.start.day} {self.start:%B} to {last.day} {last:%B})"
        return self.phrase

    @property
    def before(self) -> "Span | None":
        """The same unit of the calendar before this one; None for days that are none."""
        if not self.unit:
            return None
        whole = unit_around(self.start - timedelta(1), self.unit)
        return Span(self.expr, whole.start, whole.end)

    def beside(self, other: "Span") -> str:
        """Name this span short, where `other` has just been named."""
        if self.unit == "day":
            return "the day before"
        if self.unit == "week":
            return "the week before"
        if self.unit == "year" or self.start.year != other.start.year:
            return self.name
        return self.name.rsplit(" ", 1)[0]


def span_of(condition: Condition) -> Span | None:
    """The stretch of time that a condition keeps rows to; None when it says something else."""
    match condition:
        case All(
            parts=(
                Compare(op=">=", value=date() as low, expr=expr),
                Compare(op="<", value=date() as high, expr=other),
            )
        ) if expr == other and low < high:
            return Span(expr, low, high)
    return None


def the_span(form: Form) -> Span | None:
    """The one stretch of time that a form is kept to; None where there is none or several."""
    found = [span for condition in form.where if (span := span_of(condition)) is not None]
    return found[0] if len(found) == 1 else None


def moved(form: Form, span: Span, to: Span) -> Form:
    """The form for another stretch of time."""
    there = All((Compare(to.expr, ">=", to.start), Compare(to.expr, "<", to.end)))
    return form.change(where=tuple(there if span_of(each) == span else each for each in form.where))


def _is(start: date, end: date, unit: str) -> bool:
    whole = unit_around(start, unit)
    return (whole.start, whole.end) == (start, end)
