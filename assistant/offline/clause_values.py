"""Rules for values, texts, periods and missing values: what a column is tested for."""

from dataclasses import replace

from assistant.offline.clause_counting import Counting
from assistant.offline.grammar import Op, grammar
from assistant.offline.mentions import Item, Link
from assistant.offline.periods import Period
from assistant.offline.sketch import Operand, Pick, Subquery, Test, Var
from assistant.offline.tokens import stem
from tools.schemas.vocabulary import lemma

OWNED_BY = frozenset({"by", "of", "from", "does", "do", "did"})
QUOTES = frozenset("\"'“‘`")
OWNS = frozenset({"have", "has", "had", "'s", "own", "owns"})


class Values(Counting):
    """Rules for values, texts, periods and missing values: what a column is tested for."""

    def on_value(self, item: Item) -> None:
        """A stored value: tests the column before or after it, or the columns that hold it."""
        if self.within(item):
            return
        owned = self._owning_around()
        pick = self.take_pending(item)
        values: list[Operand | Subquery | Pick | Link] = [*item.links] or [str(item.value)]
        test = Test(pick or Pick(None), "=", [], options=list(item.links))
        test.values = [str(item.value)]
        self.at += 1
        more, joined = self.more_values()
        for other in more:
            test.values.append(str(other.value))
            alike = {link.ref for link in other.links}
            if any(link.ref in alike for link in test.options):
                test.options = [*test.options, *other.links]
            test.options = [
                link for link in test.options if any(link.ref == another.ref for another in other.links)
            ] or test.options
        test.joined = joined
        if self._logic(self.peek(), "is") and self.peek().text.lower() == "as" and self.peek(1).kind == "column":
            self.at += 1
        following = self.peek()
        if pick is None and following.kind == "column" and not self._tested_after(1):
            refs = {link.ref for link in following.links}
            if any(link.ref in refs for link in item.links):
                test.pick = Pick(self.var(following))
                self.at += 1
        if test.pick.var is None:
            options = [replace(link) for link in item.links if not more or link in test.options]
            var = Var(
                "column", item.text, options, near=self.near, start=item.start, owned=owned, told=self._told(item)
            )
            var.toward = self._toward(item)
            if following.kind == "table" or self.peek(-2).kind == "table":
                owner = self.var(following) if following.kind == "table" else self.near
                var.near, var.tight = owner, True
            test.pick = Pick(var)
        self.stored = values
        self.add_test(test)

    def within(self, item: Item) -> bool:
        """`have 'a' in their names`, `have TN in their address`: a text that a column contains."""
        if item.text[:1] not in QUOTES and item.kind != "unknown":
            return False
        self.at += 1
        pick = self.within_named()
        if pick is None:
            self.at -= 1
            return False
        self.pending = None
        self.add_test(Test(pick, "like", [item.text if item.kind == "unknown" else str(item.value)]))
        return True

    def within_named(self) -> Pick | None:
        """The column of words after `in`: `in their first name`; None where none stands there."""
        column = self.peek(1)
        links = tuple(x for x in (column.links if column.kind == "column" else column.alt) if x.column)
        if self.peek().text.lower() not in ("in", "within") or not links or self._tested_after(2):
            return None
        if self.lexicon.column(links[0].ref).column.family != "text":
            return None
        self.at += 2
        return Pick(self.column(replace(column, kind="column", links=links)))

    def _owning_around(self) -> bool:
        """True where the value at hand owns what is asked for: `by X`, `of X`, `does X have`."""
        before = next((other for other in self.raw if other.end == self.peek().start), None)
        after = next((other for other in self.raw if other.start == self.peek().end), None)
        if before is not None and before.text.lower() in OWNED_BY:
            return True
        return after is not None and after.text.lower() in OWNS

    def _told(self, item: Item) -> frozenset[str]:
        """Stems of the word that stands before a value, small words put aside: `directed` of `directed by X`."""
        before = [other for other in self.raw if other.end <= item.start]
        for other in reversed(before[-4:]):
            if other.kind in ("unknown", "column", "table"):
                return frozenset(stem(word) for word in other.text.lower().split())
            if other.op is None or not (other.is_op("fill", "group") or self._logic(other, "of", "is")):
                break
        return frozenset()

    def _toward(self, item: Item) -> str:
        """Which end of a way a value is: `arriving in X`, `from Y`."""
        before = [other for other in self.raw if other.end <= item.start]
        for other in reversed(before[-6:]):
            if other.kind in ("value", "number", "text") or other.is_op("ask", "negate", "compare"):
                break
            words = {lemma(word) for word in other.text.lower().split()}
            if end := next((name for name in ("to", "from") if words & grammar().direction[name]), ""):
                return end
        return ""

    def take_pending(self, item: Item) -> Pick | None:
        """The column right before a value, when it may hold it."""
        pick = self.pending
        if pick is None or pick.agg:
            return None
        if pick in self.sketch.picks:
            if not self._holds(pick, item):
                return None
            prior = self.peek(-1)
            if (
                self.head
                and prior.kind != "column"
                and not (self._logic(prior, "is") and prior.text.lower() not in ("of", "is", "are"))
            ):
                best = pick.var.links[0].ref if pick.var else None
                if best not in {link.ref for link in item.links} or self._logic(prior, "all_of"):
                    return None
            self.sketch.picks.remove(pick)
        self.pending = None
        return pick

    def _holds(self, pick: Pick, item: Item) -> bool:
        if pick.var is None or not item.links:
            return pick.var is not None
        refs = {link.ref for link in item.links}
        return any(link.ref in refs for link in pick.var.links)

    def more_values(self) -> tuple[list[Item], str]:
        """Further values of a list, and whether `and` or `or` joins them."""
        found: list[Item] = []
        joined = "or"
        while True:
            spot = 0
            while (
                self._logic(self.peek(spot), "and", "or")
                or self.peek(spot).text == ","
                or self._logic(self.peek(spot), "both")
            ):
                if self._logic(self.peek(spot), "and"):
                    joined = "and"
                spot += 1
            if spot == 0 or self.peek(spot).kind not in ("value", "text"):
                return found, joined
            if found or self.items[self.at - 1].kind in ("value", "text"):
                before, after = self.items[self.at - 1], self.peek(spot)
                if (
                    before.links
                    and after.links
                    and not {link.ref for link in before.links} & {link.ref for link in after.links}
                ):
                    return found, joined
            found.append(self.peek(spot))
            self.at += spot + 1

    def on_text(self, item: Item) -> None:
        """A quoted text that is no known value."""
        if self.within(item):
            return
        pick = self.take_pending(item)
        self.at += 1
        if pick is None and self.peek().kind == "column":
            pick = Pick(self.column(self.peek()))
            self.at += 1
        if pick is None:
            pick = Pick(Var("column", item.text, [], near=self.near, hint="text", start=item.start))
        more, joined = self.more_values()
        values: list[Operand | Subquery | Pick | Link] = [str(other.value) for other in (item, *more)]
        self.add_test(Test(pick, "=", values, joined))

    def on_unknown(self, item: Item) -> None:
        """A word nobody knows: a value when a column asks for one, else noted."""
        prior = self.peek(-1)
        asks = (
            self.pending is not None and (prior.kind == "column" or self._logic(prior, "is")) and not self.pending.agg
        )
        if (asks and item.text[:1].isupper()) or (asks and item.text[:1].isdigit()):
            parts = [item.text]
            while self.peek(len(parts)).kind == "unknown" and self.peek(len(parts)).start == item.start + len(parts):
                parts.append(self.peek(len(parts)).text)
            pick = self.pending
            self.pending = None
            self.at += len(parts)
            if pick:
                if pick in self.sketch.picks:
                    self.sketch.picks.remove(pick)
                self.add_test(Test(pick, "=", [" ".join(parts)]))
            return
        if self._logic(prior, "relative") and item.text[:1].isupper() and self.within(item):
            return
        if (kind := grammar().doing.get(lemma(item.text))) and (self._tested_after(1) or self.peek(1).kind == "number"):
            self.pending = Pick(Var("column", kind, [], near=self.near, hint=kind))
            return
        self.sketch.unknown.append(item.text)

    def on_period(self, item: Item) -> None:
        """A stretch of time tests a date column."""
        self.at += 1
        pick = self.pending if self.pending and self._temporal(self.pending) else None
        if pick:
            self.unpick(pick)
            self.pending = None
        if pick is None:
            var = Var("column", item.text, self.happened(), near=self.near, hint="time", start=item.start)
            pick = Pick(var)
        if isinstance(item.value, Period):
            self.add_test(Test(pick, "=", [item.value]))

    def happened(self) -> list[Link]:
        """Date columns that bear the verb before a period: `shipped last month` is about shipped_at."""
        for back in range(2, 5):
            item = self.peek(-back)
            if item.kind == "op" and not item.is_op("logic", "fill", "compare"):
                break
            words = {lemma(word) for word in item.text.lower().split()}
            links = [
                Link(entry.table, entry.column.name, score=0.9)
                for entry in self.lexicon.columns
                if entry.temporal and words & (entry.lemmas - {"date", "time", "at", "datetime", "day"})
            ]
            if links and item.kind != "table":
                test = self.last
                if item.kind == "value" and test in self.sketch.tests and len(test.values) == 1 and test.op == "=":
                    self.sketch.tests.remove(test)
                return links
        return []

    def on_null(self, item: Item, op: Op) -> None:
        """`is null`, `is known`."""
        if self.pending:
            pick, self.pending = self.pending, None
            self.unpick(pick)
            self.add_test(Test(pick, "null" if op.value == "missing" else "not null"))
