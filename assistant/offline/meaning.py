"""What the words of a sketch mean under one assignment: its main table, what is shown, counted and grouped by."""

from dataclasses import replace
from functools import cached_property

from assistant.offline.choice import Choice
from assistant.offline.forms import Expr, Ref
from assistant.offline.grammar import grammar
from assistant.offline.joins import Graph
from assistant.offline.lexicon import LIGHT, Lexicon
from assistant.offline.measures import measure
from assistant.offline.mentions import NAME, Link
from assistant.offline.plurals import infinitive
from assistant.offline.resolve import Assignment
from assistant.offline.roles import part
from assistant.offline.sketch import DURATION, Pick, Sketch
from assistant.offline.tokens import stem

_ASKING = frozenset({"which", "what", "who", "id", "identifier", "number", "code"})
"""Words that want rows told apart by their key; without them rows that have no name are shown whole."""


class Meaning:
    """What the words of one sketch stand for under one assignment."""

    def __init__(
        self, sketch: Sketch, assignment: Assignment, lexicon: Lexicon, graph: Graph, question: frozenset[str]
    ) -> None:
        self.sketch = sketch
        self.assignment = assignment
        self.lexicon = lexicon
        self.graph = graph
        self.question = question
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
                return self._person(link.table)
        for pick in self.sketch.picks:
            if pick.measure and (found := measure(pick.measure, "", self.assignment.tables, self.lexicon, self.graph)):
                return found[0].table
        return self.assignment.tables[0] if self.assignment.tables else next(iter(self.lexicon.tables), "")

    def _person(self, table: str) -> str:
        """For `who`, the nearest table of people when the subject is none."""
        if not self.sketch.who or self.sketch.picks:
            return table
        people = grammar().persons

        def person(name: str) -> bool:
            word = self.lexicon.tables[name].words[-1].lemma
            return word in people or word.removesuffix("s") in people

        if person(table) or part(table):
            return table
        near = sorted((self.graph.distance(table, name), name) for name in self.lexicon.tables if person(name))
        return near[0][1] if near and near[0][0] <= 2 else table

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

    def joined(self) -> tuple[str, ...]:
        """Tables the question names, outside its negations; the subject first."""
        joined = [self.main]
        lacking = {id(lack.table) for lack in self.sketch.lacks}
        for var in self.sketch.tables:
            link = self.assignment.link(var)
            if link and id(var) not in lacking:
                joined.append(link.table)
        played = [self.lexicon.roles[table].child for table in joined if table in self.lexicon.roles]
        return tuple(dict.fromkeys((*joined, *played)))

    @cached_property
    def via(self) -> tuple[tuple[str, str], ...]:
        """Foreign-key columns and tables (`*`) that the question names, preferred in join paths."""
        named: list[tuple[str, str]] = []
        stems = {stem(infinitive(word)) for word in self.question}
        ends = grammar().direction
        for edges in self.graph.edges.values():
            for edge in edges:
                columns = self.lexicon.tables[edge.child].columns
                words = {w.lemma for c in edge.child_columns for w in columns[c].words} - {"id"}
                own = {word.lemma for word in self.lexicon.tables[edge.parent].words}
                told = {stem(word) for word in words - own if LIGHT.get(word, 1.0) >= 0.4}
                if any(words & ends[name] and self.question & ends[name] & ends["verbs"] for name in ("to", "from")):
                    named.extend((edge.child, column) for column in edge.child_columns)
                if words and (words <= self.question or (told and told <= stems)):
                    named.extend((edge.child, column) for column in edge.child_columns)
        asked = {token for token in self.question if len(token) > 2}
        for name, entry in self.lexicon.tables.items():
            if {w.lemma for w in entry.words} & asked:
                named.append((name, "*"))
        return tuple(dict.fromkeys(named))

    @cached_property
    def related(self) -> tuple[str, ...]:
        """Tables whose rows belong to rows of the main one, those that the verbs of the question name first."""
        children = dict.fromkeys(e.child for e in self.graph.edges[self.main] if e.parent == self.main != e.child)
        stems = {stem(word) for word in self.question}

        def told(name: str) -> int:
            entry = self.lexicon.tables[name]
            words = {word.lemma for word in entry.words} | {w for c in entry.columns.values() for w in c.lemmas}
            own = {word.lemma for word in entry.words}
            return -2 * len({stem(w) for w in own} & stems) - len({stem(w) for w in words} & stems)

        return tuple(sorted(children, key=told))

    def shown(self, choice: Choice) -> tuple[tuple[Expr, ...], str]:
        """What is shown: expressions, or the table whose every column is."""
        sketch = self.sketch
        if sketch.everything and not sketch.picks:
            entry = self.lexicon.tables[self.main]
            held = [column.ref for column in entry.columns.values() if column.lemmas & {"detail", "details"}]
            one = sketch.details and len(held) == 1
            return ((Expr(self.main, held[0]),), "") if one else ((), self.main)
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
