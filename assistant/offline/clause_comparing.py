"""Rules for comparisons and bare numbers: `more than 3`, `above average`, `between 5 and 7`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.offline.clause_naming import SURELY
from assistant.offline.clause_values import Values
from assistant.offline.grammar import Op
from assistant.offline.mentions import Item, Link
from assistant.offline.periods import Period, of_year
from assistant.offline.sketch import DURATION, Operand, Pick, Subquery, Test, Var

LITERAL = frozenset({"word", "letter", "letters", "substring", "string", "phrase", "prefix", "suffix"})
"""After these a text follows that means itself."""
DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
"""How many days a unit of time has."""
PIECES = frozenset({"item", "items", "thing", "things", "unit", "units", "piece", "pieces", "article", "articles"})


class Comparing(Values):
    """Rules for comparisons and bare numbers: `more than 3`, `above average`, `between 5 and 7`."""

    if TYPE_CHECKING:  # rules of the classes that build on this one

        def superlative(self, count: int) -> None:
            """A superlative at hand."""

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

    def like(self, op: str) -> None:
        """`contains the word X`, `starting with X`."""
        literal = self.spelt()
        self.skip("logic.of", "logic.is", "compare.like")
        item = literal or self.peek()
        described = item.kind == "value" and self.peek(1).kind == "table"  # playlists that contain jazz tracks
        if item.is_op("compare", "superlative", "ask") or item.kind == "table" or described:
            self.on_relative()
            return
        if item.kind in ("value", "text", "unknown", "number") or item.text:
            self.at += literal is None or literal in self.items
            pick, self.pending = self.pending, None
            if (named := self.within_named()) is not None:
                pick = named
            if pick is None and self.either and self.last and self.last.op in ("like", "starts", "ends"):
                pick = self.last.pick
            if pick is None:
                pick = Pick(Var("column", item.text, [], near=self.near, hint="text"))
            elif pick in self.sketch.picks and (not self.head or len(self.sketch.picks) > 1):
                self.sketch.picks.remove(pick)
            value = str(item.value) if item.kind in ("value", "text") else item.text
            self.add_test(Test(pick, op, [value]))

    def spelt(self) -> Item | None:
        """`the letter t`, `the word you`: what follows is meant as it is written, whatever it means elsewhere."""
        before = self.peek(-1)
        last = before.text.lower().split()[-1:]
        if not last or last[0] not in LITERAL:
            return None
        return next((item for item in self.raw if item.start == before.end and not item.is_op("sign")), None)

    def on_number(self, item: Item) -> None:  # noqa: C901, PLR0912, PLR0915  # one list of cases
        """A bare number: `id 3`, `3 beds`, `in 2007`, `the 5 oldest`, `3 orders`."""
        number = item.value
        assert isinstance(number, int | float)
        nexts = self.peek(1)
        if nexts.is_op("superlative", "frequent"):
            self.at += 1
            self.superlative(int(number))
            return
        if (
            self.head
            and nexts.kind == "table"
            and self.lack is None
            and not self._logic(self.peek(-1), "relative")
            and not self.peek(-1).is_op("compare")
        ):
            self.at += 1
            self.sketch.limit = int(number)
            return
        prior = self.peek(-1)
        self.at += 1
        aged = self.peek().is_op("unit") and {"old", "age"} & set(self.peek().text.lower().split())
        self.skip("unit")
        if (
            aged
            and (self.pending is None or self.pending.agg)
            and not (self.peek().is_op("compare") and self.peek().text.lower().startswith(("or", "and")))
        ):
            self.add_test(
                Test(Pick(Var("column", "age", [], near=self.near, hint="age", start=item.start)), "=", [number])
            )
            return
        if self.pending is not None and not self.pending.agg and self.peek().text.lower() in ("to", "-"):
            until = self.peek(1).value
            if self.peek(1).kind == "number" and isinstance(until, int | float) and until > number:
                self.at -= 1
                self.between()
                return
        more: list[Operand | Subquery | Pick | Link] = [number]
        while (
            (self._logic(self.peek(), "or", "and") or self.peek().text == ",")
            and self.peek(1).kind == "number"
            and isinstance(self.peek(1).value, int | float)
        ):
            more.append(self.peek(1).value)  # type: ignore[arg-type]
            self.at += 2
        numbered = prior.kind == "table" and prior.end == item.start and self.pending is None
        placed = self._logic(prior, "of") and prior.text.lower() in ("in", "during", "of", "for")
        years = all(isinstance(value, int) and 1900 <= value <= 2100 for value in more)
        if placed and years and len(more) > 1 and self.pending is not None and not self._dated(self.pending):
            self.pending = None
        if len(more) > 1 and not (numbered and self.peek().kind not in ("table", "column")):
            self.listed(more)
            return
        if numbered and nexts.kind not in ("table", "column") and not nexts.is_op("compare"):
            keys = self.lexicon.tables[prior.links[0].table].key
            if len(keys) == 1:
                var = Var(
                    "column",
                    "id",
                    [
                        Link(link.table, self.lexicon.tables[link.table].key[0], score=link.score)
                        for link in prior.links
                        if len(self.lexicon.tables[link.table].key) == 1
                    ],
                    near=self.near,
                    tight=True,
                )
                self.either = False
                self.add_test(Test(Pick(var), "=", more))
                return
        suffix = self.peek().op
        if (
            suffix
            and self.peek().is_op("compare")
            and suffix.value in (">=", "<=")
            and self.peek().text.lower().startswith(("or", "and"))
        ):
            op = suffix.value
            self.at += 1
            self.compare(op, "", number)
            return
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
                    Pick(Var("column", item.text, self.happened(), near=self.near, hint="time", start=item.start)),
                    "=",
                    [of_year(number)],
                )
            )
            return
        if self.peek().kind in ("table", "column"):
            if (
                self.head
                and self.peek().kind == "table"
                and self.lack is None
                and not (self.pending and self.pending.agg)
            ):
                self.sketch.limit = int(number)
                return
            self.compare("=", "", number)

    def listed(self, values: list[Operand | Subquery | Pick | Link]) -> None:
        """`4 or 5 stars`, `years 2008 and 2009`."""
        first = values[0]
        assert isinstance(first, int | float)
        before = len(self.sketch.tests)
        self.compare("=", "", first)
        tests = self.lack.tests if self.lack is not None else self.sketch.tests
        if tests and (self.lack is not None or len(tests) > before):
            tests[-1].values = values
