"""Turns a form into SQL of either dialect, as a sqlglot tree."""

from collections.abc import Callable
from datetime import date

from sqlglot import exp

from assistant.offline.forms import All, Any, Compare, Condition, Expr, Form, Member, Not, Ref, Sort, tables_of
from assistant.offline.joins import Edge, Graph
from assistant.offline.roles import base, part
from tools.connectors.base import Dialect
from tools.errors import Invalid

FORMATS = {"month": "%Y-%m", "day": "%Y-%m-%d", "week": "%G-W%V"}
"""How a date is cut to a bucket: the same text in both dialects."""


class Builder:
    """Builds queries over one graph of tables, for one dialect."""

    def __init__(self, graph: Graph, dialect: Dialect) -> None:
        self.graph = graph
        self.dialect = dialect
        schemas = {table.trained.shape.schema_name for table in graph.lexicon.tables.values()}
        self.qualify = len(schemas) > 1 or (dialect == "postgres" and schemas != {"public"})

    def sql(self, form: Form) -> str:
        """The query as text; Invalid when its tables cannot be joined."""
        return self.query(form).sql(dialect=self.dialect)

    def query(self, form: Form) -> exp.Query:
        """The query as a tree."""
        select = self._select(form)
        if form.union is not None:
            return exp.union(select, self._select(form.union), distinct=True)
        return select

    def _select(self, form: Form) -> exp.Select:  # noqa: C901  # one list of cases
        tables = tables_of(form)
        if not tables:
            raise Invalid("The question names no table.")
        edges = self.graph.tree(tables, form.via)
        if edges is None:
            raise Invalid(f"No foreign key ties together {', '.join(base(t).split('.')[-1] for t in tables)}.")
        several = bool(edges) or bool(part(tables[0]))
        name: Callable[[Ref], exp.Expr] = lambda ref: self._column(ref, several)  # noqa: E731
        query = exp.Select()
        if form.star:
            star = exp.Column(this=exp.Star(), table=self._alias(form.star)) if several else exp.Star()
            query = query.select(star)
        labels: set[str] = set()
        for expr in form.select:
            query = query.select(self._labelled(expr, name, labels))
        query = self._from(query, tables[0], edges, form.outer)
        for condition in form.where:
            query = query.where(self._condition(condition, name))
        for expr in form.group:
            query = query.group_by(self._expr(expr, name))
        for condition in form.having:
            query = query.having(self._condition(condition, name))
        if form.ties and form.order and form.limit == 1 and not form.group:
            return (
                query.where(self._tied(form, name))
                if not form.distinct
                else query.where(self._tied(form, name)).distinct()
            )
        if form.distinct:
            query = query.distinct()
        for sort in form.order:
            query = query.order_by(self._sort(sort, name))
        for expr in form.group:
            if expr.bucket and not form.order:  # a table of months is read from the first to the last
                query = query.order_by(self._expr(expr, name))
        return query.limit(form.limit) if form.limit is not None else query

    def _tied(self, form: Form, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        sort = form.order[0]
        best = Expr(sort.expr.table, sort.expr.ref, "max" if sort.descending else "min")
        inner = form.change(select=(best,), star="", order=(), limit=None, ties=False, distinct=False)
        return exp.EQ(this=self._expr(sort.expr, name), expression=exp.Subquery(this=self._select(inner)))

    def _sort(self, sort: Sort, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        if self.dialect == "mysql":
            return exp.Ordered(this=self._expr(sort.expr, name), desc=sort.descending, nulls_first=not sort.descending)
        return exp.Ordered(this=self._expr(sort.expr, name), desc=sort.descending, nulls_first=False)

    # --- tables and columns ---------------------------------------------------------------------------------

    def _alias(self, table: str) -> exp.Identifier:
        name = self._called(table)
        return exp.to_identifier(name, quoted=self._odd(name))

    def _called(self, table: str) -> str:
        """What a table is called in the query: its name, or the part it plays."""
        bare = base(table).split(".", 1)[1]
        taken = {name.split(".", 1)[1] for name in self.graph.lexicon.tables}
        return bare if not part(table) else f"{part(table)}_{bare}" if part(table) in taken else part(table)

    def _odd(self, name: str) -> bool:
        return True if self.dialect == "mysql" else not (name.islower() and name.isidentifier()) or name in _RESERVED

    def _table(self, table: str) -> exp.Expr:
        schema, bare = base(table).split(".", 1)
        found = exp.Table(this=exp.to_identifier(bare, quoted=self._odd(bare)))
        if self.qualify:
            found.set("db", exp.to_identifier(schema, quoted=self._odd(schema)))
        return exp.alias_(found, self._alias(table), table=True) if part(table) else found

    def _column(self, ref: Ref, several: bool) -> exp.Expr:
        column = exp.Column(this=exp.to_identifier(ref.column, quoted=self._odd(ref.column)))
        if several:
            column.set("table", self._alias(ref.table))
        return column

    def _from(self, query: exp.Select, first: str, edges: tuple[Edge, ...], outer: bool) -> exp.Select:
        query = query.from_(self._table(first))
        joined = {first}
        for edge in edges:
            new = edge.parent if edge.child in joined else edge.child
            joined.add(new)
            pairs = zip(edge.child_columns, edge.parent_columns, strict=True)
            on = [
                exp.EQ(
                    this=self._column(Ref(edge.child, mine), True),
                    expression=self._column(Ref(edge.parent, theirs), True),
                )
                for mine, theirs in pairs
            ]
            query = query.join(self._table(new), on=exp.and_(*on), join_type="left" if outer else "")
        return query

    # --- expressions ----------------------------------------------------------------------------------------

    def _labelled(self, expr: Expr, name: Callable[[Ref], exp.Expr], labels: set[str]) -> exp.Expr:
        built = self._expr(expr, name)
        label = label_of(expr)
        if label in labels and expr.ref:
            label = f"{self._called(expr.ref.table)}_{label}"
        labels.add(label)
        if isinstance(built, exp.Column) and built.name == label:
            return built
        return exp.alias_(built, label, quoted=self._odd(label))

    def _expr(self, expr: Expr, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        if expr.share is not None:
            return self._share(expr, name)
        if expr.ref is None:
            return exp.Count(this=exp.Star())
        inner = name(expr.ref)
        if expr.times is not None:
            inner = exp.Mul(this=inner, expression=name(expr.times))
        if expr.since is not None:
            inner = self._days(name(expr.since), inner)
        if expr.bucket:
            inner = self._bucket(inner, expr.bucket)
        if expr.agg == "count":
            return exp.Count(this=exp.Distinct(expressions=[inner]) if expr.distinct else inner)
        kinds = {"sum": exp.Sum, "avg": exp.Avg, "min": exp.Min, "max": exp.Max}
        if expr.agg:
            return kinds[expr.agg](this=exp.Distinct(expressions=[inner]) if expr.distinct else inner)
        return inner

    def _share(self, expr: Expr, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        assert expr.share is not None
        one = (
            exp.Literal.number("100.0")
            if expr.ref is None
            else exp.Mul(this=exp.Literal.number("100.0"), expression=name(expr.ref))
        )
        part = exp.Sum(
            this=exp.Case(ifs=[exp.If(this=self._condition(expr.share, name), true=one)], default=exp.Literal.number(0))
        )
        whole: exp.Expr = exp.Count(this=exp.Star()) if expr.ref is None else exp.Sum(this=name(expr.ref))
        return exp.Round(
            this=exp.Div(this=part, expression=exp.Nullif(this=whole, expression=exp.Literal.number(0))),
            decimals=exp.Literal.number(2),
        )

    def _days(self, start: exp.Expr, end: exp.Expr) -> exp.Expr:
        """Days between two dates or times, with their fraction."""
        if self.dialect == "mysql":
            seconds: exp.Expr = exp.Anonymous(this="TIMESTAMPDIFF", expressions=[exp.Var(this="SECOND"), start, end])
        else:
            apart = exp.Sub(this=exp.cast(end, "timestamp"), expression=exp.cast(start, "timestamp"))
            seconds = exp.Extract(this=exp.Var(this="EPOCH"), expression=exp.paren(apart))
        return exp.Div(this=seconds, expression=exp.Literal.number("86400.0"))

    def _bucket(self, inner: exp.Expr, bucket: str) -> exp.Expr:
        if bucket in FORMATS:
            if self.dialect == "mysql" and bucket == "week":
                return exp.Anonymous(this="DATE_FORMAT", expressions=[inner, exp.Literal.string("%x-W%v")])
            if bucket == "week":
                return exp.Anonymous(this="TO_CHAR", expressions=[inner, exp.Literal.string('IYYY-"W"IW')])
            return exp.TimeToStr(this=inner, format=exp.Literal.string(FORMATS[bucket]))
        year = exp.Extract(this=exp.Var(this="YEAR"), expression=inner)
        if bucket == "year":
            return year
        quarter = exp.Extract(this=exp.Var(this="QUARTER"), expression=inner.copy())
        return exp.Concat(
            expressions=[exp.cast(year, "text"), exp.Literal.string("-Q"), exp.cast(quarter, "text")],
            safe=False,
            coalesce=False,
        )

    # --- conditions -----------------------------------------------------------------------------------------

    def _condition(self, condition: Condition, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        match condition:
            case All():
                return exp.and_(*(self._condition(part, name) for part in condition.parts))
            case Any():
                return exp.paren(exp.or_(*(self._condition(part, name) for part in condition.parts)))
            case Not():
                return exp.not_(self._condition(condition.part, name))
            case Member():
                inside = exp.In(this=name(condition.ref), query=exp.Subquery(this=self.query(condition.form)))
                return exp.not_(inside) if condition.negated else inside
            case Compare():
                return self._compare(condition, name)

    def _compare(self, part: Compare, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        left = self._expr(part.expr, name)
        if part.op in ("null", "not null"):
            test: exp.Expr = exp.Is(this=left, expression=exp.Null())
            return test if part.op == "null" else exp.not_(test)
        if part.op in ("like", "not like", "starts", "ends"):
            text = str(part.value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            pattern = exp.Literal.string({"starts": f"{text}%", "ends": f"%{text}"}.get(part.op, f"%{text}%"))
            kind = exp.ILike if self.dialect == "postgres" else exp.Like
            test = kind(this=left, expression=pattern)
            return exp.not_(test) if part.op == "not like" else test
        right = self._operand(part.value, name)
        if part.fold and isinstance(part.value, str):
            left, right = exp.Lower(this=left), exp.Literal.string(part.value.lower())
        kinds = {"=": exp.EQ, "<>": exp.NEQ, ">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE}
        return kinds[part.op](this=left, expression=right)

    def _operand(self, value: object, name: Callable[[Ref], exp.Expr]) -> exp.Expr:
        match value:
            case Form():
                return exp.Subquery(this=self._select(value))
            case Expr():
                return self._expr(value, name)
            case bool():
                return exp.Boolean(this=value)
            case int() | float():
                return exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value))
            case date():
                return exp.Literal.string(value.isoformat())
            case _:
                return exp.Literal.string(str(value))


_RESERVED = frozenset(["user"])


_KINDS = {"avg": "average", "min": "lowest", "max": "highest"}


def label_of(expr: Expr) -> str:
    """The heading of a result column."""
    if expr.share is not None:
        return "share"
    if expr.since is not None:
        return f"{_KINDS.get(expr.agg, 'total')}_days"
    if expr.label:
        return f"{_KINDS[expr.agg]}_{expr.label}" if expr.agg in _KINDS else expr.label
    if expr.ref is None:
        return f"{(part(expr.table) or expr.table).split('.')[-1]}_count" if expr.table else "count"
    if expr.bucket and not expr.agg:
        return expr.bucket
    if expr.agg == "count":
        return f"{expr.ref.column}_count".lower()
    return f"{expr.agg}_{expr.ref.column}".lower() if expr.agg else expr.ref.column
