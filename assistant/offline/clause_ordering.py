"""Rules for orders: `sorted by`, `in descending order`, `newest first`."""

from assistant.offline.clause_numbers import Numbers
from assistant.offline.grammar import Op, grammar
from assistant.offline.mentions import Item
from assistant.offline.sketch import Order, Pick, Var

AMOUNTS = frozenset(
    {"high", "highest", "low", "lowest", "large", "largest", "big", "biggest", "small", "smallest", "most", "least"}
)
"""Words of orders that go by how much there is."""


class Ordering(Numbers):
    """Rules for orders: `sorted by`, `in descending order`, `newest first`."""

    def _comes_first(self, item: Item) -> bool:
        """`heaviest first`: an order, no ranking."""
        if self.peek().text.lower() != "first" or not self.peek(1).is_op("end", "sign"):
            return False
        self.at += 1
        self._implied_order(item.text)
        return True

    def _column_first(self, op: Op) -> bool:
        """`the highest revenue first`: an order by what stands between."""
        target = self.peek()
        if target.kind != "column" or self.peek(1).text.lower() != "first" or not self.peek(2).is_op("end", "sign"):
            return False
        if not self._ordered_by(target):
            return False
        self.at += 2
        var = self.column(target)
        var.near = var.near or self.near
        self.sketch.orders.append(Order(Pick(var), op.value == "max"))
        return True

    def _implied_order(self, text: str) -> bool:
        """File the order of `newest first`, `from youngest to oldest`; False when no kind of column is implied."""
        words = text.lower().split()
        spans = [tuple(words[i:j]) for i in range(len(words)) for j in (i + 2, i + 1) if j <= len(words)]
        op = next((op for span in spans for op in grammar().phrases.get(span, ()) if op.hint and not op.weak), None)
        if op is None or op.kind != "superlative" or op.hint in grammar().measures:
            return False
        var = Var("column", op.hint, [], near=self.sketch.subject, hint=op.hint)
        self.sketch.orders.append(Order(Pick(var), op.value == "max"))
        return True

    def on_order(self, item: Item, op: Op) -> None:
        """`sorted by X in descending order`."""
        self.close_pending()
        self.lack = None
        self.at += 1
        if op.value in ("up", "down", "alphabet"):
            spot = self.at
            self.skip("logic.of", "order.by", "group.by")
            if op.value == "alphabet" and (way := self.peek().op) and way.kind == "order":
                op = way  # `alphabetically descending by name`
                self.at += 1
                self.skip("logic.of", "order.by", "group.by")
            if not self.order_keys(op.value == "down"):
                self.at = spot
                if not self.sketch.orders and self._implied_order(item.text):
                    return
                if self.sketch.orders:
                    self.sketch.orders[-1].descending = op.value == "down"
                else:
                    amount = bool(set(item.text.lower().split()) & AMOUNTS)
                    self.sketch.orders.append(Order(Pick(None), op.value == "down", amount))
            return
        self.skip("logic.of")
        down = False
        way = self.peek().op
        if way and way.kind == "order" and way.value != "by":
            down = way.value == "down"
            self.at += 1
            self.skip("logic.of", "group.by")
        if not self.order_keys(down) and way and way.kind == "order" and way.value != "by" and not self.sketch.orders:
            self.sketch.orders.append(Order(Pick(None), down))

    def order_keys(self, down: bool) -> bool:
        """The columns after `sorted by`; False when none stands there."""
        any_key = False
        self.skip("group.with", "distinct")
        while True:
            item = self.peek()
            pick = self.order_pick(item)
            if pick is None:
                return any_key
            any_key = True
            self.sorting = True
            while (
                self.peek().kind == "column"
                and pick.var
                and {x.ref for x in self.peek().links[:1]} & {x.ref for x in pick.var.links}
            ):
                self.at += 1
            order = Order(pick, down)
            self.sketch.orders.append(order)
            spot = 0
            while self._logic(self.peek(spot), "is", "of") or self.peek(spot).text in (",", "("):
                spot += 1
            ahead = self.peek(spot)
            if ahead.is_op("order") and ahead.op and ahead.op.value in ("up", "down"):
                order.descending = ahead.op.value == "down"
                for other in self.sketch.orders[:-1]:
                    other.descending = other.descending or (order.descending and other.pick is order.pick)
                self.at += spot + 1
            elif ahead.is_op("superlative") and self.peek(spot + 1).is_op("end", "sign"):
                order.descending = bool(ahead.op and ahead.op.value == "max")
                self.at += spot + 1
            if (self._logic(self.peek(), "and") or self.peek().text == ",") and self.order_like(self.peek(1)):
                self.at += 1
                continue
            return True

    def order_like(self, item: Item) -> bool:
        """True when a sort key may begin here."""
        return item.kind == "column" or item.is_op("aggregate", "measure")

    def order_pick(self, item: Item) -> Pick | None:  # noqa: C901  # one list of cases
        """One sort key."""
        if item.is_op("superlative") and item.op and self.peek(1).kind == "column":
            self.at += 1
            item = self.peek()
        if item.is_op("aggregate") and item.op:
            self.at += 1
            self.skip("logic.of")
            target = self.peek()
            if target.kind == "column":
                self.at += 1
                return Pick(self.column(target), item.op.value)
            return Pick(None, item.op.value)
        if item.is_op("ask") and item.op and item.op.value == "count":
            self.at += 1
            distinct = self.take_distinct()
            target = self.peek()
            if target.kind in ("table", "column"):
                self.at += 1
                var = self.var(target)
                if target.kind == "table":
                    self.sketch.tables.append(var)
                return Pick(var, "count", distinct)
            return Pick(None, "count")
        if item.is_op("measure") and item.op:
            self.at += 1
            return Pick(None, "sum", measure=item.op.value)
        if item.kind == "table" and self.peek(1).kind == "column":
            owner = self.var(item)
            self.at += 2
            var = self.column(self.peek(-1))
            var.near, var.tight = owner, True
            return Pick(var)
        if item.kind in ("column", "table"):
            self.at += 1
            var = self.var(item)
            var.near = self.near
            if self._logic(self.peek(), "of") and self.peek(1).kind == "table":
                var.near, var.tight = self.var(self.peek(1)), True
                self.at += 2
            return Pick(var)
        return None
