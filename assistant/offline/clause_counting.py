"""Rules for counts and aggregates: how many there are, the average and the highest of what follows."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.offline.clause_naming import SURELY, Naming
from assistant.offline.clause_row import WEAK
from assistant.offline.grammar import Op, grammar
from assistant.offline.mentions import Item, Link
from assistant.offline.sketch import DURATION, Pick, Var
from assistant.offline.tokens import stem
from tools.schemas.vocabulary import lemma, related

TRAILING = frozenset({"on average", "in total", "altogether", "overall"})
"""Aggregates that may stand behind what they are of."""


class Counting(Naming):
    """Rules for counts and aggregates: how many there are, the average and the highest of what follows."""

    if TYPE_CHECKING:  # rules of the classes that build on this one

        def averaged(self, op: Op) -> bool:
            """Whether a comparison just made is of an average."""

    def count(self) -> None:
        """`how many X`: rows of a table, or values of a column."""
        distinct = self.take_distinct()
        item = self.peek()
        if item.text.lower() == "times":
            self.at += 1
            item = self.peek()
        if (
            item.kind == "table"
            and self.peek(1).kind == "column"
            and self.peek(1).start == item.end
            and self.peek(1).score >= WEAK
            and not self._happens(self.peek(1))
            and not self.peek(2).is_op("compare")
        ):
            near = self.table(item)
            self.at += 2
            var = self.var(self.peek(-1))
            var.near, var.tight = near, True
            pick = Pick(var, "count", distinct)
        elif item.kind == "table":
            self.at += 1
            pick = Pick(self.table(item, counted=True), "count", distinct)
        elif item.kind == "column":
            self.at += 1
            pick = Pick(self.column(item), "count", distinct)
        elif (owner := self._rows_with(item)) is not None:
            pick = Pick(owner, "count", distinct)
        else:
            pick = Pick(None, "count", distinct)
        if self.lack is None and self.peek().is_op("compare") and not self.head:
            self.pending = pick
            return
        self.show_subject()
        self.sketch.picks.append(pick)
        self.fresh.append(pick)
        self.pending = pick if pick.var is not None or not self.head else None

    def _rows_with(self, item: Item) -> Var | None:
        """`how many dogs`, where a kind is `dog`: rows of the table that holds it; None where a table follows."""
        if item.kind != "value" or self.peek(1).kind in ("table", "value", "column") or self.sketch.subject is not None:
            return None
        tables = dict.fromkeys(x.table for x in item.links if x.column not in self.lexicon.tables[x.table].display)
        if len(tables) != 1 or len(item.links) != 1 or item.links[0].table in self.lexicon.roles:
            return None
        var = Var("table", item.text, [Link(table) for table in tables], start=item.start)
        self.sketch.subject = self.near = var
        self.sketch.tables.append(var)
        return var

    def implied(self, kind: str) -> None:
        """A pick whose column is only implied by the question word."""
        pick = Pick(Var("column", kind, [], hint=kind, start=self.peek(-1).start), self.leading)
        self.leading = ""
        self.sketch.picks.append(pick)
        self.fresh.append(pick)

    def much(self) -> None:
        """`how much`: an amount; of what, the next column or measure says."""
        if self.peek().kind == "column":
            self.head = True
            return
        if self.peek().kind == "table":
            self.at += 1
            self.sketch.picks.append(Pick(self.table(self.peek(-1)), "sum"))
            return
        self.sketch.picks.append(Pick(Var("column", "amount", [], hint="money"), agg="sum"))

    def aggregate(self, run: list[str]) -> None:
        """Aggregates of the column that follows."""
        self.take_distinct()
        target = self.peek()
        if (lasting := self._lasting(target)) is None:
            return self._aggregate_of(target, run)
        self.at += 1
        return self.picked([Pick(lasting, agg) for agg in run])

    def _aggregate_of(self, target: Item, run: list[str]) -> None:  # noqa: C901  # one list of cases
        if target.is_op("measure"):
            self.at += 1
            self.picked([Pick(None, agg, measure=target.op.value if target.op else "") for agg in run])
            return None
        if target.is_op("ask") and target.op and target.op.value == "count":
            self.at += 1
            if (kept := self._kept_count(run)) is None:
                return self.count()
            target = kept
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

    def _lasting(self, target: Item) -> Var | None:
        """`delivery time`: the dates of that name, each the end of a stretch of time; None where none is meant."""
        words = target.text.lower().split()
        after = next((item.text.lower() for item in self.raw if item.start == target.end), "")
        if not {"time", "times", "duration"} & {after, words[-1] if words else ""}:
            return None
        if target.kind == "column" and target.score >= SURELY and self.lexicon.column(target.links[0].ref).number:
            return None
        verbs = {lemma(other) for word in words for other in (word, *related(word))} - {"time", "duration"}
        links = [
            Link(entry.table, entry.column.name, score=0.9 if lemma(words[0]) in entry.lemmas else 0.85)
            for entry in self.lexicon.columns
            if entry.column.family in ("date", "datetime") and _stems(entry.lemmas) & _stems(verbs)
        ]
        return Var("column", target.text, links, hint=DURATION, start=target.start) if links else None

    def _kept_count(self, run: list[str]) -> Item | None:
        """`the average number of members`: the column that keeps the number, if one does."""
        inner = self.peek()
        if run == ["sum"] or inner.kind not in ("column", "table"):
            return None
        held = inner.links if inner.kind == "column" and self._summable(inner) else self._numeric_alt(inner)
        return replace(inner, kind="column", links=held) if held else None

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

    def on_aggregate(self, item: Item, op: Op) -> None:
        """`average X`, `minimum, average and maximum X`."""
        if item.text.lower() in TRAILING and self.averaged(op):
            self.at += 1
            return
        if item.text.lower() in TRAILING and (self.peek(1).is_op("ask") or self.peek(2).is_op("ask")):
            self.leading = op.value
            self.at += 1
            return
        run = [op.value]
        spot = 1
        while True:
            ahead = self.peek(spot)
            if ahead.is_op("aggregate", "superlative"):
                run.append(ahead.op.value if ahead.op else "")
            elif extreme := self._extreme(ahead, self.peek(spot + 1)):
                run.append(extreme)
            elif not (
                self._logic(ahead, "and") or self._logic(ahead, "of") or (ahead.is_op("sign") and ahead.text == ",")
            ):
                break
            spot += 1
        self.at += spot
        self.aggregate(run)

    def _extreme(self, item: Item, after: Item) -> str:
        """`max` for `oldest` before `age`, though the word itself may name the column; empty for another word."""
        if item.kind != "column" or after.kind != "column" or item.score > 0.9 or " " in item.text:
            return ""
        ops = grammar().phrases.get((item.text.lower(),), ())
        return next((op.value for op in ops if op.kind == "superlative"), "")

    def _is_aggregate(self, prior: Item) -> bool:
        if self._logic(prior, "relative") or (self.sketch.who and not self.sketch.picks):
            return False
        if prior.is_op("ask") and prior.start > 0:
            return True
        subject = self.sketch.subject is not None
        return not subject or bool(self.sketch.picks and self.sketch.picks[-1].agg) or self._logic(prior, "and")

    def _run_of_aggregates(self) -> bool:
        """True when a column (or `and minimum X`) follows: an aggregate, no ranking."""
        spot = 0
        while True:
            item = self.peek(spot)
            if item.kind == "column" or item.is_op("measure"):
                return True
            if item.kind == "table":
                return bool(self._numeric_alt(item)) and spot > 0
            plain = item.is_op("aggregate") or (item.is_op("superlative") and item.op is not None and not item.op.hint)
            if spot == 0 and item.is_op("aggregate"):
                return False
            if not (plain or self._logic(item, "and", "of") or item.text == ","):
                return False
            spot += 1

    def on_measure(self, item: Item, op: Op) -> None:
        """`revenue`: computed when no column bears the name."""
        pick = Pick(None, "sum", measure=op.value)
        self.at += 1
        self.sketch.picks.append(pick)
        self.fresh.append(pick)


def _stems(words: Iterable[str]) -> set[str]:
    return {stem(word) for word in words}
