"""One column asked of two tables at once: cities of owners and of vets, those in both, those only in one."""

from collections.abc import Iterator

from assistant.offline.choice import Choice
from assistant.offline.conditions import Conditions
from assistant.offline.forms import Expr, Form, Member, Ref, refs_of
from assistant.offline.meaning import Meaning
from assistant.offline.sketch import Var

NEAR = 0.1
"""A column of the other table must be named nearly as well."""


def set_forms(meaning: Meaning, conditions: Conditions) -> Iterator[tuple[Form, str]]:
    """Forms that combine one column of two tables, each with the name of the feature that ranks it."""
    sketch = meaning.sketch
    if len(sketch.picks) != 1 or sketch.picks[0].agg or sketch.groups or sketch.supers:
        return
    var = sketch.picks[0].var
    if var is None or var.kind != "column":
        return
    if len(sketch.together) == 2:
        one, other = (_side(meaning, conditions, var, table) for table in sketch.together)
        if one is None or other is None:
            return
        ref = one.select[0].ref
        if ref is not None and not sketch.apart:
            kind = "set both" if sketch.both else "set shared"
            yield one.change(where=(*one.where, Member(ref, other)), distinct=True), kind
        if not sketch.both:
            yield one.change(union=other), "set either"
    for lack in sketch.lacks:
        if lack.table is not None and sketch.subject is not None and not var.tight and not lack.tests:
            one, other = (_side(meaning, conditions, var, table) for table in (sketch.subject, lack.table))
            if one is not None and other is not None and one.select[0].ref is not None and one.tables != other.tables:
                inner = conditions.no_nulls(other)
                yield one.change(where=(*one.where, Member(one.select[0].ref, inner, True)), distinct=True), "set only"


def _side(meaning: Meaning, conditions: Conditions, var: Var, table: Var) -> Form | None:
    """The column as one of the tables holds it, with the tests on that table."""
    owner = meaning.assignment.link(table)
    best = max((link.score for link in var.links), default=0.0)
    if owner is None:
        return None
    column = next((x.column for x in var.links if x.table == owner.table and x.column and x.score >= best - NEAR), "")
    entry = meaning.lexicon.tables[owner.table].columns.get(column)
    if entry is None or entry.is_key:
        return None
    where, _ = conditions.split(Choice(), lacks=False)
    own = tuple(part for part in where if {ref.table for ref in refs_of(part)} == {owner.table})
    return Form((Expr(owner.table, Ref(owner.table, column)),), tables=(owner.table,), where=own)
