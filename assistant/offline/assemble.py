"""Makes forms of a sketch whose words are resolved: what is shown, tested, grouped and ordered, with variants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from assistant.offline.conditions import Conditions
from assistant.offline.features import features
from assistant.offline.forms import (
    All,
    Any,
    Compare,
    Condition,
    Expr,
    Form,
    Member,
    Ref,
    Sort,
    compared,
    refs_of,
    tables_of,
)
from assistant.offline.grammar import grammar
from assistant.offline.joins import Graph
from assistant.offline.lexicon import Lexicon
from assistant.offline.measures import measure
from assistant.offline.mentions import NAME, Link
from assistant.offline.resolve import Assignment, turned
from assistant.offline.sketch import DURATION, Pick, Sketch, Super

_ASKING = frozenset({"which", "what", "who", "id", "identifier", "number", "code"})
"""Words that want rows told apart by their key; without them rows that have no name are shown whole."""


@dataclass(frozen=True)
class Choice:
    """The open points that grammar does not settle; the ranking does."""

    show: str = "name"
    """What stands for a table that is shown: its name columns, its key, or all columns (`star`)."""
    distinct: bool = False
    count: str = "rows"
    """`rows` or `distinct` things of the counted table."""
    exist: str = "join"
    """Related rows that only must exist: joined (`join`), or tested without repeating rows (`in`)."""
    best: str = "measure"
    """What `best` means when nothing says it: the highest `measure` (revenue) or `count` of related rows."""
    group: str = "key"
    """Group by the key and what is shown, or by what is `shown` only."""


@dataclass(frozen=True)
class Draft:
    """A form with the features that rank it."""

    form: Form
    features: dict[str, float]


class Assembler:
    """Builds the forms of one sketch under one assignment."""

    def __init__(
        self, sketch: Sketch, assignment: Assignment, lexicon: Lexicon, graph: Graph, question: frozenset[str]
    ) -> None:
        self.sketch = sketch
        self.assignment = assignment
        self.lexicon = lexicon
        self.graph = graph
        self.question = question
        self.conditions = Conditions(self)
        self.main = self._main()

    def _main(self) -> str:
        subject = self.assignment.link(self.sketch.subject)
        if subject:
            return self._person(subject.table)
        for pick in (
            *self.sketch.picks,
            *self.sketch.groups,
            *(s.pick for s in self.sketch.supers),
            *(t.pick for t in self.sketch.tests),
        ):
            link = self.assignment.link(pick.var)
            if link:
                return link.table
        for pick in self.sketch.picks:
            if pick.measure and (found := measure(pick.measure, "", self.assignment.tables, self.lexicon, self.graph)):
                return found[0].table
        return self.assignment.tables[0] if self.assignment.tables else next(iter(self.lexicon.tables), "")

    def _person(self, table: str) -> str:
        """For `who`, the nearest table of people when the subject is none."""
        if not self.sketch.who or self.sketch.picks:
            return table
        people = grammar().people

        def person(name: str) -> bool:
            return self.lexicon.tables[name].words[-1].lemma in people

        if person(table):
            return table
        near = sorted((self.graph.distance(table, name), name) for name in self.lexicon.tables if person(name))
        return near[0][1] if near and near[0][0] <= 2 else table

    # --- expressions ----------------------------------------------------------------------------------------

    def display(self, table: str, choice: Choice) -> tuple[Expr, ...]:
        """The columns that stand for a row of a table."""
        entry = self.lexicon.tables[table]
        names = entry.key if choice.show == "key" and entry.key else entry.display
        return tuple(Expr(table, Ref(table, name)) for name in names)

    def key(self, table: str) -> tuple[Expr, ...]:
        """The key columns of a table."""
        entry = self.lexicon.tables[table]
        return tuple(Expr(table, Ref(table, name)) for name in entry.key) or self.display(table, Choice())

    def exprs(self, pick: Pick, choice: Choice) -> tuple[Expr, ...]:
        """What a pick shows."""
        if pick.measure:
            found = measure(pick.measure, self.main, self.assignment.tables, self.lexicon, self.graph)
            label = pick.measure if pick.measure != "quantity" else "units_sold"
            return tuple(replace(expr, agg=pick.agg or "sum", label=label) for expr in found[:1])  # type: ignore[arg-type]
        link = self.assignment.link(pick.var)
        if link is None:
            table = self.assignment.link(pick.of)
            return (self.counted(table.table if table else self.main, choice),) if pick.agg == "count" else ()
        if not link.column:
            if pick.agg == "count":
                return (self.counted(link.table, choice, pick.distinct),)
            if pick.agg:
                return self._of_table(link.table, pick.agg)
            return self.display(link.table, choice)
        if link.column == NAME and pick.agg in ("", "count"):
            shown = self.display(link.table, choice if pick.agg else replace(choice, show="name"))
            return shown if not pick.agg else (self.counted(link.table, choice, pick.distinct),)
        entry = self.lexicon.column(link.ref)
        if pick.var is not None and pick.var.hint == DURATION:
            return self._lasting(link, pick.agg)
        if pick.agg == "count":
            return (self._count_column(link.ref, pick, choice),)
        if pick.agg in ("sum", "avg") and not entry.number and (pick.agg == "avg" or entry.temporal):
            return ()
        agg = (
            pick.agg
            if not (pick.agg in ("sum", "avg") and not entry.number)
            else ("avg" if pick.agg == "avg" else "count")
        )
        return (Expr(link.table, link.ref, agg, pick.distinct and bool(agg), pick.bucket),)  # type: ignore[arg-type]

    def _lasting(self, link: Link, agg: str) -> tuple[Expr, ...]:
        """Days from the first date of a row to the one that a verb names."""
        dates = [e for e in self.lexicon.tables[link.table].columns.values() if e.column.family in ("date", "datetime")]
        if dates[0].column.name == link.column:
            return ()
        return (Expr(link.table, link.ref, agg, since=dates[0].ref),)  # type: ignore[arg-type]

    def _count_column(self, ref: Ref, pick: Pick, choice: Choice) -> Expr:
        entry = self.lexicon.column(ref)
        table = self.lexicon.tables[ref.table]
        if ref.column in table.key and len(table.key) == 1 and not pick.distinct:
            return self.counted(ref.table, choice)
        if entry.number and not entry.identifier and not pick.distinct:
            return Expr(ref.table, ref, "sum" if choice.count == "rows" else "")
        return Expr(ref.table, ref, "count", distinct=pick.distinct or choice.count == "rows")

    def _of_table(self, table: str, agg: str) -> tuple[Expr, ...]:
        numbers = [e for e in self.lexicon.tables[table].columns.values() if e.number and not e.identifier]
        numbers.sort(key=lambda e: not e.lemmas & {"quantity", "amount", "total"})
        return (Expr(table, numbers[0].ref, agg),) if numbers else ()  # type: ignore[arg-type]

    def counted(self, table: str, choice: Choice, distinct: bool = False) -> Expr:
        """A count of the rows of a table, or of distinct ones when a join repeats them."""
        key = self.lexicon.tables[table].key
        if (choice.count == "distinct" or distinct) and len(key) == 1:
            return Expr(table, Ref(table, key[0]), "count", distinct=True)
        return Expr(table, None, "count")

    # --- the form -------------------------------------------------------------------------------------------

    def form(self, choice: Choice) -> Form | None:
        """The form under one choice; None when nothing can be shown."""
        select, star = self.shown(choice)
        groups = tuple(dict.fromkeys(e for pick in self.sketch.groups for e in self.grouped_by(pick, choice)))
        where, having = self.conditions.split(choice)
        form = Form(select, star, tables=self.joined(), where=where, having=having, via=self._via)
        if not groups and any(e.agg for e in select) and all(e.agg for e in select):
            groups = self._compared_groups(where)
        form = self._grouped(form, groups, choice)
        form = self._ordered(form, choice)
        form = self._superlatives(form, choice)
        if self.sketch.share:
            form = self._share(form)
        if not form.select and not form.star:
            return None
        form = _grouped_orders(self._without_idle(form))
        if choice.exist == "in":
            form = self._existing(form)
        if self.sketch.limit and not form.limit:
            form = form.change(limit=self.sketch.limit)
        if (
            not form.group
            and (choice.distinct or self.sketch.distinct)
            and not any(e.agg for e in form.select)
            and not form.star
        ):
            form = form.change(distinct=True)
        return form

    def joined(self) -> tuple[str, ...]:
        """Tables the question names, outside its negations; the subject first."""
        joined = [self.main]
        lacking = {id(lack.table) for lack in self.sketch.lacks}
        for var in self.sketch.tables:
            link = self.assignment.link(var)
            if link and id(var) not in lacking:
                joined.append(link.table)
        return tuple(dict.fromkeys(joined))

    def _compared_groups(self, where: Sequence[Condition]) -> tuple[Expr, ...]:
        """`the average age of male and female students`: one figure for each value named."""
        listed = {id(t.pick.var) for t in self.sketch.tests if len(t.values) > 1 and t.joined == "and"}
        for condition in where:
            if isinstance(condition, Any) and listed:
                equal = [c.expr for c in condition.parts if isinstance(c, Compare) and c.op == "="]
                if len(equal) == len(condition.parts) and len(set(equal)) == 1:
                    return (equal[0],)
        return ()

    def _without_idle(self, form: Form) -> Form:
        """Drop tables that only the sub-queries use: joining them too would repeat rows."""
        inner = {t for c in form.where for m in _members(c) for t in tables_of(m.form)}
        used = {e.table for e in (*form.select, *form.group, *(s.expr for s in form.order))} | {form.star, self.main}
        used |= {ref.table for c in (*form.where, *form.having) for ref in refs_of(c)} | {
            e.table for e in compared(form.having)
        }
        return form.change(tables=tuple(t for t in form.tables if t in used or t not in inner))

    def _existing(self, form: Form) -> Form:
        """Test related rows by IN instead of joining them, so that no row is repeated."""
        if form.group or form.having or not (form.select or form.star):
            return form
        shown = {e.table for e in form.select} | {form.star} | {s.expr.table for s in form.order}
        if self.main not in shown:
            return form
        main = form.star or form.select[0].table
        tables = tables_of(form)
        edges = self.graph.tree([main, *(t for t in tables if t != main)], form.via)
        if not edges:
            return form
        many = self.graph.many(main, edges)
        inner = [t for t in tables if t not in shown and t != main]
        if not many & set(inner):
            return form
        kept = tuple(c for c in form.where if not {r.table for r in refs_of(c)} & set(inner))
        moved = tuple(c for c in form.where if c not in kept)
        test = self.conditions.exists(main, tuple(inner), moved, negated=False)
        if test is None:
            return form
        return form.change(tables=tuple(t for t in form.tables if t not in inner), where=(*kept, test))

    @cached_property
    def _via(self) -> tuple[tuple[str, str], ...]:
        named: list[tuple[str, str]] = []
        for edges in self.graph.edges.values():
            for edge in edges:
                columns = self.lexicon.tables[edge.child].columns
                words = {w.lemma for c in edge.child_columns for w in columns[c].words} - {"id"}
                if words and words <= self.question:
                    named.extend((edge.child, column) for column in edge.child_columns)
        asked = {token for token in self.question if len(token) > 2}
        for name, entry in self.lexicon.tables.items():
            if {w.lemma for w in entry.words} & asked:
                named.append((name, "*"))
        return tuple(dict.fromkeys(named))

    def shown(self, choice: Choice) -> tuple[tuple[Expr, ...], str]:
        """What is shown: expressions, or the table whose every column is."""
        sketch = self.sketch
        if sketch.everything and not sketch.picks:
            return (), self.main
        exprs = [e for pick in sketch.picks for e in self.exprs(pick, choice)]
        if exprs:
            return tuple(dict.fromkeys(exprs)), ""
        if (
            sketch.groups
            and not sketch.supers
            and not any(t.pick.agg for t in sketch.tests)
            and sketch.subject is not None
        ):
            return (self.counted(self.main, choice),), ""
        if sketch.groups and not sketch.subject:
            return tuple(e for pick in sketch.groups for e in self.grouped_by(pick, choice)), ""
        entry = self.lexicon.tables[self.main]
        nameless = choice.show == "name" and all(entry.columns[name].number for name in entry.display)
        if choice.show == "star" or (nameless and not self.question & _ASKING):
            return (), self.main
        return self.display(self.main, choice), ""

    def grouped_by(self, pick: Pick, choice: Choice) -> tuple[Expr, ...]:
        """The expressions a grouping word stands for."""
        link = self.assignment.link(pick.var)
        if link is None:
            return ()
        if not link.column or link.column == NAME:
            return self.display(link.table, choice)
        return (Expr(link.table, link.ref, bucket=pick.bucket),)  # type: ignore[arg-type]

    def _grouped(self, form: Form, groups: tuple[Expr, ...], choice: Choice) -> Form:
        shown = tuple(e for e in form.select if not e.agg)
        counted = tuple(e for e in form.select if e.agg)
        if counted and (groups or shown):
            keys = tuple(dict.fromkeys((*groups, *shown)))
            if not any(e in shown for e in groups) and not shown:
                form = form.change(select=(*groups, *counted))
            return form.change(group=self._with_keys(keys, choice))
        if form.having and not counted:
            subject = form.star or (shown[0].table if shown else self.main)
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
                keys.extend(self.key(expr.table))
        return tuple(dict.fromkeys((*keys, *exprs)))

    def _ordered(self, form: Form, choice: Choice) -> Form:
        sorts: list[Sort] = []
        for order in self.sketch.orders:
            if order.pick.var is None and not order.pick.agg and not order.pick.measure:
                named = [
                    e for e in form.select if not e.agg and e.ref and self.lexicon.column(e.ref).column.family == "text"
                ]
                aggs = [e for e in form.select if e.agg]
                pool = (named or list(form.select))[:1] if not aggs or (named and not order.descending) else aggs[:1]
                if not pool and form.star:
                    pool = list(self.display(form.star, choice))[:1]
                exprs: Sequence[Expr] = pool
            elif order.pick.var is None and order.pick.agg not in ("", "count") and not order.pick.measure:
                exprs = [e for e in form.select if e.agg == order.pick.agg][:1] or [e for e in form.select if e.agg][:1]
            else:
                exprs = self.exprs(order.pick, choice)
            sorts.extend(Sort(expr, order.descending) for expr in exprs)
        if not sorts:
            return form
        if any(s.expr.agg for s in sorts) and not form.group and (form.star or not all(e.agg for e in form.select)):
            keys = form.select or tuple(Expr(form.star, e.ref) for e in self.lexicon.tables[form.star].columns.values())
            form = form.change(select=keys, star="", group=self._with_keys(keys, choice))
        measured = tuple(s.expr for s, o in zip(sorts, self.sketch.orders, strict=False) if o.pick.measure)
        if measured and self.sketch.supers and form.group:
            form = form.change(select=tuple(dict.fromkeys((*form.select, *measured))))
        return form.change(order=tuple(dict.fromkeys(sorts)))

    def _superlatives(self, form: Form, choice: Choice) -> Form:
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
        exprs = self.exprs(pick, choice)
        if counts and pick.var is None:
            aggs = [e for e in form.select if e.agg == "count"]
            others = [t for t in self.joined() if t != self.main]
            table = others[0] if others and not best.frequent else self.main
            exprs = (aggs[0] if aggs else self.counted(table, replace(choice, count="rows")),)
        if not exprs:
            return form
        expr = exprs[0]
        if pick.var is not None and pick.var.hint and expr.ref and turned(pick.var.hint, self.lexicon.column(expr.ref)):
            best = replace(best, descending=not best.descending)
        if expr.agg and not form.group:
            shown = tuple(e for e in form.select if not e.agg)
            if form.star:
                shown = tuple(Expr(form.star, e.ref) for e in self.lexicon.tables[form.star].columns.values())
                form = form.change(select=shown, star="")
            owner = self._owner(shown)
            own = expr.agg == "count" and expr.table == owner
            keys = (
                shown if best.frequent or own else tuple(dict.fromkeys((*(self.key(owner) if owner else ()), *shown)))
            )
            if choice.group == "key" or best.frequent:
                keys = self._with_keys(keys, choice, expr.table) if not best.frequent else keys
            else:
                keys = shown
            form = form.change(group=keys or self.display(self.main, choice))
        if best.many and best.count == 1 and (pick.measure or (pick.var is not None and pick.var.hint == "money")):
            best = replace(best, count=10)
        if pick.measure and form.group and not form.star:
            form = form.change(select=tuple(dict.fromkeys((*form.select, expr))))
        if form.order and form.limit is None and form.order[0].expr != expr:
            return form.change(order=(Sort(expr, best.descending), *form.order), limit=best.count)
        return form.change(order=(Sort(expr, best.descending),), limit=best.count)

    def _best(self, form: Form, best: Super, choice: Choice) -> Form:
        """`best customers`, `top 5 products`: by revenue, or by number of related rows."""
        found = measure("revenue", self.main, (self.main,), self.lexicon, self.graph)
        way = self.graph.tree([self.main, found[0].table]) if found else ()
        between = {name for edge in way or () for name in (edge.child, edge.parent)}
        children = sorted(
            {e.child for e in self.graph.edges[self.main] if e.parent == self.main and e.child != self.main},
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
        keys = tuple(dict.fromkeys((*self.key(self.main), *form.select)))
        count = best.count if best.count > 1 else (10 if best.many else 1)
        return form.change(select=(*form.select, expr), group=keys, order=(Sort(expr, best.descending),), limit=count)

    def _owner(self, shown: Sequence[Expr]) -> str:
        """The table whose rows a superlative ranks: the subject when what is shown names it."""
        for expr in shown:
            entry = self.lexicon.tables[expr.table]
            if expr.ref and (expr.ref.column in entry.display or expr.ref.column in entry.key):
                return expr.table
        tables = {expr.table for expr in shown}
        subject = self.assignment.link(self.sketch.subject)
        if subject and subject.table in tables and len(shown) > 1:
            return subject.table
        return ""

    def _share(self, form: Form) -> Form:
        tests = form.where
        if not tests:
            return self._share_of_related(form)
        part: Condition = tests[-1]
        return form.change(
            select=(Expr(self.main, None, share=part, label="share"),), where=tests[:-1], group=(), order=()
        )

    def _share_of_related(self, form: Form) -> Form:
        """`share of returned orders`, `share of customers with orders`: rows that have related ones."""
        tables = self.joined()
        subject = self.sketch.subject
        if len(tables) != 2 or subject is None:
            return form
        whole, part = reversed(tables) if subject.text.lower().endswith("ed") else tables
        has = self.conditions.exists(whole, (part,), (), negated=False)
        if has is None:
            return form
        return form.change(
            select=(Expr(whole, None, share=has, label="share"),), tables=(whole,), where=(), group=(), order=()
        )


def _members(condition: Condition) -> list[Member]:
    match condition:
        case Member():
            return [condition]
        case All() | Any():
            return [m for part in condition.parts for m in _members(part)]
    return []


def _grouped_orders(form: Form) -> Form:
    """A sort key beside groups must be grouped by; beside a single aggregate it means nothing."""
    plain = tuple(s.expr for s in form.order if not s.expr.agg and s.expr not in form.group)
    if not plain:
        return form
    if form.group:
        return form.change(group=(*form.group, *plain))
    if any(e.agg for e in form.select):
        return form.change(order=tuple(s for s in form.order if s.expr.agg), limit=None)
    return form


def _choices(base: Form, shows: Sequence[str], unsaid: bool) -> Iterator[Choice]:
    """The open points that matter to a form, in all their combinations."""
    exprs = (*base.select, *(s.expr for s in base.order), *compared(base.having))
    plain = not base.group and not any(e.agg for e in base.select)
    for point in product(
        shows,
        (False, True) if plain else (False,),
        ("rows", "distinct")
        if any(
            (e.agg == "count" and (e.ref or len(tables_of(base)) > 1)) or (e.agg == "sum" and e.times is None)
            for e in exprs
        )
        else ("rows",),
        ("join", "in") if not base.group and not base.having and len(tables_of(base)) > 1 else ("join",),
        ("measure", "count") if unsaid else ("measure",),
        ("key", "shown") if base.group else ("key",),
    ):
        yield Choice(*point)


def _unsaid(pick: Pick) -> bool:
    return pick.var is None and not pick.agg and not pick.measure


def drafts(
    sketch: Sketch, assignment: Assignment, lexicon: Lexicon, graph: Graph, question: frozenset[str]
) -> list[Draft]:
    """All forms worth ranking for one assignment."""
    assembler = Assembler(sketch, assignment, lexicon, graph, question)
    found: dict[Form, Draft] = {}
    shows = (
        ["name", "key", "star"]
        if not sketch.picks
        or any(p.var and p.var.kind == "table" and not p.agg for p in (*sketch.picks, *sketch.groups))
        else ["name"]
    )
    base = assembler.form(Choice())
    if base is None:
        return []
    for choice in _choices(base, shows, any(_unsaid(best.pick) for best in sketch.supers)):
        form = assembler.form(choice)
        if form is None or form in found:
            continue
        found[form] = Draft(form, features(form, choice, assembler, len(shows) > 1))
    return list(found.values())
