"""The judge of every statement: only what is known to read, and nothing else, comes out as SQL to run."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Self

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from tools.connectors.base import Dialect, Frozen, TableSchema
from tools.errors import NotAllowed, QueryRejected
from tools.queries import allowed, bounds, masks
from tools.queries.barrier import check_barriers, raise_barriers
from tools.queries.names import Names
from tools.queries.nodes import NodeJudge, check_types, unknown_function
from tools.queries.recursion import check_recursion
from tools.queries.syntax import CALL_MARK, generate, parse, tokenize
from tools.reach import Reach

_LURES = ("/*!", "/*M!", "/*m!", "{#", "{%", "{{")
"""Texts that the parser takes for a comment or a template while the server runs what follows."""
_UNUSUAL = re.compile(r"[^ -~\t\n\r]")
_UNICODE_ESCAPE = re.compile(r"(?<![\w$])[uU]&[\"']")
_BRACKETS = {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1, TokenType.CASE: 1, TokenType.END: -1}
_SUBSCRIPTS = {TokenType.L_BRACKET: 1, TokenType.R_BRACKET: -1}
_PREFIXES = {TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE, TokenType.RLIKE, TokenType.CASE}
_MOST_SUBSCRIPTS_NESTED = 6
_MOST_PREFIXES = 20
_MOST_ROUNDS = 4


class Limits(Frozen):
    """How large a statement may be; settings sql_bytes, sql_depth and sql_joins."""

    bytes: int = 20_000
    depth: int = 60
    joins: int = 30


class CheckedSQL(str):  # noqa: SLOT000 - a str subclass with state
    """SQL that passed: the text regenerated from its tree, with the names it reads."""

    tables: tuple[tuple[str, str], ...]
    """(schema, table) of each real table; the schema is empty where neither text nor catalogue told it."""
    columns: tuple[tuple[str, str], ...]
    """(table, column) of each column of a real table."""

    bounded: bool
    """Whether it ends in a LIMIT or FETCH of its own."""

    def __new__(
        cls, sql: str, tables: tuple[tuple[str, str], ...], columns: tuple[tuple[str, str], ...], *, bounded: bool
    ) -> Self:
        """Bind the names to the text."""
        self = super().__new__(cls, sql)
        self.tables = tables
        self.columns = columns
        self.bounded = bounded
        return self

    def limited(self, most: int) -> str:
        """The text to send, with a LIMIT behind it when it has none: the planner then sorts and reads less."""
        return str(self) if self.bounded else f"{self} LIMIT {most}"


def check(
    sql: str,
    dialect: Dialect,
    catalog: Sequence[TableSchema] | None = None,
    limits: Limits | None = None,
    reach: Reach | None = None,
) -> CheckedSQL:
    """Give the statement as it may run, regenerated from its tree, or raise QueryRejected saying why not.

    With a catalogue every table and column must exist in it; with a `reach`, policies and masks are put in, hidden
    tables do not exist, and a missing attribute is NotAllowed. What cannot be judged is refused.
    """
    try:
        return _check(sql, dialect, catalog, limits or Limits(), reach or Reach())
    except (QueryRejected, NotAllowed):
        raise
    except RecursionError:
        raise QueryRejected("The query is nested too deep to be checked; write it flatter, with WITH.") from None
    except Exception as error:  # whatever goes wrong while judging is a refusal, never a pass
        raise QueryRejected(
            f"The query could not be checked ({type(error).__name__}), so it does not run; write it more plainly."
        ) from error


def _check(
    sql: str, dialect: Dialect, catalog: Sequence[TableSchema] | None, limits: Limits, reach: Reach
) -> CheckedSQL:
    if dialect not in allowed.FUNCTIONS:
        raise QueryRejected(f"Queries of dialect {dialect!r} cannot be checked; known are postgres and mysql.")
    text, tree, foreign = _regenerated(str(sql), dialect, limits)
    if foreign:
        check_types(foreign, catalog or ())
    names = Names(dialect, catalog if catalog is None else reach.visible(catalog))
    names.resolve(tree)
    masks.refuse_key(text)
    if reach.restricted:
        if catalog is None:
            raise QueryRejected("This database has policies, and its tables are not known yet; refresh it first.")
        text = _behind_barriers(tree, dialect, catalog, limits, reach)
    bounded = bool(tree.args.get("limit") or tree.args.get("fetch"))
    return CheckedSQL(text, tuple(names.tables), tuple(names.columns), bounded=bounded)


def _behind_barriers(
    tree: exp.Expr, dialect: Dialect, catalog: Sequence[TableSchema], limits: Limits, reach: Reach
) -> str:
    """The text to run with every policy in it, judged like any other and looked through once more."""
    roomy = Limits(bytes=limits.bytes * 4, depth=limits.depth * 2, joins=limits.joins)
    judge = NodeJudge(dialect)
    raised, harmless = raise_barriers(tree, dialect, catalog, reach)
    text = generate(raised, dialect, keep=False)
    for _ in range(_MOST_ROUNDS):
        judged = _judge(text, dialect, roomy, judge, roomy.bytes)
        written = generate(judged, dialect)
        if written == text:
            check_barriers(judged, dialect, catalog, reach, harmless)
            return text
        text = written
    raise QueryRejected("With its policies the query reads differently each time; write it more plainly.")


@lru_cache(maxsize=128)
def _regenerated(text: str, dialect: Dialect, limits: Limits) -> tuple[str, exp.Expr, frozenset[str]]:
    """The text to run, its judged tree, and the types it casts to that only a catalogue may allow.

    What runs is a text that its own judged tree writes again letter for letter. Nothing here depends on a catalogue,
    so the same question asked again need not be judged again; nobody changes the tree.
    """
    judge = NodeJudge(dialect)
    text = generate(_judge(text, dialect, limits, judge, limits.bytes), dialect, keep=False)
    for _ in range(_MOST_ROUNDS):
        # A regenerated text may be longer than what was asked: casts and aliases are spelled out.
        tree = _judge(text, dialect, limits, judge, limits.bytes * 2)
        written = generate(tree, dialect)
        if written == text:
            _check_bounds(tree, dialect, limits)
            return text, tree, frozenset(judge.foreign)
        text = written
    raise QueryRejected("The query reads differently each time it is written out; write it more plainly.")


def _judge(text: str, dialect: Dialect, limits: Limits, judge: NodeJudge, most: int) -> exp.Expr:
    _check_text(text, most)
    tokens = tokenize(text, dialect)
    _check_tokens(tokens, limits)
    tree = parse(text, tokens, dialect)
    judge.check(tree)
    _check_words_before_parentheses(tree, tokens, dialect)
    return tree


def _check_bounds(tree: exp.Expr, dialect: Dialect, limits: Limits) -> None:
    bounds.check_size(tree, limits.depth, limits.joins)
    bounds.check_calls(tree, dialect)
    bounds.check_joins(tree, dialect)
    check_recursion(tree, dialect)


def _check_text(text: str, most: int) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > most:
        raise QueryRejected(f"The SQL is longer than {most:,} bytes; ask for less at once.")
    for letter in _UNUSUAL.findall(text):
        kind = unicodedata.category(letter)
        if kind[0] in "CZ":
            raise QueryRejected(
                f"The SQL holds the invisible character U+{ord(letter):04X}; remove it, or write it with chr()."
            )
    for lure in _LURES:
        if lure in text:
            raise QueryRejected(f"The SQL holds {lure!r}, which hides code from the check; remove it.")
    if CALL_MARK in text.lower():
        raise QueryRejected(f"The text {CALL_MARK!r} is reserved for the check; name it otherwise.")
    if "&" in text and _UNICODE_ESCAPE.search(text):
        raise QueryRejected("The SQL holds a U&'' escape; write the letters themselves.")


def _check_tokens(tokens: list[Token], limits: Limits) -> None:
    depth = subscripts = prefixes = 0
    for token in tokens:
        kind = token.token_type
        depth += _BRACKETS.get(kind, 0)
        subscripts += _SUBSCRIPTS.get(kind, 0)
        prefixes = prefixes + 1 if kind in _PREFIXES else 0
        if depth > limits.depth or subscripts > _MOST_SUBSCRIPTS_NESTED or prefixes > _MOST_PREFIXES:
            raise QueryRejected(f"The query is nested deeper than {limits.depth} levels; write it flatter, with WITH.")
        hinted = token.comments and any(note.lstrip("*").lstrip().startswith("+") for note in token.comments)
        if hinted or kind == TokenType.HINT:
            raise QueryRejected("Hints to the planner are not allowed; remove the /*+ ... */ comment.")


def _check_words_before_parentheses(tree: exp.Expr, tokens: list[Token], dialect: Dialect) -> None:
    """Whatever stands before a parenthesis is a listed function, a keyword, or an alias with a column list."""
    lists = Counter(
        alias.this.name.lower()
        for alias in tree.find_all(exp.TableAlias)
        if alias.args.get("columns") and alias.this is not None
    )
    for token, following in pairwise(tokens):
        if following.token_type != TokenType.L_PAREN:
            continue
        name = token.text.lower()
        if token.token_type == TokenType.IDENTIFIER:
            if not lists[name]:
                raise QueryRejected(
                    f"A quoted name {token.text!r} is called as a function; call built-in functions unquoted."
                )
            lists[name] -= 1
        elif (
            token.token_type == TokenType.STRING
            or not (name[:1].isalpha() or name[:1] == "_")
            or name in allowed.FUNCTIONS[dialect]
            or name in allowed.SYNTAX[dialect]
            or name in allowed.CALL_WORDS
            or all(part in allowed.CALL_WORDS for part in name.split())
        ):
            continue
        elif lists[name]:
            lists[name] -= 1
        else:
            raise QueryRejected(unknown_function(name, dialect))
