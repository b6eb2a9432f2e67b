"""Rules for superlatives: `the oldest`, `the most Y`, `top 5`."""

from dataclasses import replace

from assistant.offline.clause_grouping import Grouping
from assistant.offline.clause_naming import SURELY
from assistant.offline.grammar import Op, grammar
from assistant.offline.mentions import Item
from assistant.offline.sketch import Pick, Subquery, Super, Test, Var


class Ranking(Grouping):
    """Rules for superlatives: `the oldest`, `the most Y`, `top 5`."""

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

    on_frequent = on_superlative
