"""From a question and trained tables to readings with SQL: the composition of all stages."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from assistant.offline import followup, rank
from assistant.offline.assemble import drafts
from assistant.offline.build import Builder
from assistant.offline.clauses import Clauses
from assistant.offline.describe import Describer
from assistant.offline.forms import Expr, Form
from assistant.offline.grammar import grammar, phrases_at
from assistant.offline.joins import Graph
from assistant.offline.lexicon import Lexicon
from assistant.offline.measures import measure
from assistant.offline.mentions import Cover, Item, Link, covers
from assistant.offline.resolve import resolve
from assistant.offline.sketch import Sketch, Var
from assistant.offline.spelling import mended
from assistant.offline.tokens import Token, plain, tokenize
from assistant.offline.understanding import Probe, ReadingOf, Understanding
from assistant.offline.wording import declined, labels, reasons
from tools.connectors.base import Dialect
from tools.errors import Invalid
from tools.schemas.catalog import TrainedTable

MOST_PROBES = 40
KEPT = 3
"""Readings given back."""
DECLINE = 0.1
"""Below this confidence the question is not about these data."""
UNKNOWN = 0.3
"""The same where a noun of the question is known to nobody."""
MISSED = 0.4
"""The same where such a noun is what is asked for."""
ASK = 0.18
"""Below this confidence the readings are offered instead of an answer."""
NEIGHBOURS = 16
"""Readings that are held against one another."""
_BEHIND = frozenset({"from", "to", "at", "into", "in", "on", "through"})
"""Words behind a verb that say where or when."""
LONGEST = 2_000
"""Characters of a question that are read."""


@dataclass(frozen=True)
class Candidate:
    """A form with its features and score, before it becomes a reading."""

    form: Form
    features: dict[str, float]
    score: float
    unknown: tuple[str, ...]


class World:
    """The tables of one question as they are read: equal when the same tables were trained at the same time."""

    def __init__(self, tables: Sequence[TrainedTable]) -> None:
        self.tables = tuple(tables)
        self.mark = tuple((table.id, table.trained_at, table.notes, table.description) for table in tables)

    def __hash__(self) -> int:
        return hash(self.mark)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, World) and self.mark == other.mark


@lru_cache(maxsize=64)
def known(world: World) -> tuple[Lexicon, Graph]:
    """The words and the joins of some tables, made once."""
    lexicon = Lexicon(world.tables)
    return lexicon, Graph(lexicon)


def probes(question: str, tables: Sequence[TrainedTable]) -> tuple[Probe, ...]:
    """Texts of the question worth looking up in the source; none when every word is understood.

    Quoted texts and names unknown so far, against text columns whose values were not all trained.
    """
    lexicon, _ = known(World(tables))
    tokens = mended(tokenize(question[:LONGEST]), lexicon)
    texts = _unexplained(tokens, lexicon)
    if not texts:
        return ()
    columns = list(lexicon.text_columns())
    found = [Probe(column.table, column.column.name, text) for text in texts for column in columns]
    return tuple(found[:MOST_PROBES])


def _unexplained(tokens: Sequence[Token], lexicon: Lexicon) -> list[str]:
    best = covers(lexicon, tokens, date(2000, 1, 1), {})[:1]
    texts = [str(t.value) for t in tokens if t.kind == "quoted" and plain(str(t.value)) not in lexicon.by_value]
    run: list[Token] = []
    unknown = {
        item.start
        for cover in best
        for place, item in enumerate(cover.items)
        if item.kind == "unknown" and (tokens[item.start].capital or not _is_verb(cover.items, place))
    }
    for index, token in enumerate(tokens):
        named = token.kind == "word" and index > 0 and token.text[:1].isupper() and run
        if named or index in unknown:
            run.append(token)
        elif run:
            texts.extend(_names(run))
            run = []
    texts.extend(_names(run))
    return list(dict.fromkeys(texts))[:6]


def _names(run: Sequence[Token]) -> list[str]:
    words = [token.text for token in run]
    if not words:
        return []
    return [" ".join(words), *words] if len(words) in (2, 3) else [" ".join(words)]


def read(
    question: str,
    tables: Sequence[TrainedTable],
    dialect: Dialect,
    today: date,
    previous: Understanding | None = None,
    found: Mapping[Probe, Sequence[str]] | None = None,
) -> Understanding:
    """Read a question against trained tables.

    `previous` is the question before it in the conversation, which a fragment edits; `found` is what the
    source holds of the `probes`. Never raises for a question, whatever it says.
    """
    question = question[:LONGEST]
    if previous and previous.best and (show := followup.shown_as(question)):
        return Understanding(question, previous.readings, show=show)
    lexicon, graph = known(World(tables))
    if previous and previous.best:
        answer = _follow(question, previous.best, lexicon, graph, dialect, today, found or {})
        if answer is not None:
            return answer
    if _wants_doing(tokenize(question)):
        return Understanding(question, declined=declined(lexicon, ()))
    ranked = candidates(question, tables, today, found or {})
    return _understanding(question, ranked, lexicon, graph, dialect)


def _wants_doing(tokens: Sequence[Token]) -> bool:
    """True for `book me a flight`: something is to be done for the person, nothing is asked."""
    return (
        len(tokens) > 2
        and tokens[1].lower in ("me", "us")
        and not any(op.kind == "ask" for _, op in phrases_at(tokens, 0))
    )


def _follow(
    question: str,
    previous: ReadingOf,
    lexicon: Lexicon,
    graph: Graph,
    dialect: Dialect,
    today: date,
    found: Mapping[Probe, Sequence[str]],
) -> Understanding | None:
    best = covers(lexicon, mended(tokenize(question), lexicon), today, found)[:1]
    if not best or not followup.follows(question, best[0]):
        return None
    builder, describer = Builder(graph, dialect), Describer(lexicon)
    readings: list[ReadingOf] = []
    unknown: tuple[str, ...] = ()
    for form, belief, words in followup.edited(question, previous.form, lexicon, graph, today, found):
        try:
            sql = builder.sql(form)
        except Invalid:
            continue
        sure = round(min(belief, 0.5 + 0.5 * previous.confidence), 3)
        unknown = unknown or words
        readings.append(ReadingOf(sql, form, describer.sentence(form), sure, ("continues the question before",)))
    return Understanding(question, labels(readings), unknown) if readings else None


def _understanding(
    question: str, ranked: Sequence[Candidate], lexicon: Lexicon, graph: Graph, dialect: Dialect
) -> Understanding:
    builder, describer = Builder(graph, dialect), Describer(lexicon)
    readings: list[ReadingOf] = []
    open_best = bool(ranked) and ranked[0].features.get("open best", 0.0) > 0
    ways = _ways(ranked) if open_best else []
    for candidate in ways if len(ways) > 1 else ranked[:12]:
        if len(readings) == KEPT:
            break
        try:
            sql = builder.sql(candidate.form)
        except Invalid:
            continue
        said = describer.sentence(candidate.form)
        if any(sql == reading.sql or said == reading.read_as for reading in readings):
            continue
        features = candidate.features | standing([c.score for c in ranked], ranked.index(candidate))
        sure = round(rank.confidence(features), 3)
        readings.append(ReadingOf(sql, candidate.form, said, sure, reasons(features, candidate.unknown)))
    unknown = ranked[0].unknown if ranked else ()
    least = _least(question, ranked[0]) if ranked else DECLINE
    if ranked and ranked[0].features.get("no links"):
        readings = []
    if not readings or readings[0].confidence < least:
        return Understanding(question, unknown_words=unknown, declined=declined(lexicon, unknown))
    named = labels(readings)
    if open_best and len(ways) > 1:
        named = tuple(
            replace(one, label=describer.way(candidate.form)) for one, candidate in zip(named, ways, strict=False)
        )
    ask = (
        tuple(reading.label for reading in named) if (named[0].confidence < ASK or open_best) and len(named) > 1 else ()
    )
    return Understanding(question, named, unknown, ask=ask)


def _least(question: str, best: Candidate) -> float:
    """How sure the best reading must be to be given: the more, the less of the question is known."""
    if best.features.get("unknown asked"):
        return MISSED
    if best.features.get("unknown nouns"):
        return UNKNOWN
    return ASK if _elsewhere(question, best) else DECLINE


def _elsewhere(question: str, best: Candidate) -> bool:
    """True where unknown words say that something else is asked about: `price of apple`, `book a flight`."""
    if not best.unknown:
        return False
    if best.features.get("no table named") and len(best.unknown) > max(1.0, best.features.get("exact links", 0.0)):
        return True
    return any(
        re.search(rf"\b(?:of|for|about) (?:the )?{re.escape(word)}\W*$", question, re.IGNORECASE)
        for word in best.unknown
    )


def _ways(ranked: Sequence[Candidate]) -> list[Candidate]:
    """For `best customers`: the likeliest form for each thing they may be ranked by."""
    found: dict[Expr, Candidate] = {}
    for candidate in ranked:
        if candidate.form.order and candidate.form.order[0].expr.agg and not candidate.form.star:
            found.setdefault(candidate.form.order[0].expr, candidate)
    return list(found.values())[:2]


def candidates(
    question: str, tables: Sequence[TrainedTable], today: date, found: Mapping[Probe, Sequence[str]]
) -> list[Candidate]:
    """All forms the question may mean, best first, each once."""
    lexicon, graph = known(World(tables))
    tokens = mended(tokenize(question), lexicon)
    if not tokens or not lexicon.tables:
        return []
    lemmas = frozenset(token.lemma for token in tokens if token.kind == "word")
    made: dict[Form, Candidate] = {}
    for place, cover in enumerate(covers(lexicon, tokens, today, found)):
        for candidate in _of_cover(cover, place, lexicon, graph, lemmas):
            if candidate.form not in made or made[candidate.form].score < candidate.score:
                made[candidate.form] = candidate
    return sorted(made.values(), key=lambda c: -c.score)


def _of_cover(cover: Cover, place: int, lexicon: Lexicon, graph: Graph, lemmas: frozenset[str]) -> list[Candidate]:
    sketch = Clauses(cover.items, lexicon).read()
    _imply_subject(sketch, lexicon, graph)
    understood = _understood(cover)
    result = []
    for rung, assignment in enumerate(resolve(sketch, lexicon, graph)[:4]):
        for draft in drafts(sketch, assignment, lexicon, graph, lemmas):
            features = draft.features | understood | {
                "cover": cover.score,
                "resolve": assignment.score,
                "worst": assignment.worst,
                "close": min(2.0, float(assignment.close)),
                "rung": float(rung),
                "place": float(place),
            }  # fmt: skip
            result.append(Candidate(draft.form, features, rank.score(features), tuple(sketch.unknown)))
    return result


def _imply_subject(sketch: Sketch, lexicon: Lexicon, graph: Graph) -> None:
    """`revenue by month` names no table: the table of the measure is the subject."""
    picks = (*sketch.picks, *(best.pick for best in sketch.supers))
    named = next((pick.measure for pick in picks if pick.measure), "")
    if sketch.subject is None and not sketch.tables and named:
        tables = dict.fromkeys(expr.table for expr in measure(named, "", (), lexicon, graph)[:2])
        sketch.subject = Var("table", named, [Link(table, score=1.0 - 0.1 * i) for i, table in enumerate(tables)])
        sketch.tables.append(sketch.subject)
        if not tables:
            sketch.subject, sketch.tables = None, []


def standing(scores: Sequence[float], place: int) -> dict[str, float]:
    """How far a candidate stands from its neighbours: the margin to the best other, its share of belief.

    `scores` are those of all candidates, best first; `place` is the candidate's among them.
    """
    mine, near = scores[place], scores[:NEIGHBOURS]
    others = [score for other, score in enumerate(near) if other != place]
    margin = mine - max(others) if others else 3.0
    total = sum(math.exp(score - near[0]) for score in near)
    return {"margin": max(-3.0, min(3.0, margin)), "sure": math.exp(mine - near[0]) / total}


def _understood(cover: Cover) -> dict[str, float]:
    """How much of what the question names is known: its nouns, names and values."""
    links = [item for item in cover.items if item.kind in ("table", "column", "value") or _measured(item)]
    covered = sum((item.score or 1.0) * (item.end - item.start) for item in links)
    unknown = [item for item in cover.items if item.kind == "unknown"]
    exact = sum(item.score > 0.95 or _measured(item) for item in links)
    return {
        "known share": covered / (covered + len(unknown) + 0.01),
        "no table named": float(
            not any((item.kind == "table" and item.score > 0.85) or _measured(item) for item in links)
        ),
        "exact links": min(4.0, float(exact)),
        "inexact links": float(len(links) - exact),
        "unknown names": float(sum(item.text[:1].isupper() for item in unknown)),
        **_strange(cover.items),
        "no links": float(not links),
        "length": len(cover.items) / 10,
    }


def _strange(items: Sequence[Item]) -> dict[str, float]:
    """What kind of words nobody knows: a verb between known nouns may be left out, a noun that is asked for may not."""
    found = {"unknown verbs": 0.0, "unknown nouns": 0.0, "unknown asked": 0.0, "unknown last": 0.0}
    for place, item in enumerate(items):
        if item.kind != "unknown":
            continue
        verb = _is_verb(items, place)
        found["unknown verbs" if verb else "unknown nouns"] += 1.0
        if verb:
            continue
        asked = not any(other.links for other in items[:place])  # the first thing that the question names
        found["unknown asked"] += float(asked or _opened(items, place))
        found["unknown last"] += float(all(other.is_op("sign", "fill") for other in items[place + 1 :]))
    return found


def _opened(items: Sequence[Item], place: int) -> bool:
    """Whether a word stands behind `how many`, `the average`, `the highest`: it is what the question wants."""
    for item in reversed(items[:place]):
        if not item.is_op("fill", "distinct", "everything", "logic") and item.kind != "unknown":
            return item.is_op("ask", "aggregate", "superlative", "frequent")
    return False


def _is_verb(items: Sequence[Item], place: int) -> bool:
    """Whether an unknown word is one that says what was done: by its ending, or by the word before it."""
    word = items[place].text.lower()
    before = items[place - 1].text.lower() if place else ""
    if before.split()[-1:] and before.split()[-1] in grammar().articles:
        return False
    if (len(word) > 4 and word.endswith(("ed", "ing", "ly"))) or word in grammar().pasts:
        return True
    if before.split()[-1:] and before.split()[-1] in grammar().verb_openings:
        return True
    told = place > 1 and before in ("which", "that", "who") and items[place - 2].kind in ("table", "value")
    if told:
        return True
    if not place or items[place - 1].kind not in ("table", "column", "value") or word.endswith("s"):
        return False
    if place + 1 < len(items) and items[place + 1].is_op("compare", "superlative"):
        return True
    if before.endswith("s") and place + 1 < len(items) and items[place + 1].text.lower() in _BEHIND:
        return True  # `trains leave from X`
    after = items[place + 1].text.lower() if place + 1 < len(items) else ""
    asked = any(set(item.text.lower().split()) & grammar().auxiliaries for item in items[:place])
    return asked or after in grammar().objects


def _measured(item: Item) -> bool:
    """True for a business word that computes something: `revenue`, `bought the most`."""
    return item.is_op("measure") or (item.op is not None and item.op.hint in grammar().measures)


__all__ = ["Candidate", "World", "candidates", "known", "probes", "read", "standing"]
