"""Conditions of a form: tests on columns, counts of related rows, what must not exist, values joined by and/or."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from assistant.offline.choice import Choice
from assistant.offline.condition_tests import Tests
from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Member, Not, Operator, Ref, refs_of
from assistant.offline.sketch import Lack, Test


class Conditions(Tests):
    """Builds the conditions of one sketch under one assignment."""

    def split(self, choice: Choice, lacks: bool = True) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
        """WHERE and HAVING of the question, with or without its negations."""
        where: list[Condition] = []
        having: list[Condition] = []
        pairs = self._pairs()
        for place, test in enumerate(self.m.sketch.tests):
            made = self.test(test, choice)
            if made is None or place in pairs[1]:
                continue
            if place in pairs[0]:
                where.extend(self._paired(pairs[0][place], choice))
                continue
            into = having if test.pick.agg else where
            if test.either and into:
                before = into.pop()
                parts = before.parts if isinstance(before, Any) else (before,)
                into.append(Any((*parts, made)))
            else:
                into.append(made)
        where = self._apart(where)
        for lack in self.m.sketch.lacks if lacks else ():
            made = self.lack(lack, choice)
            if made is not None:
                where.append(made)
        return tuple(where), tuple(having)

    def _pairs(self) -> tuple[dict[int, tuple[list[Test], list[Test]]], set[int]]:
        """`Lacey Bosco and Kenton Champlin`, `Bonn, Germany or Lyon, France`: runs of tests of the same columns.

        Where each begins, with its two runs; and the places that it covers besides.
        """
        tests = self.m.sketch.tests
        links = [self.m.assignment.link(test.pick.var) for test in tests]
        refs = [
            x.ref if x and x.column and t.op == "=" and not t.pick.agg else None
            for x, t in zip(links, tests, strict=True)
        ]
        found: dict[int, tuple[list[Test], list[Test]]] = {}
        covered: set[int] = set()
        for start in range(len(tests)):
            for size in (3, 2):
                one, other = refs[start : start + size], refs[start + size : start + 2 * size]
                fits = len(other) == size and None not in one and one == other and len(set(one)) == size
                if fits and start not in covered and not any(t.either for t in tests[start + 1 : start + size]):
                    found[start] = tests[start : start + size], tests[start + size : start + 2 * size]
                    covered.update(range(start + 1, start + 2 * size))
        return found, covered

    def _paired(self, runs: tuple[list[Test], list[Test]], choice: Choice) -> list[Condition]:
        """Two runs of tests: either holds, or, where one row cannot hold both, each of some related row."""
        both = []
        for run in runs:
            parts = [
                made for made in (self.test(replace(test, either=False), choice) for test in run) if made is not None
            ]
            both.append(All(tuple(parts)))
        if runs[1][0].either or not self.m.sketch.both:
            return [Any(tuple(both))]
        return [self._related(part) for part in both]

    # --- one test -------------------------------------------------------------------------------------------

    # --- and / or / not -------------------------------------------------------------------------------------

    def _apart(self, where: list[Condition]) -> list[Condition]:
        """Two values that one row cannot hold at once: each must be held by some related row."""
        result: list[Condition] = []
        for condition in where:
            if isinstance(condition, All) and self._clash(condition.parts):
                result.extend(self._related(part) for part in condition.parts)
                continue
            if (other := next((c for c in result if _excludes(c, condition)), None)) is not None:
                result[result.index(other)] = self._related(other)
                result.append(self._related(condition))
                continue
            if isinstance(condition, Compare) and condition.op == "=":
                twin = next(
                    (
                        c
                        for c in result
                        if isinstance(c, Compare)
                        and c.op == "="
                        and c.expr == condition.expr
                        and c.value != condition.value
                    ),
                    None,
                )
                if twin is not None and isinstance(twin, Compare):
                    result[result.index(twin)] = self._related(twin)
                    result.append(self._related(condition))
                    continue
            result.append(condition)
        return result

    def _clash(self, parts: tuple[Condition, ...]) -> bool:
        equals = [p for p in parts if isinstance(p, Compare) and p.op == "="]
        return len(equals) == len(parts) and len({p.expr for p in equals}) == 1

    def _related(self, condition: Condition) -> Condition:
        """`main key IN (rows for which the condition holds)`, so that each condition finds its own row."""
        tables = {ref.table for ref in refs_of(condition)}
        if len(tables) != 1 or not isinstance(condition, Compare | All):
            return condition
        table = tables.pop()
        main = self.m.main
        if table != main and self._one_each(table):
            return condition
        if table == main:
            shown = self.m.shown(Choice())[0]
            if len(shown) == 1 and shown[0].ref and shown[0].table == main and not shown[0].agg:
                return Member(shown[0].ref, Form((shown[0],), where=(condition,)))
            return condition
        return self.exists(main, (table,), (condition,), negated=False) or condition

    def lack(self, lack: Lack, choice: Choice) -> Condition | None:
        """What a negation excludes."""
        tests = [(test, self.test(test, choice)) for test in lack.tests]
        made = [c for t, c in tests if c is not None and not t.pick.agg]
        counted = [c for t, c in tests if c is not None and t.pick.agg]
        link = self.m.assignment.link(lack.table)
        tables = [link.table] if link else []
        tables.extend(x.table for x in map(self.m.assignment.link, lack.more) if x and x.table not in tables)
        main = self.m.main
        for condition in made:
            tables.extend(t for t in _tables_in(condition) if t not in tables)
        others = [t for t in tables if t != main]
        if counted and not made and not others:
            return None
        if not others and made and choice.negation == "things" and (ref := self._thing) is not None:
            return Member(ref, self.no_nulls(Form((Expr(main, ref),), where=tuple(made))), negated=True)
        if not others:
            return self._inverse(made) if made else None
        if not link and made and self._to_one(main, others):
            return self._inverse(made)
        return self.exists(main, tuple(others), tuple(made), negated=True)

    @property
    def of_things(self) -> bool:
        """True where a negation may be of all rows of a thing: `studios that never made a film with X`."""
        return any(lack.has and lack.tests for lack in self.m.sketch.lacks) and self._thing is not None

    @property
    def _thing(self) -> Ref | None:
        """The one column of the main table that is shown, when it names no single row."""
        shown, _ = self.m.shown(Choice())
        if len(shown) != 1 or shown[0].agg or shown[0].ref is None or shown[0].table != self.m.main:
            return None
        entry = self.m.lexicon.tables[self.m.main]
        picks = self.m.sketch.picks
        told = bool(picks and picks[0].var and picks[0].var.tight)
        single = shown[0].ref.column in entry.key or (shown[0].ref.column in entry.display)
        return None if single or told else shown[0].ref

    def _to_one(self, main: str, others: list[str]) -> bool:
        edges = self.m.graph.tree([main, *others])
        return edges is not None and not (self.m.graph.many(main, edges) & set(others))

    def _inverse(self, made: list[Condition]) -> Condition:
        opposite: dict[str, Operator] = {
            "=": "<>",
            "<>": "=",
            ">": "<=",
            "<": ">=",
            ">=": "<",
            "<=": ">",
            "like": "not like",
            "null": "not null",
            "not null": "null",
        }
        turned: list[Condition] = []
        for condition in made:
            if isinstance(condition, Compare) and condition.op in opposite and not isinstance(condition.value, bool):
                turned.append(replace(condition, op=opposite[condition.op]))
            else:
                turned.append(Not(condition))
        return turned[0] if len(turned) == 1 else All(tuple(turned))

    def exists(
        self, main: str, others: tuple[str, ...], tests: tuple[Condition, ...], negated: bool
    ) -> Condition | None:
        """`main` has (no) related rows in the other tables for which the tests hold."""
        edges = self.m.graph.tree([main, *others], self.m.via)
        if not edges:
            return None
        first = next((e for e in edges if main in (e.child, e.parent)), None)
        if first is None:
            return None
        keys = self.m.lexicon.tables[main].key
        branches = sum(main in (e.child, e.parent) for e in edges)
        if branches > 1 and len(keys) == 1:
            inner = Form((Expr(main, Ref(main, keys[0])),), tables=(main, *others), where=tests, via=self.m.via)
            return Member(Ref(main, keys[0]), inner, negated)
        if main == first.parent and len(first.parent_columns) == 1:
            inner = Form(
                (Expr(first.child, Ref(first.child, first.child_columns[0])),),
                tables=(first.child, *others),
                where=tests,
                via=self.m.via,
            )
            inner = self.no_nulls(inner) if negated else inner
            return Member(Ref(main, first.parent_columns[0]), inner, negated)
        if main == first.child and len(first.child_columns) == 1 and not negated:
            inner = Form(
                (Expr(first.parent, Ref(first.parent, first.parent_columns[0])),),
                tables=(first.parent, *others),
                where=tests,
                via=self.m.via,
            )
            return Member(Ref(main, first.child_columns[0]), inner, negated)
        if len(keys) == 1:
            inner = Form((Expr(main, Ref(main, keys[0])),), tables=(main, *others), where=tests, via=self.m.via)
            return Member(Ref(main, keys[0]), inner, negated)
        if len(first.child_columns) == 1 and main == first.child:
            inner = Form(
                (Expr(first.parent, Ref(first.parent, first.parent_columns[0])),),
                tables=(first.parent, *others),
                where=tests,
                via=self.m.via,
            )
            return Member(Ref(main, first.child_columns[0]), inner, negated)
        return None

    def no_nulls(self, form: Form) -> Form:
        """A form for NOT IN: one missing value among its rows would exclude everything."""
        ref = form.select[0].ref
        assert ref is not None
        entry = self.m.lexicon.column(ref)
        if not entry.column.nullable or ref.column in self.m.lexicon.tables[ref.table].key:
            return form
        return form.change(where=(*form.where, Compare(Expr(ref.table, ref), "not null")))


def _excludes(one: Condition, other: Condition) -> bool:
    """True for bounds that no row keeps at once: above 40 and below 30."""
    if not (isinstance(one, Compare) and isinstance(other, Compare)) or one.expr != other.expr or one.expr.agg:
        return False
    low, high = (one, other) if one.op in (">", ">=") else (other, one)
    bounds = low.value, high.value
    if low.op not in (">", ">=") or high.op not in ("<", "<="):
        return False
    if isinstance(bounds[0], int | float) and isinstance(bounds[1], int | float):
        return bounds[0] >= bounds[1]
    return isinstance(bounds[0], date) and isinstance(bounds[1], date) and bounds[0] >= bounds[1]


def _tables_in(condition: Condition) -> list[str]:
    return [ref.table for ref in refs_of(condition)]
