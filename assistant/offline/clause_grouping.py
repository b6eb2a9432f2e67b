"""Rules for groups: `for each X`, `per X`, `by X`."""

from dataclasses import replace

from assistant.offline.clause_ordering import Ordering
from assistant.offline.grammar import Op
from assistant.offline.mentions import Item
from assistant.offline.sketch import Pick, Var


class Grouping(Ordering):
    """Rules for groups: `for each X`, `per X`, `by X`."""

    def on_group(self, item: Item, op: Op) -> None:  # noqa: C901, PLR0912  # one list of cases
        """`for each X`, `per X`, `by X`."""
        self.at += 1
        if op.value == "with" or self._each_owns(op):
            return
        if op.value == "by" and self.sort_by and self.order_keys(False):
            self.sort_by = False
            return
        if (
            op.value in ("by", "each")
            and item.text.lower() in ("by", "per")
            and self.sketch.supers
            and self._open_super()
        ) and self.order_keys(self.sketch.supers[-1].descending):
            return
        if (
            op.value == "by"
            and not any(pick.agg or pick.measure for pick in self.sketch.picks)
            and not self.sketch.tables
        ):
            return
        if item.text.lower() == "by" and (self._agent(item) or self._by_name()):
            return
        self.take_distinct()
        while self.peek().kind in ("column", "table"):
            target = self.peek()
            if (
                target.kind == "table"
                and target.alt
                and target.alt[0].score >= target.score - 0.05
                and " " in target.text
            ):
                target = replace(target, kind="column", links=target.alt)
            if op.value == "by" and self._tested_after(1):
                return
            self.at += 1
            if target.kind == "table" and self.peek().kind == "column" and self.peek().start == target.end:
                owner = self.table(target)
                var = self.column(self.peek())
                var.near, var.tight = owner, True
                self.at += 1
            elif target.kind == "table":
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
            ) or (
                self._logic(self.peek(), "and")
                and self.peek(1).kind == "column"
                and self.peek(2).kind == "op"
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

    def _each_owns(self, op: Op) -> bool:
        """True in `each dog's name`: every dog is shown, nothing is grouped."""
        owner, possessive, owned = self.peek(), self.peek(1), self.peek(2)
        shown = self.head and not any(pick.agg for pick in self.sketch.picks)
        return op.value == "each" and shown and (owner.kind, possessive.text, owned.kind) == ("table", "'s", "column")

    def _by_name(self) -> bool:
        """True in `show the dog and its sire by name`: what is shown is named."""
        named = self.peek().text.lower() in ("name", "names") and self.peek(1).is_op("end", "sign")
        plain = self.head and not self.sort_by and not any(pick.agg for pick in self.sketch.picks)
        self.at += named and plain
        return named and plain

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
