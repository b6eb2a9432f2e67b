"""Reads a row of items from left to right and says what each is for: shown, tested, grouped, ordered."""

from assistant.offline.clause_ranking import Ranking
from assistant.offline.grammar import Op
from assistant.offline.mentions import Item
from assistant.offline.periods import Period
from assistant.offline.sketch import Lack, Order, Pick, Sketch, Subquery, Test

BEING = frozenset({"is", "are", "was", "were", "isn't", "aren't", "wasn't", "weren't", "other", "except", "excluding"})
"""Words of negations that say what something is not, rather than what it has not."""


class Clauses(Ranking):
    """One pass over the items; `sketch` holds what was read."""

    def read(self) -> Sketch:
        """Read all items."""
        while self.at < len(self.items):
            before = self.at
            self.step(self.peek())
            if self.at == before:
                self.at += 1
        self.close_pending()
        self.side_by_side()
        return self.sketch

    def side_by_side(self) -> None:
        """`revenue this month and last month`: one figure for each of the periods."""
        sketch = self.sketch
        spans = [
            t
            for t in sketch.tests
            if t.op == "=" and not t.either and t.pick.var and all(isinstance(v, Period) for v in t.values)
        ]
        if len(spans) < 2 or not any(pick.agg or pick.measure for pick in sketch.picks):
            return
        first, *others = spans
        var = first.pick.var
        if var is None or any(t.pick.var is None or t.pick.var.links != var.links for t in others):
            return
        for other in others:
            first.values.extend(other.values)
            sketch.tests.remove(other)
        first.joined = "or"
        units = {_unit(value) for value in first.values if isinstance(value, Period)}
        if len(units) == 1 and not sketch.groups:
            by = Pick(var, bucket=units.pop())
            sketch.groups.append(by)
            if not sketch.orders and not sketch.supers:
                sketch.orders.append(Order(by))

    def step(self, item: Item) -> None:
        """Handle the item at hand by its kind."""
        if item.kind == "op" and item.op:
            name = f"on_{item.op.kind}"
            handler = getattr(self, name, None)
            if handler:
                handler(item, item.op)
            return
        getattr(self, f"on_{item.kind}")(item)

    def on_sign(self, item: Item, op: Op) -> None:
        """A comma ends a negation; a full stop or question mark opens a new sentence."""
        if (
            op.value == "("
            and self.peek(1).kind == "column"
            and self.fresh
            and self.fresh[-1].var
            and self.fresh[-1].var.text.lower().split()[-1] in ("name", "names")
        ):
            self.sketch.picks.remove(self.fresh.pop())
        self.sub = None
        if op.value in ".?!;":
            self.close_pending()
            self.head = self.head or bool(self.peek(1).is_op("ask") or self.peek(1).is_op("order"))
            self.lack = None
        elif self.lack and (self.lack.tests or self.lack.table) and not self._value_follows(1):
            self.lack = None

    def on_ask(self, item: Item, op: Op) -> None:
        """`how many`, `when`, `which` ...: what is wanted begins here."""
        self.at += 1
        if op.value == "count":
            if not self._numbers(item):
                self.count()
        elif op.value == "when":
            self.implied("time")
        elif op.value == "how":
            self.how(op)
        elif op.value == "where" and item.start == 0:
            self.implied("place")
        elif op.value == "where":
            self.on_relative()
        elif op.value == "much":
            self.much()
        elif op.value == "show":
            self.on_show(item)

    def how(self, op: Op) -> None:
        """`how heavy`: a kind of column is wanted, unless the column is named right behind."""
        self.skip("logic.is")
        if not self.peek().is_op("aggregate") and not (self.peek().kind == "column" and self._summable(self.peek())):
            self.implied(op.hint)

    def on_show(self, item: Item) -> None:
        """`which`, `show`: what is shown begins, or conditions on what was named before `who`."""
        words = item.text.lower()
        if words.split()[0] in ("who", "whom") and item.start == 0:
            self.sketch.who = True
        if (
            words in ("who", "which", "whom", "what")
            and item.start > 0
            and not self.peek(-2).is_op("sign")
            and not self._logic(self.peek(-2), "and")
        ):
            self.on_relative()
            return
        self.sort_by = words in ("order", "sort", "arrange", "rank")
        if self.sketch.picks or self.sketch.subject or self.sketch.supers:
            self.close_pending()
            self.second = True
            self.near = self.sketch.subject or self.near
        self.head = True
        self.lack = None
        self.sorting = False

    def _numbers(self, item: Item) -> bool:
        """True in `phone numbers of`: the word belongs to the column before it and counts nothing."""
        before = self.peek(-2)
        entry = self.lexicon.column(before.links[0].ref) if before.kind == "column" else None
        return (
            entry is not None
            and before.end == item.start
            and item.text.lower().split()[0] in ("number", "numbers")
            and (entry.column.family == "text" or entry.identifier)
        )

    def on_logic(self, item: Item, op: Op) -> None:
        """`and`, `or`, `with`, `of` ..."""
        if op.value == "relative":
            self.on_relative()
        elif op.value == "or":
            self.either = True
        elif op.value == "both":
            self.sketch.both = True
        elif op.value == "but":
            self.lack = None
        elif op.value == "same":
            self.same()
        elif op.value == "share":
            self.sketch.share = True
            self.at += 1
            pick = Pick(None, "count")
            self.sketch.picks.append(pick)
            self.fresh.append(pick)
            self.head = False
        elif op.value == "lacking":
            self.on_lacking()
        elif op.value == "and":
            self.on_and(item)

    def on_lacking(self) -> None:
        """`including those without any orders`: what is counted is named once more."""
        self.close_pending()
        self.sketch.lacking = True
        if self.peek(1).kind in ("table", "column"):
            self.at += 2

    def same(self) -> None:
        """`in the same city as Ann`, `of the same breed as Rex`: what a named row holds."""
        shared, joint, named = self.peek(1), self.peek(2), self.peek(3)
        if shared.kind not in ("column", "table") or joint.text.lower() != "as":
            return
        spot = 4 if named.kind == "table" and self.peek(4).kind == "value" else 3
        held = self.peek(spot)
        if held.kind != "value" or not held.links:
            return
        self.at += spot + 1
        var = self.var(shared)
        var.near = self.sketch.subject
        values = [self.value_test(held, self.sketch.subject)]
        while self.peek().kind == "value" and self.peek().links:  # a first and a last name
            values.append(self.value_test(self.peek(), self.sketch.subject))
            self.at += 1
        self.add_test(Test(Pick(var), "=", [Subquery("same", None, values)]))

    def on_and(self, item: Item) -> None:
        """`and` goes on with what was going on; `and their`, `along with` return to what is shown."""
        text = item.text.lower()
        self.sub = None
        if self.sorting and self.peek(1).kind == "column":
            self.at += 1
            self.order_keys(self.sketch.orders[-1].descending if self.sketch.orders else False)
            self.sorting = False
            return
        if self.lack and (self.lack.tests or self.lack.table) and not self._value_follows(1):
            self.lack = None
        if (
            text
            in (
                "and their",
                "along with",
                "together with",
                "as well as",
                "and its",
                "and also",
                "and his",
                "and her",
            )
            and self.peek(1).kind == "column"
        ):
            spot = self.at
            self.at += 2
            follows = self._tested_next()
            self.at = spot
            if not follows:
                self.close_pending()
                if not self.sketch.picks and self.sketch.subject is not None and "their" in text.split():
                    self.sketch.picks.append(Pick(self.sketch.subject))
                self.head = True
        elif self.peek(1).is_op("ask") or (self.peek(1).is_op("aggregate") and not self._comparison_ahead()):
            self.close_pending()
            self.head = True

    def on_negate(self, item: Item, op: Op) -> None:
        """What follows must not hold."""
        self.close_pending_for_negation()
        self.lack = Lack(None, has=not set(item.text.lower().split()) & BEING)
        self.sketch.lacks.append(self.lack)
        self.head = False

    def close_pending_for_negation(self) -> None:
        """A column before `is not X` keeps waiting for its value."""
        if self.pending and self.pending in self.sketch.picks and not self.head:
            self.pending = None


def _unit(period: Period) -> str:
    """The unit that a period is one of, by its length."""
    days = (period.end - period.start).days
    return next(
        (unit for most, unit in ((1, "day"), (7, "week"), (31, "month"), (92, "quarter")) if days <= most), "year"
    )
