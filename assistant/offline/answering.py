"""From a question to an answer: which database, which reading, the query, the sentence; or an honest no."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from assistant.offline import memory
from assistant.offline.asked import Asked
from assistant.offline.beside import with_more
from assistant.offline.figures import listed
from assistant.offline.forms import Form
from assistant.offline.lookup import look_up
from assistant.offline.noted import USES, with_notes
from assistant.offline.parser import ASK, probes, read
from assistant.offline.replies import sentence
from assistant.offline.scope import in_scope
from assistant.offline.sources import Source, named_in
from assistant.offline.step import Call, Returned, Step, call, choices, say
from assistant.offline.suggesting import follow_ups, subjects, suggestions
from assistant.offline.telling import reason
from assistant.offline.understanding import ReadingOf, Understanding
from assistant.offline.wording import DROPPED
from tools import queries, schemas
from tools.cards import Choice
from tools.desk import Desk, Reading
from tools.errors import QueryTimedOut
from tools.schemas import TrainedTable

SURE = 0.5
"""From this on other readings need to be near to be offered, and the database in hand is not left."""
WARY = 0.35
"""Below this, where every other answer is wrong, the sentence itself says that it may be misread."""
DOUBT = 0.2
"""Below this the readings are offered instead of an answer."""
NEAR = 0.7
"""Beside a sure answer another reading is offered when its confidence is at least this part of the best one's."""
REPEATS = re.compile(r"\bdifferent |, one row for each\b[^,]*")
"""Words of a reading that say only how often a row is shown."""
IN_HAND = 0.3
"""How much surer another database must be read than the one in hand."""
CONTINUES = "continues the question before"
"""The reason that the parser gives for a reading that edits the one before it."""
KEPT = "offline"
"""The key of the desk's memory."""


@dataclass
class Plan:
    """A question being answered."""

    question: str
    source: Source
    understanding: Understanding
    at: int = 0
    """Which of the readings is tried."""
    before: str = ""
    """Words that stand before the sentence."""
    instead_of: Any = None
    """Id of the answer that this one takes the place of, after a note that the words before it tell."""

    @property
    def whole(self) -> bool:
        """True when every word of the question is in the reading, and the question says all of it."""
        reading = self.reading
        follows = CONTINUES in reading.reasons or bool(self.understanding.show)
        missed = DROPPED in reading.reasons or reading.confidence < WARY or ", one row for each" in reading.read_as
        return not (self.understanding.unknown_words or follows or missed)

    @property
    def reading(self) -> ReadingOf:
        """The reading that is tried now."""
        return self.understanding.readings[self.at]


@dataclass
class Answering:
    """Answers one question of a turn, step by step."""

    desk: Desk
    sources: tuple[Source, ...]
    plan: Plan | None = None
    _searched: bool = field(default=False)

    # ------------------------------------------------------------ what was said before

    @property
    def kept(self) -> dict[str, Any]:
        """What earlier turns left: database, question, reading, offered readings, last query."""
        held: dict[str, Any] = self.desk.memory.setdefault(KEPT, {})
        return held

    def previous(self) -> Understanding | None:
        """The last answered question of this conversation as it was read; None when there is none."""
        try:
            found = memory.from_json(self.kept["reading"])
        except (KeyError, ValueError):
            return None
        return Understanding(self.kept.get("question", ""), (found,))

    def offered(self, message: str) -> Step | None:
        """Answer with a reading that was offered as a button and is now chosen."""
        option = next((each for each in self.kept.get("offered", ()) if each["message"] == message.strip()), None)
        source = self.source(self.kept.get("offered_of"))
        if option is None or source is None:
            return None
        try:
            chosen: ReadingOf = memory.from_json(option["reading"])
        except ValueError:
            return None
        chosen = replace(chosen, confidence=max(chosen.confidence, 0.85), reasons=("you chose this reading",))
        question = self.kept.get("offered_for") or message
        return self._query(Plan(question, source, Understanding(question, (chosen,))))

    def source(self, name: str | None) -> Source | None:
        """The database called `name`."""
        return next((source for source in self.sources if source.name == name), None)

    # ------------------------------------------------------------ steps

    async def begin(self, question: str) -> Step:
        """The first step: look for tables when it is not clear where, else read and query."""
        if not self.sources:
            return say(
                "No database is registered yet. Say “register a database” and a form appears; "
                "its password is never shown to a model."
            )
        named, rest = named_in(question, self.sources)
        candidates = self._candidates(named)
        large = len(candidates[0].tables) > self.desk.box.settings.whole_catalogue_tables
        if not self._searched and (large or (len(candidates) > 1 and self.desk.database is None)):
            self._searched = True
            return call("find_tables", question=rest, database=candidates[0].name if large else None)
        return await self.decide(question)

    async def decide(self, question: str) -> Step:
        """Read the question against the database it is about, and query or decline."""
        named, question = named_in(question, self.sources)
        candidates = self._candidates(named)
        readings = []
        for source in candidates:
            if (verified := await self._verified(source, question)) is not None:
                return self._query(verified)
            understood = await self._read(source, question)
            readings.append((source, understood))
            best = understood.best
            if best is not None and best.confidence >= SURE and source.name == self.desk.database:
                break
        source, understood = max(readings, key=lambda pair: self._weight(*pair))
        if understood.show == "reading":
            return say(await self.why())
        lost = bool(understood.unknown_words) and not in_scope(question, source.tables)
        if understood.best is None or lost:
            self.kept["declined"] = question
            return say(self._declined(question, understood, candidates))
        self.kept.pop("declined", None)
        moved = self.desk.database not in {None, source.name} and named is None
        return self._answer_or_ask(Plan(question, source, understood, before=f"From {source.name}:" if moved else ""))

    def _answer_or_ask(self, plan: Plan) -> Step:
        readings, best = plan.understanding.readings, plan.reading
        unsure = best.confidence < ASK
        if plan.understanding.ask and len(readings) > 1 and not unsure:
            return self._ask(f"This can mean {_how_many(len(readings))} things here.", plan)
        if best.confidence < DOUBT:
            return self._ask("I am not sure what is meant. Is it one of these?", plan)
        return self._query(plan)

    def _candidates(self, named: Source | None) -> list[Source]:
        """Databases the question may be about, the likeliest first."""
        if named is not None:
            return [named]
        return sorted(self.sources, key=lambda source: (source.name != self.desk.database, not source.tables))

    def _weight(self, source: Source, understood: Understanding) -> float:
        best = understood.best
        return (best.confidence if best else -1.0) + (IN_HAND if source.name == self.desk.database else 0.0)

    async def _read(self, source: Source, question: str) -> Understanding:
        tables = source.tables
        previous = self.previous() if self.kept.get("database") == source.name else None
        if len(tables) > self.desk.box.settings.whole_catalogue_tables and self.desk.found:
            # What the question before was about stays in sight: a follow-up does not name it again.
            near = set(self.desk.found) | memory.tables_in(previous)
            tables = tuple(table for table in tables if table.shape.qualified_name in near) or tables
        return await self._read_with(source, tables, question, previous)

    async def _read_with(
        self, source: Source, tables: Sequence[TrainedTable], question: str, previous: Understanding | None
    ) -> Understanding:
        found = await look_up(self.desk, source, probes(question, tables))
        understood = read(question, tables, source.dialect, self.desk.today, previous, found)
        notes = await schemas.list_notes(self.desk.box, self.desk.actor, source.name)
        if not notes:
            return understood
        told = [with_notes(each, question, source, notes, self.desk.today) for each in understood.readings]
        return replace(understood, readings=tuple(told))

    async def _verified(self, source: Source, question: str) -> Plan | None:
        """The plan of a question that a person has verified word for word; None when nobody has."""
        found = await queries.find_examples(self.desk.box, self.desk.actor, source.name, question, limit=1)
        if not found or not found[0].exact:
            return None
        example = found[0].example
        reasons = (f"verified by {example.created_by}" if example.created_by else "verified",)
        reading = ReadingOf(example.sql, Form(select=()), f"the verified question “{example.question}”", 0.97, reasons)
        return Plan(question, source, Understanding(question, (reading,)))

    def _query(self, plan: Plan) -> Step:
        """Call for the query of the plan's reading."""
        self.plan = plan
        reading, others = plan.reading, plan.understanding.readings[plan.at + 1 :]
        least = NEAR * reading.confidence if reading.confidence >= SURE else 0.0
        near = _told_apart(reading, [each for each in others if each.confidence >= least])
        self.desk.reading = Reading(
            database=plan.source.name,
            sql=reading.sql,
            read_as=reading.read_as,
            confidence=reading.confidence,
            reasons=reading.reasons,
            alternatives=tuple(Choice(label=each.label, message=each.label) for each in near[:2]),
        )
        self._keep_offers(plan, near[:2])
        left_out = [f"left out: {', '.join(plan.understanding.unknown_words)}"]
        return Step(
            calls=(
                Call(
                    "run_query",
                    {
                        "database": plan.source.name,
                        "sql": reading.sql,
                        "read_as": reading.read_as,
                        "assumptions": left_out if plan.understanding.unknown_words else [],
                    },
                ),
            )
        )

    def _ask(self, prompt: str, plan: Plan) -> Step:
        """Offer the readings as buttons."""
        readings = plan.understanding.readings[:4]
        self._keep_offers(plan, readings)
        return choices(prompt, *((reading.label, reading.label) for reading in readings))

    def _keep_offers(self, plan: Plan, readings: Sequence[ReadingOf]) -> None:
        offers = [{"message": each.label.strip(), "reading": memory.to_json(each)} for each in readings]
        self.kept.update(offered=offers, offered_of=plan.source.name, offered_for=plan.question)

    # ------------------------------------------------------------ results

    async def conclude(self, returned: Returned) -> Step:
        """Put the query's result into a sentence; after a failure try the next reading once."""
        plan = self.plan
        query_id = query_of(returned.cards)
        if not returned.ok or query_id is None:
            slow = returned.text.startswith(QueryTimedOut.title)
            if plan is not None and plan.at == 0 and not slow and len(plan.understanding.readings) > 1:
                return self._query(replace(plan, at=1))
            return say(f"That query did not run: {reason(returned.text)}")
        entry = await queries.get_query(self.desk.box, self.desk.actor, query_id)
        self.desk.database = entry.database
        rows = entry.result
        if plan is None or rows is None:
            count = 0 if rows is None else len(rows.rows)
            return say(f"{count:,} {'row' if count == 1 else 'rows'}.")
        self._keep_reading(plan)
        if self.desk.actor.door == "chat" and plan.reading.form.select:
            self.desk.suggestions = follow_ups(
                plan.source, Understanding(plan.question, (plan.reading,)), self.desk.today
            )
        asked = Asked(
            plan.question, rows.columns, rows.rows, rows.truncated, plan.reading.form, self.desk.today, plan.whole
        )
        asked = await with_more(self.desk, plan.source, asked, rows.milliseconds)
        was = await self._instead(plan, asked)
        noted = [] if plan.instead_of else [reason for reason in plan.reading.reasons if reason.startswith(USES)]
        after = " ".join(f"This {reason}." for reason in noted)
        return say(" ".join(part for part in (plan.before, self._remarks(plan), sentence(asked), was, after) if part))

    def _keep_reading(self, plan: Plan) -> None:
        """Keep what a follow-up builds on; of a verified query nobody knows the form."""
        self.kept.pop("reading", None)
        follows = CONTINUES in plan.reading.reasons or plan.understanding.show
        chain = [*self.kept.get("chain", ()), plan.question] if follows else [plan.question]
        self.kept.update(database=plan.source.name, question=plan.question, chain=chain)
        if plan.reading.form.select or plan.reading.form.star:
            self.kept["reading"] = memory.to_json(plan.reading)

    def _remarks(self, plan: Plan) -> str:
        remarks = []
        if plan.reading.confidence < WARY:
            remarks.append("I may have misread this; please check how it was read.")
        if plan.understanding.unknown_words:
            words = listed([f"“{word}”" for word in plan.understanding.unknown_words])
            remarks.append(f"I could not place {words} and left it out.")
        return " ".join(remarks)

    def _declined(self, question: str, understood: Understanding, candidates: Sequence[Source]) -> str:
        about = list(dict.fromkeys(word for source in candidates for word in subjects(source, 6)))[:10]
        if not about:
            names = listed([repr(source.name) for source in candidates])
            return f"I know no tables of {names} yet; say “train {candidates[0].name}” first."
        whose = "Your databases hold" if len(candidates) > 1 else f"{candidates[0].name} holds"
        what = listed([f"“{word}”" for word in understood.unknown_words])
        start = f"I cannot answer that from {candidates[0].name}."
        if what and not any(in_scope(question, source.tables) for source in candidates):
            start = f"{whose} nothing about {what}."
        elif what:
            where = "your databases" if len(candidates) > 1 else candidates[0].name
            start = f"I found nothing for {what} in {where}."
        return f"{start} I can answer about: {', '.join(about)}."

    # ------------------------------------------------------------ about answers

    async def again(self, before: str, query_id: Any) -> Step:
        """Answer the last question once more, with what has been noted since; `query_id` is its answer so far."""
        last = None if "declined" in self.kept else self.previous()
        source = self.source(self.kept.get("database"))
        if last is None or source is None or last.best is None:
            return say(before)
        understood = await self._read_anew(source)
        best = understood.best
        if best is None or best.sql == last.best.sql:
            return say(
                f"{before} The answer stays as it is: by rule I cannot put this note into the query. "
                "It is kept for everybody who asks, and a connected model follows it."
            )
        return self._query(Plan(last.question, source, understood, before=f"{before} New answer:", instead_of=query_id))

    async def without_note(self, before: str, query_id: Any) -> Step:
        """Answer the last question once more where a note that is gone now had a part in it."""
        last, source = self.previous(), self.source(self.kept.get("database"))
        noted = last is not None and last.best is not None and any(r.startswith(USES) for r in last.best.reasons)
        if last is None or source is None or not noted:
            return say(before)
        understood = await self._read_anew(source)
        if understood.best is None or last.best is None or understood.best.sql == last.best.sql:
            return say(before)
        lead = f"{before} The answer without it:"
        return self._query(Plan(last.question, source, understood, before=lead, instead_of=query_id))

    async def _instead(self, plan: Plan, asked: Asked) -> str:
        """`Before, it was 780,457.03.`: the number that a corrected one takes the place of."""
        if plan.instead_of is None or len(asked.rows) != 1 or len(asked.columns) != 1:
            return ""
        before = (await queries.get_query(self.desk.box, self.desk.actor, plan.instead_of)).result
        if before is None or len(before.rows) != 1 or before.columns != asked.columns:
            return ""
        was = replace(asked, rows=before.rows).cell(before.rows[0], 0)
        return f"Before, it was {was}." if before.rows[0] != tuple(asked.rows[0]) else ""

    async def _read_anew(self, source: Source) -> Understanding:
        """Read the last question again, and the questions before that it goes on from."""
        understood: Understanding | None = None
        for question in self.kept.get("chain", ()):
            understood = await self._read_with(source, source.tables, question, understood)
        return understood or Understanding("")

    def asked(self) -> str | None:
        """The last question with those it goes on from, as one text; None where it stands by itself."""
        chain = self.kept.get("chain", ())
        return " ".join(chain) if len(chain) > 1 else None

    async def why(self, query_id: Any = None) -> str:
        """How the last answer came about."""
        if query_id is None:
            return "There is no answer in this conversation yet."
        entry = await queries.get_query(self.desk.box, self.desk.actor, query_id)
        parts = [f"I asked {entry.database}:", f"\n\n```sql\n{entry.sql_executed or entry.sql_asked}\n```\n\n"]
        if entry.answer is not None:
            parts.insert(0, f"I read it as: {entry.answer.read_as}.")
            reasons = "; ".join(entry.answer.reasons)
            parts.append(f"Confidence {entry.answer.confidence:.2f}{': ' + reasons if reasons else ''}.")
        return " ".join(parts)

    def examples(self, name: str | None = None) -> list[str]:
        """Questions that can be asked, made from the schema."""
        source = self.source(name or self.desk.database)
        sources = [source] if source else [each for each in self.sources if each.tables]
        each = max(2, 6 // max(len(sources), 1))
        return [question for one in sources[:3] for question in suggestions(one, self.desk.today, each)]


def query_of(cards: Sequence[dict[str, Any]]) -> Any:
    """The id of the query that a tool's cards show; None when they show none."""
    return next((card["query_id"] for card in cards if card.get("type") == "result"), None)


def _how_many(readings: int) -> str:
    return {2: "two", 3: "three"}.get(readings, "several")


def _told_apart(reading: ReadingOf, others: Sequence[ReadingOf]) -> list[ReadingOf]:
    """Other readings that mean something else to a person, not only how often a row is shown."""
    seen, apart = {_meaning(reading)}, []
    for other in others:
        if _meaning(other) not in seen:
            seen.add(_meaning(other))
            apart.append(other)
    return apart


def _meaning(reading: ReadingOf) -> str:
    return REPEATS.sub("", reading.read_as)
