"""The judge of every statement: only what is known to read, and nothing else, comes out as SQL to run."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Self

from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from tools.connectors.base import Dialect, Frozen, TableSchema
from tools.errors import QueryRejected
from tools.queries import allowed, bounds
from tools.queries.names import Names, fold
from tools.queries.syntax import CALL_MARK, generate, parse, tokenize

_LURES = ("/*!", "/*M!", "/*m!", "{#", "{%", "{{")
"""Texts that the parser takes for a comment or a template while the server runs what follows."""
_UNICODE_ESCAPE = re.compile(r"(?<![\w$])[uU]&[\"']")
_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
_PLAIN_NAME = re.compile(r"[^\W\d][\w$]*|\d+[A-Za-z_$][\w$]*")
_BRACKETS = {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1, TokenType.CASE: 1, TokenType.END: -1}
_PREFIXES = {TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE, TokenType.RLIKE, TokenType.CASE}
_MOST_SUBSCRIPTS_NESTED = 6
_MOST_PREFIXES = 20
_MOST_ROUNDS = 4


class Limits(Frozen):
    """How large a statement may be; settings sql_bytes, sql_depth and sql_joins."""

    bytes: int = 20_000
    depth: int = 60
    joins: int = 30


class CheckedSQL(str):
    """SQL that passed: the text regenerated from its tree, with the names it reads."""

    tables: tuple[tuple[str, str], ...]
    """(schema, table) of each real table; the schema is empty where neither text nor catalogue told it."""
    columns: tuple[tuple[str, str], ...]
    """(table, column) of each column of a real table."""

    def __new__(cls, sql: str, tables: tuple[tuple[str, str], ...], columns: tuple[tuple[str, str], ...]) -> Self:
        """Bind the names to the text."""
        self = super().__new__(cls, sql)
        self.tables = tables
        self.columns = columns
        return self


def check(
    sql: str, dialect: Dialect, catalog: Sequence[TableSchema] | None = None, limits: Limits | None = None
) -> CheckedSQL:
    """Give the statement as it may run, regenerated from its tree, or raise QueryRejected saying why not.

    With a catalogue every table and column must exist in it. What cannot be judged is refused.
    """
    try:
        return _check(sql, dialect, catalog, limits or Limits())
    except QueryRejected:
        raise
    except RecursionError:
        raise QueryRejected("The query is nested too deep to be checked; write it flatter, with WITH.") from None
    except Exception as error:  # whatever goes wrong while judging is a refusal, never a pass
        raise QueryRejected(
            f"The query could not be checked ({type(error).__name__}), so it does not run; write it more plainly."
        ) from error


def _check(sql: str, dialect: Dialect, catalog: Sequence[TableSchema] | None, limits: Limits) -> CheckedSQL:
    if dialect not in allowed.FUNCTIONS:
        raise QueryRejected(f"Queries of dialect {dialect!r} cannot be checked; known are postgres and mysql.")
    text, enums = str(sql), _enums(catalog)
    tree = _judge(text, dialect, limits, enums, asked=True)
    for _ in range(_MOST_ROUNDS):
        written = generate(tree, dialect)
        tree = _judge(written, dialect, limits, enums, asked=False)
        if written == text:
            break
        text = written
    else:
        raise QueryRejected("The query reads differently each time it is written out; write it more plainly.")
    names = Names(dialect, catalog)
    names.resolve(tree)
    return CheckedSQL(text, tuple(names.tables), tuple(names.columns))


def _judge(text: str, dialect: Dialect, limits: Limits, enums: frozenset[str], *, asked: bool) -> exp.Expression:
    # A regenerated text may be longer than what was asked: casts and aliases are spelled out.
    _check_text(text, limits.bytes if asked else limits.bytes * 2)
    tokens = tokenize(text, dialect)
    _check_tokens(tokens, limits, dialect)
    tree = parse(text, tokens, dialect)
    _check_nodes(tree, dialect, enums)
    _check_words_before_parentheses(tree, tokens, dialect)
    bounds.check_size(tree, limits.depth, limits.joins)
    bounds.check_calls(tree, dialect)
    bounds.check_joins(tree, dialect)
    bounds.check_recursion(tree, dialect)
    return tree


def _enums(catalog: Sequence[TableSchema] | None) -> frozenset[str]:
    """Names of enumerated types that columns of the catalogue have: harmless to cast to."""
    found = (column.type for table in catalog or () for column in table.columns if column.enum_values)
    return frozenset(name.rsplit(".", 1)[-1].strip('"').lower() for name in found)


def _check_text(text: str, most: int) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > most:
        raise QueryRejected(f"The SQL is longer than {most:,} bytes; ask for less at once.")
    for letter in text:
        if letter in " \t\n\r" or "!" <= letter <= "~":
            continue
        kind = unicodedata.category(letter)
        if kind[0] in "CZ":
            raise QueryRejected(
                f"The SQL holds the invisible character U+{ord(letter):04X}; remove it, or write it with chr()."
            )
    for lure in _LURES:
        if lure in text:
            raise QueryRejected(f"The SQL holds {lure!r}, which hides code from the check; remove it.")
    if _UNICODE_ESCAPE.search(text):
        raise QueryRejected("The SQL holds a U&'' escape; write the letters themselves.")


def _check_tokens(tokens: list[Token], limits: Limits, dialect: Dialect) -> None:
    depth = subscripts = prefixes = 0
    for token in tokens:
        depth += _BRACKETS.get(token.token_type, 0)
        subscripts += (token.token_type == TokenType.L_BRACKET) - (token.token_type == TokenType.R_BRACKET)
        prefixes = prefixes + 1 if token.token_type in _PREFIXES else 0
        if depth > limits.depth or subscripts > _MOST_SUBSCRIPTS_NESTED or prefixes > _MOST_PREFIXES:
            raise QueryRejected(f"The query is nested deeper than {limits.depth} levels; write it flatter, with WITH.")
        if (
            any(comment.lstrip("*").lstrip().startswith("+") for comment in token.comments)
            or token.token_type == TokenType.HINT
        ):
            raise QueryRejected("Hints to the planner are not allowed; remove the /*+ ... */ comment.")
        if token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER) and CALL_MARK in token.text.lower():
            raise QueryRejected(f"Names with {CALL_MARK!r} are reserved; rename it.")


def _check_words_before_parentheses(tree: exp.Expression, tokens: list[Token], dialect: Dialect) -> None:
    """Whatever stands before a parenthesis is a listed function, a keyword, or an alias with a column list."""
    lists = Counter(
        alias.this.name.lower()
        for alias in tree.find_all(exp.TableAlias)
        if alias.args.get("columns") and alias.this is not None
    )
    for token, following in zip(tokens, tokens[1:], strict=False):
        if following.token_type != TokenType.L_PAREN:
            continue
        name = token.text.lower()
        if token.token_type == TokenType.IDENTIFIER:
            if not lists[name]:
                raise QueryRejected(
                    f"A quoted name {token.text!r} is called as a function; call built-in functions unquoted."
                )
            lists[name] -= 1
        elif token.token_type == TokenType.STRING or not (name[:1].isalpha() or name[:1] == "_") or name in allowed.FUNCTIONS[dialect] or name in allowed.SYNTAX[dialect] or name in allowed.CALL_WORDS or all(part in allowed.CALL_WORDS for part in name.split()):
            continue
        elif lists[name]:
            lists[name] -= 1
        else:
            raise QueryRejected(_unknown_function(name, dialect))


def _unknown_function(name: str, dialect: Dialect) -> str:
    near = bounds.nearest(name, allowed.FUNCTIONS[dialect])
    return f"Function {name!r} is not on the list of functions that only read{near or '; use another way.'}"


def _check_nodes(tree: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if type(tree).__name__ not in allowed.STATEMENTS:
        kind = tree.name if isinstance(tree, exp.Command) else tree.key
        raise QueryRejected(f"Only a SELECT may run, and this is {kind.upper()!r}; nothing here can change a database.")
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in allowed.NODES:
            raise QueryRejected(_unknown_node(node, dialect))
        parts = allowed.PARTS.get(kind)
        if parts is not None:
            filled = {key for key, value in node.args.items() if value not in (None, False) and value != []}
            if filled - parts:
                part = sorted(filled - parts)[0].rstrip("_").upper()
                raise QueryRejected(f"{part} is not allowed in a {kind.upper()}; only plain reading is. Leave it out.")
        judge = _NODE_CHECKS.get(kind)
        if judge is not None:
            judge(node, dialect, enums)


def _unknown_node(node: exp.Expression, dialect: Dialect) -> str:
    if isinstance(node, (exp.Parameter, exp.SessionParameter, exp.Placeholder)):
        return "Variables and placeholders are not allowed; write the values into the SQL."
    if isinstance(node, exp.Dot):
        return f"{node.sql(dialect)[:80]!r} calls or reads through a dot; write functions without schema, columns as table.column."
    if isinstance(node, exp.Into):
        return "SELECT ... INTO writes; leave INTO out."
    if isinstance(node, exp.Lock):
        return "Locking rows (FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE) is not allowed; leave it out."
    if isinstance(node, (exp.DML, exp.DDL, exp.Command)):
        return f"{node.key.upper()} changes a database; only a SELECT may run."
    if isinstance(node, exp.Func):
        return _unknown_function(str(node.sql_name()).lower(), dialect)
    return f"{node.key.upper()} is not among what a reading query may hold; write it another way."


# One judge for each kind of node that is only sometimes harmless


def _judge_call(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if not isinstance(node.this, str):
        raise QueryRejected(f"A quoted name {node.name!r} is called as a function; call built-in functions unquoted.")
    name = node.name.lower()
    if name not in allowed.FUNCTIONS[dialect]:
        raise QueryRejected(_unknown_function(name, dialect))
    standing = isinstance(node.parent, (exp.Table, exp.Lateral)) and node.arg_key == "this"
    if standing and name not in allowed.TABLE_FUNCTIONS[dialect]:
        raise QueryRejected(f"Function {name!r} may not stand in FROM; call it in the select list.")
    if any(isinstance(item, exp.Alias) for item in node.expressions):
        raise QueryRejected(f"An argument of {name} has an alias; write the arguments plainly.")


def _judge_table(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if node.args.get("rows_from"):
        return
    if not isinstance(node.this, (exp.Identifier, exp.Anonymous, exp.JSONTable)):
        raise QueryRejected("FROM takes tables, sub-queries and listed functions only; name a table.")
    db = node.args.get("db")
    schema, name = (db.name.lower() if db is not None else ""), node.name.lower()
    if schema in allowed.SYSTEM_SCHEMAS[dialect] or (dialect == "postgres" and schema.startswith("pg_")):
        raise QueryRejected(
            f"The system catalogue {schema + '.' + name!r} may not be read; ask for the list of tables."
        )
    if dialect == "postgres" and isinstance(node.this, exp.Identifier) and not schema and name.startswith("pg_"):
        raise QueryRejected(f"The system catalogue {name!r} may not be read; ask for the list of tables instead.")


def _judge_sample(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    method = node.args.get("method")
    if method is None or method.name.upper() not in ("SYSTEM", "BERNOULLI"):
        raise QueryRejected("TABLESAMPLE takes SYSTEM or BERNOULLI only; use one of them.")


def _judge_type(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    kind = node.this
    if isinstance(kind, exp.Interval):
        return
    label = kind.name if isinstance(kind, exp.DType) else str(kind)
    if label in allowed.TYPES:
        return
    inner = node.args.get("kind")
    named = inner.name if isinstance(inner, exp.Identifier) else str(inner or "")
    if label == "USERDEFINED" and named.lower() in allowed.NAMED_TYPES[dialect] | enums:
        return
    raise QueryRejected(
        f"A cast to {named or label!r} is not allowed; cast to a built-in type such as text or numeric."
    )


def _judge_identifier(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if not node.args.get("quoted") and not _PLAIN_NAME.fullmatch(node.name):
        raise QueryRejected(f"{node.name!r} cannot stand as a name; put it in quotes.")


def _judge_literal(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if not node.is_string and not (node.name.isascii() and _NUMBER.fullmatch(node.name)):
        raise QueryRejected(f"{node.name!r} is no number the database reads as one; write it in digits.")


def _judge_var(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    """A bare word: a unit of time, a character set, a named argument, a sampling method, LIMIT ALL."""
    parent = node.parent
    if isinstance(parent, (exp.Interval, exp.Extract)):
        if node.name.lower() in allowed.UNITS:
            return
    elif isinstance(
        parent,
        (exp.DataType, exp.DataTypeParam, exp.Chr, exp.Introducer, exp.Kwarg, exp.TableSample, exp.Limit, exp.Collate),
    ):
        if re.fullmatch(r"\w+", node.name, re.ASCII):
            return
    elif isinstance(parent, exp.WindowSpec) and node.name.upper() in ("TIES", "GROUP", "CURRENT ROW", "NO OTHERS"):
        return
    raise QueryRejected(f"The word {node.name!r} cannot stand here; write it another way.")


def _judge_column(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    name = node.this
    bare = isinstance(name, exp.Identifier) and not name.args.get("quoted") and node.args.get("table") is None
    if bare and fold(name, dialect).lower() in allowed.BARE_CALLS[dialect]:
        raise QueryRejected(
            f"{name.name.upper()} tells about the session and may not be read; quote it if it is a column."
        )
    if not isinstance(name, (exp.Identifier, exp.Star)):
        raise QueryRejected("A column must be a plain name; write table.column.")


def _judge_definition(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if not isinstance(node.parent, exp.TableAlias):
        raise QueryRejected("A column definition may only follow a function in FROM; leave it out.")


def _judge_alias(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if not isinstance(node.parent, exp.Select):
        raise QueryRejected(f"The alias {node.alias!r} stands outside a select list; leave it out.")


def _judge_collation(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if isinstance(node.expression, (exp.Identifier, exp.Column, exp.Var, exp.Literal)):
        return
    raise QueryRejected("COLLATE takes the name of a collation; write it plainly.")


def _judge_interval(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if isinstance(node.this, exp.Tuple):
        raise QueryRejected("The function INTERVAL(...) is not supported; use CASE WHEN.")


def _judge_concatenation(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if node.find(exp.Limit):
        raise QueryRejected("LIMIT inside GROUP_CONCAT is not supported; limit the rows in a sub-query.")


def _judge_select(node: exp.Expression, dialect: Dialect, enums: frozenset[str]) -> None:
    if not node.expressions:
        raise QueryRejected("A SELECT reads no column; name what it shall read.")


_NODE_CHECKS = {
    "Select": _judge_select,
    "Anonymous": _judge_call,
    "Table": _judge_table,
    "TableSample": _judge_sample,
    "DataType": _judge_type,
    "Identifier": _judge_identifier,
    "Literal": _judge_literal,
    "Var": _judge_var,
    "Column": _judge_column,
    "ColumnDef": _judge_definition,
    "Alias": _judge_alias,
    "Collate": _judge_collation,
    "Interval": _judge_interval,
    "GroupConcat": _judge_concatenation,
}
