"""Rules for bare numbers and for texts within texts: `id 3`, `in 2007`, `contains X`."""

from typing import TYPE_CHECKING

from assistant.offline.clause_comparing import Comparing
from assistant.offline.mentions import Item, Link
from assistant.offline.periods import of_year
from assistant.offline.sketch import Operand, Pick, Subquery, Test, Var

LITERAL = frozenset({"word", "letter", "letters", "substring", "string", "phrase", "prefix", "suffix"})
"""After these a text follows that means itself."""


class Numbers(Comparing):
    """Rules for bare numbers and for texts within texts: `id 3`, `in 2007`, `contains X`."""

    if TYPE_CHECKING:  # rules of the classes that build on this one

        def superlative(self, count: int) -> None:
            """A superlative at hand."""

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
        year = isinstance(number, int) and 1900 <= number <= 2100 and self.peek().kind not in ("table", "column")
        if placed and year and self.pending is not None and not self._dated(self.pending):
            self.pending = None
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
