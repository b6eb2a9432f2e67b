"""Follow-ups: a fragment (`and by country?`, `only 2024`) edits the form of the question before it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

from assistant.offline.choice import Choice
from assistant.offline.clauses import Clauses
from assistant.offline.conditions import Conditions
from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Ref, Sort, tables_of
from assistant.offline.grammar import grammar
from assistant.offline.joins import Graph
from assistant.offline.lexicon import Lexicon
from assistant.offline.meaning import Meaning
from assistant.offline.mentions import Cover, Link, covers
from assistant.offline.resolve import Assignment, resolve
from assistant.offline.sketch import Sketch, Var
from assistant.offline.tokens import Token, plain, tokenize
from assistant.offline.understanding import Probe

SHORT = 9
"""A follow-up that opens with no `and`, `only` ... has at most so many words."""


def shown_as(question: str) -> Literal["", "table", "chart", "reading"]:
    """What a follow-up asks to see of the answer before: `as a chart`, `why?`."""
    text = plain(question)
    for opening in ("please", "now", "and", "show it", "show that", "show them", "show this"):
        text = text.removeprefix(f"{opening} ")
    words = grammar().follow_up
    if text in {plain(phrase) for phrase in words["why"]}:
        return "reading"
    if text in {plain(phrase) for phrase in words["chart"]}:
        return "chart"
    return "table" if text in {plain(phrase) for phrase in words["table"]} else ""


def follows(question: str, cover: Cover) -> bool:
    """True for a fragment that says nothing without the question before it."""
    words = grammar().follow_up
    text = plain(question)
    opened = any(text == plain(o) or text.startswith(f"{plain(o)} ") for o in words["openings"])
    tokens = [token for token in tokenize(question) if token.kind != "sign"]
    pointing = any(token.lower in words["those"] for token in tokens)
    asks = [item for item in cover.items if item.is_op("ask") and item.start < 2]
    tables = [item for item in cover.items if item.kind == "table" and item.score > 0.85]
    if opened or (pointing and len(tokens) <= SHORT):
        return not (asks and tables and not pointing)
    grouped = any(item.is_op("group", "order") and item.start == 0 for item in cover.items)
    anew = any(item.is_op("measure", "aggregate", "frequent") and item.start == 0 for item in cover.items)
    return len(tokens) <= SHORT and not asks and not anew and (grouped or not tables) and bool(cover.items)


def edited(
    question: str,
    previous: Form,
    lexicon: Lexicon,
    graph: Graph,
    today: date,
    found: Mapping[Probe, Sequence[str]],
) -> list[tuple[Form, float, tuple[str, ...]]]:
    """Forms that the fragment makes of the previous one, with a belief in each and the words it did not know."""
    tokens = _without_opening(tokenize(question))
    if not tokens:
        return []
    result: list[tuple[Form, float, tuple[str, ...]]] = []
    for cover in covers(lexicon, tokens, today, found)[:2]:
        sketch, assignments = _read(cover, previous, lexicon, graph)
        for assignment in assignments[:2]:
            form = _edit(previous, Meaning(sketch, assignment, lexicon, graph, frozenset()))
            form = _each_once(form, lexicon, graph) if form is not None else None
            if form is not None and form != previous and all(form != other for other, _, _ in result):
                belief = 0.9 - 0.25 * len(sketch.unknown) - 0.1 * (len(result) > 0)
                result.append((form, max(0.1, belief), tuple(sketch.unknown)))
    return _kept_to(result, previous)


def _kept_to(
    result: list[tuple[Form, float, tuple[str, ...]]], previous: Form
) -> list[tuple[Form, float, tuple[str, ...]]]:
    """Those that stay with what the question before was about, first the ones that narrow its own groups."""
    about = set(tables_of(previous))
    near = [one for one in result if set(tables_of(one[0])) <= about] or result
    shown = {(e.ref.table, e.ref.column) for e in (*previous.group, *previous.select) if e.ref and not e.agg}

    def apart(one: tuple[Form, float, tuple[str, ...]]) -> bool:
        fresh = [condition for condition in one[0].where if condition not in previous.where]
        return not any(ref in shown for condition in fresh for ref in _tested(condition))

    beliefs = sorted((belief for _, belief, _ in near), reverse=True)
    ordered = sorted(near, key=apart)
    return [(form, belief, words) for (form, _, words), belief in zip(ordered, beliefs, strict=True)]


def _without_opening(tokens: Sequence[Token]) -> tuple[Token, ...]:
    words = {
        "and",
        "now",
        "only",
        "just",
        "what",
        "how",
        "about",
        "same",
        "but",
        "also",
        "instead",
        "then",
        "for",
        "show",
        "me",
    }
    start = 0
    while start < len(tokens) and tokens[start].lower in words:
        if tokens[start].lower == "how" and start + 1 < len(tokens) and tokens[start + 1].lower == "many":
            break
        start += 1
    return tuple(tokens[start:])


def _read(cover: Cover, previous: Form, lexicon: Lexicon, graph: Graph) -> tuple[Sketch, list[Assignment]]:
    reader = Clauses(cover.items, lexicon)
    tables = tables_of(previous)
    subject = Var("table", "", [Link(tables[0])])
    reader.sketch.subject = reader.near = subject
    reader.sketch.tables = [subject, *(Var("table", "", [Link(table)]) for table in tables[1:])]
    reader.head = any(item.is_op("ask") for item in cover.items[:2])
    sketch = reader.read()
    return sketch, resolve(sketch, lexicon, graph)


def _edit(form: Form, meaning: Meaning) -> Form | None:
    sketch, choice = meaning.sketch, Choice()
    before = form
    if sketch.tests or sketch.lacks:
        where, having = Conditions(meaning).split(choice)
        form = _narrowed(form, where, having)
    groups = tuple(e for pick in sketch.groups for e in meaning.grouped_by(pick, choice))
    if groups:
        form = _grouped(form, groups)
    if sketch.supers or sketch.limit:
        form = _topped(form, meaning, sketch, choice)
    sorts = tuple(Sort(e, o.descending) for o in sketch.orders for e in meaning.exprs(o.pick, choice) if o.pick.var)
    if sorts:
        form = form.change(order=_sortable(form, sorts), ties=False)
    elif sketch.orders:
        keys = form.order or tuple(Sort(e) for e in form.select[:1])
        form = form.change(order=tuple(replace(s, descending=sketch.orders[0].descending) for s in keys))
    counts = [pick for pick in sketch.picks if pick.agg == "count" and pick.var is None]
    if counts and not groups:
        return _counted(form)
    extra = tuple(e for pick in sketch.picks if pick not in counts for e in meaning.exprs(pick, choice))
    if extra and not groups:
        form = _extended(form, extra)
    return form if form != before else None


def _sortable(form: Form, sorts: tuple[Sort, ...]) -> tuple[Sort, ...]:
    """Sort keys that a grouped form has: a name is that of its groups."""
    if not form.group:
        return sorts
    own = {expr.ref.column: expr for expr in form.select if expr.ref and not expr.agg}
    kept = []
    for sort in sorts:
        expr = sort.expr
        if not expr.agg and expr not in form.group and expr.ref is not None:
            expr = own.get(expr.ref.column, expr)
        if expr.agg or expr in form.group:
            kept.append(Sort(expr, sort.descending))
    return tuple(kept) or form.order


def _each_once(form: Form, lexicon: Lexicon, graph: Graph) -> Form:
    """Count things, not the rows that a newly joined table makes of them."""
    counts = [expr for expr in form.select if expr.agg == "count" and expr.ref is None and not expr.share]
    tables = tables_of(form)
    edges = graph.tree(tables, form.via) if counts and len(tables) > 1 else None
    for count in counts:
        key = lexicon.tables[count.table].key
        ordered = [count.table, *(table for table in tables if table != count.table)]
        if edges and len(key) == 1 and graph.fans_out(count.table, graph.tree(ordered, form.via) or ()):
            once = replace(count, ref=Ref(count.table, key[0]), distinct=True)
            select = tuple(once if expr == count else expr for expr in form.select)
            order = tuple(replace(sort, expr=once) if sort.expr == count else sort for sort in form.order)
            form = form.change(select=select, order=order)
    return form


def _narrowed(form: Form, where: tuple[Condition, ...], having: tuple[Condition, ...]) -> Form:
    columns = {ref for condition in where for ref in _tested(condition)}
    kept = tuple(c for c in form.where if not columns & set(_tested(c)))
    return form.change(where=(*kept, *where), having=(*form.having, *having))


def _tested(condition: Condition) -> list[tuple[str, str]]:
    match condition:
        case Compare(expr=expr) if expr.ref is not None:
            return [(expr.ref.table, expr.ref.column)]
        case All() | Any():
            return [ref for part in condition.parts for ref in _tested(part)]
    return []


def _grouped(form: Form, groups: tuple[Expr, ...]) -> Form:
    measures = tuple(e for e in form.select if e.agg or e.share) or (Expr(tables_of(form)[0], None, "count"),)
    order: tuple[Sort, ...] = tuple(Sort(e) for e in groups if e.bucket) or (Sort(measures[0], True),)
    return form.change(
        select=(*groups, *measures),
        star="",
        tables=tables_of(form),
        group=groups,
        order=order,
        limit=None,
        distinct=False,
    )


def _topped(form: Form, meaning: Meaning, sketch: Sketch, choice: Choice) -> Form:
    best = sketch.supers[-1] if sketch.supers else None
    count = best.count if best else sketch.limit
    descending = best.descending if best else True
    if best and (best.pick.var is not None or best.pick.measure):
        exprs = meaning.exprs(best.pick, choice)
        if exprs:
            return form.change(order=(Sort(exprs[0], descending),), limit=count)
    measures = [e for e in form.select if e.agg]
    order = (Sort(measures[0], descending),) if measures else form.order
    return form.change(order=order, limit=count)


def _counted(form: Form) -> Form:
    table = form.star or form.select[0].table
    return form.change(
        select=(Expr(table, None, "count"),),
        star="",
        tables=tables_of(form),
        order=(),
        limit=None,
        group=(),
        distinct=False,
    )


def _extended(form: Form, extra: tuple[Expr, ...]) -> Form:
    if form.star:
        return form
    select = tuple(dict.fromkeys((*form.select, *extra)))
    group = tuple(dict.fromkeys((*form.group, *(e for e in extra if not e.agg)))) if form.group else ()
    return form.change(select=select, group=group)
