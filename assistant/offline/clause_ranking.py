"""Rules for groups, superlatives and orders: `per month`, `the oldest`, `sorted by`."""

from dataclasses import replace

from assistant.offline.clause_comparing import Comparing
from assistant.offline.clause_naming import SURELY
from assistant.offline.grammar import Op, grammar
from assistant.offline.mentions import Item
from assistant.offline.sketch import Order, Pick, Subquery, Super, Test, Var

AMOUNTS = frozenset(
    {"high", "highest", "low", "lowest", "large", "largest", "big", "biggest", "small", "smallest", "most", "least"}
)
"""Words of orders that go by how much there is."""


class Ranking(Comparing):
    """Rules for groups, superlatives and orders: `per month`, `the oldest`, `sorted by`."""

    def on_group(self, item: Item, op: Op) -> None:  # noqa: C901, PLR0912  # one list of cases
        """`for each X`, `per X`, `by X`."""
        self.at += 1
        if op.value == "with" or self._each_owns(op):
            return
        if op.value == "by" and self.sort_by and self.order_keys(False):
            self.sort_by = False
            return
        if (
            op.value in ("by", "each")
            and item.text.lower() in ("by", "per")
            and self.sketch.supers
            and self._open_super()
        ) and self.order_keys(self.sketch.supers[-1].descending):
            return
        if (
            op.value == "by"
            and not any(pick.agg or pick.measure for pick in self.sketch.picks)
            and not self.sketch.tables
        ):
            return
        if item.text.lower() == "by" and (self._agent(item) or self._by_name()):
            return
        self.take_distinct()
        while self.peek().kind in ("column", "table"):
            target = self.peek()
            if (
                target.kind == "table"
                and target.alt
                and target.alt[0].score >= target.score - 0.05
                and " " in target.text
            ):
                target = replace(target, kind="column", links=target.alt)
            if op.value == "by" and self._tested_after(1):
                return
            self.at += 1
            if target.kind == "table" and self.peek().kind == "column" and self.peek().start == target.end:
                owner = self.table(target)
                var = self.column(self.peek())
                var.near, var.tight = owner, True
                self.at += 1
            elif target.kind == "table":
                weak = self.sketch.subject is None
                var = self.table(target)
                if weak:
                    self.sketch.subject = None
            else:
                var = self.column(target)
                self.near_of(var)
            self.sketch.groups.append(Pick(var))
            if (
                (self._logic(self.peek(), "and") or self.peek().text == ",")
                and self.peek(1).kind == "column"
                and op.value == "by"
            ) or (
                self._logic(self.peek(), "and")
                and self.peek(1).kind == "column"
                and self.peek(2).kind == "op"
                and self.peek(2).is_op("sign", "end")
            ):
                self.at += 1
            else:
                return
        spoken = self.peek()
        if spoken.is_op("bucket") and spoken.op:
            bucket = Pick(Var("column", spoken.text, [], near=self.near, hint="time"), bucket=spoken.op.value)
            self.sketch.groups.append(bucket)
            self.at += 1

    def _each_owns(self, op: Op) -> bool:
        """True in `each dog's name`: every dog is shown, nothing is grouped."""
        owner, possessive, owned = self.peek(), self.peek(1), self.peek(2)
        shown = self.head and not any(pick.agg for pick in self.sketch.picks)
        return op.value == "each" and shown and (owner.kind, possessive.text, owned.kind) == ("table", "'s", "column")

    def _by_name(self) -> bool:
        """True in `show the dog and its sire by name`: what is shown is named."""
        named = self.peek().text.lower() in ("name", "names") and self.peek(1).is_op("end", "sign")
        plain = self.head and not self.sort_by and not any(pick.agg for pick in self.sketch.picks)
        self.at += named and plain
        return named and plain

    def _agent(self, item: Item) -> bool:
        """True for `taught by`, `ordered by`: who did it, not a grouping."""
        before = next((other for other in self.raw if other.end == item.start), None)
        if before is None:
            return False
        return before.kind == "unknown" or before.is_op("fill") or bool(before.links and before.links[0].weak)

    def _open_super(self) -> bool:
        """True after `top 5 products`: `by revenue` says by what."""
        pick = self.sketch.supers[-1].pick
        return pick.var is None and not pick.agg and not pick.measure

    def near_of(self, var: Var) -> None:
        """A grouping column belongs to the table named last."""
        if var.near is None:
            var.near = self.near

    def on_superlative(self, item: Item, op: Op) -> None:
        """`the oldest X`, `the most Y`, `top 5`."""
        if self.head and self.extremes():
            return
        after = self.peek(1)
        count = 1
        if after.kind == "number" and isinstance(after.value, int):
            count = after.value
        self.superlative(count)

    def extremes(self) -> bool:
        """`the shortest and the longest life span`, `the oldest and youngest member`: bounds, no ranking."""
        run, hint, spot = list[str](), "", 0
        while True:
            item = self.peek(spot)
            if item.is_op("superlative", "aggregate") and item.op:
                run.append(item.op.value)
                hint = hint or item.op.hint
            elif not (self._logic(item, "and") or item.text == ","):
                break
            spot += 1
        target = self.peek(spot)
        if len(set(run)) < 2 or not hint or target.kind not in ("column", "table"):
            return False
        self.at += spot
        shown = self.sketch.picks[-1] if self.sketch.picks else None
        if target.kind == "column":
            self.aggregate(run)
            return True
        self.at += 1
        near = self.table(target)
        if shown is not None and not shown.agg and shown.var and self._measured(shown):
            self.sketch.picks.pop()
            self.picked([Pick(shown.var, agg) for agg in run])
        else:
            var = Var("column", hint, [], near=near, tight=True, hint=hint, start=target.start)
            self.picked([Pick(var, agg) for agg in run])
        return True

    def superlative(self, count: int) -> None:  # noqa: C901, PLR0912, PLR0915  # one list of cases
        """A superlative at hand (or behind a number)."""
        item = self.peek()
        op = item.op
        assert op is not None
        prior = self.peek(-1)
        self.at += 1
        if (op.hint and self._comes_first(item)) or self._column_first(op):
            return None
        if self.peek().kind == "number":
            self.at += 1
        if self.peek().is_op("superlative", "frequent") and self.peek().op:  # top 3 most expensive
            op = self.peek().op or op
            self.at += 1
        target = self.peek()
        if op.kind == "frequent":
            return self.frequent(op, count)
        if not op.hint and self.head and count == 1 and self._run_of_aggregates() and self._is_aggregate(prior):
            self.at -= 1
            return self.on_aggregate(item, Op("aggregate", op.value))
        self.skip("logic.of", "logic.is")
        target = self.peek()
        said = target.kind == "column" and target.links[0].weak and not self._ordered_by(target)
        if said and self.peek(1).kind == "table":
            self.sketch.verbs.append(target.text.lower())  # `the most arriving trains`
            self.at += 1
            target = self.peek()
        if self._best_of_each(op, target):
            return None
        pick: Pick
        if op.hint:
            pick = self.hinted(op, target)
        elif target.is_op("aggregate"):
            self.at += 1
            self.skip("logic.of", "distinct")
            agg = target.op.value if target.op else ""
            target = self.peek()
            if target.kind == "table" and self._numeric_alt(target):
                target = replace(target, kind="column", links=self._numeric_alt(target))
            elif target.kind == "table" and self.peek(1).kind == "column":
                self.counted(target)
                target = self.peek()
            elif target.is_op("ask") and target.op and target.op.value == "count":
                self.at += 1
                target = self.peek()
                agg = "count"
            if target.kind == "column":
                pick = Pick(self.column(target), agg)
            elif target.is_op("measure"):
                pick = Pick(None, agg, measure=target.op.value if target.op else "")
            else:
                pick = Pick(self.var(target), "count") if target.kind == "table" else Pick(None, agg)
            self.at += 1
        elif target.is_op("measure"):
            self.at += 1
            pick = Pick(None, "sum", measure=target.op.value if target.op else "")
        elif target.is_op("ask", "distinct"):
            self.at += 1
            distinct = self.take_distinct()
            target = self.peek()
            pick = Pick(self.counted(target), "count", distinct)
        elif target.kind == "column" and self._stands_for(target):
            self.items[self.at] = replace(target, kind="table", links=target.alt)
            target = self.peek()
            pick = Pick(None, "")
        elif target.kind == "column" and self._ranked_by_what_follows(target):
            self.at += 1
            shown = Pick(self.column(target))
            self.sketch.picks.append(shown)
            self.sketch.groups.append(shown)
            pick = Pick(None, "")
        elif target.kind == "column":
            self.at += 1
            var = self.column(target)
            pick = Pick(var) if self._ordered_by(target) else Pick(var, "count")
            if var.near is None:
                var.near = self.near
        elif target.kind == "table" and "most" not in item.text.lower() and self._ranks(target, self.peek(1)):
            owner = self.var(target)
            self.at += 2
            pick = Pick(self.var(self.peek(-1)))
            if pick.var:
                pick.var.near, pick.var.tight = owner, True
        elif target.kind == "table":
            if (
                "most" in item.text.lower()
                or item.text.lower() in ("fewest", "the fewest", "least", "the least")
                or "number of" in item.text.lower()
                or not self.head
            ):
                pick = Pick(self.counted(target), "count")
            elif item.text.lower() in ("top", "best", "the best", "leading", "worst", "bottom"):
                pick = Pick(None, "")
            elif self._traders(target):
                pick = Pick(None, "sum", measure="revenue")
            else:
                pick = Pick(Var("column", "size", [], near=None, hint=self._bigness(target)))
        elif self.pending and self.pending.var and not self.pending.agg and self._measured(self.pending):
            pick = self.pending
            if pick in self.sketch.picks:
                self.sketch.picks.remove(pick)
        else:
            pick = Pick(None, "count")
        open_super = self.sketch.supers[-1] if self.sketch.supers else None
        if open_super and open_super.pick.var is None and not open_super.pick.agg and not open_super.pick.measure:
            count = max(count, open_super.count)
            self.sketch.supers.pop()
        if self.sketch.limit and count == 1:
            count, self.sketch.limit = self.sketch.limit, None
        self.sketch.supers.append(Super(pick, op.value == "max", count, count > 1, many=self._plural(target, pick)))
        self.pending = None
        return None

    def _best_of_each(self, op: Op, target: Item) -> bool:
        """`for each kind, the heaviest weight`: one figure for each, no ranking."""
        grouped = self.head and bool(self.sketch.groups) and bool(op.hint) and not self.sketch.picks
        if not grouped or target.kind != "column" or not self._ordered_by(target):
            return False
        self.at += 1
        self.picked([Pick(self.column(target), op.value)])
        return True

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

    def _ranks(self, owner: Item, item: Item) -> bool:
        """True for a column one may rank by, named with its table: `the lowest savings balance`."""
        return item.kind == "column" and item.start == owner.end and item.score >= SURELY and self._summable(item)

    def _stands_for(self, target: Item) -> bool:
        """True for the key of a table that the same word names: `top customers` are no customer ids."""
        if not target.alt or target.alt[0].score < 0.9:
            return False
        return self.lexicon.column(target.links[0].ref).target == target.alt[0].table

    def _ranked_by_what_follows(self, target: Item) -> bool:
        """True for `top 5 countries by number of customers`: what is ranked is shown, and `by` says by what."""
        by = self.peek(1)
        what = self.peek(2)
        counted = what.is_op("ask", "aggregate", "measure") or what.kind == "column"
        return not self._ordered_by(target) and by.is_op("group") and by.text.lower() == "by" and counted

    def _bigness(self, target: Item) -> str:
        """What `biggest` goes by: the money of an order or an invoice, else a size."""
        columns = self.lexicon.tables[target.links[0].table].columns.values()
        numbers = {word for entry in columns if entry.number and not entry.identifier for word in entry.lemmas}
        sized = numbers & {"size", "area", "capacity", "population", "volume", "byte", "square", "enrollment"}
        return "money" if numbers & {"total", "amount"} and not sized else "size"

    def _traders(self, target: Item) -> bool:
        """True for people one does business with: the biggest of them bring the most."""
        words = self.lexicon.tables[target.links[0].table].words
        return words[-1].lemma in grammar().people

    def _plural(self, target: Item, pick: Pick) -> bool:
        """True where more than one is asked for: `best customers`, `which products sell best`."""
        subject = self.sketch.subject
        named = target.text if target.kind == "table" or not pick.measure else subject.text if subject else ""
        return named.lower().endswith("s")

    def counted(self, target: Item) -> Var | None:
        """The table (or column) whose rows are counted for a superlative."""
        if target.kind not in ("table", "column"):
            return None
        self.at += 1
        var = self.var(target)
        var.near = self.near
        if target.kind == "table":
            self.sketch.tables.append(var)
            self.near = var
        return var

    def hinted(self, op: Op, target: Item) -> Pick:
        """`oldest`, `latest date`: the column is implied, or stands behind it."""
        if target.kind == "column" and self._ordered_by(target):
            self.at += 1
            if self.head and not self._logic(self.peek(-3), "relative"):
                pick = Pick(self.column(target))
                if not self.sketch.picks and self.sketch.subject is None:
                    self.sketch.picks.append(pick)
                    self.fresh.append(pick)
                return Pick(pick.var)
            return Pick(self.column(target))
        if op.hint in grammar().measures:
            if target.kind == "table":
                self.table(target)
                self.at += 1
            return Pick(None, "sum", measure=op.hint)
        last = self.pending.var if self.pending else None
        if last is not None and target.kind not in ("table", "column") and self.pending and self._dated(self.pending):
            if self.pending in self.sketch.picks and not self.head:
                self.sketch.picks.remove(self.pending)
            return Pick(last)
        var = Var("column", op.hint, [], near=None, hint=op.hint, start=target.start)
        if target.kind == "table":
            var.near = self.table(target)
            var.tight = True
            self.at += 1
        else:
            var.near = self.near
        return Pick(var)

    def frequent(self, op: Op, count: int) -> None:
        """`the most common X`: rows grouped by X, the biggest group."""
        through = self.peek(0).op is not None and self._logic(self.peek(), "of")
        self.skip("logic.of", "logic.is")
        target = self.peek()
        pick = Pick(None, "count")
        shown_before = [p for p in self.sketch.picks if not p.agg]
        before = self.peek(-2)
        joined = self._logic(before, "and") or before.text == ","
        if target.kind == "table" and through and shown_before:
            self.at += 1
            self.table(target)
            self.sketch.groups.extend(shown_before)
        elif target.kind in ("column", "table"):
            self.at += 1
            if target.kind == "table" and self.peek().kind == "column":
                self.near = self.table(target)
                target = self.peek()
                self.at += 1
            var = self.column(target) if target.kind == "column" else self.table(target)
            if target.kind == "column" and shown_before and not joined:
                self.add_test(Test(Pick(var), "=", [Subquery("mode" if op.value == "max" else "rarest", None)]))
                return
            shown = Pick(var)
            if not any(p.var is var for p in self.sketch.picks):
                self.sketch.picks.append(shown)
                self.fresh.append(shown)
            self.sketch.groups.append(Pick(var))
        if self.sketch.limit and count == 1:
            count, self.sketch.limit = self.sketch.limit, None
        self.sketch.supers.append(Super(pick, op.value == "max", count, count > 1, frequent=True))

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

    on_frequent = on_superlative
