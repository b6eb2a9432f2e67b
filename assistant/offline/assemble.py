"""Makes forms of a sketch whose words are resolved, one for each way its open points may be settled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from assistant.offline.build import label_of
from assistant.offline.choice import Choice
from assistant.offline.conditions import Conditions
from assistant.offline.features import features
from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Member, Ref, compared, refs_of, tables_of
from assistant.offline.joins import Graph
from assistant.offline.lexicon import Lexicon
from assistant.offline.meaning import Meaning
from assistant.offline.rankings import Rankings
from assistant.offline.resolve import Assignment
from assistant.offline.sets import set_forms
from assistant.offline.sketch import Pick, Sketch


@dataclass(frozen=True)
class Draft:
    """A form with the features that rank it."""

    form: Form
    features: dict[str, float]


class Assembler:
    """Builds the forms of one sketch under one assignment."""

    def __init__(self, meaning: Meaning) -> None:
        self.m = meaning
        self.sketch = meaning.sketch
        self.lexicon = meaning.lexicon
        self.graph = meaning.graph
        self.conditions = Conditions(meaning)
        self.rankings = Rankings(meaning)

    def form(self, choice: Choice) -> Form | None:
        """The form under one choice; None when nothing can be shown."""
        select, star = self.m.shown(choice)
        groups = tuple(dict.fromkeys(e for pick in self.sketch.groups for e in self.m.grouped_by(pick, choice)))
        where, having = self.conditions.split(choice)
        form = Form(select, star, tables=self.m.joined(), where=where, having=having, via=self.m.via)
        if not groups and any(e.agg for e in select) and all(e.agg for e in select):
            groups = self._compared_groups(where)
        form = self.rankings.grouped(form, groups, choice)
        form = self.rankings.ordered(form, choice)
        form = self.rankings.superlatives(form, choice)
        if self.sketch.share:
            form = self._share(form)
        if not form.select and not form.star:
            return None
        form = _grouped_orders(self._without_idle(form))
        if self.sketch.lacking:
            form = self._with_lacking(form)
        if choice.exist == "in":
            form = self._existing(form)
        if self.sketch.limit and not form.limit:
            form = form.change(limit=self.sketch.limit)
        if (
            not form.group
            and (choice.distinct or self.sketch.distinct)
            and not any(e.agg for e in form.select)
            and not form.star
            and all(s.expr in form.select for s in form.order)
        ):
            form = form.change(distinct=True)
        return form

    def _with_lacking(self, form: Form) -> Form:
        """Count rows of another table for every row of the one that is grouped by, also where there are none."""
        owner = form.group[0].table if form.group else ""
        counts = [e for e in form.select if e.agg == "count" and e.ref is None and e.table != owner]
        if not owner or len(counts) != 1 or any(r.table != owner for c in form.where for r in refs_of(c)):
            return form
        counted = counts[0].table
        edges = self.graph.tree([owner, counted], form.via)
        if not edges:
            return form
        key = self.lexicon.tables[counted].key
        child = next((e for e in edges if e.child == counted), None)
        column = key[0] if len(key) == 1 else child.child_columns[0] if child else ""
        if not column:
            return form
        whole = Expr(counted, Ref(counted, column), "count", label=label_of(counts[0]))
        swap = {counts[0]: whole}
        return form.change(
            select=tuple(swap.get(e, e) for e in form.select),
            order=tuple(replace(s, expr=swap.get(s.expr, s.expr)) for s in form.order),
            tables=tuple(dict.fromkeys((owner, *form.tables))),
            outer=True,
        )

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
        used = {e.table for e in (*form.select, *form.group, *(s.expr for s in form.order))} | {form.star, self.m.main}
        used |= {ref.table for c in (*form.where, *form.having) for ref in refs_of(c)} | {
            e.table for e in compared(form.having)
        }
        return form.change(tables=tuple(t for t in form.tables if t in used or t not in inner))

    def _existing(self, form: Form) -> Form:
        """Test related rows by IN instead of joining them, so that no row is repeated."""
        if form.group or form.having or not (form.select or form.star):
            return form
        shown = {e.table for e in form.select} | {form.star} | {s.expr.table for s in form.order}
        if self.m.main not in shown:
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

    def _share(self, form: Form) -> Form:
        tests = form.where
        if not tests:
            return self._share_of_related(form)
        part: Condition = tests[-1]
        return form.change(
            select=(Expr(self.m.main, None, share=part, label="share"),), where=tests[:-1], group=(), order=()
        )

    def _share_of_related(self, form: Form) -> Form:
        """`share of returned orders`, `share of customers with orders`: rows that have related ones."""
        tables = self.m.joined()
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


def _choices(base: Form, shows: Sequence[str], unsaid: bool, related: int, things: bool) -> Iterator[Choice]:
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
        range(related),
        ("rows", "things") if things else ("rows",),
        ("key", "shown") if base.group else ("key",),
    ):
        yield Choice(*point)


def _unsaid(pick: Pick) -> bool:
    return pick.var is None and not pick.agg and not pick.measure


def _uncounted(pick: Pick) -> bool:
    """True for `most popular`, `most often`: something is counted, and nothing says what."""
    return pick.var is None and pick.agg == "count"


def drafts(
    sketch: Sketch, assignment: Assignment, lexicon: Lexicon, graph: Graph, question: frozenset[str]
) -> list[Draft]:
    """All forms worth ranking for one assignment."""
    meaning = Meaning(sketch, assignment, lexicon, graph, question)
    assembler = Assembler(meaning)
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
    unsaid = any(_unsaid(best.pick) for best in sketch.supers)
    related = min(3, len(meaning.related) + 1) if any(_uncounted(best.pick) for best in sketch.supers) else 1
    for choice in _choices(base, shows, unsaid, related, assembler.conditions.of_things):
        form = assembler.form(choice)
        if form is None or form in found:
            continue
        found[form] = Draft(form, features(form, choice, meaning, len(shows) > 1))
    for form, kind in set_forms(meaning, assembler.conditions):
        found[form] = Draft(form, features(form, Choice(), meaning, len(shows) > 1) | {kind: 1.0})
    return list(found.values())
