"""Where the reading of a row of items stands, and what every rule may ask of it."""

from collections.abc import Sequence

from assistant.offline.grammar import Op
from assistant.offline.lexicon import Lexicon
from assistant.offline.mentions import Item, Link
from assistant.offline.sketch import Lack, Pick, Sketch, Subquery, Test, Var

WEAK = 0.6
"""Below this a word is only related to a column."""
EXTREMES = {"maximum": True, "max": True, "highest": True, "minimum": False, "min": False, "lowest": False}
YEARLY = frozenset({"year", "founded", "found", "built", "build", "date", "established", "establish"})
"""Words of number columns that keep a year."""
PLACING = frozenset({"in", "on", "at", "from", "to", "within", "into"})
END = Item("op", 0, 0, "", Op("end"))


class Row:
    """Where the reading of a row of items stands, and what every rule may ask of it."""

    def __init__(self, items: Sequence[Item], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.raw = list(items)
        self.items = [item for item in items if not item.is_op("fill")]
        self.sketch = Sketch()
        self.at = 0
        self.head = True
        self.near: Var | None = None
        self.pending: Pick | None = None
        self.fresh: list[Pick] = []
        """Picks that wait for the table after `of`."""
        self.lack: Lack | None = None
        self.either = False
        self.distinct = False
        self.second = False
        self.agg_run: list[str] = []
        self.sorting = False
        self.sort_by = False
        self.owning = False
        """True after `have` or `with`: a column that follows alone must be present."""
        self.leading = ""
        """An aggregate said before the question: `On average, how heavy ...`."""
        self.aged = False
        self.often = False
        """True after `3 times`: what happened is counted."""
        self.sub: Subquery | None = None
        """A subquery that takes the tests which follow, up to the next comma or `and`."""
        self.sub_next: Subquery | None = None
        self.last: Test | None = None

    def peek(self, ahead: int = 0) -> Item:
        """The item so many places on; a closing one past the end."""
        index = self.at + ahead
        return self.items[index] if 0 <= index < len(self.items) else END

    def skip(self, *kinds: str, texts: Sequence[str] = ()) -> None:
        """Step over operators of these kinds (`logic.of` style names allowed)."""
        while (op := self.peek().op) and (op.kind in kinds or f"{op.kind}.{op.value}" in kinds):
            self.at += 1

    def var(self, item: Item) -> Var:
        """A variable for a table or column item."""
        return Var(item.kind, item.text, list(item.links), start=item.start)

    def _logic(self, item: Item, *values: str) -> bool:
        return item.op is not None and item.op.kind == "logic" and item.op.value in values

    def table(self, item: Item, counted: bool = False) -> Var:
        """A table mention: the subject when it is the first, or one more table; `counted` ones own no listed column."""
        var = self.var(item)
        waiting = [pick for pick in self.fresh if counted and pick.var is not None and pick.var.kind == "column"]
        for pick in self.fresh:
            if pick in waiting and pick.var and not pick.var.tight:
                pick.var.near = pick.var.near or var
                continue
            if pick.var and pick.var.kind == "column" and not pick.var.tight:
                pick.var.near, pick.var.tight = var, True
            elif pick.var is None and pick.of is None:
                pick.of = var
        self.fresh = waiting
        if self.sketch.subject is None and self.lack is None:
            self.sketch.subject = var
        self.sketch.tables.append(var)
        self.near = var
        return var

    def column(self, item: Item) -> Var:
        """A column mention, owned perhaps by the table named right before."""
        var = self.var(item)
        prior = self.peek(-1)
        if prior.kind == "table" or (prior.text == "'s" and self.peek(-2).kind == "table"):
            var.near, var.tight = self.near, True
        elif (grouped := self._its(item)) is not None:
            var.near, var.tight = grouped, True
        elif not self.head or self.second:
            var.near = self.near
        elif (prior.text == "," or self._logic(prior, "and")) and self.sketch.picks and self.fresh:
            last = self.sketch.picks[-1].var
            var.near = last.near if last and last.tight else None
        return var

    def _its(self, item: Item) -> Var | None:
        """`for each breed show its name`: the thing that the groups are of."""
        word = next((other.text.lower() for other in self.raw if other.end == item.start), "")
        group = self.sketch.groups[0].var if len(self.sketch.groups) == 1 else None
        own = word.split()[-1:] in (["its"], ["their"]) and not self.sketch.picks
        return group if own and self.head and group is not None and group.kind == "table" else None

    def add_test(self, test: Test) -> None:
        """File a test: in the negation that is open, or in the question."""
        test.start = self.peek().start
        test.either, self.either = self.either, False
        if self.sub is not None and test.pick.agg == "":
            self.sub.tests.append(test)
            return
        self.last = test
        (self.lack.tests if self.lack is not None else self.sketch.tests).append(test)

    def close_pending(self) -> None:
        """A column of the body that got no value: a flag that must be true, or a column left unused."""
        pick, self.pending = self.pending, None
        if pick is None or pick.var is None or pick in self.sketch.picks:
            return
        if pick.var.hint and not pick.var.links:  # `last`, `cost` with nothing to compare
            self.sketch.dropped.append(pick.var.text)
            return
        entries = [self.lexicon.column(link.ref) for link in pick.var.links[:3] if link.column]
        flags = [entry for entry in entries if entry.flag]
        if flags:
            pick.var.links = [link for link in pick.var.links if self.lexicon.column(link.ref).flag]
            self.add_test(Test(pick, "true"))
        elif self.lack is not None:
            self.add_test(Test(pick, "not null"))
        elif not self.sketch.picks and self.sketch.subject is None:
            self.sketch.picks.append(pick)
        else:
            self.sketch.dropped.append(pick.var.text)
            if self.owning and self._may_lack(pick.var):
                self.add_test(Test(pick, "not null"))
                return
            if pick.var.links[0].score < 0.85:
                return
            self.sketch.tables.append(
                Var("table", pick.var.text, [Link(link.table, score=link.score * 0.8) for link in pick.var.links])
            )

    def take_distinct(self) -> bool:
        """Step over `different` and say whether it was there."""
        seen = self.distinct
        self.distinct = False
        while self.peek().is_op("distinct") or self._logic(self.peek(), "of"):
            seen = seen or self.peek().is_op("distinct")
            self.at += 1
        return seen

    def unpick(self, pick: Pick) -> None:
        """A column that turns out to be tested is not shown."""
        if pick in self.sketch.picks and not self.head:
            self.sketch.picks.remove(pick)

    def show_subject(self) -> None:
        """`departments with the number of employees`: the subject itself is shown too."""
        subject = self.sketch.subject
        second = self.second and not self.sketch.groups
        if (not self.head or second) and not self.sketch.picks and subject is not None and not self.sketch.share:
            self.sketch.picks.append(Pick(subject))

    def imply_subject(self) -> None:
        """`name and address of the customers who`: the table stands within a column's words."""
        last = self.sketch.picks[-1].var if self.sketch.picks else None
        if not self.head or self.sketch.subject is not None or last is None or last.kind != "column" or not last.links:
            return
        tables = dict.fromkeys(link.table for link in last.links if link.score >= last.links[0].score - 0.1)
        var = Var("table", last.text, [Link(table, score=0.9) for table in tables], start=last.start)
        self.sketch.subject = self.near = var
        self.sketch.tables.append(var)
        self.fresh = []
        for pick in self.sketch.picks:
            if pick.var and pick.var.near is None:
                pick.var.near = var

    def _may_lack(self, var: Var) -> bool:
        """True for a column of the subject that may be empty: `orders with a coupon code`."""
        link = var.links[0]
        subject = self.sketch.subject
        if not link.column or subject is None or link.score < 0.85 or link.table != subject.links[0].table:
            return False
        entry = self.lexicon.column(link.ref)
        return entry.column.nullable and not entry.is_key

    def on_relative(self) -> None:
        """`whose`, `with`, `that`: conditions begin."""
        self.owning = self.peek().text.lower() in ("have", "has", "with", "having", "had", "who have", "that have")
        if self.fresh and self.near is None and self.sketch.subject is None and not self.sketch.picks:
            return
        ahead = self.peek(1)
        waits = self.pending.var if self.pending and self.lack is not None and not self.lack.tests else None
        if waits is None or ahead.kind != "column" or not {x.ref for x in waits.links} & {x.ref for x in ahead.links}:
            self.close_pending()  # but in `not in the city with code X` city and code are one column
        self.imply_subject()
        if self.sketch.picks or self.sketch.subject or self.sketch.everything:
            self.head = False

    def _flag(self, item: Item) -> bool:
        return any(self.lexicon.column(link.ref).flag for link in item.links[:2])

    def _temporal(self, pick: Pick) -> bool:
        if pick.var is None or pick.agg:
            return False
        return any(self.lexicon.column(link.ref).temporal for link in pick.var.links if link.column)

    def _dated(self, pick: Pick) -> bool:
        """True for a date, or a year kept as a number."""
        if pick.var is None or pick.agg:
            return False
        entries = [self.lexicon.column(link.ref) for link in pick.var.links if link.column]
        return any(e.temporal or e.yearly or (e.number and e.lemmas & YEARLY) for e in entries)

    def _summable(self, item: Item) -> bool:
        link = item.links[0]
        entry = self.lexicon.column(link.ref)
        return entry.number and not entry.identifier

    def _worded(self, pick: Pick) -> bool:
        """True for a column of words: a number says how many of it there are, not what it holds."""
        if pick.var is None or pick.agg or not pick.var.links or pick.var.hint:
            return False
        entries = [self.lexicon.column(link.ref) for link in pick.var.links if link.column]
        return bool(entries) and all(
            e.column.family == "text" and not e.temporal and not any(v[:1].isdigit() for v in e.values) for e in entries
        )

    def _measured(self, pick: Pick) -> bool:
        """True for a column one can rank by: `costs the most`."""
        links = pick.var.links if pick.var else []
        return (
            bool(links)
            and bool(links[0].column)
            and self.lexicon.column(links[0].ref).number
            and not self.lexicon.column(links[0].ref).identifier
        )

    def _ordered_by(self, item: Item) -> bool:
        entry = self.lexicon.column(item.links[0].ref)
        return (entry.number or entry.temporal) and not (entry.is_key and entry.number)

    def _subject_has(self, words: set[str]) -> bool:
        """True when the subject has a number column of such a name, though another table was named since."""
        subject = self.sketch.subject
        return subject is not None and any(
            c.number and not c.identifier and c.lemmas & words
            for c in self.lexicon.tables[subject.links[0].table].columns.values()
        )

    def _near_has(self, words: set[str]) -> bool:
        """True when the table at hand has a number column of such a name: `students under 20`, `orders above 500`."""
        near = self.near or self.sketch.subject
        if near is None:
            return False
        return any(
            c.number and not c.identifier and c.lemmas & words
            for c in self.lexicon.tables[near.links[0].table].columns.values()
        )

    def _numeric_alt(self, item: Item) -> tuple[Link, ...]:
        """Number columns that a table's word may name as well (`rating`)."""
        found = [link for link in item.alt if link.score >= WEAK]
        return tuple(
            link
            for link in found
            if self.lexicon.column(link.ref).number and not self.lexicon.column(link.ref).identifier
        )

    def _comparison_ahead(self) -> bool:
        for ahead in range(4):
            item = self.peek(ahead)
            if item.is_op("compare"):
                return True
            if item.kind in ("value", "number") or item.is_op("sign", "order", "end", "ask"):
                return False
        return False

    def _value_follows(self, ahead: int) -> bool:
        return self.peek(ahead).kind in ("value", "text")

    def _tested_after(self, ahead: int) -> bool:
        return self.peek(ahead).kind in ("value", "text", "number") or self.peek(ahead).is_op("compare")

    def _tested_next(self) -> str:
        """`value` when a value or a comparison stands right behind a column."""
        column = self.peek(-1)
        for ahead in range(3):
            item = self.peek(ahead)
            if item.kind == "text":
                between = [self.peek(i).text.lower() for i in range(ahead)]
                return (
                    "value" if not self.head or not set(between) - {"of", "as", "is", "are", "named", "called"} else ""
                )
            if item.kind == "value":
                if ahead == 0:
                    return "value"
                held = {link.ref for link in item.links} & {link.ref for link in column.links}
                return (
                    "value"
                    if held or (not self.head and self.peek(0).text.lower() in ("of", "as", "is", "are", "was"))
                    else ""
                )
            if item.kind in ("number", "period"):
                return "value" if ahead == 0 or not self.head else ""
            if item.is_op("compare"):
                return "value"
            if not (self._logic(item, "is") or self._logic(item, "of")):
                return ""
        return ""
