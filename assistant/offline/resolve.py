"""Decides together which table and column every word means: a beam over the variables of a sketch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from assistant.offline.grammar import grammar
from assistant.offline.joins import Graph
from assistant.offline.lexicon import ColumnEntry, Lexicon
from assistant.offline.mentions import NAME, Link
from assistant.offline.roles import base, part
from assistant.offline.sketch import Pick, Sketch, Subquery, Test, Var
from assistant.offline.tokens import stem

WIDTH = 10
WHOLLY = 0.97
"""From here on every word of a table's name is said."""
AMOUNTS = frozenset(
    {"salary", "pay", "wage", "price", "cost", "amount", "total", "balance", "revenue", "score", "rating", "income"}
)
LATER = frozenset({"update", "updated", "modify", "modified", "cancel", "cancelled", "delete", "deleted", "expiry"})
"""Words of dates that come after what a row is about."""
PLACES = {
    "city": 0.8,
    "location": 0.8,
    "address": 0.75,
    "place": 0.75,
    "country": 0.7,
    "state": 0.65,
    "building": 0.65,
    "street": 0.6,
    "venue": 0.75,
    "origin": 0.5,
}


NEARLY = 0.05
"""A key is meant rather than a column that is named no better."""
ENDS = 1.2
"""What a value gains at the end of a way that the words before it name."""
TOLD = 1.5
"""What a value gains in the column that the word before it names: `directed by X` in `director`."""
NAMED = 3.0
"""What a value that owns something gains where it names a row: `tracks by X` are those of the artist X."""


@dataclass(frozen=True)
class Assignment:
    """What each variable stands for, by the variable's identity."""

    links: Mapping[int, Link]
    score: float
    tables: tuple[str, ...]
    worst: float = 1.0
    """The weakest link."""
    close: int = field(default=0)
    """Variables that had another option nearly as good."""

    def link(self, var: Var | None) -> Link | None:
        """The link of a variable."""
        return self.links.get(id(var)) if var is not None else None


def variables(sketch: Sketch) -> list[Var]:  # noqa: C901  # one list of cases
    """All variables: tables first, then columns, in the order of the question."""
    found: dict[int, Var] = {}

    def add(var: Var | None) -> None:
        if var is not None and id(var) not in found:
            add(var.near)
            found[id(var)] = var

    def add_pick(pick: Pick) -> None:
        add(pick.var)
        add(pick.of)

    def add_test(test: Test) -> None:
        add_pick(test.pick)
        for value in test.values:
            if isinstance(value, Pick):
                add_pick(value)
            if isinstance(value, Subquery):
                add(value.var)
                add(value.table)
                for inner in value.tests:
                    add_test(inner)

    add(sketch.subject)
    for var in sketch.tables:
        add(var)
    for pick in (*sketch.picks, *sketch.groups, *(s.pick for s in sketch.supers), *(o.pick for o in sketch.orders)):
        add_pick(pick)
    for test in sketch.tests:
        add_test(test)
    for lack in sketch.lacks:
        add(lack.table)
        for var in lack.more:
            add(var)
        for test in lack.tests:
            add_test(test)
    every = list(found.values())
    return [v for v in every if v.kind == "table"] + [v for v in every if v.kind != "table"]


def resolve(sketch: Sketch, lexicon: Lexicon, graph: Graph) -> list[Assignment]:
    """The best joint choices, best first."""
    values = _values(sketch)
    ops = _numeric(sketch)
    states: list[Assignment] = [Assignment({}, 0.0, ())]
    every = variables(sketch)
    every.sort(key=lambda var: (var.kind != "table", bool(var.hint)))
    for var in every:
        grown = [
            new
            for state in states
            for new in _grow(var, state, lexicon, graph, values.get(id(var)), ops.get(id(var), ""))
        ]
        if not grown:
            continue
        grown.sort(key=lambda state: -state.score)
        states = grown[:WIDTH]
    return [_finish(state, graph) for state in states] and sorted(
        (_finish(s, graph) for s in states), key=lambda s: -s.score
    )


def _finish(state: Assignment, graph: Graph) -> Assignment:
    if len(state.tables) < 2:
        return state
    edges = graph.tree(state.tables)
    cost = 4.0 if edges is None else 0.25 * (len(edges) + 1 - len(state.tables))
    return Assignment(state.links, state.score - cost, state.tables, state.worst, state.close)


def _values(sketch: Sketch) -> dict[int, list[Link]]:
    found: dict[int, list[Link]] = {}
    for test in _every_test(sketch):
        if test.options and test.pick.var:
            found[id(test.pick.var)] = test.options
    return found


def _every_test(sketch: Sketch) -> Iterable[Test]:
    for test in (*sketch.tests, *(t for lack in sketch.lacks for t in lack.tests)):
        yield test
        for value in test.values:
            if isinstance(value, Subquery):
                yield from value.tests


def _numeric(sketch: Sketch) -> dict[int, str]:
    """Variables that must hold numbers or dates, because they are compared or summed."""
    found: dict[int, str] = {}
    for test in _every_test(sketch):
        if test.pick.var and test.op in ("<", ">", "<=", ">=") and test.pick.agg != "count":
            found[id(test.pick.var)] = "ordered"
            found.update((id(v.var), "ordered") for v in test.values if isinstance(v, Pick) and v.var)
        elif test.pick.var and test.op in ("like", "starts", "ends"):
            found[id(test.pick.var)] = "text"
    for best in sketch.supers:
        if best.pick.var and not best.pick.agg:
            found[id(best.pick.var)] = "ordered"
    for pick in (*sketch.picks, *(s.pick for s in sketch.supers), *(o.pick for o in sketch.orders)):
        if pick.var and pick.agg in ("sum", "avg"):
            found[id(pick.var)] = "summed"
    return found


def _grow(
    var: Var, state: Assignment, lexicon: Lexicon, graph: Graph, values: list[Link] | None, need: str
) -> list[Assignment]:
    options = _options(var, lexicon, state, values)
    if var.kind == "column":
        options = _played(options, state) + _ends(var, options, lexicon)
    scored = sorted(
        ((_score(var, link, state, lexicon, graph, need), link) for link in options), key=lambda pair: -pair[0]
    )[:6]
    grown = []
    for gain, link in scored:
        tables = state.tables if link.table in state.tables else (*state.tables, link.table)
        near = sum(1 for other, _ in scored if gain - 0.25 <= other <= gain) - 1
        grown.append(
            Assignment(
                {**state.links, id(var): link},
                state.score + gain,
                tables,
                min(state.worst, link.score),
                state.close + near,
            )
        )
    return grown


def _options(var: Var, lexicon: Lexicon, state: Assignment, values: list[Link] | None) -> list[Link]:
    if var.kind == "table":
        var.links = _behind(var.links, lexicon)
        sure = var.links[0].score >= 0.97
        return [link for link in var.links if link.score > 0.85] if sure else var.links
    if var.links and values is not None and values is not var.links:
        held = {link.ref: link for link in values}
        both = [
            Link(link.table, link.column, held[link.ref].value, link.score + 0.3)
            for link in var.links
            if link.ref in held
        ]
        return (
            both
            + [Link(link.table, link.column, "", link.score - 0.3) for link in var.links if link.ref not in held]
            + [
                Link(link.table, link.column, link.value, link.score - 0.35)
                for link in values
                if link.ref not in {v.ref for v in var.links}
            ]
        )
    return var.links or implied(var.hint, lexicon, state.tables)


def _behind(links: list[Link], lexicon: Lexicon) -> list[Link]:
    """The thing behind a bridge comes first where one word may name both: amenities, not has_amenity."""
    if not links or links[0].score >= WHOLLY or not lexicon.tables[links[0].table].bridge:
        return links
    bridge = links[0]
    held = set(lexicon.tables[bridge.table].columns)
    keys = {link.table: set(lexicon.tables[link.table].key) for link in links[1:]}
    behind = next((link for link in links[1:] if keys[link.table] and keys[link.table] < held), None)
    if behind is None:
        return links
    others = [link for link in links[1:] if link is not behind]
    return [replace(behind, score=bridge.score), replace(bridge, score=bridge.score - 0.15), *others]


def _played(links: list[Link], state: Assignment) -> list[Link]:
    """The links, and the same columns of each part in sight that their table plays."""
    parts = [table for table in state.tables if part(table)]
    return links + [replace(link, table=name) for name in parts for link in links if link.table == base(name)]


def _ends(var: Var, links: list[Link], lexicon: Lexicon) -> list[Link]:
    """For a value at one end of a way, the same columns of the table as the key of that end sees it."""
    if not var.toward:
        return []
    words = grammar().direction[var.toward]
    roles = [role for role in lexicon.roles.values() if words & set(role.words)]
    return [replace(link, table=role.name) for role in roles for link in links if link.table == role.target]


def _direction(var: Var, link: Link, lexicon: Lexicon) -> float:
    """What a value at one end of a way gains in a column, or a part, of that end; what it loses at the other."""
    if not var.toward:
        return 0.0
    words = lexicon.column(link.ref).lemmas if link.column != NAME else frozenset[str]()
    if part(link.table):
        words = words | set(lexicon.roles[link.table].words)
    other = "from" if var.toward == "to" else "to"
    ends = grammar().direction
    return ENDS * (bool(words & ends[var.toward]) - bool(words & ends[other]))


def implied(hint: str, lexicon: Lexicon, tables: Iterable[str]) -> list[Link]:
    """Columns that a kind of thing (`age`, `time`, `place`) may mean."""
    found: list[Link] = []
    near = set(tables)
    for entry in lexicon.columns:
        score = _kind_score(hint, entry, lexicon)
        if score > 0 and (entry.table in near or not near or score >= 0.5):
            found.append(Link(entry.table, entry.column.name, score=score - (0 if entry.table in near else 0.15)))
    found.sort(key=lambda link: -link.score)
    return found[:12]


def _kind_score(hint: str, entry: ColumnEntry, lexicon: Lexicon) -> float:  # noqa: C901, PLR0911  # one list of cases
    if hint == "place":
        return max((PLACES.get(word, 0.0) for word in entry.lemmas), default=0.0)
    if hint == "amount":
        if not entry.number or entry.identifier:
            return 0.0
        return 0.75 if entry.lemmas & AMOUNTS else 0.5
    if hint == "text":
        if entry.column.name in lexicon.tables[entry.table].display:
            return 0.6
        return 0.3 if entry.column.family == "text" else 0.0
    up, down = grammar().kinds.get(hint, ((), frozenset()))
    typed = entry.temporal or (entry.number and not entry.identifier)
    if hint in ("time", "recent"):
        if entry.column.family in ("date", "datetime") or (entry.temporal and entry.column.family == "text"):
            return 0.75 + _usual_date(entry, lexicon)
        if entry.yearly:
            return 0.7
        if (
            entry.number
            and not entry.is_key
            and entry.lemmas & {"year", "founded", "found", "built", "build", "established", "establish"}
        ):
            return 0.7
        return 0.5 if hint == "recent" and entry.lemmas & down and typed else 0.0
    if not typed and not (entry.lemmas & {"length", "duration", "size"} and hint in ("length", "size")):
        return 0.0
    ranks = [place for place, word in enumerate(up) if word in entry.lemmas]
    if ranks:
        return 0.8 - 0.02 * ranks[0]
    if entry.lemmas & down:
        return 0.7 if entry.lemmas & {"birth", "born"} else 0.5
    return 0.0


def _usual_date(entry: ColumnEntry, lexicon: Lexicon) -> float:
    """How much rather a date is meant where none is named: the one of the thing itself (`ordered_at` of orders)."""
    own = {stem(word.lemma) for word in lexicon.tables[entry.table].words}
    if own & {stem(word) for word in entry.lemmas}:
        return 0.15
    return -0.1 if entry.lemmas & LATER else 0.0


def turned(hint: str, entry: ColumnEntry) -> bool:
    """True when the sense of a superlative turns on this column: the oldest have the earliest birth date."""
    if hint == "age":
        return not entry.lemmas & {"age", "old"}
    return hint == "recent" and bool(entry.lemmas & {"age"}) and not entry.temporal


def _names_its_row(link: Link, lexicon: Lexicon) -> bool:
    """True for a value in the column that names the rows of its table: a thing, not a remark about one."""
    return link.column in lexicon.tables[link.table].display


def _as_told(var: Var, link: Link, lexicon: Lexicon) -> bool:
    """True for a value in a column that the word before it names."""
    return bool(var.told and link.value) and bool(var.told & {stem(word) for word in lexicon.column(link.ref).lemmas})


def _names_itself(var: Var, link: Link, state: Assignment, lexicon: Lexicon, graph: Graph) -> bool:
    """True for a value in the name of what is asked for, where a related table's rows are called so too."""
    if state.tables[:1] != (link.table,) or link.column not in lexicon.tables[link.table].display:
        return False
    return any(
        other.value and other.table != link.table and graph.distance(link.table, other.table) <= 2
        for other in var.links
        if other.column in lexicon.tables[other.table].display
    )


def _score(var: Var, link: Link, state: Assignment, lexicon: Lexicon, graph: Graph, need: str) -> float:  # noqa: C901, PLR0912  # one list of cases
    gain = 2.5 * link.score - (3.0 if var.kind == "table" else 3.5)
    owner = state.link(var.near)
    if owner is not None:
        if owner.table == link.table:
            gain += 1.0 if var.tight else 0.4
        elif base(owner.table) == base(link.table):
            gain -= 0.6
        elif var.tight:
            gain -= 0.3 * min(4.0, graph.distance(owner.table, link.table))
    if part(link.table) and (owner is None or owner.table != link.table):
        gain -= 0.4
    if state.tables:
        if link.table in state.tables:
            gain += 0.5
        else:
            gain -= 0.35 * min(*(graph.distance(table, link.table) for table in state.tables), 6.0)
    if var.kind == "table":
        return gain + (0.05 if not lexicon.tables[link.table].bridge else -0.1)
    if link.column == NAME:
        return gain - (1.0 if need in ("summed", "ordered") else 0.0)
    if var.owned and link.value and _names_itself(var, link, state, lexicon, graph):
        gain -= 2.2
    gain += _direction(var, link, lexicon)
    if told := _as_told(var, link, lexicon):
        gain += TOLD
    if (
        var.owned
        and link.value
        and not told
        and not any(_as_told(var, other, lexicon) for other in var.links)
        and _names_its_row(link, lexicon)
        and not all(_names_its_row(x, lexicon) for x in var.links)
    ):
        gain += NAMED
    entry = lexicon.column(link.ref)
    best = max((other.score for other in var.links), default=link.score)
    if entry.identifier and lexicon.tables[link.table].key == (link.column,) and link.score >= best - NEARLY:
        gain += 0.25
    if need == "summed" and (not entry.number or entry.identifier):
        gain -= 1.8
    if need == "ordered" and not (entry.number or entry.temporal or entry.yearly):
        gain -= 0.8
    if need == "ordered" and entry.identifier:
        gain -= 1.2
    if need == "text" and entry.column.family != "text":
        gain -= 0.8
    if entry.target and "id" not in var.text.lower() and need:
        gain -= 0.2
    return gain
