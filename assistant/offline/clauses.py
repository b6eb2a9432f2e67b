"""Reads a row of items from left to right and says what each is for: shown, tested, grouped, ordered."""

from collections.abc import Sequence
from dataclasses import replace

from assistant.offline.grammar import Op
from assistant.offline.lexicon import Lexicon
from assistant.offline.mentions import Item, Link
from assistant.offline.periods import Period, of_year
from assistant.offline.sketch import Lack, Operand, Order, Pick, Sketch, Subquery, Super, Test, Var
from tools.schemas.vocabulary import lemma

WEAK = 0.6
"""Below this a word is only related to a column."""
_EXTREMES = {"maximum": True, "max": True, "highest": True, "minimum": False, "min": False, "lowest": False}
_PLACING = frozenset({"in", "on", "at", "from", "to", "within", "into"})
END = Item("op", 0, 0, "", Op("end"))


class Clauses:
    """One pass over the items; `sketch` holds what was read."""

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
        self.aged = False
        self.sub: Subquery | None = None
        """A subquery that takes the tests which follow, up to the next comma or `and`."""
        self.sub_next: Subquery | None = None
        self.last: Test | None = None

    # --- looking around -------------------------------------------------------------------------------------

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

    # --- the pass -------------------------------------------------------------------------------------------

    def read(self) -> Sketch:
        """Read all items."""
        while self.at < len(self.items):
            before = self.at
            self.step(self.peek())
            if self.at == before:
                self.at += 1
        self.close_pending()
        return self.sketch

    def step(self, item: Item) -> None:
        """Handle the item at hand by its kind."""
        if item.kind == "op" and item.op:
            name = f"on_{item.op.kind}"
            handler = getattr(self, name, None)
            if handler:
                handler(item, item.op)
            return
        getattr(self, f"on_{item.kind}")(item)

    # --- openings and counts --------------------------------------------------------------------------------

    def on_sign(self, item: Item, op: Op) -> None:
        """A comma ends a negation; a full stop or question mark opens a new sentence."""
        if op.value == "(" and self.peek(1).kind == "column" and self.fresh and self.fresh[-1].var and self.fresh[-1].var.text.lower().split()[-1] in ("name", "names"):
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
            self.count()
        elif op.value == "when":
            self.implied("time")
        elif op.value == "where":
            if item.start == 0:
                self.implied("place")
            else:
                self.on_relative()
        elif op.value == "much":
            self.much()
        elif op.value == "show":
            if item.text.lower().split()[0] in ("who", "whom") and item.start == 0:
                self.sketch.who = True
            if (
                item.text.lower() in ("who", "which", "whom", "what")
                and item.start > 0
                and not self.peek(-2).is_op("sign")
                and not self._logic(self.peek(-2), "and")
            ):
                self.on_relative()
                return
            self.sort_by = item.text.lower() in ("order", "sort", "arrange", "rank")
            if self.sketch.picks or self.sketch.subject or self.sketch.supers:
                self.close_pending()
                self.second = True
                self.near = self.sketch.subject or self.near
            self.head = True
            self.lack = None
            self.sorting = False

    def implied(self, kind: str) -> None:
        """A pick whose column is only implied by the question word."""
        pick = Pick(Var("column", kind, [], hint=kind, start=self.peek(-1).start))
        self.sketch.picks.append(pick)
        self.fresh.append(pick)

    def much(self) -> None:
        """`how much`: an amount; of what, the next column or measure says."""
        if self.peek().kind == "column":
            self.head = True
            return
        self.sketch.picks.append(Pick(Var("column", "amount", [], hint="money"), agg="sum"))

    def count(self) -> None:
        """`how many X`: rows of a table, or values of a column."""
        distinct = self.take_distinct()
        item = self.peek()
        if item.text.lower() == "times":
            self.at += 1
            item = self.peek()
        if item.kind == "table" and self.peek(1).kind == "column" and self.peek(1).start == item.end and self.peek(1).score >= WEAK:
            near = self.table(item)
            self.at += 2
            var = self.var(self.peek(-1))
            var.near, var.tight = near, True
            pick = Pick(var, "count", distinct)
        elif item.kind == "table":
            self.at += 1
            pick = Pick(self.table(item), "count", distinct)
        elif item.kind == "column":
            self.at += 1
            pick = Pick(self.column(item), "count", distinct)
        elif item.kind == "value" and self.peek(1).kind == "table":
            pick = Pick(None, "count", distinct)
        else:
            pick = Pick(None, "count", distinct)
        if self.lack is None and self.peek().is_op("compare") and not self.head:
            self.pending = pick
            return
        self.show_subject()
        self.sketch.picks.append(pick)
        self.fresh.append(pick)
        self.pending = pick if pick.var is not None or not self.head else None

    def show_subject(self) -> None:
        """`departments with the number of employees`: the subject itself is shown too."""
        subject = self.sketch.subject
        if not self.head and not self.sketch.picks and subject is not None and not self.sketch.share:
            self.sketch.picks.append(Pick(subject))

    def take_distinct(self) -> bool:
        """Step over `different` and say whether it was there."""
        seen = self.distinct
        self.distinct = False
        while self.peek().is_op("distinct") or self._logic(self.peek(), "of"):
            seen = seen or self.peek().is_op("distinct")
            self.at += 1
        return seen

    def on_distinct(self, item: Item, op: Op) -> None:
        """`different` belongs to what follows."""
        self.distinct = True

    def on_everything(self, item: Item, op: Op) -> None:
        """`all information about`: every column."""
        if not self.sketch.picks:
            self.sketch.everything = True

    def on_aggregate(self, item: Item, op: Op) -> None:
        """`average X`, `minimum, average and maximum X`."""
        run = [op.value]
        spot = 1
        while True:
            ahead = self.peek(spot)
            if ahead.is_op("aggregate") or (ahead.is_op("superlative") and ahead.op and not ahead.op.hint):
                run.append(ahead.op.value if ahead.op else "")
            elif not (
                self._logic(ahead, "and") or self._logic(ahead, "of") or (ahead.is_op("sign") and ahead.text == ",")
            ):
                break
            spot += 1
        self.at += spot
        self.aggregate(run)

    def aggregate(self, run: list[str]) -> None:
        """Aggregates of the column that follows."""
        self.take_distinct()
        target = self.peek()
        if target.is_op("measure"):
            self.at += 1
            self.picked([Pick(None, agg, measure=target.op.value if target.op else "") for agg in run])
            return
        if target.is_op("ask") and target.op and target.op.value == "count":
            self.at += 1
            return self.count()
        if target.kind == "table" and self.peek(1).kind != "column" and self._numeric_alt(target):
            target = replace(target, kind="column", links=self._numeric_alt(target))
        if target.kind == "table" and self.peek(1).kind == "column":
            self.at += 1
            near = self.table(target)
            target = self.peek()
            var = self.column(target)
            var.near, var.tight = near, True
        elif target.kind == "column":
            var = self.column(target)
        elif target.kind == "table":
            self.at += 1
            pick = Pick(self.table(target), "count" if run[0] == "sum" else run[0])
            return self.picked([pick])
        else:
            if self.pending and run and not self.pending.agg:  # `X on average`, `salary in total`
                self.pending.agg = run[0]
            elif self.sketch.picks and not self.sketch.picks[-1].agg and self.sketch.picks[-1].var:
                self.sketch.picks[-1].agg = run[0]
            return None
        self.at += 1
        picks = [Pick(var, agg) for agg in run]
        while (
            (self._logic(self.peek(), "and") or self.peek().text == ",")
            and self.peek(1).kind == "column"
            and self._summable(self.peek(1))
            and run != ["sum"]
        ):
            other = self.column(self.peek(1))
            self.at += 2
            picks.extend(Pick(other, agg) for agg in run)
        return self.picked(picks)

    def _numeric_alt(self, item: Item) -> tuple[Link, ...]:
        """Number columns that a table's word may name as well (`rating`)."""
        found = [link for link in item.alt if link.score >= WEAK]
        return tuple(link for link in found if self.lexicon.column(link.ref).number and not self.lexicon.column(link.ref).identifier)

    def picked(self, picks: list[Pick]) -> None:
        """Aggregates are shown, unless a comparison follows in the body."""
        if (not self.head or self.lack) and self.peek().is_op("compare"):
            self.pending = picks[0]
            return
        if not self.head and self._comparison_ahead():
            self.pending = picks[0]
            return
        self.show_subject()
        self.sketch.picks.extend(picks)
        self.fresh.extend(picks)
        self.pending = picks[-1]

    def _comparison_ahead(self) -> bool:
        for ahead in range(0, 4):
            item = self.peek(ahead)
            if item.is_op("compare"):
                return True
            if item.kind in ("value", "number") or item.is_op("sign", "order", "end", "ask"):
                return False
        return False

    def _summable(self, item: Item) -> bool:
        link = item.links[0]
        entry = self.lexicon.column(link.ref)
        return entry.number and not entry.identifier

    # --- tables and columns ---------------------------------------------------------------------------------

    def table(self, item: Item) -> Var:
        """A table mention: the subject when it is the first, or one more table."""
        var = self.var(item)
        for pick in self.fresh:
            if pick.var and pick.var.kind == "column" and not pick.var.tight:
                pick.var.near, pick.var.tight = var, True
            elif pick.var is None and pick.of is None:
                pick.of = var
        self.fresh = []
        if self.sketch.subject is None and self.lack is None:
            self.sketch.subject = var
        self.sketch.tables.append(var)
        self.near = var
        return var

    def on_table(self, item: Item) -> None:
        """A table named alone."""
        spot = 1
        while self._logic(self.peek(spot), "of", "any"):
            spot += 1
        if item.score < 0.72 and self.sketch.subject is not None and self.peek(spot).kind in ("table", "value", "text"):
            self.sketch.verbs.append(item.text.lower())  # `play` before `sports`: the verb only says how they are tied
            self.at += 1
            return
        if self.lack is not None and self.lack.table is None and not self.lack.tests:
            self.lack.table = self.var(item)
            self.near = self.lack.table
        elif self.lack is not None:
            self.lack.more.append(self.var(item))
            self.near = self.lack.more[-1]
        else:
            self.close_pending()
            self.table(item)
        if self.distinct:
            self.sketch.distinct, self.distinct = True, False
        self.at += 1

    def column(self, item: Item) -> Var:
        """A column mention, owned perhaps by the table named right before."""
        var = self.var(item)
        prior = self.peek(-1)
        if prior.kind == "table" or (prior.text == "'s" and self.peek(-2).kind == "table"):
            var.near, var.tight = self.near, True
        elif not self.head or self.second:
            var.near = self.near
        elif (prior.text == "," or self._logic(prior, "and")) and self.sketch.picks and self.fresh:
            last = self.sketch.picks[-1].var
            var.near = last.near if last and last.tight else None
        return var

    def on_column(self, item: Item) -> None:
        """A column: shown when in the head, else waiting for its value."""
        self.close_pending()
        if item.links[0].weak and not self._tested_after(1):
            self.weak(item)
            return
        first = item.text.lower().split()[0]
        if self._logic(self.peek(-1), "relative") and first in _EXTREMES and self._ordered_by(item):
            self.at += 1
            self.sketch.supers.append(Super(Pick(self.column(item)), _EXTREMES[first]))
            return
        if self.peek(1).kind == "table" and self.peek(1).start == item.end and self.lexicon.column(item.links[0].ref).flag:
            self.at += 1
            var = self.var(item)
            flags = [link for link in item.links if self.lexicon.column(link.ref).flag]
            var.links = flags or var.links
            self.add_test(Test(Pick(var), "true"))
            return
        if self.head and self.fresh and self._entity(item):
            self.on_table(replace(item, kind="table", links=tuple(Link(x.table, score=x.score) for x in item.links)))
            return
        before = self.peek(-1)
        if self.head and self.sketch.picks and self._logic(before, "of") and before.text.lower() in _PLACING and not self._tested_after(1):
            self.at += 1
            return
        var = self.column(item)
        pick = Pick(var)
        self.at += 1
        follows = self._tested_next()
        if follows == "value":
            self.pending = pick
            return
        if self.lack is not None:
            self.pending = pick
            return
        before = self.peek(-2)
        joined = self._logic(before, "and") or before.is_op("group") or before.text == ","
        if self.head or (joined and not follows and self.sketch.picks and not self._flag(item)):
            self.drop_generic(item, var)
            if self.distinct:
                self.sketch.distinct, self.distinct = True, False
            self.sketch.picks.append(pick)
            self.fresh.append(pick)
            self.pending = pick
        else:
            self.pending = pick

    def _entity(self, item: Item) -> bool:
        """`average X of all schools`, where `school` is the column that names the rows of its table."""
        spot = -1
        while self._logic(self.peek(spot), "all_of") or self.peek(spot).is_op("distinct", "group"):
            spot -= 1
        if not (self._logic(self.peek(spot), "of") and self.peek(spot).text.lower() in ("of", "for", "across", "among")) or self.peek(-1).is_op("group"):
            return False
        link = item.links[0]
        table = self.lexicon.tables[link.table]
        named = link.column in table.display and len(table.display) == 1 and not table.columns[link.column].lemmas & {"name", "title", "description", "detail"}
        return named and not self._tested_after(1) and all(p.agg or p.var is None or p.var.text.lower() not in ("name", "names") for p in self.fresh)

    def _flag(self, item: Item) -> bool:
        return any(self.lexicon.column(link.ref).flag for link in item.links[:2])

    def drop_generic(self, item: Item, var: Var) -> None:
        """`names of directors`, where directors are a column: the name is that column."""
        last = self.sketch.picks[-1] if self.sketch.picks else None
        if last is None or last not in self.fresh or last.agg or last.var is None or last.var.near is not None:
            return
        spot = -2
        while self._logic(self.peek(spot), "all_of") or self.peek(spot).is_op("distinct"):
            spot -= 1
        if not self._logic(self.peek(spot), "of") or last.var.text.lower() not in ("name", "names", "title", "titles", "value", "values"):
            return
        entry = self.lexicon.column(item.links[0].ref)
        if entry.column.family == "text" and not self.lexicon.tables[entry.table].columns.get(entry.target):
            self.sketch.picks.remove(last)
            self.fresh.remove(last)

    def weak(self, item: Item) -> None:
        """A word that is only related to a column (`released`, `earn`): a hint, nothing to show."""
        self.sketch.verbs.append(item.text.lower())
        self.at += 1
        if item.alt and item.alt[0].score > item.score and (self.lack is not None or not self.head):
            self.at -= 1
            self.on_table(replace(item, kind="table", links=item.alt))

    def _tested_next(self) -> str:
        """`value` when a value or a comparison stands right behind a column."""
        column = self.peek(-1)
        for ahead in range(0, 3):
            item = self.peek(ahead)
            if item.kind == "text":
                between = [self.peek(i).text.lower() for i in range(ahead)]
                return "value" if not self.head or not set(between) - {"of", "as", "is", "are", "named", "called"} else ""
            if item.kind == "value":
                if ahead == 0:
                    return "value"
                held = {link.ref for link in item.links} & {link.ref for link in column.links}
                return "value" if held or (not self.head and self.peek(0).text.lower() in ("of", "as", "is", "are", "was")) else ""
            if item.kind in ("number", "period"):
                return "value" if ahead == 0 or not self.head else ""
            if item.is_op("compare"):
                return "value"
            if not (self._logic(item, "is") or self._logic(item, "of")):
                return ""
        return ""

    def close_pending(self) -> None:
        """A column of the body that got no value: a flag that must be true, or a column left unused."""
        pick, self.pending = self.pending, None
        if pick is None or pick.var is None or pick in self.sketch.picks:
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
            if pick.var.links[0].score < 0.85:
                return
            self.sketch.tables.append(
                Var("table", pick.var.text, [Link(link.table, score=link.score * 0.8) for link in pick.var.links])
            )

    # --- logic ----------------------------------------------------------------------------------------------

    def _logic(self, item: Item, *values: str) -> bool:
        return item.op is not None and item.op.kind == "logic" and item.op.value in values

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
        elif op.value == "share":
            self.sketch.share = True
            self.at += 1
            pick = Pick(None, "count")
            self.sketch.picks.append(pick)
            self.fresh.append(pick)
            self.head = False
        elif op.value == "and":
            self.on_and(item)

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
        if text in (
            "and their",
            "along with",
            "together with",
            "as well as",
            "and its",
            "and also",
            "and his",
            "and her",
        ) and self.peek(1).kind in ("column",):
            spot = self.at
            self.at += 2
            follows = self._tested_next()
            self.at = spot
            if not follows:
                self.close_pending()
                self.head = True
        elif self.peek(1).is_op("ask") or (self.peek(1).is_op("aggregate") and not self._comparison_ahead()):
            self.close_pending()
            self.head = True

    def on_relative(self) -> None:
        """`whose`, `with`, `that`: conditions begin."""
        if self.fresh and self.near is None and self.sketch.subject is None and not self.sketch.picks:
            return
        self.close_pending()
        self.imply_subject()
        if self.sketch.picks or self.sketch.subject or self.sketch.everything:
            self.head = False

    def imply_subject(self) -> None:
        """`name and address of the customers who`: the table stands within a column's words."""
        last = self.sketch.picks[-1].var if self.sketch.picks else None
        if not self.head or self.sketch.subject is not None or last is None or last.kind != "column" or not last.links:
            return
        tables = dict.fromkeys(link.table for link in last.links if link.score >= last.links[0].score - 0.1)
        var = Var("table", last.text, [Link(table, score=0.9) for table in tables], start=last.start)
        self.sketch.subject = self.near = var
        self.sketch.tables.append(var)
        for pick in self.sketch.picks:
            if pick.var and pick.var.near is None:
                pick.var.near = var

    def on_negate(self, item: Item, op: Op) -> None:
        """What follows must not hold."""
        self.close_pending_for_negation()
        self.lack = Lack(None)
        self.sketch.lacks.append(self.lack)
        self.head = False

    def close_pending_for_negation(self) -> None:
        """A column before `is not X` keeps waiting for its value."""
        if self.pending and self.pending in self.sketch.picks and not self.head:
            self.pending = None

    def on_null(self, item: Item, op: Op) -> None:
        """`is null`, `is known`."""
        if self.pending:
            pick, self.pending = self.pending, None
            self.unpick(pick)
            self.add_test(Test(pick, "null" if op.value == "missing" else "not null"))

    def unpick(self, pick: Pick) -> None:
        """A column that turns out to be tested is not shown."""
        if pick in self.sketch.picks and not self.head:
            self.sketch.picks.remove(pick)

    def add_test(self, test: Test) -> None:
        """File a test: in the negation that is open, or in the question."""
        test.start = self.peek().start
        test.either, self.either = self.either, False
        if self.sub is not None and test.pick.agg == "":
            self.sub.tests.append(test)
            return
        self.last = test
        (self.lack.tests if self.lack is not None else self.sketch.tests).append(test)

    # --- values ---------------------------------------------------------------------------------------------

    def _value_follows(self, ahead: int) -> bool:
        return self.peek(ahead).kind in ("value", "text")

    def on_value(self, item: Item) -> None:
        """A stored value: tests the column before or after it, or the columns that hold it."""
        pick = self.take_pending(item)
        values: list[Operand | Subquery | Link] = [*item.links] or [str(item.value)]
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
            var = Var("column", item.text, options, near=self.near, start=item.start)
            if following.kind == "table" or self.peek(-2).kind == "table":
                owner = self.var(following) if following.kind == "table" else self.near
                var.near, var.tight = owner, True
            test.pick = Pick(var)
        self.stored = values
        self.add_test(test)

    def _tested_after(self, ahead: int) -> bool:
        return self.peek(ahead).kind in ("value", "text", "number") or self.peek(ahead).is_op("compare")

    def take_pending(self, item: Item) -> Pick | None:
        """The column right before a value, when it may hold it."""
        pick = self.pending
        if pick is None or pick.agg:
            return None
        if pick in self.sketch.picks:
            if not self._holds(pick, item):
                return None
            prior = self.peek(-1)
            if self.head and prior.kind != "column" and not (self._logic(prior, "is") and prior.text.lower() not in ("of", "is", "are")):
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
        pick = self.take_pending(item)
        self.at += 1
        if pick is None and self.peek().kind == "column":
            pick = Pick(self.column(self.peek()))
            self.at += 1
        if pick is None:
            pick = Pick(Var("column", item.text, [], near=self.near, hint="text", start=item.start))
        more, joined = self.more_values()
        values: list[Operand | Subquery | Link] = [str(other.value) for other in (item, *more)]
        self.add_test(Test(pick, "=", values, joined))

    def on_unknown(self, item: Item) -> None:
        """A word nobody knows: a value when a column asks for one, else noted."""
        prior = self.peek(-1)
        asks = (
            self.pending is not None and (prior.kind == "column" or self._logic(prior, "is")) and not self.pending.agg
        )
        if asks and item.text[:1].isupper() or (asks and item.text[:1].isdigit()):
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

    def _dated(self, pick: Pick) -> bool:
        """True for a date, or a year kept as a number."""
        if pick.var is None or pick.agg:
            return False
        entries = [self.lexicon.column(link.ref) for link in pick.var.links if link.column]
        return any(e.temporal or (e.number and e.lemmas & {"year", "founded", "built", "date"}) for e in entries)

    def _temporal(self, pick: Pick) -> bool:
        if pick.var is None or pick.agg:
            return False
        return any(self.lexicon.column(link.ref).temporal for link in pick.var.links if link.column)

    def on_number(self, item: Item) -> None:
        """A bare number: `id 3`, `3 beds`, `in 2007`, `the 5 oldest`, `3 orders`."""
        number = item.value
        assert isinstance(number, int | float)
        nexts = self.peek(1)
        if nexts.is_op("superlative", "frequent"):
            self.at += 1
            self.superlative(int(number))
            return
        if self.head and nexts.kind == "table" and self.lack is None and not self._logic(self.peek(-1), "relative") and not self.peek(-1).is_op("compare"):
            self.at += 1
            self.sketch.limit = int(number)
            return
        prior = self.peek(-1)
        self.at += 1
        aged = self.peek().is_op("unit") and {"old", "age"} & set(self.peek().text.lower().split())
        self.skip("unit")
        if aged and self.pending is None and not (self.peek().is_op("compare") and self.peek().text.lower().startswith(("or", "and"))):
            self.add_test(Test(Pick(Var("column", "age", [], near=self.near, hint="age", start=item.start)), "=", [number]))
            return
        more: list[Operand | Subquery | Link] = [number]
        while (self._logic(self.peek(), "or", "and") or self.peek().text == ",") and self.peek(1).kind == "number" and isinstance(self.peek(1).value, int | float):
            more.append(self.peek(1).value)  # type: ignore[arg-type]
            self.at += 2
        if len(more) > 1:
            self.listed(more)
            return
        if prior.kind == "table" and prior.end == item.start and self.pending is None and nexts.kind not in ("table", "column"):
            keys = self.lexicon.tables[prior.links[0].table].key
            if len(keys) == 1:
                var = Var("column", "id", [Link(link.table, self.lexicon.tables[link.table].key[0], score=link.score) for link in prior.links if len(self.lexicon.tables[link.table].key) == 1], near=self.near, tight=True)
                self.add_test(Test(Pick(var), "=", [number]))
                return
        if (
            self.peek().is_op("compare")
            and self.peek().op
            and self.peek().op.value in (">=", "<=")
            and self.peek().text.lower().startswith(("or", "and"))
        ):
            op = self.peek().op.value if self.peek().op else "="
            self.at += 1
            self.compare(op, "", number)
            return
        placed = self._logic(prior, "of") and prior.text.lower() in ("in", "during", "of", "for")
        year = isinstance(number, int) and 1900 <= number <= 2100 and self.peek().kind not in ("table", "column")
        if placed and year and self.pending is not None and not self._dated(self.pending):
            self.pending = None
        if self.pending is not None and (
            self.peek(-2).kind in ("column", "table")
            or self._logic(self.peek(-2), "is", "relative")
            or self.pending.agg == ""
        ):
            self.compare("=", "", number)
            return
        if 1500 <= number <= 2100 and isinstance(number, int) and self.peek().kind not in ("table", "column"):
            self.add_test(
                Test(
                    Pick(Var("column", item.text, [], near=self.near, hint="time", start=item.start)),
                    "=",
                    [of_year(number)],
                )
            )
            return
        if self.peek().kind in ("table", "column"):
            if self.head and self.peek().kind == "table" and self.lack is None and not (self.pending and self.pending.agg):
                self.sketch.limit = int(number)
                return
            self.compare("=", "", number)

    def listed(self, values: list[Operand | Subquery | Link]) -> None:
        """`4 or 5 stars`, `years 2008 and 2009`."""
        first = values[0]
        assert isinstance(first, int | float)
        before = len(self.sketch.tests)
        self.compare("=", "", first)
        tests = self.lack.tests if self.lack is not None else self.sketch.tests
        if tests and (self.lack is not None or len(tests) > before):
            tests[-1].values = values

    # --- comparisons ----------------------------------------------------------------------------------------

    def on_compare(self, item: Item, op: Op) -> None:
        """`more than 3 ...`: what is compared stands before or after."""
        self.at += 1
        if op.value == "between":
            self.between()
            return
        if op.value in ("like", "starts", "ends"):
            self.like(op.value)
            return
        self.skip("logic.of", "logic.is", "logic.any", "logic.relative")
        operand = self.operand(op)
        if operand is None:
            if self.peek().kind == "column" and (self.peek(1).kind in ("number", "period") or self.peek(1).is_op("aggregate")):
                self.pending = Pick(self.column(self.peek()))
                self.at += 1
                operand = self.operand(op)
            if operand is None and self.peek().kind in ("table", "column"):
                operand = self.entity_compared(op)
            if operand is None:
                return
        hint = op.hint or ("age" if self.aged else "")
        self.aged = False
        self.compare(op.value, hint, operand)
        if isinstance(operand, Subquery) and self.sub_next is operand:
            self.sub, self.sub_next = operand, None

    def operand(self, op: Op) -> Operand | Subquery | None:
        """What stands on the right of a comparison."""
        item = self.peek()
        if item.kind in ("number", "period") and item.value is not None and not isinstance(item.value, str):
            self.at += 1
            if self.peek().is_op("unit") and {"old", "age"} & set(self.peek().text.lower().split()):
                self.aged = True
            self.skip("unit")
            return item.value
        if item.kind in ("value", "text"):
            self.at += 1
            return str(item.value)
        if item.is_op("aggregate", "superlative") and item.op:
            return self.subquery(item.op)
        if item.kind == "unknown" and item.text[:1].isupper() and op.value in ("=", "<>"):
            self.at += 1
            return item.text
        return None

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
        query.table = self.near = self.var(self.peek())
        query.agg = ("max" if op.value in (">", ">=") else "min") if every else ("min" if op.value in (">", ">=") else "max")
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
        self.skip("logic.of", "logic.any", "logic.all_of", "group")
        if self.peek().kind == "table":
            query.table = self.var(self.peek())
            self.at += 1
            self.skip("logic.of", "logic.relative")
            spot = 0
            while spot < 3 and (self.peek(spot).kind in ("column", "unknown") or self.peek(spot).is_op("group", "logic")):
                spot += 1
            if spot and self.peek(spot).kind == "value":
                self.at += spot
            if self.peek(-1).op is not None and self.peek(-1).op.value == "relative":
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

    def compare(self, op: str, hint: str, operand: Operand | Subquery) -> None:
        """File a comparison with whatever stands on its left."""
        pick = self.pending
        item = self.peek()
        number = isinstance(operand, int | float)
        if (
            pick is not None
            and not (isinstance(operand, Period) and not self._dated(pick))
            and not (hint and pick in self.sketch.picks)
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
        if pick is not None and isinstance(operand, Period):
            self.pending = None
        if pick is not None and hint == "time" and not self._dated(pick):
            pick = None
        if pick is not None and number and self._temporal(pick) and not 1000 <= float(operand) <= 2999:  # type: ignore[arg-type]
            pick = None
        repeat = self.either or self._logic(self.peek(-3), "or") or self._logic(self.peek(-4), "or", "and")
        if pick is None and number and not hint and self.last and not self.last.pick.agg and self.last.op in ("<", ">", "<=", ">=", "=") and repeat and item.kind not in ("table", "column"):
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
        amount = op in ("<", ">") and self._near_has({"total", "amount", "price", "value", "salary", "balance"})
        aged = self._near_has({"age"})
        kind = hint or (("age" if aged else "amount" if amount else "count") if number else "")
        if kind == "count":
            self.add_test(Test(Pick(None, "count"), op, [operand]))
            return
        var = Var("column", kind, [], near=self.near, hint=kind or "text", start=item.start)
        if item.kind == "column" and hint:
            var.links = list(item.links)
            self.at += 1
        self.add_test(Test(Pick(var), op, [operand]))

    def _near_has(self, words: set[str]) -> bool:
        """True when the table at hand has a number column of such a name: `students under 20`, `orders above 500`."""
        near = self.near or self.sketch.subject
        if near is None:
            return False
        return any(c.number and not c.identifier and c.lemmas & words for c in self.lexicon.tables[near.links[0].table].columns.values())

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

    def like(self, op: str) -> None:
        """`contains the word X`, `starting with X`."""
        self.skip("logic.of", "logic.is", "compare.like")
        item = self.peek()
        if item.is_op("compare", "superlative", "ask") or item.kind == "table":
            self.on_relative()
            return
        if item.kind in ("value", "text", "unknown", "number") or item.text:
            self.at += 1
            pick, self.pending = self.pending, None
            if pick is None:
                pick = Pick(Var("column", item.text, [], near=self.near, hint="text"))
            elif pick in self.sketch.picks:
                if self.head and len(self.sketch.picks) > 1 or not self.head:
                    self.sketch.picks.remove(pick)
            value = str(item.value) if item.kind in ("value", "text") else item.text
            self.add_test(Test(pick, op, [value]))

    # --- groups, superlatives, orders -----------------------------------------------------------------------

    def on_group(self, item: Item, op: Op) -> None:
        """`for each X`, `per X`, `by X`."""
        self.at += 1
        if op.value == "with":
            return
        if op.value == "by" and self.sort_by and self.order_keys(False):
            self.sort_by = False
            return
        if op.value in ("by", "each") and item.text.lower() in ("by", "per") and self.sketch.supers and self._open_super():
            if self.order_keys(self.sketch.supers[-1].descending):
                return
        if (
            op.value == "by"
            and not any(pick.agg or pick.measure for pick in self.sketch.picks)
            and not self.sketch.tables
        ):
            return
        if item.text.lower() == "by" and self._agent(item):
            return
        self.take_distinct()
        while self.peek().kind in ("column", "table"):
            target = self.peek()
            if target.kind == "table" and target.alt and target.alt[0].score >= target.score - 0.05 and " " in target.text:
                target = replace(target, kind="column", links=target.alt)
            if op.value == "by" and self._tested_after(1):
                return
            self.at += 1
            if target.kind == "table" and self.peek().kind == "column" and self.peek().start == target.end:
                owner = self.table(target)
                var = self.column(self.peek())
                var.near, var.tight = owner, True
                self.at += 1
            else:
                if target.kind == "table":
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
            ):
                self.at += 1
            elif (
                self._logic(self.peek(), "and")
                and self.peek(1).kind == "column"
                and self.peek(2).kind in ("op",)
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
        after = self.peek(1)
        count = 1
        if after.kind == "number" and isinstance(after.value, int):
            count = after.value
        self.superlative(count)

    on_frequent = on_superlative

    def superlative(self, count: int) -> None:
        """A superlative at hand (or behind a number)."""
        item = self.peek()
        op = item.op
        assert op is not None
        prior = self.peek(-1)
        self.at += 1
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
        elif target.kind == "column":
            self.at += 1
            var = self.column(target)
            pick = Pick(var) if self._ordered_by(target) else Pick(var, "count")
            if var.near is None:
                var.near = self.near
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
            else:
                pick = Pick(Var("column", "size", [], near=None, hint="size"))
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
        self.sketch.supers.append(Super(pick, op.value == "max", count, count > 1, many=target.text.lower().endswith("s")))
        self.pending = None
        return None

    def _measured(self, pick: Pick) -> bool:
        """True for a column one can rank by: `costs the most`."""
        links = pick.var.links if pick.var else []
        return bool(links) and bool(links[0].column) and self.lexicon.column(links[0].ref).number and not self.lexicon.column(links[0].ref).identifier

    def _run_of_aggregates(self) -> bool:
        """True when a column (or `and minimum X`) follows: an aggregate, no ranking."""
        spot = 0
        while True:
            item = self.peek(spot)
            if item.kind == "column":
                return True
            if item.kind == "table":
                return bool(self._numeric_alt(item)) and spot > 0
            plain = item.is_op("aggregate") or (item.is_op("superlative") and item.op is not None and not item.op.hint)
            if spot == 0 and item.is_op("aggregate"):
                return False
            if not (plain or self._logic(item, "and", "of") or item.text == ","):
                return False
            spot += 1

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
            shown = Pick(var)
            if not any(p.var is var for p in self.sketch.picks):
                self.sketch.picks.append(shown)
                self.fresh.append(shown)
            self.sketch.groups.append(Pick(var))
        self.sketch.supers.append(Super(pick, op.value == "max", count, count > 1, frequent=True))

    def _is_aggregate(self, prior: Item) -> bool:
        if self._logic(prior, "relative"):
            return False
        if prior.is_op("ask") and prior.start > 0:
            return True
        subject = self.sketch.subject is not None
        return not subject or bool(self.sketch.picks and self.sketch.picks[-1].agg) or self._logic(prior, "and")

    def _ordered_by(self, item: Item) -> bool:
        entry = self.lexicon.column(item.links[0].ref)
        return (entry.number or entry.temporal) and not (entry.is_key and entry.number)

    def on_order(self, item: Item, op: Op) -> None:
        """`sorted by X in descending order`."""
        self.close_pending()
        self.lack = None
        self.at += 1
        if op.value in ("up", "down", "alphabet"):
            spot = self.at
            self.skip("logic.of", "order.by", "group.by")
            if not self.order_keys(op.value == "down"):
                self.at = spot
                if self.sketch.orders:
                    self.sketch.orders[-1].descending = op.value == "down"
                else:
                    self.sketch.orders.append(Order(Pick(None), op.value == "down"))
            return
        self.skip("logic.of")
        down = False
        if self.peek().is_op("order") and self.peek().op and self.peek().op.value != "by":
            down = self.peek().op.value == "down"
            self.at += 1
            self.skip("logic.of", "group.by")
        self.order_keys(down)

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
            while self.peek().kind == "column" and pick.var and {x.ref for x in self.peek().links[:1]} & {x.ref for x in pick.var.links}:
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

    def order_pick(self, item: Item) -> Pick | None:
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

    def on_measure(self, item: Item, op: Op) -> None:
        """`revenue`: computed when no column bears the name."""
        pick = Pick(None, "sum", measure=op.value)
        self.at += 1
        self.sketch.picks.append(pick)
        self.fresh.append(pick)


