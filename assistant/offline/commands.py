"""Commands of chat in their natural variation; what is not one is a question."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from assistant.offline.patterns import Matcher, Part, Token, compile_pattern, literals, tokenize
from assistant.offline.plurals import forms_of
from assistant.offline.slots import Clause, Grammar, Known, Taker

NAMES_TABLES = {"train", "retrain", "untrain", "train_scheduled", "sync", "preview_sync"}
"""Intents in which a name that is not known is a table's."""
SPOKEN = {"sync": "sync", "list_schedules": "schedules", "pause_schedule": "pause", "resume_schedule": "resume"}
"""Intents whose slash command is read like the sentence that begins with this word."""
FILES = ("commands", "work")
"""The files of a language: `english_commands.toml` ..."""


@dataclass(frozen=True)
class Command:
    """What a sentence commands: an intent of the vocabulary and what it is about."""

    intent: str
    database: str | None = None
    """A registered one as it is registered, or the unknown name as typed."""
    table: str | None = None
    """Qualified where it is known, else as typed."""
    tables: str | None = None
    """Comma-separated names, `*`, or a pattern."""
    number: int | None = None
    text: str | None = None
    name: str | None = None
    """The new name in a renaming."""
    dialect: str | None = None
    period: str | None = None
    how: Mapping[str, Any] = field(default_factory=dict)
    """When, how far back, in full or not: arguments of the tools that sync and schedule."""
    columns: tuple[str, ...] = ()
    schedule: str | None = None
    """Words that name a schedule, or the work it does."""
    entity: str | None = None
    """What a row is: customer, order."""


@dataclass(frozen=True)
class _Entry:
    intent: str
    patterns: tuple[tuple[Part, ...], ...]
    yields: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    """The commands of one language."""

    before: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...]
    grammar: Grammar
    contractions: Mapping[str, str]
    entries: tuple[_Entry, ...]
    slash: Mapping[str, str]


@lru_cache
def vocabulary(language: str = "english") -> Vocabulary:
    """Load the commands of `language` from its files beside this one."""
    here = Path(__file__).parent
    parts = [tomllib.loads((here / f"{language}_{name}.toml").read_text(encoding="utf-8")) for name in FILES]
    words = {name: phrases for part in parts for name, phrases in part["words"].items()}
    classes = {name: tuple(tuple(phrase.split()) for phrase in phrases) for name, phrases in words.items()}
    commands = [entry for part in parts for entry in part["command"]]
    entries = tuple(
        _Entry(
            entry["intent"],
            tuple(compile_pattern(pattern, classes) for pattern in entry["patterns"]),
            frozenset(form for noun in entry.get("yields", ()) for form in forms_of(noun)),
        )
        for entry in commands
    )
    clauses = tuple(
        Clause(
            tuple(compile_pattern(pattern, classes) for pattern in clause["patterns"]),
            clause.get("takes", {}),
            clause.get("sets", {}),
        )
        for part in parts
        for clause in part.get("clause", ())
    )
    patterns = [pattern for entry in entries for pattern in entry.patterns]
    patterns += [pattern for clause in clauses for pattern in clause.patterns]
    own = frozenset(word for pattern in patterns for word in literals(pattern))
    polite = parts[0]["polite"]
    return Vocabulary(
        before=_phrases(polite["before"]),
        after=_phrases(polite["after"]),
        grammar=Grammar(frozenset(polite["filler"]), clauses, own),
        contractions=parts[0]["contractions"],
        entries=entries,
        slash={entry["slash"]: entry["intent"] for entry in commands if "slash" in entry},
    )


def _phrases(phrases: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(phrase.split()) for phrase in phrases), key=len, reverse=True))


def read_command(
    text: str, known: Known | None = None, language: str = "english", today: date | None = None
) -> Command | None:
    """Read a message as a command; None when it is a question (the words of the schema win in doubt)."""
    words, known, today = vocabulary(language), known or Known(), today or datetime.now().astimezone().date()
    stripped = text.strip()
    if stripped.startswith("/"):
        return _slash(stripped, words, known, today)
    if _is_sql(stripped, known):
        return Command("run_sql", text=stripped)
    if (within := re.match(r"in ([\w-]+): (.+)", stripped, re.DOTALL)) and within[1] in known.databases:
        inner = read_command(within[2], known, language, today)  # the answer to "which database?"
        return None if inner is None else replace(inner, database=within[1])
    nouns = known.nouns()
    found: list[tuple[float, int, int, Command]] = []
    for tokens in _without_politeness(tokenize(stripped, words.contractions), words):
        found.extend(_matches(Taker(stripped, tokens, known, words.grammar, today), words, nouns))
    return min(found, key=lambda each: each[:3])[3] if found else None


def _matches(taker: Taker, words: Vocabulary, nouns: frozenset[str]) -> Iterator[tuple[float, int, int, Command]]:
    protected = words.grammar.own | taker.known.words()
    matcher = Matcher(taker.tokens, words.grammar.filler, protected, taker.take)
    for order, entry in enumerate(words.entries):
        for pattern in entry.patterns:
            match = matcher.best(pattern)
            if match is None or (entry.yields & nouns and any(word in entry.yields & nouns for word in match.words)):
                continue
            yield match.cost, -match.literal, order, _command(entry.intent, match.slots)


def _command(intent: str, taken: Sequence[tuple[str, object]]) -> Command:
    slots = dict(taken)

    def text(kind: str) -> str | None:
        value = slots.get(kind)
        return value if isinstance(value, str) else None

    table, database = text("table"), text("database") or text("name")
    if intent == "register_database":
        database = text("new_name")
    place = slots.get("table")
    if isinstance(place, tuple):
        database, table = database or place[0], place[1]
    elif intent in {"describe_table", "set_description", "add_note"} and text("name"):
        database, table = text("database"), text("name")
    tables = text("tables")
    if intent in NAMES_TABLES and text("name"):
        database, tables = text("database"), text("name")
    number = slots.get("number")
    of = slots.get("columns")
    in_table, columns = of if isinstance(of, tuple) else (None, ())
    return Command(
        intent,
        database=database,
        table=table or in_table,
        tables=tables,
        number=number if isinstance(number, int) else None,
        text=text("text") or text("sql"),
        name=None if intent == "register_database" else text("new_name"),
        dialect=text("dialect"),
        period=text("period"),
        how={name: value for kind, each in taken if kind == "how" for name, value in each.items()},  # type: ignore[attr-defined]
        columns=tuple(columns),
        schedule=" ".join(str(value) for kind, value in taken if kind == "schedule") or None,
        entity=text("entity"),
    )


def _without_politeness(tokens: list[Token], words: Vocabulary) -> Iterator[list[Token]]:
    """The tokens, then the same with courtesies at either end taken off, step by step."""
    waiting, seen = [tokens], set()
    while waiting:
        current = waiting.pop()
        span = (current[0].start, current[-1].end, len(current)) if current else (0, 0, 0)
        if not current or span in seen:
            continue
        seen.add(span)
        yield current
        spoken = [token.text for token in current]
        waiting.extend(current[len(p) :] for p in words.before if tuple(spoken[: len(p)]) == p)
        waiting.extend(current[: -len(p)] for p in words.after if tuple(spoken[-len(p) :]) == p)
        if spoken[0] in ",:!.":
            waiting.append(current[1:])
        if spoken[-1] in ",!.?;":
            waiting.append(current[:-1])


def _slash(text: str, words: Vocabulary, known: Known, today: date) -> Command | None:
    name, _, rest = text[1:].partition(" ")
    intent, rest = words.slash.get(name.lower()), rest.strip()
    if intent is None:
        return None
    if not rest:
        return Command(intent)
    if intent in {"run_sql", "add_note", "history", "search_documents"}:
        return Command(intent, text=rest)
    if intent in SPOKEN and (spoken := read_command(f"{SPOKEN[intent]} {rest}", known, today=today)) is not None:
        return spoken
    if intent in SPOKEN:
        return Command(intent, schedule=rest)
    tokens = tokenize(rest, words.contractions)
    taker = Taker(rest, tokens, known, words.grammar, today)
    kinds = {
        "describe_table": ("table", "name"),
        "train": ("database", "tables", "name"),
        "retrain": ("database", "tables", "name"),
        "untrain": ("database", "tables", "name"),
        "cancel_job": ("number",),
        "retry_job": ("number",),
        "job_status": ("number",),
        "rename_database": (),
    }.get(intent, ("database", "name"))
    for kind in kinds:
        for end, value, _ in taker.take(kind, 0):
            if end == len(tokens):
                return _command(intent, [(kind, value)])
    if intent == "rename_database" and len(tokens) == 2:
        return Command(intent, database=rest.split()[0], name=rest.split()[1])
    return Command(intent, database=rest.split()[0], text=rest)


def _is_sql(text: str, known: Known) -> bool:
    """Whether a message is SQL itself: it parses, and its tables (and columns) are those of the schema."""
    if not re.match(r"(?:select|with)\b", text, re.IGNORECASE):
        return False
    try:
        statements = sqlglot.parse(text, read="postgres")
    except SqlglotError:
        return False
    tree = statements[0] if statements else None
    if not isinstance(tree, exp.Query) or tree.find(exp.From) is None:
        return bool(re.match(r"select\s+[\d(*]|select\s+\w+\(", text, re.IGNORECASE))
    if ";" in text or re.match(r"select\s+(\*|\w+\s*\()|with\s+\w+\s+as\s*\(", text, re.IGNORECASE):
        return True
    names = {name.lower() for tables in known.tables.values() for _, name in tables}
    try:
        scopes = traverse_scope(tree)
    except SqlglotError:
        return False
    sources = {source for scope in scopes for source in scope.sources.values() if isinstance(source, exp.Table)}
    held = {column.lower() for source in sources for column in known.columns.get(source.name.lower(), ())}
    columns = {column.name.lower() for column in tree.find_all(exp.Column)}
    return bool(sources) and all(source.name.lower() in names for source in sources) and columns <= held
