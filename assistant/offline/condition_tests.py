"""Tests on one column or one count: a value, a period, a missing value, another column, an aggregate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from assistant.offline.choice import Choice
from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Member, Not, Operator, Ref, Sort
from assistant.offline.grammar import grammar
from assistant.offline.meaning import Meaning
from assistant.offline.mentions import NAME, Link
from assistant.offline.periods import Period
from assistant.offline.resolve import turned
from assistant.offline.sketch import DURATION, Operand, Pick, Subquery, Test
from assistant.offline.tokens import plain, stem
from tools.schemas.vocabulary import lemma

COMPARING = frozenset({"<", ">", "<=", ">=", "=", "<>"})
TURNED: dict[str, str] = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Tests:
    """Tests on one column or one count: a value, a period, a missing value, another column, an aggregate."""

    def __init__(self, meaning: Meaning) -> None:
        self.m = meaning

    def test(self, test: Test, choice: Choice) -> Condition | None:
        """One test, resolved; None when nothing can hold it."""
        if test.pick.agg:
            return self._aggregated(test, choice)
        link = self.m.assignment.link(test.pick.var)
        query = test.values[0] if test.values else None
        if link is not None and isinstance(query, Subquery) and query.agg == "same":
            return self._same(link, query)
        if link is None or not link.column or link.column == NAME:
            if link is not None and test.values:
                return self._named(link.table, test)
            return None
        expr = Expr(link.table, link.ref)
        if test.pick.var is not None and test.pick.var.hint == DURATION:
            return self._lasting(test, choice)
        if test.op in ("true", "null", "not null"):
            return self._truth(expr, test.op)
        parts = [self._single(expr, test, value, link) for value in test.values]
        made = [part for part in parts if part is not None]
        if not made:
            return None
        if len(made) == 1:
            return made[0]
        if test.joined == "and" and not self.m.sketch.both and self._one_each(link.table):
            return Any(tuple(made))
        return All(tuple(made)) if test.joined == "and" else Any(tuple(made))

    def _lasting(self, test: Test, choice: Choice) -> Condition | None:
        lasting = self.m.exprs(test.pick, choice)
        days = test.values[0]
        return Compare(lasting[0], self._op(test.op), days) if lasting and isinstance(days, int | float) else None

    def _same(self, link: Link, query: Subquery) -> Condition | None:
        """The main table's rows that hold what a named row of it holds: `in the same city as Ann`."""
        main = self.m.main
        ref = link.ref if link.table == main and link.column else None
        for edge in self.m.graph.edges[main]:
            if edge.child == main and edge.parent == link.table and len(edge.child_columns) == 1 and ref is None:
                ref = Ref(main, edge.child_columns[0])
        tests = tuple(c for c in (self.test(t, Choice()) for t in query.tests) if c is not None)
        if ref is None or not tests:
            return None
        return Member(ref, Form((Expr(main, ref),), tables=(main,), where=tests))

    def _one_each(self, table: str) -> bool:
        """True when a row of the subject has at most one row of a table: then `A and B` means either."""
        edges = self.m.graph.tree([self.m.main, table])
        return edges is not None and table not in self.m.graph.many(self.m.main, edges)

    def _named(self, table: str, test: Test) -> Condition | None:
        shown = self.m.lexicon.tables[table].display
        if len(shown) != 1:
            return None
        ref = Ref(table, shown[0])
        parts = tuple(
            Compare(Expr(table, ref), self._op(test.op), self._stored(ref, str(v)) or str(v), fold=True)
            for v in test.values
            if isinstance(v, str)
        )
        return parts[0] if len(parts) == 1 else Any(parts) if parts else None

    def _truth(self, expr: Expr, op: str) -> Condition:
        assert expr.ref is not None
        entry = self.m.lexicon.column(expr.ref)
        if op != "true":
            return Compare(expr, "null" if op == "null" else "not null")
        if entry.column.family == "bool":
            return Compare(expr, "=", True)
        for yes in ("y", "yes", "t", "true", "1"):
            if yes in entry.values:
                stored = entry.values[yes]
                return Compare(expr, "=", int(stored) if entry.number else stored)
        return Compare(expr, "=", 1 if entry.number else "Y")

    def _aggregated(self, test: Test, choice: Choice) -> Condition | None:
        if test.op in ("like", "starts", "ends"):  # a count holds no text
            return None
        exprs = self.m.exprs(test.pick, replace(choice, count="rows"))
        if test.pick.agg == "sum" and exprs and choice.count == "distinct":  # pieces, or the rows that hold them
            exprs = (self.m.counted(exprs[0].table, replace(choice, count="rows")),)
        if test.pick.var is None and test.pick.agg == "count":
            others = [t for t in self.m.joined() if t != self.m.main]
            exprs = (self.m.counted(others[0] if others else self.m.main, choice),)
        if not exprs or not test.values:
            return None
        value = test.values[0]
        if isinstance(value, Pick):
            other = self.m.exprs(value, choice)[:1]
            return Compare(exprs[0], self._op(test.op), other[0]) if other else None
        if isinstance(value, Subquery):
            query = self.subquery(value, exprs[0]) if value.agg else None
            return Compare(exprs[0], self._op(test.op), query) if query else None
        made = tuple(
            Compare(exprs[0], self._op(test.op), self._scalar(each))
            for each in test.values
            if not isinstance(each, Pick | Subquery)
        )
        return made[0] if len(made) == 1 else Any(made)

    def _op(self, op: str) -> Operator:
        return op  # type: ignore[return-value]

    def _scalar(self, value: Operand | Link) -> str | int | float | date:
        if isinstance(value, Period):
            return value.start
        return value if isinstance(value, str | int | float | date) else str(value)

    def _single(self, expr: Expr, test: Test, value: Operand | Subquery | Pick | Link, link: Link) -> Condition | None:
        assert expr.ref is not None
        entry = self.m.lexicon.column(expr.ref)
        op = test.op
        kind = test.pick.var.hint if test.pick.var else ""
        if isinstance(value, Pick):
            other = self.m.exprs(value, Choice())[:1]
            same = not (kind and other and other[0].ref and other[0].ref.column != expr.ref.column)
            op = TURNED.get(op, op) if kind and turned(kind, entry) else op
            return Compare(expr, self._op(op), other[0]) if other and same and other[0].ref != expr.ref else None
        if isinstance(value, Subquery):
            query = self.subquery(value, expr)
            return Compare(expr, self._op(op), query) if query else None
        if kind and turned(kind, entry) and op in TURNED and isinstance(value, Period | date):
            op = TURNED[op]
        if isinstance(value, Period):
            return self._period(expr, op, value)
        if entry.temporal and isinstance(value, int) and 1000 <= value <= 2999:
            return self._period(expr, op, Period(date(value, 1, 1), date(value + 1, 1, 1), str(value)))
        if isinstance(value, str):
            return self._text(expr, op, value, link)
        if entry.column.family == "text" and isinstance(value, int | float):
            stored = self._stored(expr.ref, str(value))
            return Compare(expr, self._op(op), stored or str(value))
        return Compare(expr, self._op(op), self._scalar(value))

    def _text(self, expr: Expr, op: str, value: str, link: Link) -> Condition | None:
        assert expr.ref is not None
        entry = self.m.lexicon.column(expr.ref)
        if op in ("like", "starts", "ends"):
            return Compare(expr, self._op(op), value)
        stored = link.value if link.value and _alike(link.value, value) else ""
        known = self._stored(expr.ref, value) or stored
        if entry.number:
            bare = (known or value).replace(",", "").lstrip("$")
            try:
                number = float(bare)
            except ValueError:
                return None
            return Compare(expr, self._op(op), int(number) if number.is_integer() else number)
        return Compare(expr, self._op(op), known or value, fold=not known and entry.column.family == "text")

    def _stored(self, ref: Ref, value: str) -> str:
        """The spelling in which a column holds a text; empty when that is not known."""
        for test in self.m.sketch.tests + [t for lack in self.m.sketch.lacks for t in lack.tests]:
            for link in test.options:
                if link.ref == ref and link.value and _alike(link.value, value):
                    return link.value
        entry = self.m.lexicon.column(ref)
        coded = {" ".join(map(stem, text.split())): stored for text, stored in entry.codes.items()}
        bare = plain(value)
        return entry.values.get(bare, "") or entry.codes.get(bare) or coded.get(" ".join(map(stem, bare.split())), "")

    def _period(self, expr: Expr, op: str, period: Period) -> Condition:
        assert expr.ref is not None
        entry = self.m.lexicon.column(expr.ref)
        if entry.number or entry.yearly:
            year = period.start.year
            return Compare(expr, self._op(op if op in COMPARING else "="), str(year) if entry.yearly else year)
        if (
            (period.end - period.start).days == 1
            and entry.column.family != "datetime"
            and op in ("=", "<>", ">", "<", ">=", "<=")
        ):
            return Compare(expr, self._op(op), period.start)
        low, high = Compare(expr, ">=", period.start), Compare(expr, "<", period.end)
        match op:
            case ">":
                return Compare(expr, ">=", period.end)
            case ">=":
                return low
            case "<":
                return Compare(expr, "<", period.start)
            case "<=":
                return high
            case "<>":
                return Not(All((low, high)))
        return All((low, high))

    def subquery(self, query: Subquery, left: Expr) -> Form | None:
        """The one-cell query a comparison compares with."""
        if query.agg in ("mode", "rarest"):
            count = Sort(Expr(left.table, None, "count"), query.agg == "mode")
            return Form((left,), group=(left,), order=(count,), limit=1)
        link = self.m.assignment.link(query.var)
        ref = link.ref if link and link.column else left.ref
        if ref is None:
            return None
        owner = self.m.assignment.link(query.table)
        tests = tuple(c for c in (self.test(t, Choice()) for t in query.tests) if c is not None)
        tables = (ref.table,) if not owner or not tests else (ref.table, owner.table)
        return Form((Expr(ref.table, ref, query.agg),), tables=tables, where=tests)  # type: ignore[arg-type]


def _alike(stored: str, value: str) -> bool:
    one, other = plain(stored), plain(value)
    if one == other or one.rstrip("s") == other.rstrip("s"):
        return True
    return one in grammar().values.get(other, ()) or one == " ".join(lemma(w) for w in other.split())
