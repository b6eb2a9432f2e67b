"""Rules for tables and columns: what is shown, and of what."""

from dataclasses import replace

from assistant.offline.clause_row import EXTREMES, PLACING, Row
from assistant.offline.grammar import Op
from assistant.offline.mentions import Item, Link
from assistant.offline.roles import base
from assistant.offline.sketch import Pick, Super, Test, Var
from assistant.offline.tokens import stem
from tools.schemas.vocabulary import lemma

IDS = frozenset({"id", "identifier", "number", "code", "key", "no"})
SURELY = 0.8
"""From here on a column is named by its own words."""


class Naming(Row):
    """Rules for tables and columns: what is shown, and of what."""

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

    def on_distinct(self, item: Item, op: Op) -> None:
        """`different` belongs to what follows."""
        self.distinct = True

    def on_everything(self, item: Item, op: Op) -> None:
        """`all information about`: every column."""
        if not self.sketch.picks:
            self.sketch.everything = True
            self.sketch.details = "details" in item.text.lower().split()
