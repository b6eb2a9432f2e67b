"""Rules for comparisons: `more than 3`, `above average`, `between 5 and 7`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.offline.clause_sides import Sides
from assistant.offline.grammar import Op
from assistant.offline.mentions import Item, Link
from assistant.offline.periods import Period
from assistant.offline.sketch import DURATION, Operand, Pick, Subquery, Test, Var

DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
"""How many days a unit of time has."""
PIECES = frozenset({"item", "items", "thing", "things", "unit", "units", "piece", "pieces", "article", "articles"})


class Comparing(Sides):
    """Rules for comparisons: `more than 3`, `above average`, `between 5 and 7`."""

    if TYPE_CHECKING:  # rules of the classes that build on this one

        def like(self, op: str) -> None:
            """A text that a column contains."""

    def on_compare(self, item: Item, op: Op) -> None:
        """`more than 3 ...`: what is compared stands before or after."""
        self.at += 1
        op = self.joining(item, op)
        if op.value == "between":
            self.between()
            return
        if op.value in ("like", "starts", "ends"):
            self.like(op.value)
            return
        self.skip("logic.of", "logic.is", "logic.any", "logic.relative")
        operand = self.operand(op)
        if operand is None:
            spot = 2 if self._logic(self.peek(1), "of", "is") else 1
            if self.peek().kind == "column" and (
                self.peek(spot).kind in ("number", "period") or self.peek(1).is_op("aggregate")
            ):
                self.pending = Pick(self.column(self.peek()))
                self.at += spot
                operand = self.operand(op)
            if operand is None and self.columns_compared(op):
                return
            if operand is None and self.peek().kind in ("table", "column"):
                operand = self.entity_compared(op)
            if operand is None:
                return
        hint = op.hint or ("age" if self.aged else "")
        if self.often and self.pending is not None and not self.pending.agg:
            self.pending = None
        self.aged = self.often = False
        self.compare(op.value, hint, operand)
        if isinstance(operand, Subquery) and self.sub_next is operand:
            self.sub, self.sub_next = operand, None

    def joining(self, item: Item, op: Op) -> Op:
        """`before 1990 or after 2000`: the joining word belongs to the question, not to the comparison."""
        word, _, rest = item.text.lower().partition(" ")
        follows = self.peek().kind in ("number", "period") and self.peek(-2).text.lower() not in ("in", "on", "during")
        if word not in ("or", "and") or not rest or not follows or op.value not in (">=", "<="):
            return op
        self.either = self.either or word == "or"
        hint = "time" if rest in ("before", "after", "earlier", "later") else op.hint
        return Op("compare", op.value[0], hint)

    def operand(self, op: Op) -> Operand | Subquery | None:
        """What stands on the right of a comparison."""
        item = self.peek()
        if item.kind in ("number", "period") and item.value is not None and not isinstance(item.value, str):
            self.at += 1
            if self.peek().is_op("unit") and {"old", "age"} & set(self.peek().text.lower().split()):
                self.aged = True
            self.often = self.peek().is_op("unit") and self.peek().text.lower() in ("times", "time")
            self.skip("unit")
            return item.value
        if op.value in (">", "<", ">=", "<=") and self._names_row(item):
            return self.row_compared(item, op)
        if item.kind in ("value", "text"):
            self.at += 1
            return str(item.value)
        if item.is_op("aggregate", "superlative") and item.op:
            return self.subquery(item.op)
        if item.kind == "unknown" and item.text[:1].isupper() and op.value in ("=", "<>"):
            self.at += 1
            return item.text
        return None

    def compare(self, op: str, hint: str, operand: Operand | Subquery) -> None:  # noqa: C901, PLR0912, PLR0915  # one list of cases
        """File a comparison with whatever stands on its left."""
        pick = self.pending
        item = self.peek()
        number = isinstance(operand, int | float)
        if (
            pick is not None
            and not (isinstance(operand, Period) and not self._dated(pick))
            and not (hint and pick in self.sketch.picks)
            and not (number and self._worded(pick))
            and not (pick in self.sketch.picks and self.head and number and item.kind in ("table", "column"))
        ):
            if pick in self.sketch.picks:
                self.sketch.picks.remove(pick)
            self.pending = None
            self.add_test(Test(pick, op, [operand]))
            return
        if number and not hint and item.is_op("distinct"):
            self.distinct = True
            self.at += 1
            item = self.peek()
        if number and not hint and item.kind in ("table", "column"):
            distinct, self.distinct = self.distinct, False
            self.at += 1
            if (pieces := self._pieces(item)) is not None:
                self.add_test(Test(pieces, op, [operand]))
                return
            var = self.var(item)
            var.near = self.near
            numeric = item.kind == "column" and self._summable(item)
            if item.kind == "table":
                self.sketch.tables.append(var)
            if item.kind == "table" and op == ">=" and operand == 1 and self.lack is None:
                self.near = var
                return
            self.add_test(Test(Pick(var, "" if numeric else "count", distinct), op, [operand]))
            return
        if number and not hint and item.kind == "value" and self.peek(1).kind == "table":  # more than 3 paid orders
            self.at += 2
            var = self.var(self.peek(-1))
            var.near = self.near
            self.sketch.tables.append(var)
            self.add_test(Test(Pick(var, "count"), op, [operand]))
            held = self.value_test(item, var)
            if held.pick.var:
                held.pick.var.tight = True
            self.add_test(held)
            return
        if pick is not None and isinstance(operand, Period):
            self.pending = None
        if pick is not None and hint == "time" and not self._dated(pick):
            pick = None
        if pick is not None and number and self._temporal(pick) and not 1000 <= float(operand) <= 2999:  # type: ignore[arg-type]
            pick = None
        repeat = self.either or self._logic(self.peek(-3), "or") or self._logic(self.peek(-4), "or", "and")
        if (
            pick is None
            and number
            and not hint
            and self.last
            and self.last.pick.agg != "count"
            and self.last.op in ("<", ">", "<=", ">=", "=")
            and repeat
            and item.kind not in ("table", "column")
        ):
            self.add_test(Test(self.last.pick, op, [operand]))
            return
        if isinstance(operand, Subquery) and not hint and operand.var is not None:
            self.add_test(Test(Pick(operand.var), op, [operand]))
            return
        if isinstance(operand, Subquery) and item.kind == "column":
            self.at += 1
            self.add_test(Test(Pick(self.column(item)), op, [operand]))
            return
        if hint == "time" and number and not 1000 <= float(operand) <= 2999:  # type: ignore[arg-type]
            hint = ""
        if isinstance(operand, Period) or (
            number and not hint and isinstance(operand, int) and 1900 <= operand <= 2100
        ):
            hint = hint or "time"
        if isinstance(operand, Subquery) and not hint:
            hint = "amount"
        if hint == "length" and number and (lasting := self._stretch(item)) is not None:
            days, var = lasting
            self.at += 1
            self.add_test(Test(Pick(var), op, [float(operand) * days]))  # type: ignore[arg-type]
            return
        amount = op in ("<", ">") and self._near_has({"total", "amount", "price", "value", "salary", "balance"})
        aged = self._near_has({"age"}) or (self._subject_has({"age"}) and op in ("<", ">") and item.kind != "table")
        kind = hint or (("age" if aged else "amount" if amount else "count") if number else "")
        if kind == "count":
            self.add_test(Test(Pick(None, "count"), op, [operand]))
            return
        var = Var("column", kind, [], near=self.near, hint=kind or "text", start=item.start)
        if item.kind == "column" and hint:
            var.links = list(item.links)
            self.at += 1
        self.add_test(Test(Pick(var), op, [operand]))

    def _stretch(self, item: Item) -> tuple[float, Var] | None:
        """`longer than 18 days`: the time between the two dates of what is at hand, when no number keeps it."""
        unit = item.op.value if item.is_op("bucket") and item.op else ""
        near = self.near or self.sketch.subject
        if unit not in DAYS or near is None:
            return None
        columns = self.lexicon.tables[near.links[0].table].columns.values()
        dates = [entry for entry in columns if entry.column.family in ("date", "datetime")]
        if len(dates) != 2 or any(e.number and e.lemmas & {"duration", "length", "minute", "hour"} for e in columns):
            return None
        links = [Link(dates[1].table, dates[1].column.name)]
        return DAYS[unit], Var("column", unit, links, near=near, tight=True, hint=DURATION)

    def _pieces(self, item: Item) -> Pick | None:
        """`returned more than 3 items`: pieces of what was done, where no table is called items."""
        near = self.near
        if item.text.lower() not in PIECES or item.score >= 0.97 or near is None or near is self.sketch.subject:
            return None
        columns = self.lexicon.tables[near.links[0].table].columns.values()
        return Pick(near, "sum" if any(c.number and "quantity" in c.lemmas for c in columns) else "count")

    def averaged(self, op: Op) -> bool:
        """`last over 110 minutes on average`: what was just compared is the average of a group."""
        test, before = self.last, self.peek(-1)
        near = before.kind in ("number", "column") or before.is_op("unit", "bucket")
        plain = test is not None and not test.pick.agg and all(isinstance(v, int | float) for v in test.values)
        if self.head or self.lack is not None or not near or test is None or not plain or test not in self.sketch.tests:
            return False
        test.pick.agg = op.value
        return True

    def between(self) -> None:
        """`between A and B`."""
        bounds: list[Operand] = []
        while len(bounds) < 2:
            item = self.peek()
            if item.kind in ("number", "period") and item.value is not None and not isinstance(item.value, str):
                bounds.append(item.value)
            elif not (item.is_op("logic", "unit", "fill", "compare") or item.text in ("to", "-")):
                break
            self.at += 1
        self.skip("unit")
        if len(bounds) == 2:
            if all(isinstance(b, int) and 1500 <= b <= 2100 for b in bounds) and self.pending is None:
                self.pending = Pick(Var("column", "time", [], near=self.near, hint="time"))
            pick = self.pending
            spot = self.at
            self.compare(">=", "", bounds[0])
            tests = self.lack.tests if self.lack else self.sketch.tests
            if tests and self.at >= spot:
                first = tests[-1]
                tests.append(replace(first, op="<=", values=[bounds[1]], either=False))
            del pick
