"""What the slots of a command's pattern take of a sentence: names that are known, numbers, times, conditions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from assistant.offline.patterns import Matcher, Part, Token, slip
from assistant.offline.periods import Period, of_year, period_at
from assistant.offline.plurals import forms_of, singular
from assistant.offline.tokens import tokenize as tokens_of
from tools.errors import Invalid
from tools.jobs.times import When, find_when

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


ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
SPAN = re.compile(
    r"(?:(\d{1,4}|a|an|one|two|three|four|five|six|seven|eight|nine|ten|twelve|eighteen)\s+)?"
    r"(day|week|month|quarter|year)s?\b",
    re.IGNORECASE,
)
NUMBERS = {
    word: str(number)
    for number, words in {
        1: "a an one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine",
        10: "ten", 12: "twelve", 18: "eighteen",
    }.items()
    for word in words.split()
}  # fmt: skip
SCHEDULE_WORDS = frozenset({"sync", "syncs", "training", "trainings", "schedule", "schedules", "and", "number"})
NO_ENTITIES = frozenset(
    re.findall(r"\w+", "who which that there i we you they somebody anybody someone anyone what how many much")
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
class Clause:
    """A way of saying how something is to be done: `only the last 18 months`, `in full`, `every night at 2`."""

    patterns: tuple[tuple[Part, ...], ...]
    takes: Mapping[str, str]
    """Slot -> the argument it becomes."""
    sets: Mapping[str, Any]
    """Arguments it gives outright."""


@dataclass(frozen=True)
class Grammar:
    """What a taker needs of the language."""

    filler: frozenset[str]
    clauses: tuple[Clause, ...] = ()
    own: frozenset[str] = frozenset()
    """Every word of the patterns: none is a slip of another."""


class Taker:
    """What the slots of a pattern may take at a place of the sentence."""

    def __init__(self, text: str, tokens: list[Token], known: Known, grammar: Grammar, today: date) -> None:
        self.text, self.tokens, self.known, self.grammar, self.today = text, tokens, known, grammar, today
        self.no_names = PRONOUNS | grammar.filler
        self.columns = {column.lower(): column for held in known.columns.values() for column in held}
        self._manners: dict[int, list[tuple[int, object, float]]] = {}
        self._times: dict[int, tuple[int, When | None] | None] = {}
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
        if digits.isdecimal():
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

    # When, how far back, in full or not

    def _take_how(self, at: int) -> Iterator[tuple[int, object, float]]:
        """Any of the clauses of the language, one after another; after each it may end."""
        if at not in self._manners:
            self._manners[at] = list(self._manner(at, {}, 0.0))
        yield from self._manners[at]

    def _manner(self, at: int, so_far: dict[str, Any], cost: float) -> Iterator[tuple[int, object, float]]:
        place = at
        while place < len(self.tokens) and self.tokens[place].text in {",", "and", "but", ";"}:
            place += 1
        best = max(self._clauses(place), key=lambda found: (found[0], -found[2]), default=None)
        if best is None or set(best[1]) & set(so_far):
            return
        end, values, more = best
        merged = {**so_far, **values}
        yield end, merged, cost + more
        yield from self._manner(end, merged, cost + more)

    def _clauses(self, at: int) -> Iterator[tuple[int, dict[str, Any], float]]:
        if at >= len(self.tokens):
            return
        protected = self.grammar.own | self.known.words()
        matcher = Matcher(self.tokens, self.grammar.filler, protected, self.take)
        for clause in self.grammar.clauses:
            for pattern in clause.patterns:
                for end, match in matcher.ends(pattern, at):
                    if end > at:
                        yield end, {**clause.sets, **_arguments(clause.takes, match.slots)}, match.cost

    def _take_when(self, at: int) -> Iterator[tuple[int, object, float]]:
        """A time that recurs, as typed; one that cannot be kept is taken too, for the tool to say why."""
        if at not in self._times:
            self._times[at] = self._when(self.tokens[at].start)
        found = self._times[at]
        if found is not None:
            end = next((i for i, token in enumerate(self.tokens) if token.start >= found[0]), len(self.tokens))
            words = re.sub(
                r"^(?:an?|the)\s+", "", self.text[self.tokens[at].start : found[0]].strip(" ,."), flags=re.IGNORECASE
            )
            yield max(end, at + 1), words, 0.0

    def _when(self, start: int) -> tuple[int, When | None] | None:
        try:
            found = find_when(self.text[start:])
        except Invalid:
            comma = self.text.find(",", start)
            return (comma if comma > 0 else len(self.text)), None
        return None if found is None else (start + found[0], found[1])

    def _take_span(self, at: int) -> Iterator[tuple[int, object, float]]:
        """A length of time: `18 months`, `a year`, `week`."""
        found = SPAN.match(self.text, self.tokens[at].start)
        if found:
            count = NUMBERS.get((found[1] or "1").lower(), found[1] or "1")
            yield self._reached(found.end()), f"{count} {found[2].lower()}{'' if count == '1' else 's'}", 0.0

    def _take_count(self, at: int) -> Iterator[tuple[int, object, float]]:
        found = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(k)?\b", re.IGNORECASE).match(self.text, self.tokens[at].start)
        if found:
            yield self._reached(found.end()), int(found[1].replace(",", "")) * (1000 if found[2] else 1), 0.0

    def _take_date(self, at: int) -> Iterator[tuple[int, object, float]]:
        for end, period in self._period(at):
            yield end, period.start.isoformat(), 0.0

    def _take_last(self, at: int) -> Iterator[tuple[int, object, float]]:
        for end, period in self._period(at):
            yield end, period.end.isoformat(), 0.0

    def _take_stretch(self, at: int) -> Iterator[tuple[int, object, float]]:
        for end, period in self._period(at):
            yield end, (period.start.isoformat(), period.end.isoformat()), 0.1

    def _period(self, at: int) -> Iterator[tuple[int, Period]]:
        start = self.tokens[at].start
        if year := re.fullmatch(r"(?:19|20)\d\d", self.tokens[at].text):
            yield at + 1, of_year(int(year[0]))
        tokens = tokens_of(self.text[start:])
        found = period_at(tokens, 0, self.today)
        if found is not None:
            yield self._reached(start + tokens[found[0] - 1].end), found[1]

    def _take_condition(self, at: int) -> Iterator[tuple[int, object, float]]:
        """A condition in SQL: to the end, or to where a time begins."""
        for stop in range(at + 1, len(self.tokens)):
            if self.tokens[stop].text.isalpha() and next(self._take_when(stop), None) is not None:
                yield stop, self.text[self.tokens[at].start : self.tokens[stop - 1].end].strip(" ,"), 0.1
                return
        yield len(self.tokens), self.text[self.tokens[at].start : self.tokens[-1].end].strip(" ,.;"), 0.1

    def _reached(self, end: int) -> int:
        """The token after a place in the text."""
        return next((i for i, token in enumerate(self.tokens) if token.start >= end), len(self.tokens))

    # Columns, schedules, what a row is

    def _take_columns(self, at: int) -> Iterator[tuple[int, object, float]]:
        """Columns of one table, `(table, names)`; the table is None where it is not said with them."""
        table: str | None = None
        names: list[str] = []
        place = at
        while place < len(self.tokens):
            if names and self.tokens[place].text in {",", "and", "or"}:
                place += 1
            found = self._column(place)
            if found is None or (table and found[1] and found[1] != table):
                return
            place, its_table, name, cost = found
            table = its_table or table
            names.append(name)
            yield place, (table, tuple(names)), cost

    def _column(self, at: int) -> tuple[int, str | None, str, float] | None:
        if at >= len(self.tokens):
            return None
        typed = self.tokens[at]
        dotted = re.fullmatch(r"(?:\w+\.)?(\w+)\.(\w+)", self.text[typed.start : typed.end])
        if dotted and dotted[1].lower() in self.names:
            return at + 1, self.names[dotted[1].lower()][1], dotted[2], 0.0
        columns = self.columns
        for length in (3, 2, 1):
            word = self._joined(at, length)
            if word is not None:
                for spoken in (word, word.replace(" ", "_")):
                    if spoken in columns:
                        return at + length, None, columns[spoken], 0.0
        near = next((name for name in columns if slip(name, typed.text, frozenset(columns)) is not None), None)
        return (at + 1, None, columns[near], 1.0) if near else None

    def _take_schedule(self, at: int) -> Iterator[tuple[int, object, float]]:
        """Words that may name a schedule, as typed: its number, a database, a table, a time, a kind of work."""
        place = at
        while place < len(self.tokens) and self.tokens[at].text not in self.grammar.filler:
            token = self.tokens[place]
            named = next(self._take_database(place), None) or next(self._take_table(place), None)
            time = next(self._take_when(place), None)
            if named is not None and named[2] == 0.0:
                place = named[0]
            elif time is not None:
                place = time[0]
            elif (
                token.text.lstrip("#").isdecimal() or token.text in SCHEDULE_WORDS or token.text in self.grammar.filler
            ):
                place += 1
            else:
                return
            # A word of the pattern is surer than one taken here.
            words = self.text[self.tokens[at].start : self.tokens[place - 1].end].strip(" ,.?!")
            yield place, words, 0.2 + 0.02 * (place - at)

    def _take_entity(self, at: int) -> Iterator[tuple[int, object, float]]:
        """What a row is: one noun, in the singular."""
        word = self.tokens[at].text
        if word.isalpha() and word not in self.no_names and word not in NO_ENTITIES:
            yield at + 1, singular(word), 0.4


def _arguments(takes: Mapping[str, str], slots: Sequence[tuple[str, object]]) -> dict[str, Any]:
    found = {takes[kind]: value for kind, value in slots if kind in takes}
    if isinstance(period := found.pop("period", None), tuple):
        found |= {"since": period[0], "until": period[1]}
    return found
