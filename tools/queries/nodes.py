"""The judge of single nodes: kinds, filled parts, functions, tables and types against the lists."""

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from tools.connectors.base import Dialect, TableSchema
from tools.errors import QueryRejected
from tools.queries import allowed, bounds
from tools.queries.labels import fold

_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
_PLAIN_NAME = re.compile(r"[^\W\d][\w$]*|\d+[A-Za-z_$][\w$]*")


class NodeJudge:
    """Judges the nodes of trees; `foreign` gathers the types they cast to that only a catalogue can allow."""

    def __init__(self, dialect: Dialect) -> None:
        """Choose the lists of a dialect."""
        self.dialect = dialect
        self.foreign: set[str] = set()
        self._judges: dict[str, Callable[[exp.Expr], None]] = {
            "Select": self._judge_select,
            "Anonymous": self._judge_call,
            "Table": self._judge_table,
            "TableSample": self._judge_sample,
            "DataType": self._judge_type,
            "Identifier": self._judge_identifier,
            "Literal": self._judge_literal,
            "Var": self._judge_var,
            "Column": self._judge_column,
            "ColumnDef": self._judge_definition,
            "Alias": self._judge_alias,
            "Collate": self._judge_collation,
            "Interval": self._judge_interval,
            "GroupConcat": self._judge_concatenation,
        }

    def check(self, tree: exp.Expr) -> None:
        """Judge every node; QueryRejected for the first that is not known to be harmless."""
        if type(tree).__name__ not in allowed.STATEMENTS:
            kind = tree.name if isinstance(tree, exp.Command) else tree.key
            raise QueryRejected(
                f"Only a SELECT may run, and this is {kind.upper()!r}; nothing here can change a database."
            )
        for node in tree.walk():
            kind = type(node).__name__
            if kind not in allowed.NODES:
                raise QueryRejected(_unknown_node(node, self.dialect))
            parts = allowed.PARTS.get(kind)
            if parts is not None:
                extra = [key for key, value in node.args.items() if key not in parts and value]
                if extra:
                    part = extra[0].rstrip("_").upper()
                    raise QueryRejected(
                        f"{part} is not allowed in a {kind.upper()}; only plain reading is. Leave it out."
                    )
            judge = self._judges.get(kind)
            if judge is not None:
                judge(node)

    # One judge for each kind that is only sometimes harmless

    def _judge_call(self, node: exp.Expr) -> None:
        if not isinstance(node.this, str):
            raise QueryRejected(
                f"A quoted name {node.name!r} is called as a function; call built-in functions unquoted."
            )
        name = node.name.lower()
        if name not in allowed.FUNCTIONS[self.dialect]:
            raise QueryRejected(unknown_function(name, self.dialect))
        standing = isinstance(node.parent, (exp.Table, exp.Lateral)) and node.arg_key == "this"
        if standing and name not in allowed.TABLE_FUNCTIONS[self.dialect]:
            raise QueryRejected(f"Function {name!r} may not stand in FROM; call it in the select list.")
        if any(isinstance(item, exp.Alias) for item in node.expressions):
            raise QueryRejected(f"An argument of {name} has an alias; write the arguments plainly.")

    def _judge_table(self, node: exp.Expr) -> None:
        if node.args.get("rows_from"):
            return
        if not isinstance(node.this, (exp.Identifier, exp.Anonymous, exp.JSONTable)):
            raise QueryRejected("FROM takes tables, sub-queries and listed functions only; name a table.")
        db = node.args.get("db")
        schema, name = (db.name.lower() if db is not None else ""), node.name.lower()
        if schema in allowed.SYSTEM_SCHEMAS[self.dialect] or (self.dialect == "postgres" and schema.startswith("pg_")):
            raise QueryRejected(
                f"The system catalogue {schema + '.' + name!r} may not be read; ask for the list of tables."
            )
        if (
            self.dialect == "postgres"
            and isinstance(node.this, exp.Identifier)
            and not schema
            and name.startswith("pg_")
        ):
            raise QueryRejected(f"The system catalogue {name!r} may not be read; ask for the list of tables instead.")

    def _judge_sample(self, node: exp.Expr) -> None:
        method = node.args.get("method")
        if method is None or method.name.upper() not in ("SYSTEM", "BERNOULLI"):
            raise QueryRejected("TABLESAMPLE takes SYSTEM or BERNOULLI only; use one of them.")

    def _judge_type(self, node: exp.Expr) -> None:
        kind = node.this
        if isinstance(kind, exp.Interval):
            return
        label = kind.name if isinstance(kind, exp.DType) else str(kind)
        if label in allowed.TYPES:
            return
        inner = node.args.get("kind")
        named = inner.name if isinstance(inner, exp.Identifier) else str(inner or "")
        if label != "USERDEFINED" or not isinstance(inner, (exp.Identifier, str)):
            raise _wrong_type(named or label)
        if named.lower() not in allowed.NAMED_TYPES[self.dialect]:
            self.foreign.add(named.lower())

    def _judge_identifier(self, node: exp.Expr) -> None:
        if not node.args.get("quoted") and not _PLAIN_NAME.fullmatch(node.name):
            raise QueryRejected(f"{node.name!r} cannot stand as a name; put it in quotes.")

    def _judge_literal(self, node: exp.Expr) -> None:
        if not node.is_string and not (node.name.isascii() and _NUMBER.fullmatch(node.name)):
            raise QueryRejected(f"{node.name!r} is no number the database reads as one; write it in digits.")

    def _judge_var(self, node: exp.Expr) -> None:
        """A bare word: a unit of time, a character set, a named argument, a sampling method, LIMIT ALL."""
        parent = node.parent
        if isinstance(parent, (exp.Interval, exp.Extract)):
            if node.name.lower() in allowed.UNITS:
                return
        elif isinstance(
            parent,
            (
                exp.DataType,
                exp.DataTypeParam,
                exp.Chr,
                exp.Introducer,
                exp.Kwarg,
                exp.TableSample,
                exp.Limit,
                exp.Collate,
            ),
        ):
            if re.fullmatch(r"\w+", node.name, re.ASCII):
                return
        elif isinstance(parent, exp.WindowSpec) and node.name.upper() in ("TIES", "GROUP", "CURRENT ROW", "NO OTHERS"):
            return
        raise QueryRejected(f"The word {node.name!r} cannot stand here; write it another way.")

    def _judge_column(self, node: exp.Expr) -> None:
        name = node.this
        bare = isinstance(name, exp.Identifier) and not name.args.get("quoted") and node.args.get("table") is None
        if bare and fold(name, self.dialect).lower() in allowed.BARE_CALLS[self.dialect]:
            raise QueryRejected(
                f"{name.name.upper()} tells about the session and may not be read; quote it if it is a column."
            )
        if not isinstance(name, (exp.Identifier, exp.Star)):
            raise QueryRejected("A column must be a plain name; write table.column.")

    def _judge_definition(self, node: exp.Expr) -> None:
        if not isinstance(node.parent, exp.TableAlias):
            raise QueryRejected("A column definition may only follow a function in FROM; leave it out.")

    def _judge_alias(self, node: exp.Expr) -> None:
        if not isinstance(node.parent, exp.Select):
            raise QueryRejected(f"The alias {node.alias!r} stands outside a select list; leave it out.")

    def _judge_collation(self, node: exp.Expr) -> None:
        if isinstance(node.expression, (exp.Identifier, exp.Column, exp.Var, exp.Literal)):
            return
        raise QueryRejected("COLLATE takes the name of a collation; write it plainly.")

    def _judge_interval(self, node: exp.Expr) -> None:
        if isinstance(node.this, exp.Tuple):
            raise QueryRejected("The function INTERVAL(...) is not supported; use CASE WHEN.")

    def _judge_concatenation(self, node: exp.Expr) -> None:
        if node.find(exp.Limit):
            raise QueryRejected("LIMIT inside GROUP_CONCAT is not supported; limit the rows in a sub-query.")

    def _judge_select(self, node: exp.Expr) -> None:
        if not node.expressions:
            raise QueryRejected("A SELECT reads no column; name what it shall read.")


def unknown_function(name: str, dialect: Dialect) -> str:
    """Say that a function is not on the list, and which one may have been meant."""
    near = bounds.nearest(name, allowed.FUNCTIONS[dialect])
    return f"Function {name!r} is not on the list of functions that only read{near or '; use another way.'}"


def _unknown_node(node: exp.Expr, dialect: Dialect) -> str:
    if isinstance(node, (exp.Parameter, exp.SessionParameter, exp.Placeholder)):
        return "Variables and placeholders are not allowed; write the values into the SQL."
    if isinstance(node, exp.Dot):
        return (
            f"{node.sql(dialect)[:80]!r} calls or reads through a dot; "
            "write functions without schema, columns as table.column."
        )
    if isinstance(node, exp.Into):
        return "SELECT ... INTO writes; leave INTO out."
    if isinstance(node, exp.Lock):
        return "Locking rows (FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE) is not allowed; leave it out."
    if isinstance(node, (exp.DML, exp.DDL, exp.Command)):
        return f"{node.key.upper()} changes a database; only a SELECT may run."
    if isinstance(node, exp.Func):
        return unknown_function(str(node.sql_name()).lower(), dialect)
    return f"{node.key.upper()} is not among what a reading query may hold; write it another way."


def check_types(foreign: frozenset[str], catalog: Sequence[TableSchema]) -> None:
    """Allow casts to the enumerated types that columns of the catalogue have: they call no code of anybody's."""
    enums = {
        column.type.rsplit(".", 1)[-1].strip('"').lower()
        for table in catalog
        for column in table.columns
        if column.enum_values
    }
    for name in sorted(foreign - enums):
        raise _wrong_type(name)


def _wrong_type(name: str) -> QueryRejected:
    return QueryRejected(f"A cast to {name!r} is not allowed; cast to a built-in type such as text or numeric.")
