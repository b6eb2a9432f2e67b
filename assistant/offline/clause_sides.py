"""Rules for what a comparison compares with: another column, another row, an aggregate of rows."""

from assistant.offline.clause_naming import SURELY
from assistant.offline.clause_values import Values
from assistant.offline.grammar import Op
from assistant.offline.mentions import Item, Link
from assistant.offline.sketch import Pick, Subquery, Test, Var


class Sides(Values):
    """Rules for what a comparison compares with: another column, another row, an aggregate of rows."""

    def _names_row(self, item: Item) -> bool:
        """True for a value of words: `older than Rex` compares with the row that is called so."""
        return item.kind == "value" and bool(item.links) and not str(item.value)[:1].isdigit()

    def row_compared(self, item: Item, op: Op) -> Subquery:
        """`older than Rex`, `earlier than any clerical staff`: the rows that hold a value, each or any of them."""
        every = self._logic(self.peek(-1), "all_of")
        self.at += 1
        test = self.value_test(item, self.near)
        if self.peek().kind == "table":
            owner = self.var(self.peek())
            self.at += 1
            if test.pick.var:
                test.pick.var.near, test.pick.var.tight = owner, True
        return Subquery("max" if every == (op.value in (">", ">=")) else "min", None, [test])

    def columns_compared(self, op: Op) -> bool:
        """`cost more than its list price`, `a higher price than cost`: one column of a row against another."""
        spot = self.at
        first = self.side()
        if first is None:
            return False
        if self.than() and (second := self.side()) is not None:
            self.pending = None
            self.add_test(Test(Pick(first), op.value, [Pick(second)]))
            return True
        left = self.pending
        if left is not None and (left.agg or left.var is None or not self._comparable(left.var)):
            left = None
        following = self.peek()
        if self._logic(following, "of", "any", "all_of") or following.kind in ("value", "table", "text", "number"):
            self.at = spot
            return False
        if left is None and not op.hint and not self._owned_before():
            self.at = spot
            return False
        if left is None:
            beside = Var("column", first.text, self.beside(first), near=self.near, hint=op.hint or "amount")
            left = Pick(beside)
        if left in self.sketch.picks:
            self.sketch.picks.remove(left)
        self.pending = None
        self.add_test(Test(left, op.value, [Pick(first)]))
        return True

    def side(self) -> Var | None:
        """One side of a comparison of columns, with the table before it if one is named."""
        owner, at = None, self.at
        if self.peek().kind == "table":
            owner = self.var(self.peek())
            self.at += 1
            if self.peek().text == "'s":
                self.at += 1
        item = self.peek()
        if item.kind != "column" or item.score < SURELY or not self._ordered_by(item):
            self.at = at
            return None
        self.at += 1
        var = self.var(item)
        var.near, var.tight = (owner, True) if owner else (self.near, False)
        return var

    def than(self) -> bool:
        """True where `than` stands right behind the item before this one."""
        before = self.peek(-1)
        word = next((item for item in self.raw if item.start == before.end), None)
        return word is not None and word.text.lower() == "than"

    def _comparable(self, var: Var) -> bool:
        entries = [self.lexicon.column(link.ref) for link in var.links if link.column]
        return bool(var.hint) or any((e.number or e.temporal) and not e.identifier for e in entries)

    def _owned_before(self) -> bool:
        """True in `more than its list price`, `above the list price`: the other side is the row's own."""
        owner = next((item.text.lower() for item in self.raw if item.end == self.peek(-1).start), "")
        return owner in ("its", "their", "the", "his", "her", "own")

    def beside(self, var: Var) -> list[Link]:
        """Columns that share a word with one: the unit price beside the list price."""
        links = [link for link in var.links if link.column]
        words = {word for link in links[:1] for word in self.lexicon.column(link.ref).lemmas}
        known = {link.ref for link in links}
        return [
            Link(entry.table, entry.column.name, score=0.8)
            for entry in self.lexicon.columns
            if entry.ref not in known and entry.number and not entry.identifier and entry.lemmas & words
        ]

    def against(self, op: Op, other: Var) -> None:
        """`dogs heavier than their sire`: the same column of the row and of the one that plays a part for it."""
        pick, self.pending = self.pending, None
        self.at += 1
        self.sketch.tables.append(other)
        links = list(pick.var.links) if pick is not None and pick.var else []
        kind = "" if links else op.hint
        mine = Var("column", kind or other.text, links, near=self.sketch.subject, tight=True, hint=kind)
        theirs = Var("column", kind or other.text, list(links), near=other, tight=True, hint=kind)
        if pick in self.sketch.picks and pick is not None and not self.head:
            self.sketch.picks.remove(pick)
        self.add_test(Test(Pick(mine), op.value, [Pick(theirs)]))

    def entity_compared(self, op: Op) -> Subquery | None:
        """`earns more than the employee with id 163`, `than the price of all toys`."""
        query = Subquery("", None)
        spot = self.at
        if self.peek().kind == "column":
            query.var = self.column(self.peek())
            self.at += 1
            self.skip("logic.of")
        every = self.peek(-1).is_op("logic") and not self._logic(self.peek(-1), "any")
        self.skip("logic.any", "logic.all_of", "distinct")
        if self.peek().kind != "table" or (self.pending is None and not op.hint and query.var is None):
            self.at = spot
            return None
        if self.peek().links[0].table in self.lexicon.roles and query.var is None:
            self.against(op, self.var(self.peek()))
            return None
        query.table = self.near = self.var(self.peek())
        query.agg = (
            ("max" if op.value in (">", ">=") else "min") if every else ("min" if op.value in (">", ">=") else "max")
        )
        self.at += 1
        self.sub_next = query
        return query

    def subquery(self, op: Op) -> Subquery:
        """`the average salary of all engineers`."""
        agg = {"max": "max", "min": "min"}.get(op.value, op.value)
        self.at += 1
        self.skip("logic.of")
        query = Subquery(agg, None)
        if self.peek().kind == "column":
            query.var = self.column(self.peek())
            self.at += 1
        spot = self.at
        self.skip("logic.of", "logic.any", "logic.all_of", "group")
        if query.var is None and self.peek().kind == "column" and self.peek(-1).is_op("group"):
            self.at = spot  # `older than average for each gender`: the question's own groups
        if self.peek().kind == "table":
            query.table = self.var(self.peek())
            self.at += 1
            self.skip("logic.of", "logic.relative")
            spot = 0
            while spot < 3 and (
                self.peek(spot).kind in ("column", "unknown") or self.peek(spot).is_op("group", "logic")
            ):
                spot += 1
            if spot and self.peek(spot).kind == "value":
                self.at += spot
            if self._logic(self.peek(-1), "relative"):
                self.sub, self.near = query, query.table
            elif self.peek().kind == "value" and self.peek(1).kind != "column":
                query.tests.append(self.value_test(self.peek(), query.table))
                self.at += 1
        elif self.peek().kind == "value":
            query.tests.append(self.value_test(self.peek(), self.near))
            self.at += 1
            if self.peek().kind in ("table", "column"):
                self.at += 1
        return query

    def value_test(self, item: Item, near: Var | None) -> Test:
        """A stored value as a test of its own."""
        return Test(
            Pick(Var("column", item.text, list(item.links), near=near)),
            "=",
            [str(item.value)],
            options=list(item.links),
        )
