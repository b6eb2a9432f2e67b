"""Groups, orders and superlatives of a form: what is counted together, and which rows come first."""

from collections.abc import Sequence
from dataclasses import replace

from assistant.offline.choice import Choice
from assistant.offline.forms import Expr, Form, Sort
from assistant.offline.meaning import Meaning
from assistant.offline.measures import measure
from assistant.offline.resolve import turned
from assistant.offline.sketch import Super


class Rankings:
    """Groups and ranks the rows of a form by what a sketch asks."""

    def __init__(self, meaning: Meaning) -> None:
        self.m = meaning
        self.sketch = meaning.sketch
        self.lexicon = meaning.lexicon
        self.graph = meaning.graph

    def grouped(self, form: Form, groups: tuple[Expr, ...], choice: Choice) -> Form:
        """The form grouped by these and by what is shown beside an aggregate."""
        shown = tuple(e for e in form.select if not e.agg)
        counted = tuple(e for e in form.select if e.agg)
        if counted and (groups or shown):
            keys = tuple(dict.fromkeys((*groups, *shown)))
            if not any(e in shown for e in groups) and not shown:
                form = form.change(select=(*groups, *counted))
            return form.change(group=self._with_keys(keys, choice))
        if form.having and not counted:
            subject = form.star or (shown[0].table if shown else self.m.main)
            keys = tuple(dict.fromkeys((*groups, *shown)))
            if form.star:
                form = form.change(
                    select=tuple(Expr(subject, e.ref) for e in self.lexicon.tables[subject].columns.values()), star=""
                )
                keys = form.select
            return form.change(group=self._with_keys(keys, choice))
        return form

    def _with_keys(self, exprs: tuple[Expr, ...], choice: Choice, counted: str = "") -> tuple[Expr, ...]:
        """Add the key of each table whose name is grouped by, so that namesakes stay apart."""
        if choice.group != "key":
            return exprs
        keys: list[Expr] = []
        for expr in exprs:
            entry = self.lexicon.tables[expr.table]
            named = expr.ref is not None and expr.ref.column in entry.display and not expr.bucket
            if named and len(entry.key) == 1 and expr.table != counted:
                keys.extend(self.m.key(expr.table))
        return tuple(dict.fromkeys((*keys, *exprs)))

    def ordered(self, form: Form, choice: Choice) -> Form:
        """The form with its sort keys."""
        sorts: list[Sort] = []
        for order in self.sketch.orders:
            if order.pick.var is None and not order.pick.agg and not order.pick.measure:
                named = [
                    e for e in form.select if not e.agg and e.ref and self.lexicon.column(e.ref).column.family == "text"
                ]
                aggs = [e for e in form.select if e.agg]
                if order.amount and not aggs:
                    named = [e for e in form.select if e.ref and self._amount(e)] or named
                pool = (named or list(form.select))[:1] if not aggs or (named and not order.descending) else aggs[:1]
                if not pool and form.star:
                    pool = list(self.m.display(form.star, choice))[:1]
                exprs: Sequence[Expr] = pool
            elif order.pick.var is None and order.pick.agg not in ("", "count") and not order.pick.measure:
                exprs = [e for e in form.select if e.agg == order.pick.agg][:1] or [e for e in form.select if e.agg][:1]
            else:
                exprs = self.m.exprs(order.pick, choice)
            hint = order.pick.var.hint if order.pick.var else ""
            sorts.extend(Sort(expr, order.descending != self._turned(hint, expr)) for expr in exprs)
        if not sorts:
            return form
        if any(s.expr.agg for s in sorts) and not form.group and (form.star or not all(e.agg for e in form.select)):
            keys = form.select or tuple(Expr(form.star, e.ref) for e in self.lexicon.tables[form.star].columns.values())
            form = form.change(select=keys, star="", group=self._with_keys(keys, choice))
        measured = tuple(s.expr for s, o in zip(sorts, self.sketch.orders, strict=False) if o.pick.measure)
        if measured and self.sketch.supers and form.group:
            form = form.change(select=tuple(dict.fromkeys((*form.select, *measured))))
        return form.change(order=tuple(dict.fromkeys(sorts)))

    def _amount(self, expr: Expr) -> bool:
        entry = self.lexicon.column(expr.ref) if expr.ref else None
        return entry is not None and entry.number and not entry.identifier

    def _turned(self, hint: str, expr: Expr) -> bool:
        return bool(hint and expr.ref) and turned(hint, self.lexicon.column(expr.ref))  # type: ignore[arg-type]

    def superlatives(self, form: Form, choice: Choice) -> Form:
        """The form cut to the best rows, by each superlative in turn."""
        for best in self.sketch.supers:
            form = self._superlative(form, best, choice)
        return form

    def _superlative(self, form: Form, best: Super, choice: Choice) -> Form:  # noqa: C901, PLR0912  # one list of cases
        pick = best.pick
        counts = pick.agg == "count" or (pick.agg and pick.var is None and not pick.measure)
        if pick.var is None and not pick.agg and not pick.measure:  # top 5 of what is ordered
            if form.order:
                return form.change(
                    order=tuple(replace(s, descending=best.descending) for s in form.order), limit=best.count
                )
            aggs = [e for e in form.select if e.agg]
            if aggs:
                return form.change(order=(Sort(aggs[0], best.descending),), limit=best.count)
            return self._best(form, best, choice)
        exprs = self.m.exprs(pick, choice)
        if counts and pick.var is None:
            aggs = [e for e in form.select if e.agg == "count"]
            table = self._counted_table(form, best, choice)
            exprs = (aggs[0] if aggs else self.m.counted(table, replace(choice, count="rows")),)
        if not exprs:
            return form
        expr = exprs[0]
        if pick.var is not None and self._turned(pick.var.hint, expr):
            best = replace(best, descending=not best.descending)
        if expr.agg and not form.group:
            shown = tuple(e for e in form.select if not e.agg)
            if form.star:
                shown = tuple(Expr(form.star, e.ref) for e in self.lexicon.tables[form.star].columns.values())
                form = form.change(select=shown, star="")
            owner = self._owner(shown)
            own = expr.agg == "count" and expr.table == owner
            keys = (
                shown if best.frequent or own else tuple(dict.fromkeys((*(self.m.key(owner) if owner else ()), *shown)))
            )
            if choice.group == "key" or best.frequent:
                keys = self._with_keys(keys, choice, expr.table) if not best.frequent else keys
            else:
                keys = shown
            form = form.change(group=keys or self.m.display(self.m.main, choice))
        if best.many and best.count == 1 and (pick.measure or (pick.var is not None and pick.var.hint == "money")):
            best = replace(best, count=10)
        if pick.measure and form.group and not form.star:
            form = form.change(select=tuple(dict.fromkeys((*form.select, expr))))
        if form.order and form.limit is None and form.order[0].expr != expr:
            return form.change(order=(Sort(expr, best.descending), *form.order), limit=best.count)
        return form.change(order=(Sort(expr, best.descending),), limit=best.count)

    def _counted_table(self, form: Form, best: Super, choice: Choice) -> str:
        """The table whose rows `most` counts: one that is named, else one whose rows belong to what is shown."""
        main = self.m.main
        others = [table for table in self.m.joined() if table != main]
        if others and not best.frequent:
            return others[0]
        entry = self.lexicon.tables[main]
        shown = [e for e in form.select if not e.agg]
        single = all(e.table == main and e.ref and e.ref.column in (*entry.display, *entry.key) for e in shown)
        related = self.m.related if single else ()
        return related[choice.related] if choice.related < len(related) else main

    def _best(self, form: Form, best: Super, choice: Choice) -> Form:
        """`best customers`, `top 5 products`: by revenue, or by number of related rows."""
        found = measure("revenue", self.m.main, (self.m.main,), self.lexicon, self.graph)
        way = self.graph.tree([self.m.main, found[0].table]) if found else ()
        between = {name for edge in way or () for name in (edge.child, edge.parent)}
        children = sorted(
            {e.child for e in self.graph.edges[self.m.main] if e.parent == self.m.main and e.child != self.m.main},
            key=lambda name: (
                name not in between,
                not any(c.temporal for c in self.lexicon.tables[name].columns.values()),
                name,
            ),
        )
        expr = replace(found[0], agg="sum", label="revenue") if found and choice.best == "measure" else None
        if expr is None and children:
            expr = Expr(children[0], None, "count")
        if expr is None or form.star:
            return form.change(limit=best.count if best.count > 1 else None)
        keys = tuple(dict.fromkeys((*self.m.key(self.m.main), *form.select)))
        count = best.count if best.count > 1 else (10 if best.many else 1)
        return form.change(select=(*form.select, expr), group=keys, order=(Sort(expr, best.descending),), limit=count)

    def _owner(self, shown: Sequence[Expr]) -> str:
        """The table whose rows a superlative ranks: the subject when what is shown names it."""
        for expr in shown:
            entry = self.lexicon.tables[expr.table]
            if expr.ref and (expr.ref.column in entry.display or expr.ref.column in entry.key):
                return expr.table
        tables = {expr.table for expr in shown}
        subject = self.m.assignment.link(self.sketch.subject)
        if subject and subject.table in tables and len(shown) > 1:
            return subject.table
        return ""
