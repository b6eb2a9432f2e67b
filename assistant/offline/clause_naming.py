"""Rules for tables, columns, counts and aggregates: what is shown, and of what."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from assistant.offline.clause_row import EXTREMES, PLACING, WEAK, Row
from assistant.offline.grammar import Op, grammar
from assistant.offline.mentions import Item, Link
from assistant.offline.roles import base
from assistant.offline.sketch import DURATION, Pick, Super, Test, Var
from assistant.offline.tokens import stem
from tools.schemas.vocabulary import lemma, related

TRAILING = frozenset({"on average", "in total", "altogether", "overall"})
"""Aggregates that may stand behind what they are of."""
IDS = frozenset({"id", "identifier", "number", "code", "key", "no"})
SURELY = 0.8
"""From here on a column is named by its own words."""


class Naming(Row):
    """Rules for tables, columns, counts and aggregates: what is shown, and of what."""

    if TYPE_CHECKING:  # rules of the classes that build on this one

        def averaged(self, op: Op) -> bool:
            """Whether a comparison just made is of an average."""

    def on_table(self, item: Item) -> None:
        """A table named alone."""
        spot = 1
        while self._logic(self.peek(spot), "of", "any"):
            spot += 1
        weak = item.score < 0.72 and self.sketch.subject is not None
        ahead = self.peek(spot)
        if weak and (ahead.kind in ("table", "value", "text") or ahead.is_op("superlative", "compare")):
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
            before = self.sketch.subject
            var = self.table(item)
            self._together(var)
            if before is not None and self._shown_beside(item):
                self.sketch.picks.extend([*([] if self.sketch.picks else [Pick(before)]), Pick(var)])
        if self.distinct:
            self.sketch.distinct, self.distinct = True, False
        self.at += 1

    def on_column(self, item: Item) -> None:  # noqa: C901, PLR0912, PLR0915  # one list of cases
        """A column: shown when in the head, else waiting for its value."""
        if owners := self._rows_of(item):
            self.on_table(replace(item, kind="table", links=owners))
            return
        if self._told_twice(item):
            self.pending = None
        self.close_pending()
        if self._beside_figures(item):
            return
        if self.sketch.who and item.links[0].weak and self._doer(item):
            self.at += 1
            self.sketch.picks.append(Pick(self.var(item)))
            return
        begun = self.sketch.subject is not None or bool(self.sketch.tests and self.sketch.picks)
        if (item.links[0].weak or (begun and self._happens(item))) and not self._tested_after(1):
            self.weak(item)
            return
        first = item.text.lower().split()[0]
        if self._logic(self.peek(-1), "relative") and first in EXTREMES and self._ordered_by(item):
            self.at += 1
            self.sketch.supers.append(Super(Pick(self.column(item)), EXTREMES[first]))
            return
        if (
            self.peek(1).kind == "table"
            and self.peek(1).start == item.end
            and self.lexicon.column(item.links[0].ref).flag
        ):
            self.at += 1
            var = self.var(item)
            flags = [link for link in item.links if self.lexicon.column(link.ref).flag]
            var.links = flags or var.links
            self.add_test(Test(Pick(var), "true"))
            return
        before = self.peek(-1)
        listed = before.text == "," or before.is_op("group") or self._logic(before, "and", "of")
        if self.sketch.subject is not None and self._flag(item) and not listed and not self._tested_after(1):
            self.at += 1
            var = self.var(item)
            var.near = self.near
            var.links = [link for link in var.links if self.lexicon.column(link.ref).flag]
            self.add_test(Test(Pick(var), "true"))
            return
        if self.head and self.fresh and self._entity(item):
            self.on_table(replace(item, kind="table", links=tuple(Link(x.table, score=x.score) for x in item.links)))
            return
        before = self.peek(-1)
        if (
            self.head
            and self.sketch.picks
            and self._logic(before, "of")
            and before.text.lower() in PLACING
            and not self._tested_after(1)
        ):
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

    def _doer(self, item: Item) -> bool:
        """True in `who advises student 1004`: the column called after the deed names who did it."""
        first = self.head and self.sketch.subject is None and not self.sketch.picks and self.peek(-1).is_op("ask")
        said = {stem(word) for word in item.text.lower().split()}
        called = any(said & {stem(word) for word in self.lexicon.column(x.ref).lemmas} for x in item.links[:1])
        return first and called and self.peek(1).kind in ("table", "value", "text", "column")

    def _told_twice(self, item: Item) -> bool:
        """True in `not in the city with code X`, where city and code are one column."""
        waits = self.pending.var if self.pending and self.lack is not None and not self.lack.tests else None
        return waits is not None and bool({x.ref for x in waits.links} & {x.ref for x in item.links})

    def _beside_figures(self, item: Item) -> bool:
        """File a column that says of what the figures are, or for what each is; False for any other."""
        if self._of_all(item):
            self.at += 1
            return True
        if not self._parted(item):
            return False
        self.distinct = False
        self.at += 1
        var = self.column(item)
        var.near = var.near or self.near
        self.sketch.groups.append(Pick(var))
        return True

    def _parted(self, item: Item) -> bool:
        """True in `the average age of students with different sex`: one figure for each."""
        figures = self.sketch.picks and all(pick.agg and not pick.distinct for pick in self.sketch.picks)
        told = self.distinct and self._logic(self.peek(-2), "relative", "of")
        return bool(figures) and told and self.lack is None and not self._tested_after(1)

    def _of_all(self, item: Item) -> bool:
        """True in `the highest price across all studios`: one figure of all rows, and no studio is shown."""
        figures = self.sketch.picks and all(pick.agg and pick.agg != "count" for pick in self.sketch.picks)
        across = self._logic(self.peek(-1), "all_of") and self._logic(self.peek(-2), "of")
        held = self.lexicon.column(item.links[0].ref)
        plural = item.text.lower().endswith("s") and held.column.family == "text"
        own = all(pick.var is None or pick.var.kind == "column" for pick in self.sketch.picks)
        return bool(figures) and across and plural and own and not self._tested_after(1)

    def _together(self, var: Var) -> None:
        """Note `customers and suppliers`: two tables named in one breath."""
        spot, word = -1, ""
        while self._logic(self.peek(spot), "and", "or", "of", "all_of", "both", "any") or self.peek(spot).is_op(
            "distinct"
        ):
            if self._logic(self.peek(spot), "and", "or"):
                word = self.peek(spot).op.value  # type: ignore[union-attr]
            spot -= 1
        if word and self.peek(spot).kind == "table" and len(self.sketch.tables) > 1:
            self.sketch.together = [self.sketch.tables[-2], var]
            self.sketch.apart = word == "or"

    def _shown_beside(self, item: Item) -> bool:
        """True in `show the dog and its sire`: both are shown by their names."""
        owner = next((other.text.lower() for other in self.raw if other.end == item.start), "")
        mine = owner.split()[-1:] in (["its"], ["their"], ["his"], ["her"])
        return self.head and mine and self._logic(self.peek(-1), "and") and not any(p.agg for p in self.sketch.picks)

    def _rows_of(self, item: Item) -> tuple[Link, ...]:
        """Tables for `customers` where only customer_id bears the word: rows are meant, not their numbers."""
        if {lemma(word) for word in item.text.lower().split()} & IDS or self._tested_after(1):
            return ()
        found: dict[str, float] = {}
        for link in item.links:
            entry = self.lexicon.column(link.ref)
            if "id" not in entry.lemmas or link.score > 0.75:
                return ()
            keyed = link.table if self.lexicon.tables[link.table].key == (link.column,) else ""
            if owner := self.lexicon.role_of.get(link.ref) or entry.target or keyed:
                found.setdefault(owner, min(0.9, link.score + 0.25))
        return tuple(Link(table, score=score) for table, score in found.items() if base(table) in self.lexicon.tables)

    def _happens(self, item: Item) -> bool:
        """True for `deliver` where the column is delivered_at: what was done, nothing to show."""
        entry = self.lexicon.column(item.links[0].ref)
        words = set(item.text.lower().split())
        happened = entry.column.family in ("date", "datetime") and len(words) == 1
        return happened and item.score < 0.95 and not words & {"date", "dates", "time", "day", "when", "year"}

    def weak(self, item: Item) -> None:
        """A word that is only related to a column (`released`, `earn`): a hint, nothing to show."""
        self._when(item)
        self.sketch.verbs.append(item.text.lower())
        self.at += 1
        if item.alt and item.alt[0].score > item.score and (self.lack is not None or not self.head):
            self.at -= 1
            self.on_table(replace(item, kind="table", links=item.alt))
        elif self.lack is not None and self.lack.table is None and not self.lack.tests and self._happens(item):
            self.add_test(Test(Pick(self.var(item)), "not null"))  # `not sold yet`: no date says when

    def _when(self, item: Item) -> None:
        """`When was it sold`: the date that is called after what was done."""
        last = self.sketch.picks[-1].var if self.sketch.picks else None
        dates = [x for x in item.links if self.lexicon.column(x.ref).column.family in ("date", "datetime")]
        if last is not None and last.hint == "time" and not last.links and dates:
            last.links = [replace(link, score=max(link.score, SURELY)) for link in dates]

    def drop_generic(self, item: Item, var: Var) -> None:
        """`names of directors`, where directors are a column: the name is that column."""
        last = self.sketch.picks[-1] if self.sketch.picks else None
        if last is None or last not in self.fresh or last.agg or last.var is None or last.var.near is not None:
            return
        spot = -2
        while self._logic(self.peek(spot), "all_of") or self.peek(spot).is_op("distinct"):
            spot -= 1
        if not self._logic(self.peek(spot), "of") or last.var.text.lower() not in (
            "name",
            "names",
            "title",
            "titles",
            "value",
            "values",
        ):
            return
        entry = self.lexicon.column(item.links[0].ref)
        if entry.column.family == "text" and not self.lexicon.tables[entry.table].columns.get(entry.target):
            self.sketch.picks.remove(last)
            self.fresh.remove(last)

    def _entity(self, item: Item) -> bool:
        """`average X of all schools`, where `school` is the column that names the rows of its table."""
        spot = -1
        while self._logic(self.peek(spot), "all_of") or self.peek(spot).is_op("distinct", "group"):
            spot -= 1
        if not (
            self._logic(self.peek(spot), "of") and self.peek(spot).text.lower() in ("of", "for", "across", "among")
        ) or self.peek(-1).is_op("group"):
            return False
        link = item.links[0]
        table = self.lexicon.tables[link.table]
        named = (
            link.column in table.display
            and len(table.display) == 1
            and not table.columns[link.column].lemmas & {"name", "title", "description", "detail"}
        )
        return (
            named
            and not self._tested_after(1)
            and all(p.agg or p.var is None or p.var.text.lower() not in ("name", "names") for p in self.fresh)
        )

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

    def on_distinct(self, item: Item, op: Op) -> None:
        """`different` belongs to what follows."""
        self.distinct = True

    def on_everything(self, item: Item, op: Op) -> None:
        """`all information about`: every column."""
        if not self.sketch.picks:
            self.sketch.everything = True
            self.sketch.details = "details" in item.text.lower().split()

    def on_measure(self, item: Item, op: Op) -> None:
        """`revenue`: computed when no column bears the name."""
        pick = Pick(None, "sum", measure=op.value)
        self.at += 1
        self.sketch.picks.append(pick)
        self.fresh.append(pick)


def _stems(words: Iterable[str]) -> set[str]:
    return {stem(word) for word in words}
