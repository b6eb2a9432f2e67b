"""What speaks for and against a form: features that know no database, for the ranking and the confidence."""

from __future__ import annotations

from functools import lru_cache

from assistant.offline.choice import Choice
from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Member, Not, refs_of, tables_of
from assistant.offline.grammar import grammar
from assistant.offline.lexicon import ColumnEntry
from assistant.offline.meaning import Meaning
from assistant.offline.sketch import Test
from tools.schemas.vocabulary import lemma

_IDS = frozenset({"id", "identifier", "number", "code", "key"})


def features(form: Form, choice: Choice, meaning: Meaning, open_show: bool) -> dict[str, float]:
    """All features of one form."""
    found = _shape(form, meaning)
    found |= _reading(form, meaning)
    if open_show:
        kind = "group" if form.group else "plain"
        asked = "id" if meaning.question & _IDS else "no id"
        found |= {f"show {choice.show}": 1.0, f"show {choice.show} {kind}": 1.0, f"show {choice.show} {asked}": 1.0}
        named = bool(meaning.main) and meaning.lexicon.tables[meaning.main].named
        found["key for a name"] = float(choice.show == "key" and asked == "no id" and named)
    found |= _repeats(form, choice, meaning)
    return {name: value for name, value in found.items() if value}


def _shape(form: Form, meaning: Meaning) -> dict[str, float]:
    tables = tables_of(form)
    edges = meaning.graph.tree(tables, form.via) if tables else None
    tests = [c for part in (*form.where, *form.having) for c in _tests(part)]
    used = {e.table for e in (*form.select, *form.group, *(s.expr for s in form.order))} | {form.star}
    used |= {ref.table for c in (*form.where, *form.having) for ref in refs_of(c)}
    equal = [
        (t.expr, t.value) for part in form.where for t in _tests(part) if t.op == "=" and not isinstance(part, Any)
    ]
    return {
        "joins": float(len(edges or ())),
        "unjoined": float(edges is None),
        "between": float(max(0, len(edges or ()) + 1 - len(tables))),
        "inferred": float(sum(not e.declared for e in edges or ())),
        "idle tables": float(sum(t not in used for t in tables)),
        "first idle": float(bool(tables) and tables[0] not in used and len(tables) > 1),
        "having": float(bool(form.having)),
        "folded": float(sum(t.fold for t in tests)),
        "tests": float(len(tests)),
        "impossible": float(len(equal) - len({expr for expr, _ in equal})),
        "nested": float(sum(isinstance(t.value, Form) for t in tests)),
        "selected": float(len(form.select)),
        "star": float(bool(form.star)),
        "ordered": float(bool(form.order)),
        "limited": float(form.limit is not None),
        "id measured": float(sum(_measures_key(e, meaning) for e in (*form.select, *(s.expr for s in form.order)))),
        "group hidden": float(bool(form.group) and bool(form.select) and all(e.agg for e in form.select)),
        "told back": float(_told_back(form)),
        "twice": float(len(form.select) - len({(e.table, e.ref) for e in form.select})),
    }


def _told_back(form: Form) -> bool:
    """True where all that is shown is what the question gave: the name of the paper called so."""
    given = {c.expr.ref for c in form.where if isinstance(c, Compare) and c.op == "="}
    return bool(form.select) and all(not e.agg and e.ref in given for e in form.select)


def _measures_key(expr: Expr, meaning: Meaning) -> bool:
    """True for the highest or the average of a key or a text: it says nothing."""
    if expr.ref is None or expr.agg in ("", "count"):
        return False
    entry = meaning.lexicon.column(expr.ref)
    return entry.identifier or (entry.column.family == "text" and not entry.temporal and not entry.values)


def _tests(condition: Condition) -> list[Compare]:
    match condition:
        case Compare():
            return [condition]
        case Member():
            return [t for c in condition.form.where for t in _tests(c)]
        case All() | Any():
            return [t for part in condition.parts for t in _tests(part)]
        case Not():
            return _tests(condition.part)


def _reading(form: Form, meaning: Meaning) -> dict[str, float]:
    sketch, lexicon = meaning.sketch, meaning.lexicon
    links = list(meaning.assignment.links.values())
    shown = [e for e in form.select if e.ref and not e.agg]
    keys = [e for e in shown if e.ref and (e.ref.column in lexicon.tables[e.table].key or _tie(lexicon.column(e.ref)))]
    texts = [p for p in sketch.picks if p.var is None and not p.agg and not p.measure]
    return {
        "unknown": float(len(sketch.unknown)),
        "any unknown": float(bool(sketch.unknown)),
        "dropped": float(len(sketch.dropped)),
        "verbs": float(len(sketch.verbs)),
        "weak links": float(sum(link.weak for link in links)),
        "partial links": float(sum(link.score < 0.7 for link in links)),
        "variables": float(len(links)),
        "no picks": float(not sketch.picks and not sketch.everything),
        "empty picks": float(len(texts)),
        "id unasked": float(bool(keys) and not meaning.question & _IDS),
        "id only": float(bool(keys) and len(keys) == len(form.select)),
        "supers": float(len(sketch.supers)),
        "lacks": float(len(sketch.lacks)),
        "lack lost": float(bool(sketch.lacks) and not any(isinstance(c, Member) or _negative(c) for c in form.where)),
        "tests lost": float(max(0, len(sketch.tests) - len(form.where) - len(form.having))),
        "share": float(sketch.share),
        "ranking lost": float(
            bool(sketch.supers) and not form.order and not any(e.agg in ("max", "min") for e in form.select)
        ),
        "order lost": float(bool(sketch.orders) and not form.order),
        "group lost": float(bool(sketch.groups) and not form.group and not form.limit),
        "measure lost": float(any(p.measure for p in sketch.picks) and not any(e.agg for e in form.select)),
        "count lost": float(any(p.agg for p in sketch.picks) and not any(e.agg for e in form.select)),
        "open best": float(
            any(b.pick.var is None and not b.pick.agg and not b.pick.measure for b in sketch.supers)
            and not sketch.orders
        ),
        "both": float(sketch.both),
        "share lost": float(sketch.share and not any(e.share for e in form.select)),
        "held twice": float(sum(_held_twice(meaning, test) for test in sketch.tests)),
    }


def _tie(entry: ColumnEntry) -> bool:
    """True for the id of a row elsewhere: nobody wants to see it unasked."""
    return bool(entry.target) and "id" in entry.lemmas


def _held_twice(meaning: Meaning, test: Test) -> bool:
    """True for a value whose column nobody named, and which a near table holds as well."""
    link = meaning.assignment.link(test.pick.var)
    var = test.pick.var
    if link is None or var is None or not link.value or not all(option.value for option in var.links):
        return False
    graph = meaning.graph
    return any(
        other.ref != link.ref and other.score >= link.score and graph.distance(link.table, other.table) <= 2
        for other in var.links
    )


def _negative(condition: Condition) -> bool:
    if isinstance(condition, Not):
        return True
    return any(t.op in ("<>", "not like", "null", "not null", "<=", ">=") for t in _tests(condition))


def _repeats(form: Form, choice: Choice, meaning: Meaning) -> dict[str, float]:
    """Whether rows may repeat, and what the form does about it."""
    tables = tables_of(form)
    edges = meaning.graph.tree(tables, form.via) if tables else None
    main = form.select[0].table if form.select else form.star
    repeated = bool(edges) and meaning.graph.fans_out(main, edges or ())
    counting = any(e.agg == "count" for e in form.select)
    plain = not form.group and not any(e.agg for e in form.select) and not form.star
    found: dict[str, float] = {}
    if plain:
        state = "distinct" if form.distinct else "all"
        found |= _of_plain(form, meaning, state, repeated)
    if counting:
        kind = "distinct" if any(e.agg == "count" and e.distinct for e in form.select) else "rows"
        found[f"count {kind} {'repeated' if repeated else 'once'}"] = 1.0
        column = any(
            e.agg == "count" and e.ref and e.ref.column not in meaning.lexicon.tables[e.table].key for e in form.select
        )
        found[f"count {kind} column"] = float(column)
        found[f"count {kind} asked"] = float(bool(meaning.question & _asked_different()))
    if choice.negation == "things":
        found["negated things"] = 1.0
    if form.order and choice.related:
        found["related further"] = float(choice.related)
    if form.order and form.order[0].expr.agg == "count" and form.group:
        owner = form.select[0].table if form.select else ""
        key = meaning.lexicon.tables[owner].key if owner else ()
        own = form.order[0].expr.table == owner and any(e.ref and e.ref.column in key for e in form.group)
        found["counts itself"] = float(own and len(tables) == 1)
        found["counts itself, unknown"] = float(own and len(tables) == 1 and bool(meaning.sketch.unknown))
    if form.group:
        found[f"group {choice.group}"] = 1.0
        found[f"group {choice.group} limited"] = float(form.limit is not None)
    semi = [c for c in form.where if isinstance(c, Member) and not c.negated]
    if semi:
        found |= {"semi": 1.0, "semi counting": float(counting), "semi distinct": float(form.distinct)}
        found["semi aggregate"] = float(any(e.agg for e in form.select) and not counting)
    return found


def _of_plain(form: Form, meaning: Meaning, state: str, repeated: bool) -> dict[str, float]:
    lexicon = meaning.lexicon
    own = [e for e in form.select if e.ref]
    keyed = any(
        e.ref and e.ref.column in lexicon.tables[e.table].key and len(lexicon.tables[e.table].key) == 1 for e in own
    )
    named = any(e.ref and e.ref.column in lexicon.tables[e.table].display for e in own)
    asked = bool(meaning.question & _asked_different())
    attribute = len(own) == 1 and not keyed and not named
    return {
        f"{state} asked": float(asked),
        f"{state} unasked": float(not asked),
        f"{state} repeated": float(repeated),
        f"{state} keyed": float(keyed),
        f"{state} limited": float(form.limit is not None),
        f"{state} attribute": float(attribute),
        f"{state} attribute bare": float(attribute and not form.where),
        f"{state} foreign key": float(len(own) == 1 and any(e.ref and lexicon.column(e.ref).target for e in own)),
        f"{state} several": float(len(own) > 1),
    }


@lru_cache(maxsize=1)
def _asked_different() -> frozenset[str]:
    return frozenset(
        lemma(phrase[0])
        for phrase, ops in grammar().phrases.items()
        if len(phrase) == 1 and any(op.kind == "distinct" for op in ops)
    )
