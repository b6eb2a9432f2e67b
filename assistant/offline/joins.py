"""Paths over foreign keys, declared or inferred, that tie the tables of a query together."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from assistant.offline.grammar import grammar
from assistant.offline.lexicon import ColumnEntry, Lexicon, TableEntry

INFERRED = 1.4
"""Cost of an inferred key; a declared one costs 1."""

TURN = 1.2
"""Cost of going up to a parent and down to its other children: that they share a parent ties rows only loosely."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A way to join two tables: the many side first."""

    child: str
    child_columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    declared: bool = True

    def other(self, table: str) -> str:
        """The table at the far end."""
        return self.parent if table == self.child else self.child

    @property
    def cost(self) -> float:
        """What a step over this edge costs."""
        return 1.0 if self.declared else INFERRED


class Graph:
    """Tables as nodes, keys as edges."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.edges: dict[str, list[Edge]] = defaultdict(list)
        played = [Edge(role.child, (role.column,), role.name, (role.target_column,)) for role in lexicon.roles.values()]
        for edge in (*self._declared(), *self._inferred(), *played):
            self._add(edge)
        for edge in self._shared():
            self._add(edge)

    def _add(self, edge: Edge) -> None:
        self.edges[edge.child].append(edge)
        if edge.parent != edge.child:
            self.edges[edge.parent].append(edge)

    def _shared(self) -> list[Edge]:
        """Where no key is declared anywhere, tables that nothing else ties meet in a column of the same name."""
        if any(entry.trained.shape.foreign_keys for entry in self.lexicon.tables.values()):
            return []
        found = []
        for one, other in combinations(self.lexicon.tables.values(), 2):
            if any(other.name in (edge.child, edge.parent) for edge in self.edges[one.name]):
                continue
            common = [name for name in one.columns if name in other.columns and self._tells(one, other, name)]
            if len(common) == 1:
                found.append(Edge(one.name, (common[0],), other.name, (common[0],), declared=False))
        return found

    def _tells(self, one: TableEntry, other: TableEntry, name: str) -> bool:
        """True for a column that ties rows: of one type and common values, and no name or remark of its own."""
        mine, theirs = one.columns[name], other.columns[name]
        plain = mine.lemmas & {
            "name",
            "title",
            "description",
            "detail",
            "date",
            "status",
            "type",
            "firstname",
            "lastname",
        }
        named = name in one.display or name in other.display
        common = set(mine.values) & set(theirs.values)
        return mine.column.family == theirs.column.family and not plain and not named and len(common) > 1

    def _declared(self) -> list[Edge]:
        found: dict[tuple[str, tuple[str, ...], str], Edge] = {}
        for name, entry in self.lexicon.tables.items():
            for key in entry.trained.shape.foreign_keys:
                target = f"{key.target_schema}.{key.target_table}"
                if target in self.lexicon.tables:
                    found[name, key.columns, target] = Edge(name, key.columns, target, key.target_columns)
        return list(found.values())

    def _inferred(self) -> list[Edge]:
        """`x_id` -> the single-column key of that name, and `customer_id` -> `customer.id`."""
        tied = {(edge.child, edge.child_columns) for edge in self._declared()}
        keys: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, entry in self.lexicon.tables.items():
            for spelling in _spellings(entry):
                keys[spelling].append((name, entry.key[0]))
        for column in self.lexicon.columns:
            table = self.lexicon.tables[column.table]
            single = not column.is_key or len(table.key) > 1
            if column.number and single and column.lemmas.isdisjoint({"id"}) and not column.target:
                keys[column.column.name.lower()].extend(self._called(column))
        return [
            Edge(name, (column.column.name,), target, (key,), declared=False)
            for name, entry in self.lexicon.tables.items()
            for column in entry.columns.values()
            for target, key in keys.get(column.column.name.lower(), ())
            if (name, (column.column.name,)) not in tied and self._may_refer(column, target, key)
        ]

    def _called(self, column: ColumnEntry) -> list[tuple[str, str]]:
        """Keys that a number called like a table (`operator`), or like a person (`advisor`), holds values of."""
        found = []
        for name, entry in self.lexicon.tables.items():
            key = entry.key[0] if len(entry.key) == 1 else ""
            words = {word.lemma for word in entry.words}
            if len(column.lemmas) > 1:
                continue
            people = bool(column.lemmas & grammar().persons and words & grammar().persons)
            if not key or name == column.table or not (people or column.lemmas == words):
                continue
            if entry.columns[key].number and _within(column, entry.columns[key]):
                found.append((name, key))
        return found

    def _may_refer(self, column: ColumnEntry, target: str, key: str) -> bool:
        """True when a column of the same type may point to another table's key, and no declared key says so."""
        if target == column.table or self.lexicon.tables[target].columns[key].column.family != column.column.family:
            return False
        if self.lexicon.tables[column.table].key == (column.column.name,) and column.table > target:
            return False
        return not self._tied_through(column.table, column.column.name, target)

    def _tied_through(self, child: str, column: str, target: str) -> bool:
        return any(
            column in key.columns and f"{key.target_schema}.{key.target_table}" == target
            for key in self.lexicon.tables[child].trained.shape.foreign_keys
        )

    @cached_property
    def _distances(self) -> dict[str, dict[str, float]]:
        return {}

    def distance(self, one: str, other: str) -> float:
        """Cost of the shortest path; 9 when there is none."""
        if one not in self._distances:
            costs = {one: 0.0}
            queue = [(0.0, one)]
            while queue:
                cost, table = heapq.heappop(queue)
                if cost > costs[table]:
                    continue
                for edge in self.edges[table]:
                    far = edge.other(table)
                    if cost + edge.cost < costs.get(far, 99.0):
                        costs[far] = cost + edge.cost
                        heapq.heappush(queue, (costs[far], far))
            self._distances[one] = costs
        return self._distances[one].get(other, 9.0)

    def tree(self, tables: Sequence[str], via: Iterable[tuple[str, str]] = ()) -> tuple[Edge, ...] | None:
        """Edges that connect the tables, in an order in which each joins one new table; None when they do not meet."""
        wanted = set(via)
        joined = [tables[0]]
        edges: list[Edge] = []
        left = [table for table in tables[1:] if table not in joined]
        while left:
            path = self._nearest(joined, left, wanted)
            if path is None:
                return None
            for edge in path:
                new = edge.parent if edge.child in joined else edge.child
                if new not in joined:
                    joined.append(new)
                    edges.append(edge)
            left = [table for table in left if table not in joined]
        return tuple(edges)

    def _nearest(self, joined: Sequence[str], left: Sequence[str], via: set[tuple[str, str]]) -> list[Edge] | None:
        queue: list[tuple[float, int, str, list[Edge]]] = [(0.0, i, table, []) for i, table in enumerate(joined)]
        seen: set[tuple[str, bool]] = set()
        count = len(queue)
        while queue:
            cost, _, table, path = heapq.heappop(queue)
            up = bool(path) and path[-1].parent == table
            if (table, up) in seen:
                continue
            seen.add((table, up))
            if table in left:
                return path
            for position, edge in enumerate(self.edges[table]):
                far = edge.other(table)
                if far == table or far in joined or any(far in (step.child, step.parent) for step in path):
                    continue
                count += 1
                named = any((edge.child, column) in via for column in edge.child_columns) + ((far, "*") in via)
                turn = TURN if up and edge.parent == table and (table, "*") not in via else 0.0
                step = edge.cost + turn - 0.3 * named + 0.001 * position
                heapq.heappush(queue, (cost + step, count, far, [*path, edge]))
        return None

    def fans_out(self, start: str, edges: Sequence[Edge]) -> bool:
        """True when rows of `start` may appear more than once in the join."""
        return any(far in self.many(start, edges) for far in {edge.child for edge in edges})

    def many(self, start: str, edges: Sequence[Edge]) -> set[str]:
        """Tables of the join that may hold several rows for one row of `start`."""
        found: set[str] = set()
        seen = {start}
        rest = list(edges)
        while rest:
            step = next((e for e in rest if e.child in seen or e.parent in seen), None)
            if step is None:
                break
            rest.remove(step)
            near, far = (step.child, step.parent) if step.child in seen else (step.parent, step.child)
            to_many = far == step.child and not self._unique(far, step.child_columns)
            if to_many or near in found:
                found.add(far)
            seen.add(far)
        return found

    def _unique(self, table: str, columns: tuple[str, ...]) -> bool:
        shape = self.lexicon.tables[table].trained.shape
        return set(shape.primary_key) == set(columns) or any(set(u) == set(columns) for u in shape.unique_constraints)


def _within(column: ColumnEntry, key: ColumnEntry) -> bool:
    """True where all known values of a column are keys of the other table."""
    return len(column.values) > 1 and set(column.values) <= set(key.values)


def _spellings(entry: TableEntry) -> set[str]:
    """How other tables may call a reference to this table's key."""
    if len(entry.key) != 1:
        return set()
    column, bare = entry.key[0].lower(), entry.trained.shape.name.lower()
    if column in ("id", "code"):
        forms = (bare, bare.removesuffix("s"), bare.removesuffix("es"))
        return {f"{form}{gap}{column}" for form in forms for gap in ("_", "")}
    return set() if column == "name" else {column}
