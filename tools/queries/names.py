"""Every table and column of a statement resolved against a catalogue, scope by scope."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from tools.connectors.base import Dialect, TableSchema
from tools.errors import QueryRejected
from tools.queries.allowed import BARE_CALLS, BARE_CLOCKS, FUNCTION_COLUMNS, SYSTEM_SCHEMAS, UNIT_FUNCTIONS, UNITS
from tools.queries.labels import fold, label_of, lower
from tools.queries.syntax import is_dual

SET_OPERATIONS = (exp.Union, exp.Intersect, exp.Except)
_LISTED = 8
"""So many names an error lists at most."""


@dataclass
class Source:
    """Something columns can come from: a table, a CTE, a sub-query, a function, under its alias."""

    label: str
    """As an error names it."""
    columns: tuple[str, ...] | None
    """None: unknown, so any column is taken (a table without a catalogue)."""
    schema: str = ""
    base: tuple[str, str] | None = None
    """(schema, table) of a real table."""
    shape: TableSchema | None = None
    """What the catalogue says of it."""
    given: tuple[str, ...] = ()
    """Names that its alias gives to its first columns."""


@dataclass
class Scope:
    """The sources one SELECT sees, and the scopes around it."""

    sources: dict[str, Source] = field(default_factory=dict)
    outer: "Scope | None" = None
    aliases: frozenset[str] = frozenset()
    """Names of the select list, for ORDER BY, GROUP BY and HAVING."""


Environment = Mapping[str, tuple[str, ...] | None]
"""The CTEs in sight: name -> columns."""


class Names:
    """One walk over a statement; `tables` and `columns` hold what it reads when the walk is done."""

    def __init__(self, dialect: Dialect, catalog: Sequence[TableSchema] | None) -> None:
        self.dialect = dialect
        self.tables: dict[tuple[str, str], None] = {}
        self.columns: dict[tuple[str, str], None] = {}
        self.bases: dict[int, tuple[exp.Expr, list[TableSchema]]] = {}
        """Each node that names a real table, by its identity, and the shapes it can mean."""
        self.qualified: list[tuple[exp.Expr, TableSchema]] = []
        """Columns written with a schema, and the table they are of."""
        self.reads: list[tuple[exp.Expr, TableSchema, str]] = []
        """Columns of real tables as they are used, under the table's own name for them."""
        self._by_name: dict[str, list[TableSchema]] | None = None
        if catalog is not None:
            self._by_name = {}
            for table in catalog:
                self._by_name.setdefault(self._key(table.name), []).append(table)

    def resolve(self, tree: exp.Expr) -> None:
        """Walk the whole statement; QueryRejected names the first table or column that is not there."""
        self._query(tree, {}, None)

    # Queries

    def _query(self, node: exp.Expr, ctes: Environment, outer: Scope | None) -> tuple[str, ...] | None:
        """Resolve a query and give the names of its output columns, None when they cannot be known."""
        ctes = self._with(node, ctes, outer)
        if isinstance(node, exp.Select):
            return self._select(node, ctes, outer)
        if isinstance(node, SET_OPERATIONS):
            return self._set_operation(node, ctes, outer)
        if isinstance(node, exp.Values):
            self._expressions(node.expressions, Scope(outer=outer), ctes)
            return self._values_columns(node)
        if isinstance(node, exp.Subquery):
            inner = node.this
            if isinstance(inner, exp.Table):
                raise QueryRejected("A join in parentheses cannot stand as a statement; write SELECT ... FROM it.")
            columns = self._query(inner, ctes, outer)
            scope = Scope(outer=outer, aliases=frozenset(columns or ()))
            open_scope = Scope({"": Source("the sub-query", columns)}, outer, scope.aliases)
            self._tail(node, open_scope, ctes)
            return columns
        raise QueryRejected(f"A {node.key.upper()} cannot stand where a query stands; write a SELECT.")

    def _with(self, node: exp.Expr, ctes: Environment, outer: Scope | None) -> Environment:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            name = fold(cte.args["alias"].this, self.dialect)
            given = tuple(fold(column, self.dialect) for column in cte.args["alias"].args.get("columns") or ())
            body = cte.this
            if clause.args.get("recursive") and isinstance(body, SET_OPERATIONS):
                first = self._query(body.left, self._with(body, known, outer), outer)
                known[name] = self._renamed(first, given)
            known[name] = self._renamed(self._query(body, known, outer), given)
        for part in ("search", "cycle"):
            if clause.args.get(part) is not None:
                self._search_columns(clause.args[part], clause, known)
        return known

    def _search_columns(self, search: exp.Expr, clause: exp.Expr, known: dict[str, tuple[str, ...] | None]) -> None:
        """SEARCH ... SET and CYCLE ... SET ... USING add columns to the last recursive table expression."""
        name = fold(clause.expressions[-1].args["alias"].this, self.dialect)
        columns = known.get(name)
        if columns is None:
            return
        added = [part for key in ("expression", "using") if isinstance(part := search.args.get(key), exp.Expr)]
        known[name] = columns + tuple(fold(part, self.dialect) for part in added)

    def _set_operation(self, node: exp.Expr, ctes: Environment, outer: Scope | None) -> tuple[str, ...] | None:
        branches: list[exp.Expr] = []
        current: exp.Expr = node
        while isinstance(current, SET_OPERATIONS):  # long chains lean left: no recursion for them
            if current is not node and current.args.get("with_"):
                break
            branches.append(current.expression)
            current = current.this
        branches.append(current)
        columns: tuple[str, ...] | None = None
        for branch in reversed(branches):
            found = self._query(branch, ctes, outer)
            columns = found if branch is current else columns
        self._tail(node, Scope({"": Source("the result", columns)}, None, frozenset(columns or ())), ctes)
        return columns

    def _tail(self, node: exp.Expr, scope: Scope, ctes: Environment) -> None:
        for part in ("order", "limit", "offset"):
            if node.args.get(part) is not None:
                self._expression(node.args[part], scope, ctes)

    def _select(self, node: exp.Select, ctes: Environment, outer: Scope | None) -> tuple[str, ...] | None:
        scope = Scope(outer=outer)
        if node.args.get("from_") is not None:
            self._source(node.args["from_"].this, scope, ctes)
        for lateral in node.args.get("laterals") or ():
            self._source(lateral, scope, ctes)
        for join in node.args.get("joins") or ():
            self._join(join, scope, ctes)
        self._expressions(node.expressions, scope, ctes)
        distinct = node.args.get("distinct")
        columns = self._output(node, scope)
        named = frozenset(
            fold(item.args["alias"], self.dialect) for item in node.expressions if isinstance(item, exp.Alias)
        )
        loose = Scope(scope.sources, scope.outer, named)
        if isinstance(distinct, exp.Expr):
            self._expression(distinct, loose, ctes)
        if node.args.get("where") is not None:
            self._expression(node.args["where"], scope, ctes)
        for part in ("group", "having", "order", "limit", "offset"):
            if node.args.get(part) is not None:
                self._expression(node.args[part], loose, ctes)
        self._expressions(node.args.get("windows") or (), scope, ctes)
        return columns

    def _output(self, node: exp.Select, scope: Scope) -> tuple[str, ...] | None:
        names: list[str] = []
        for item in node.expressions:
            if isinstance(item, exp.Star):
                for source in scope.sources.values():
                    if source.columns is None:
                        return None
                    names.extend(source.columns)
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                source = self._named_source(item, scope)
                if source.columns is None:
                    return None
                names.extend(source.columns)
            else:
                names.append(label_of(item, self.dialect))
        return tuple(names)

    # Sources

    def _join(self, join: exp.Expr, scope: Scope, ctes: Environment) -> None:
        self._source(join.this, scope, ctes)
        if join.args.get("on") is not None:
            self._expression(join.args["on"], scope, ctes)
        for identifier in join.args.get("using") or ():
            column = identifier if isinstance(identifier, exp.Column) else exp.Column(this=identifier.copy())
            self._column(column, scope)

    def _source(self, node: exp.Expr, scope: Scope, ctes: Environment) -> None:
        alias = node.args.get("alias")
        name = fold(alias.this, self.dialect) if alias is not None and alias.this is not None else ""
        given = self._given_columns(alias)
        if isinstance(node, exp.Table):
            source = self._table(node, name, given, scope, ctes)
            key = name or (source.base[1] if source.base else source.label)
            self._add(scope, name or self._table_key(node) or key, source)
        elif isinstance(node, exp.Lateral):
            self._lateral(node, name, given, scope, ctes)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
            inner = Scope(outer=scope.outer) if name else scope
            self._source(node.this, inner, ctes)
            for join in node.args.get("joins") or ():
                self._join(join, inner, ctes)
            if name:
                self._add(scope, name, Source(name, self._renamed(self._all_columns(inner), given)))
            return
        elif isinstance(node, (exp.Subquery, exp.Values)):
            columns = self._query(node, ctes, scope.outer)
            self._add(scope, name, Source(name or "the sub-query", self._renamed(columns, given)))
        else:
            raise QueryRejected(f"A {node.key.upper()} cannot stand in FROM; name a table or a sub-query.")
        for lateral in node.args.get("laterals") or ():
            self._source(lateral, scope, ctes)
        for join in node.args.get("joins") or ():
            self._join(join, scope, ctes)

    def _lateral(self, node: exp.Expr, name: str, given: tuple[str, ...], scope: Scope, ctes: Environment) -> None:
        inside = Scope(dict(scope.sources), scope.outer)
        if isinstance(node.this, exp.Subquery):
            columns = self._query(node.this, ctes, inside)
            self._add(scope, name, Source(name or "the sub-query", self._renamed(columns, given)))
            return
        self._expression(node.this, inside, ctes)
        label = name or lower(node.this.name)
        self._add(scope, label, Source(label, self._function_columns([node.this], label, given, node)))

    def _table(self, node: exp.Table, name: str, given: tuple[str, ...], scope: Scope, ctes: Environment) -> Source:
        if node.args.get("rows_from"):
            calls = [entry.this for entry in node.args["rows_from"]]
            self._expressions(calls, scope, ctes)
            label = name or "rows from"
            return Source(label, self._function_columns(calls, label, given, node))
        if isinstance(node.this, exp.JSONTable):
            self._expression(node.this.this, scope, ctes)
            return Source(name, self._json_table_columns(node.this.args["schema"]))
        if not isinstance(node.this, exp.Identifier):
            self._expression(node.this, scope, ctes)
            label = name or lower(node.this.name)
            return Source(label, self._function_columns([node.this], label, given, node))
        table, schema = fold(node.this, self.dialect), fold(node.args.get("db"), self.dialect)
        if self.dialect == "mysql" and is_dual(node):
            return Source("dual", ())
        if not schema and table in ctes:
            return Source(name or table, self._renamed(ctes[table], given))
        self._refuse_system(table, schema)
        if self._by_name is None:
            self.tables[(schema, table)] = None
            return Source(name or table, None, schema, (schema, table))
        found = self._lookup(table, schema)
        columns = tuple(dict.fromkeys(self._key(column.name) for shape in found for column in shape.columns))
        base = (found[0].schema_name, found[0].name)
        self.tables[base] = None
        self.bases[id(node)] = (node, found)
        return Source(name or table, self._renamed(columns, given), self._key(base[0]), base, found[0], given)

    def _lookup(self, table: str, schema: str) -> list[TableSchema]:
        assert self._by_name is not None
        found = self._by_name.get(table, [])
        if schema:
            found = [shape for shape in found if self._key(shape.schema_name) == schema]
        if not found:
            shown = f"{schema}.{table}" if schema else table
            raise QueryRejected(f"No table {shown!r}{self._near(table, self._by_name, 'this database has')}")
        return found

    def _refuse_system(self, table: str, schema: str) -> None:
        system = schema in SYSTEM_SCHEMAS[self.dialect] or (self.dialect == "postgres" and schema.startswith("pg_"))
        if system or (self.dialect == "postgres" and not schema and lower(table).startswith("pg_")):
            raise QueryRejected(
                f"The system catalogue {(schema + '.' if schema else '') + table!r} may not be read; "
                "ask for the list of tables or for a table's description instead."
            )

    def _table_key(self, node: exp.Table) -> str:
        return fold(node.this, self.dialect) if isinstance(node.this, exp.Identifier) else ""

    def _add(self, scope: Scope, name: str, source: Source) -> None:
        key = name or f" {len(scope.sources)}"
        if key in scope.sources:  # the same table of two schemas: both stay in sight for bare columns
            other = scope.sources[key]
            if other.schema == source.schema:
                raise QueryRejected(f"The name {name!r} stands twice in one FROM; give each its own alias.")
            key = f"{source.schema}.{name}"
        scope.sources[key] = source

    def _given_columns(self, alias: exp.Expr | None) -> tuple[str, ...]:
        if alias is None:
            return ()
        return tuple(fold(_identifier_of(column), self.dialect) for column in alias.args.get("columns") or ())

    def _function_columns(
        self, calls: Iterable[exp.Expr], label: str, given: tuple[str, ...], node: exp.Expr
    ) -> tuple[str, ...]:
        names: list[str] = []
        for call in calls:
            function = lower(call.name)
            names.extend(FUNCTION_COLUMNS.get(function, (label if node.args.get("alias") else function,)))
        if node.args.get("ordinality"):
            names.append("ordinality")
        if given:  # a column definition list replaces what the function says, an alias list renames from the left
            return given + tuple(names[len(given) :])
        return (*names, label)

    def _json_table_columns(self, schema: exp.Expr) -> tuple[str, ...]:
        names: list[str] = []
        for definition in schema.expressions:
            if definition.args.get("nested_schema") is not None:
                names.extend(self._json_table_columns(definition.args["nested_schema"]))
            elif definition.this is not None:
                names.append(fold(definition.this, self.dialect))
        return tuple(names)

    def _values_columns(self, node: exp.Values) -> tuple[str, ...]:
        alias = node.args.get("alias")
        given = self._given_columns(alias)
        width = len(node.expressions[0].expressions) if isinstance(node.expressions[0], exp.Tuple) else 1
        return given or tuple(f"column{place}" for place in range(1, width + 1))

    def _renamed(self, columns: tuple[str, ...] | None, given: tuple[str, ...]) -> tuple[str, ...] | None:
        if not given:
            return columns
        return given + (columns or ())[len(given) :]

    def _all_columns(self, scope: Scope) -> tuple[str, ...] | None:
        names: list[str] = []
        for source in scope.sources.values():
            if source.columns is None:
                return None
            names.extend(source.columns)
        return tuple(names)

    # Expressions and columns

    def _expressions(self, nodes: Iterable[exp.Expr], scope: Scope, ctes: Environment) -> None:
        for node in nodes:
            self._expression(node, scope, ctes)

    def _expression(self, node: exp.Expr, scope: Scope, ctes: Environment) -> None:
        waiting = [node]
        while waiting:
            current = waiting.pop()
            if isinstance(current, (exp.Select, exp.Subquery, exp.Values, *SET_OPERATIONS)):
                self._query(current, ctes, Scope(scope.sources, scope.outer))
            elif isinstance(current, exp.Column):
                self._column(current, scope)
            elif isinstance(current, exp.Anonymous) and lower(current.name) in UNIT_FUNCTIONS:
                self._unit(current)
                waiting.extend(current.expressions[1:])
            elif isinstance(current, exp.Collate):
                waiting.append(current.this)
            else:
                waiting.extend(_children(current))

    def _unit(self, call: exp.Expr) -> None:
        first = call.expressions[0] if call.expressions else None
        bare = isinstance(first, exp.Column) and not first.args.get("table") and isinstance(first.this, exp.Identifier)
        if first is None or not bare or lower(first.name) not in UNITS | {"date", "datetime", "time"}:
            raise QueryRejected(f"{call.name.upper()} needs a unit such as DAY or MONTH as its first argument.")

    def _column(self, column: exp.Column, scope: Scope) -> None:
        if isinstance(column.this, exp.Star):
            self._qualify(column, self._named_source(column, scope))
            return
        name = fold(column.this, self.dialect)
        quoted = bool(column.this.args.get("quoted")) if isinstance(column.this, exp.Identifier) else False
        if column.args.get("table") is not None:
            source = self._named_source(column, scope)
            if source.columns is not None and name not in source.columns:
                raise QueryRejected(self._no_column(name, source))
            self._qualify(column, source)
            self._read(column, source, name)
            return
        if not quoted and lower(name) in BARE_CALLS[self.dialect]:
            raise QueryRejected(
                f"{name.upper()} tells about the session and may not be read; quote it if it is a column."
            )
        if not quoted and lower(name) in BARE_CLOCKS[self.dialect]:
            return
        self._bare_column(column, name, scope)

    def _bare_column(self, column: exp.Expr, name: str, scope: Scope) -> None:
        if name in scope.aliases:
            return
        sources: list[Source] = []
        current: Scope | None = scope
        while current is not None:
            for key, source in current.sources.items():
                sources.append(source)
                if source.columns is None or name in source.columns:
                    self._read(column, source, name)
                    return
                if key == name and self.dialect == "postgres":
                    return  # the whole row, as in to_jsonb(orders)
            current = current.outer
        known = list(dict.fromkeys(known for source in sources for known in source.columns or ()))
        where = ", ".join(dict.fromkeys(source.label for source in sources)) or "this query, which reads no table"
        raise QueryRejected(f"No column {name!r} in {where}{self._near(name, [*known, *scope.aliases], 'there are')}")

    def _named_source(self, column: exp.Column, scope: Scope) -> Source:
        table, schema = fold(column.args["table"], self.dialect), fold(column.args.get("db"), self.dialect)
        current: Scope | None = scope
        seen: list[str] = []
        while current is not None:
            for key, source in current.sources.items():
                seen.append(key)
                if schema and source.base is not None:
                    if self._key(source.base[1]) == table and source.schema in (schema, ""):
                        return source
                elif not schema and key == table:
                    return source
            current = current.outer
        shown = f"{schema}.{table}" if schema else table
        raise QueryRejected(
            f"No table or alias {shown!r} in sight of {column.sql(self.dialect)!r}"
            f"{self._near(table, [key for key in seen if not key.startswith(' ')], 'the query reads')}"
        )

    def _read(self, column: exp.Expr, source: Source, name: str) -> None:
        if source.base is not None:
            self.columns[(source.base[1], name)] = None
        if source.shape is not None:
            own = [self._key(one.name) for one in source.shape.columns]
            place = source.given.index(name) if name in source.given else None
            self.reads.append((column, source.shape, own[place] if place is not None else name))

    def _qualify(self, column: exp.Expr, source: Source) -> None:
        if source.shape is not None and column.args.get("db") is not None:
            self.qualified.append((column, source.shape))

    def _no_column(self, name: str, source: Source) -> str:
        shown = source.base[1] if source.base is not None else source.label
        return f"No column {name!r} in {shown}{self._near(name, source.columns or (), 'it has')}"

    def _near(self, name: str, known: Iterable[str], words: str) -> str:
        names = sorted({item for item in known if item})
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
        if near:
            return f"; did you mean {' or '.join(repr(item) for item in near)}?"
        if not names:
            return "."
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return f"; {words} {', '.join(names[:_LISTED])}{more}."

    def _key(self, name: str) -> str:
        return name if self.dialect == "postgres" else lower(name)


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    for value in node.args.values():
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, exp.Expr) and not isinstance(item, (exp.Identifier, exp.Var, exp.DataType)):
                yield item


def _identifier_of(column: exp.Expr) -> exp.Expr:
    return column.this if isinstance(column, exp.ColumnDef) else column
