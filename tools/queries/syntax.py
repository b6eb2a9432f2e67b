"""SQL text to tree and back without changing what it means: sqlglot, kept from rewriting plain calls."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from tools.connectors.base import Dialect
from tools.errors import QueryRejected
from tools.queries.allowed import FUNCTIONS, SYNTAX

CALL_MARK = "tt_call_"
"""Put before a plain call's name while sqlglot reads it, so that it stays a plain call under its own name."""

_DIALECTS: dict[Dialect, type[SqlglotDialect]] = {"postgres": Postgres, "mysql": MySQL}

_OVERRIDES: dict[Dialect, dict[type[exp.Expr], Callable[[Any, Any], str]]] = {
    # sqlglot would write POWER(a, b): other precedence rules, another label.
    "postgres": {
        exp.Pow: lambda generator, node: str(generator.binary(node, "^")),
        exp.CurrentTime: lambda generator, node: _clock("CURRENT_TIME", generator, node),
        exp.CurrentTimestamp: lambda generator, node: _clock("CURRENT_TIMESTAMP", generator, node),
        exp.Localtime: lambda generator, node: _clock("LOCALTIME", generator, node),
        exp.Localtimestamp: lambda generator, node: _clock("LOCALTIMESTAMP", generator, node),
    },
    # sqlglot writes REGEXP_LIKE(a, b) and j ->> '$.x', which MariaDB does not know.
    "mysql": {
        exp.RegexpLike: lambda generator, node: str(generator.binary(node, "REGEXP")),
        # It would quote DUAL, the table that is none.
        exp.Table: lambda generator, node: "DUAL" if is_dual(node) else str(generator.table_sql(node)),
        exp.JSONExtractScalar: lambda generator, node: (
            f"JSON_UNQUOTE(JSON_EXTRACT({generator.sql(node, 'this')}, {generator.sql(node, 'expression')}))"
        ),
    },
}


def _clock(name: str, generator: Any, node: exp.Expr) -> str:
    return f"{name}({generator.sql(node, 'this')})" if node.args.get("this") is not None else name


def is_dual(node: exp.Expr) -> bool:
    """Whether a table is MySQL's DUAL, which holds nothing and needs no catalogue."""
    name = node.this
    plain = isinstance(name, exp.Identifier) and not name.args.get("quoted") and name.name.upper() == "DUAL"
    return plain and node.args.get("db") is None


def tokenize(sql: str, dialect: Dialect) -> list[Token]:
    """Split SQL into tokens; QueryRejected when its quotes or comments do not close."""
    try:
        return list(_DIALECTS[dialect]().tokenize(sql))
    except SqlglotError as error:
        raise QueryRejected(f"The SQL cannot be read: {error}. Check that every quote and comment is closed.") from None


def parse(sql: str, tokens: list[Token], dialect: Dialect) -> exp.Expr:
    """Read exactly one statement; QueryRejected when there is none, more than one, or it is no SQL of the dialect."""
    marked = _shield_arrows(_marked(tokens, dialect))
    try:
        trees = _DIALECTS[dialect]().parser(error_level=ErrorLevel.IMMEDIATE).parse(marked, sql)
    except SqlglotError as error:
        raise QueryRejected(f"The SQL cannot be read: {_first_line(error)} Write one plain SELECT.") from None
    while trees and (trees[-1] is None or isinstance(trees[-1], exp.Semicolon)):
        trees.pop()
    if len(trees) != 1 or trees[0] is None:
        found = "none" if not trees else f"{len(trees)} statements"
        raise QueryRejected(f"Exactly one statement may run, but the text holds {found}. Send one SELECT at a time.")
    tree: exp.Expr = trees[0]
    for node in tree.find_all(exp.Anonymous, exp.Identifier, exp.Var, exp.JSONExtract):
        name = node.this
        if isinstance(name, str):
            if name.startswith(CALL_MARK):
                node.set("this", name[len(CALL_MARK) :])
        elif (
            isinstance(name, exp.Paren) and isinstance(name.this, exp.Paren) and isinstance(name.this.this, exp.Column)
        ):
            node.set("this", name.this.this)
    return tree


def generate(tree: exp.Expr, dialect: Dialect, *, keep: bool = True) -> str:
    """Write the tree as SQL without comments; QueryRejected for what the dialect has no words for.

    Without `keep` the tree is used up.
    """
    generator: Any = _DIALECTS[dialect]().generator(
        comments=False, normalize_functions=False, unsupported_level=ErrorLevel.RAISE
    )
    # The compiled generator cannot be subclassed; its table of writers is an attribute of each instance.
    generator._dispatch = {**generator._dispatch, **_OVERRIDES[dialect]}  # noqa: SLF001
    try:
        return str(generator.generate(tree, copy=keep))
    except SqlglotError as error:
        raise QueryRejected(f"The SQL uses what this database does not have: {_first_line(error)}") from None


def _marked(tokens: list[Token], dialect: Dialect) -> list[Token]:
    """The tokens with each listed function's name marked."""
    marked = list(tokens)
    for place in range(len(tokens) - 1):
        if tokens[place + 1].token_type != TokenType.L_PAREN:
            continue
        token = tokens[place]
        name = token.text.lower()
        quoted = token.token_type in (TokenType.IDENTIFIER, TokenType.STRING)
        if not quoted and name in FUNCTIONS[dialect] and name not in SYNTAX[dialect]:
            marked[place] = Token(TokenType.VAR, CALL_MARK + token.text, token.line, token.col, token.start, token.end)
    return marked


def _shield_arrows(tokens: list[Token]) -> list[Token]:
    """Put `name -> ...` at the start of an argument as `((name)) -> ...`: sqlglot would read a lambda function."""
    if all(token.token_type != TokenType.ARROW for token in tokens):
        return tokens
    shielded: list[Token] = []
    for token in tokens:
        if token.token_type == TokenType.ARROW:
            start = _argument_start(shielded)
            if start is not None:
                body = shielded[start:]
                del shielded[start:]
                pairs = 1 if len(body) == 3 else 2
                shielded += [Token(TokenType.L_PAREN, "(")] * pairs + body + [Token(TokenType.R_PAREN, ")")] * pairs
        shielded.append(token)
    return shielded


def _argument_start(tokens: list[Token]) -> int | None:
    """Where `name` or `(name)` begins, when it ends the tokens and starts an argument."""
    opening = (TokenType.L_PAREN, TokenType.COMMA, TokenType.DISTINCT)
    if len(tokens) >= 4 and tokens[-1].token_type == TokenType.R_PAREN and tokens[-3].token_type == TokenType.L_PAREN:
        return len(tokens) - 3 if tokens[-4].token_type in opening else None
    if (
        len(tokens) >= 2
        and tokens[-2].token_type in opening
        and tokens[-1].token_type not in (TokenType.R_PAREN, TokenType.STRING)
    ):
        return len(tokens) - 1
    return None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].strip().rstrip(".") + "."
