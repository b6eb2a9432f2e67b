"""Notes of the team put into a query: "revenue must not include cancelled orders"."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

from assistant.offline.build import Builder
from assistant.offline.describe import Describer
from assistant.offline.forms import Condition, Form, Not, refs_of, tables_of
from assistant.offline.parser import World, known, read
from assistant.offline.roles import base
from assistant.offline.sources import Source
from assistant.offline.understanding import ReadingOf
from tools.errors import Invalid
from tools.schemas import Note
from tools.vocabulary import lemma, words

SURE = 0.5
"""What a note leaves out must be read at least so surely."""
USES = "uses the note"
"""How a reason begins that names a note."""
ARTICLES = frozenset(["the", "a", "an", "our", "my", "this", "that", "all"])


@dataclass(frozen=True)
class Rule:
    """A note that says what a word covers."""

    subject: str
    rest: str
    without: bool


@lru_cache
def _patterns() -> tuple[tuple[re.Pattern[str], bool], ...]:
    data = tomllib.loads((Path(__file__).parent / "english_notes.toml").read_text(encoding="utf-8"))
    return tuple((re.compile(rule["pattern"], re.IGNORECASE), rule["sense"] == "without") for rule in data["rule"])


def rule_of(text: str) -> Rule | None:
    """Read a note as a rule; None for one that says something else."""
    for pattern, without in _patterns():
        found = pattern.fullmatch(text.strip().rstrip(".!"))
        if found:
            return Rule(found.group("subject"), found.group("rest"), without)
    return None


def with_notes(reading: ReadingOf, question: str, source: Source, notes: Sequence[Note], today: date) -> ReadingOf:
    """Give `reading` with the conditions of every note whose subject the question speaks of, and say whose they are."""
    for note in notes:
        rule = rule_of(note.text)
        if rule is None or not _speaks_of(question, rule.subject):
            continue
        condition = _condition(rule, source, today)
        if condition is None or not _reaches(reading.form, condition, source):
            continue
        reading = _narrowed(reading, condition, note, source) or reading
    return reading


def _speaks_of(question: str, subject: str) -> bool:
    asked = {lemma(word) for word in words(question)}
    wanted = [lemma(word) for word in words(subject) if word not in ARTICLES]
    return bool(wanted) and all(word in asked for word in wanted)


def _condition(rule: Rule, source: Source, today: date) -> Condition | None:
    """What the rows of the rule have in common, turned round when they are to be left out."""
    best = read(f"How many {rule.rest} are there?", source.tables, source.dialect, today).best
    if best is None or best.confidence < SURE or best.form.group or best.form.having or len(best.form.where) != 1:
        return None
    condition = best.form.where[0]
    return Not(condition) if rule.without else condition


def _reaches(form: Form, condition: Condition, source: Source) -> bool:
    """Whether every row of the form has at most one row of the condition's tables: nothing is counted twice."""
    used = {base(table) for table in tables_of(form)}
    parents = {
        f"{key.target_schema}.{key.target_table}"
        for table in source.tables
        if table.shape.qualified_name in used
        for key in table.shape.foreign_keys
    }
    return bool(refs_of(condition)) and all(ref.table in used | parents for ref in refs_of(condition))


def _narrowed(reading: ReadingOf, condition: Condition, note: Note, source: Source) -> ReadingOf | None:
    if condition in reading.form.where or (isinstance(condition, Not) and condition.part in reading.form.where):
        return None
    lexicon, graph = known(World(source.tables))
    form = reading.form.change(where=(*reading.form.where, condition))
    try:
        sql = Builder(graph, source.dialect).sql(form)
    except Invalid:
        return None
    written = f"{note.created_at:%d %B}".lstrip("0")
    why = f"{USES} by {note.created_by or 'somebody'} of {written}: “{note.text}”"
    return replace(
        reading, form=form, sql=sql, read_as=Describer(lexicon).sentence(form), reasons=(*reading.reasons, why)
    )
