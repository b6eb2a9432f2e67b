"""Commands of chat in their natural variation; what is not one is a question."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from assistant.offline.patterns import Matcher, Part, Token, compile_pattern, literals, slip, tokenize
from assistant.offline.plurals import forms_of

DIALECTS = {"postgres": "postgres", "postgresql": "postgres", "pg": "postgres", "mysql": "mysql", "mariadb": "mysql"}
PERIODS = re.compile(
    r"(?:(?:in|over|during|since|for)\s+)?(?:the\s+)?"
    r"(today|yesterday|(?:this|last|past|previous)\s+(?:hour|day|night|week|month|year)|(?:last|past)\s+\d+\s+(?:hours|days|weeks|months)|lately|recently)\b",
    re.IGNORECASE,
)
PRONOUNS = frozenset(
    re.findall(
        r"\w+",
        "it this that them these those one everything anything something nothing all none database databases table "
        "tables sql query note notes job jobs again now me us you wrong right question",
    )
)


@dataclass(frozen=True)
class Known:
    """What is registered: its names are recognised, and its words are never stolen from a question."""

    databases: tuple[str, ...] = ()
    tables: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Database -> its tables as (qualified name, name)."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Table name, lower-case -> its columns."""

    def words(self) -> frozenset[str]:
        """Every word that names something in the data, lower-case."""
        names = [name for tables in self.tables.values() for _, name in tables]
        names += [column for columns in self.columns.values() for column in columns]
        return frozenset(word for name in names for word in re.split(r"[\W_]+", name.lower()) if word)

    def nouns(self) -> frozenset[str]:
        """Names of tables in either number, as one may say them."""
        names = {name.lower().replace("_", " ") for tables in self.tables.values() for _, name in tables}
        return frozenset(form for name in names for form in forms_of(name))


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
    filler: frozenset[str]
    contractions: Mapping[str, str]
    entries: tuple[_Entry, ...]
    slash: Mapping[str, str]
    own: frozenset[str]
    """Every word of the patterns: none is a slip of another."""


@lru_cache
def vocabulary(language: str = "english") -> Vocabulary:
    """Load the commands of `language` from its file beside this one."""
    data = tomllib.loads((Path(__file__).parent / f"{language}_commands.toml").read_text(encoding="utf-8"))
    classes = {name: tuple(tuple(phrase.split()) for phrase in phrases) for name, phrases in data["words"].items()}
    entries = tuple(
        _Entry(
            entry["intent"],
            tuple(compile_pattern(pattern, classes) for pattern in entry["patterns"]),
            frozenset(form for noun in entry.get("yields", ()) for form in forms_of(noun)),
        )
        for entry in data["command"]
    )
    return Vocabulary(
        before=_phrases(data["polite"]["before"]),
        after=_phrases(data["polite"]["after"]),
        filler=frozenset(data["polite"]["filler"]),
        contractions=data["contractions"],
        entries=entries,
        slash={entry["slash"]: entry["intent"] for entry in data["command"] if "slash" in entry},
        own=frozenset(word for entry in entries for pattern in entry.patterns for word in literals(pattern)),
    )


def _phrases(phrases: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(phrase.split()) for phrase in phrases), key=len, reverse=True))


def read_command(text: str, known: Known | None = None, language: str = "english") -> Command | None:
    """Read a message as a command; None when it is a question (the words of the schema win in doubt)."""
    words, known = vocabulary(language), known or Known()
    stripped = text.strip()
    if stripped.startswith("/"):
        return _slash(stripped, words, known)
    if _is_sql(stripped, known):
        return Command("run_sql", text=stripped)
    nouns = known.nouns()
    found: list[tuple[float, int, int, Command]] = []
    for tokens in _without_politeness(tokenize(stripped, words.contractions), words):
        found.extend(_matches(stripped, tokens, words, known, nouns))
    return min(found, key=lambda each: each[:3])[3] if found else None


def _matches(
    text: str, tokens: list[Token], words: Vocabulary, known: Known, nouns: frozenset[str]
) -> Iterator[tuple[float, int, int, Command]]:
    taker = _Taker(text, tokens, known, words.filler)
    matcher = Matcher(tokens, words.filler, words.own | known.words(), taker.take)
    for order, entry in enumerate(words.entries):
        for pattern in entry.patterns:
            match = matcher.best(pattern)
            if match is None or (entry.yields & nouns and any(word in entry.yields & nouns for word in match.words)):
                continue
            yield match.cost, -match.literal, order, _command(entry.intent, dict(match.slots))


def _command(intent: str, slots: Mapping[str, object]) -> Command:
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
    if intent in {"train", "retrain", "untrain"} and text("name"):
        database, tables = text("database"), text("name")
    number = slots.get("number")
    return Command(
        intent,
        database=database,
        table=table,
        tables=tables,
        number=number if isinstance(number, int) else None,
        text=text("text") or text("sql"),
        name=None if intent == "register_database" else text("new_name"),
        dialect=text("dialect"),
        period=text("period"),
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


def _slash(text: str, words: Vocabulary, known: Known) -> Command | None:
    name, _, rest = text[1:].partition(" ")
    intent, rest = words.slash.get(name.lower()), rest.strip()
    if intent is None:
        return None
    if not rest:
        return Command(intent)
    if intent in {"run_sql", "add_note", "history"}:
        return Command(intent, text=rest)
    tokens = tokenize(rest, words.contractions)
    taker = _Taker(rest, tokens, known, words.filler)
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
                return _command(intent, {kind: value})
    if intent == "rename_database" and len(tokens) == 2:
        return Command(intent, database=rest.split()[0], name=rest.split()[1])
    return Command(intent, database=rest.split()[0], text=rest)


class _Taker:
    """What the slots of a pattern may take at a place of the sentence."""

    def __init__(self, text: str, tokens: list[Token], known: Known, filler: frozenset[str]) -> None:
        self.text, self.tokens, self.known = text, tokens, known
        self.no_names = PRONOUNS | filler
        self.databases = {name.lower(): name for name in known.databases}
        self.names: dict[str, tuple[str | None, str]] = {}
        for database, tables in known.tables.items():
            for qualified, name in tables:
                for spoken in {name.lower(), name.lower().replace("_", " "), name.lower().replace("_", "")}:
                    for form in forms_of(spoken) | {spoken}:
                        self.names.setdefault(form, (database, qualified))
                self.names[qualified.lower()] = (database, qualified)
                self.names[f"{database}.{name}".lower()] = (database, qualified)
                self.names[f"{database}.{qualified}".lower()] = (database, qualified)

    def take(self, kind: str, at: int) -> Iterator[tuple[int, object, float]]:
        """Ends, values and costs of what a slot of `kind` may take from token `at` on."""
        if at >= len(self.tokens):
            return
        yield from getattr(self, f"_take_{kind}")(at)

    def _take_database(self, at: int) -> Iterator[tuple[int, object, float]]:
        for length in (3, 2, 1):
            word = self._joined(at, length)
            if word is None:
                continue
            for spoken in (word, word.replace(" ", "_"), word.replace(" ", "-"), word.replace(" ", "")):
                if spoken in self.databases:
                    yield at + length, self.databases[spoken], 0.0
                    return
        typed = self.tokens[at].text
        if typed not in self.names:
            for name in self.databases:
                if (cost := slip(name, typed)) is not None:
                    yield at + 1, self.databases[name], cost
                    return

    def _take_table(self, at: int) -> Iterator[tuple[int, object, float]]:
        for length in (4, 3, 2, 1):
            word = self._joined(at, length)
            if word in self.names:
                yield at + length, self.names[word], 0.0
                return
        typed = self.tokens[at].text
        for name, place in self.names.items():
            if (cost := slip(name, typed)) is not None:
                yield at + 1, place, cost
                return

    def _take_tables(self, at: int) -> Iterator[tuple[int, object, float]]:
        spoken = [token.text for token in self.tokens[at:]]
        for words in (["all", "tables"], ["all", "of", "them"], ["all"], ["everything"], ["every", "table"]):
            if spoken[: len(words)] == words:
                yield at + len(words), "*", 0.0
        if "*" in spoken[0] or "%" in spoken[0]:
            yield at + 1, spoken[0].replace("%", "*"), 0.0
        names: list[str] = []
        place = at
        while place < len(self.tokens):
            if self.tokens[place].text in {",", "and", "table", "tables", "the"}:
                place += 1
                continue
            taken = next(self._take_table(place), None)
            if taken is None:
                break
            place = taken[0]
            names.append(str(taken[1][1]))  # type: ignore[index]  # _take_table gives (database, table)
            yield place, ",".join(names), taken[2]
            if place < len(self.tokens) and self.tokens[place].text in {"table", "tables"}:
                yield place + 1, ",".join(names), taken[2]

    def _take_name(self, at: int) -> Iterator[tuple[int, object, float]]:
        if self.tokens[at].text not in self.names:
            yield from self._take_new_name(at)

    def _take_new_name(self, at: int) -> Iterator[tuple[int, object, float]]:
        """A name to give: it may be a table's too, as in “register our warehouse db”."""
        token = self.tokens[at]
        typed = self.text[token.start : token.end].strip("\"'")
        if token.text not in self.no_names and re.fullmatch(r"[\w$.\-]+", typed) and not typed.isdigit():
            yield at + 1, typed, 1.05

    def _take_dialect(self, at: int) -> Iterator[tuple[int, object, float]]:
        if self.tokens[at].text in DIALECTS:
            yield at + 1, DIALECTS[self.tokens[at].text], 0.0

    def _take_number(self, at: int) -> Iterator[tuple[int, object, float]]:
        digits = self.tokens[at].text.lstrip("#")
        if digits.isdigit():
            yield at + 1, int(digits), 0.0

    def _take_period(self, at: int) -> Iterator[tuple[int, object, float]]:
        found = PERIODS.match(self.text, self.tokens[at].start)
        if found:
            end = next((i for i, t in enumerate(self.tokens) if t.start >= found.end()), len(self.tokens))
            yield end, found.group(1).lower(), 0.0

    def _take_text(self, at: int) -> Iterator[tuple[int, object, float]]:
        """The rest as typed; with words of the pattern after it, as far as those reach."""
        end = self.tokens[-1].end
        yield len(self.tokens), self.text[self.tokens[at].start : end].strip(), 0.3
        for stop in range(at + 1, len(self.tokens)):
            yield stop, self.text[self.tokens[at].start : self.tokens[stop - 1].end].strip(), 0.3

    def _take_sql(self, at: int) -> Iterator[tuple[int, object, float]]:
        if self.tokens[at].text in {
            "select",
            "with",
            "explain",
            "show",
            "insert",
            "update",
            "delete",
            "drop",
            "values",
        }:
            yield len(self.tokens), self.text[self.tokens[at].start :].strip(), 0.1

    def _joined(self, at: int, length: int) -> str | None:
        if at + length > len(self.tokens):
            return None
        return " ".join(token.text.strip("\"'") for token in self.tokens[at : at + length])


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
