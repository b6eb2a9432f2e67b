"""Fits the offline parser's weights on questions with gold SQL: which reading comes first, and how sure to be of it.

    python -m tests.benchmarks.fit_offline QUESTIONS.jsonl=DSN ... --shop DSN --cache FOLDER [--write]

Each database holds one schema for each `schema` of its questions; `--shop` adds the sample shop's own questions, and
makes the shop there, in a schema of that name. Every reading of every question is run and held against the gold;
`--cache` keeps what came of it. The ranking is a choice among the readings of one question, the confidence the chance
that the first of them is right. So that it is low where the data cannot answer, some questions are put once more: to
a schema they are not about, and to their own without a column that the gold uses.

Both are fitted by cross-validation over schemas: what is printed, and the scale on which a confidence is called, come
of questions about schemas that the fit has not seen. `--write` writes weights.toml; without it nothing changes.
Schemas named by `--away` take no part at all.
"""

import argparse
import asyncio
import json
import math
import pickle
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import sqlglot
from sqlglot import exp

from assistant.offline.build import Builder
from assistant.offline.parser import World, candidates, known, probes, standing
from assistant.offline.rank import weights
from tests.benchmarks.bench_offline import TODAY, fetch, look_up, ordered, prepare, same
from tools.demo import seed_postgres
from tools.errors import Invalid
from tools.schemas.catalog import TrainedTable
from tools.vocabulary import lemma, name_terms, words

WEIGHTS = Path(str(files("assistant.offline").joinpath("weights.toml")))
SHOP = Path(__file__).parents[1] / "assistant" / "offline" / "shop_questions.jsonl"
MOST = 40
"""Readings of one question that take part."""
FOLDS = 6
TARGETS = {"half": 0.85, "high": 0.93}
"""How many of the answers called 0.5 or 0.8 and surer should be right: a little more than is promised."""
STRANGE = 0.05
"""Share of the questions that are also put to a schema they are not about."""
MAIMED = 0.12
"""Share of the questions that are also put to their own schema without a column of the gold."""
NO_GOLD = {"gold_sql": "", "made": True}
SHOP_WEIGHT = 4.0
"""The shop's questions are few, and are how people of a business ask."""
RANK_PRIOR = {
    "id measured": -2.0,
    "key for a name": -1.0,
    "group hidden": -2.0,
    "counts itself": -2.0,
    "told back": -1.5,
}
RANK_PRIOR |= {"set both": 3.0, "set either": 2.2, "measure lost": -1.5, "set only": 2.5, "set shared": 0.5}
"""What is believed of some features where the ranking begins to learn; of those too rare it learns nothing."""
RARE = 40
"""Questions whose readings must differ in a feature before the ranking believes them about it."""
PRIOR = {"share lost": -3.0, "ranking lost": -1.5, "held twice": -0.8, "order lost": -1.5, "group hidden": -2.0}
PRIOR |= {"told back": -2.0, "counts itself, unknown": -2.0}
"""What is believed of features too rare in questions to be learned from them: the confidence is drawn there."""

Features = Mapping[str, float]
Weights = dict[str, float]


@dataclass
class Choice:
    """The readings of one question, and which of them give what the gold gives."""

    source: str
    schema: str
    question: str
    answerable: bool
    made: bool = False
    """A stranger or a maimed one: the confidence learns from it, the scale does not."""
    weight: float = 1.0
    features: list[Features] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)


# --- the readings -------------------------------------------------------------------------------------------------


class Gatherer:
    """Runs and judges all readings of questions about the schemas of one database."""

    def __init__(self, source: str, dsn: str, data: dict[str, Any], verdicts: dict[Any, bool]) -> None:
        self.source, self.dsn, self.data, self.verdicts = source, dsn, data, verdicts

    async def choices(self, questions: list[dict[str, Any]]) -> list[Choice]:
        """All readings of some questions."""
        connection = await asyncpg.connect(self.dsn, server_settings={"statement_timeout": "3000"})
        found = []
        for question in questions:
            await connection.execute(f'SET search_path TO "{question["schema"]}"')
            found.append(await self.choice(connection, question))
        await connection.close()
        return found

    async def choice(self, connection: Any, question: dict[str, Any]) -> Choice:
        """The readings of one question."""
        asked, schema = question["question"], question["schema"]
        tables = self.data["catalogues"][schema]
        if "without" in question:
            tables = without(tables, question["without"])
        _, graph = known(World(tables))
        builder = Builder(graph, "postgres")
        looked = await look_up(connection, probes(asked, tables))
        made = Choice(self.source, schema, asked, bool(question["gold_sql"]), question.get("made", False))
        made.weight = question.get("weight", 1.0)
        for candidate in candidates(asked, tables, TODAY, looked)[:MOST]:
            try:
                sql = builder.sql(candidate.form)
            except Invalid:
                continue
            made.features.append(candidate.features)
            made.right.append(await self.right(connection, question, sql))
        return made

    async def right(self, connection: Any, question: dict[str, Any], sql: str) -> bool:
        """Whether a query gives what a gold of the question gives."""
        schema, golds = question["schema"], [question["gold_sql"], *question.get("or_sql", ())]
        if not golds[0]:
            return False
        if (schema, *golds, sql) not in self.verdicts:
            rows = await fetch(connection, schema, sql)
            enough = ("right", "extra") if "or_sql" in question else ("right",)
            self.verdicts[schema, *golds, sql] = not isinstance(rows, str) and any(
                same(gold, rows, ordered(text)) in enough
                for text in golds
                if not isinstance(gold := self.data["gold"][schema, text], str)
            )
        return self.verdicts[schema, *golds, sql]


def _part(job: tuple[Gatherer, list[dict[str, Any]]]) -> tuple[list[Choice], dict[Any, bool]]:
    return asyncio.run(job[0].choices(job[1])), job[0].verdicts


def strangers(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some of the questions, put to another schema of the same database: nothing there answers them."""
    luck = random.Random(7)
    schemas = sorted({question["schema"] for question in questions})
    if len(schemas) < 2:
        return []
    return [
        question | {"schema": luck.choice([s for s in schemas if s != question["schema"]]), **NO_GOLD}
        for question in luck.sample(list(questions), int(len(questions) * STRANGE))
    ]


def maimed(
    questions: Sequence[dict[str, Any]], catalogues: Mapping[str, Sequence[TrainedTable]]
) -> list[dict[str, Any]]:
    """Some of the questions, put to their own schema without a column that they speak of and the gold uses."""
    luck = random.Random(11)
    found = []
    for question in luck.sample(list(questions), int(len(questions) * MAIMED)):
        gold = sqlglot.parse_one(question["gold_sql"] or "SELECT 1", read="postgres")
        used = {column.name.lower() for column in gold.find_all(exp.Column)}
        spoken = {lemma(word) for word in words(question["question"])}
        tables = catalogues[question["schema"]]
        tied = {name for table in tables for name in _tied(table)}
        columns = [
            column.name
            for table in tables
            for column in table.shape.columns
            if column.name.lower() in used and column.name not in tied and _spoken(column.name, spoken)
        ]
        if columns:
            found.append(question | {**NO_GOLD, "without": luck.choice(columns)})
    return found


def _spoken(column: str, spoken: set[str]) -> bool:
    """Whether a question speaks of a column; that of a name alone does not count: another column may name the rows."""
    named = set(name_terms(column))
    return not named & {"name", "title", "id", "code"} and bool(named & spoken)


def _tied(table: TrainedTable) -> set[str]:
    shape = table.shape
    return {*shape.primary_key, *(name for key in shape.foreign_keys for name in key.columns)}


def without(tables: Sequence[TrainedTable], column: str) -> tuple[TrainedTable, ...]:
    """The tables as they would be without the columns of one name."""
    return tuple(_without(each, column) for each in tables)


def _without(table: TrainedTable, column: str) -> TrainedTable:
    columns = tuple(each for each in table.shape.columns if each.name != column)
    values = {name: held for name, held in table.values.items() if name != column}
    shape = table.shape.model_copy(update={"columns": columns})
    return table.model_copy(update={"id": uuid4(), "shape": shape, "values": values})


# --- the ranking --------------------------------------------------------------------------------------------------


def fit_rank(choices: Sequence[Choice], rounds: int = 14, rate: float = 0.12, shrink: float = 4e-3) -> Weights:
    """Weights under which right readings are the likeliest of their question: a conditional logit, by AdaGrad."""
    luck = random.Random(1)
    told = [(c.features, c.right, c.weight) for c in choices if any(c.right) and not all(c.right)]
    common = _common([rows for rows, _, _ in told])
    fitted: Weights = defaultdict(float, RANK_PRIOR)
    steps: Weights = defaultdict(lambda: 1e-6)
    summed: Weights = defaultdict(float)
    for round_ in range(rounds):
        luck.shuffle(told)
        for rows, right, weight in told:
            for name, slope in _slope(fitted, rows, right).items():
                if name not in common:
                    continue
                value = weight * slope - shrink * (fitted[name] - RANK_PRIOR.get(name, 0.0))
                steps[name] += value * value
                fitted[name] += rate * value / math.sqrt(steps[name])
        if round_ >= rounds // 2:
            for name, value in fitted.items():
                summed[name] += value
    return {name: value / (rounds - rounds // 2) for name, value in summed.items()}


def _common(questions: Sequence[Sequence[Features]]) -> set[str]:
    """Features in which the readings of enough questions differ."""
    seen: dict[str, int] = defaultdict(int)
    for rows in questions:
        for name in {name for row in rows for name in row}:
            seen[name] += len({row.get(name, 0.0) for row in rows}) > 1
    return {name for name, times in seen.items() if times >= RARE}


def _slope(fitted: Mapping[str, float], rows: Sequence[Features], right: Sequence[bool]) -> Weights:
    """How the log of the chance of a right reading grows with each weight."""
    beliefs = [math.exp(score) for score in _levelled(scores(fitted, rows))]
    total = sum(beliefs)
    good = sum(belief for belief, hit in zip(beliefs, right, strict=True) if hit)
    slope: Weights = defaultdict(float)
    for belief, hit, row in zip(beliefs, right, rows, strict=True):
        pull = (belief / good if hit else 0.0) - belief / total
        if abs(pull) > 1e-5:
            for name, value in row.items():
                slope[name] += pull * value
    return slope


def _levelled(given: Sequence[float]) -> list[float]:
    best = max(given)
    return [max(-60.0, score - best) for score in given]


def scores(fitted: Mapping[str, float], rows: Sequence[Features]) -> list[float]:
    """The score of each reading."""
    return [sum(fitted.get(name, 0.0) * value for name, value in row.items()) for row in rows]


# --- the confidence -----------------------------------------------------------------------------------------------


@dataclass
class First:
    """The reading that comes first, with what the confidence may go by."""

    choice: Choice
    features: Features
    right: bool


def first(choice_: Choice, fitted: Mapping[str, float]) -> First | None:
    """The reading of a question that some weights put first; None when there is none."""
    if not choice_.features:
        return None
    given = scores(fitted, choice_.features)
    order = sorted(range(len(given)), key=lambda place: -given[place])
    features = dict(choice_.features[order[0]]) | standing([given[place] for place in order], 0)
    return First(choice_, features, choice_.right[order[0]])


def fit_confidence(
    firsts: Sequence[First], names: frozenset[str], rounds: int = 40, rate: float = 0.1, shrink: float = 1e-3
) -> Weights:
    """Weights under which the first reading is as likely right as is called: a logistic regression, by AdaGrad."""
    luck = random.Random(2)
    rows = [
        ({"base": 1.0} | {n: v for n, v in one.features.items() if n in names}, one.right, one.choice.weight)
        for one in firsts
    ]
    fitted: Weights = defaultdict(float, PRIOR)
    steps: Weights = defaultdict(lambda: 1e-6)
    summed: Weights = defaultdict(float)
    for round_ in range(rounds):
        luck.shuffle(rows)
        for row, right, weight in rows:
            error = weight * (float(right) - chance(fitted, row))
            for name, value in row.items():
                slope = error * value - (shrink * (fitted[name] - PRIOR.get(name, 0.0)) if name != "base" else 0.0)
                steps[name] += slope * slope
                fitted[name] += rate * slope / math.sqrt(steps[name])
        if round_ >= rounds // 2:
            for name, value in fitted.items():
                summed[name] += value
    return {name: value / (rounds - rounds // 2) for name, value in summed.items()}


def chance(fitted: Mapping[str, float], features: Features) -> float:
    """What a fitted confidence says before it is put on the scale of what is called."""
    total = sum(fitted.get(name, 0.0) * value for name, value in features.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def least(called: Sequence[tuple[float, bool]], target: float) -> float:
    """The lowest chance from which on answers are right as often as `target` says."""
    held = sorted(called, reverse=True)
    good, best = 0, 0.99
    for place, (belief, right) in enumerate(held, start=1):
        good += right
        if place >= 20 and good / place >= target:
            best = belief
    return best


# --- cross-validation ---------------------------------------------------------------------------------------------


def folds(choices: Sequence[Choice]) -> list[set[str]]:
    """Schemas parted into groups with about as many questions each."""
    sizes: dict[str, int] = defaultdict(int)
    for one in choices:
        sizes[one.schema] += 1
    parts: list[set[str]] = [set() for _ in range(FOLDS)]
    filled = [0] * FOLDS
    for schema in sorted(sizes, key=lambda name: (-sizes[name], name)):
        spot = filled.index(min(filled))
        parts[spot].add(schema)
        filled[spot] += sizes[schema]
    return parts


def _fold_rank(job: tuple[Sequence[Choice], set[str]]) -> Weights:
    return fit_rank([one for one in job[0] if one.schema not in job[1]])


def _fold_confidence(job: tuple[Sequence[First], set[str], frozenset[str]]) -> Weights:
    return fit_confidence([one for one in job[0] if one.choice.schema not in job[1]], job[2])


def fit(
    choices: Sequence[Choice], run: Callable[..., Any]
) -> tuple[Weights, Weights, dict[str, float], list[tuple[First, float]]]:
    """Weights of the ranking and the confidence and its scale; and each first reading with its unseen chance."""
    parts = folds(choices)
    told = [one for one in choices if one.answerable]
    *apart, fitted = run(_fold_rank, [(told, part) for part in (*parts, set())])
    firsts = [
        found for part, rank in zip(parts, apart, strict=True) for one in choices if one.schema in part
        if (found := first(one, rank)) is not None
    ]  # fmt: skip
    names = chosen_names(firsts)
    *apart, sure = run(_fold_confidence, [(firsts, part, names) for part in (*parts, set())])
    called = [
        (one, chance(rank, {"base": 1.0, **one.features})) for part, rank in zip(parts, apart, strict=True)
        for one in firsts if one.choice.schema in part
    ]  # fmt: skip
    real = [(belief, one.right) for one, belief in called if not one.choice.made]
    scale = {name: least(real, target) for name, target in TARGETS.items()}
    return fitted, sure, scale, called


def chosen_names(firsts: Sequence[First]) -> frozenset[str]:
    """Features common enough to be believed."""
    seen: dict[str, int] = defaultdict(int)
    for one in firsts:
        for name, value in one.features.items():
            seen[name] += value != 0
    return frozenset({*PRIOR, *(name for name, times in seen.items() if times >= 25)})


# --- what is printed and written ----------------------------------------------------------------------------------


def tell(
    title: str, choices: Sequence[Choice], called: Sequence[tuple[First, float]], scale: Mapping[str, float]
) -> None:
    """Print what the fit reaches on schemas it has not seen."""
    asked = [one for one in choices if one.answerable]
    possible = sum(any(one.right) for one in asked) / len(asked)
    right = sum(one.right for one, _ in called) / len(asked)
    print(f"{title}: {len(asked)} questions, some reading right {possible:.1%}, the first {right:.1%}")
    for name, bound in scale.items():
        sure = [one.right for one, belief in called if belief >= bound and not one.choice.made]
        share, good = len(sure) / len(asked), sum(sure) / max(1, len(sure))
        print(f"  {name} from {bound:.3f}: {len(sure)} answers ({share:.1%}), {good:.1%} right")
    for kind in (False, True):
        beliefs = [belief for one, belief in called if not one.choice.answerable and one.choice.made == kind]
        if beliefs:
            low = [sum(belief < bound for belief in beliefs) / len(beliefs) for bound in (0.1, 0.2, scale["half"])]
            print(
                f"  not answerable{', made so' if kind else ''}: {len(beliefs)}, below 0.1, 0.2, half",
                *(f"{share:.0%}" for share in low),
            )


def written(rank: Mapping[str, float], sure: Mapping[str, float], scale: Mapping[str, float]) -> str:
    """The text of weights.toml."""
    lines = [
        "# Fitted by tests/benchmarks/fit_offline.py on questions about many databases; features name no table, column",
        "# or word of any of them.",
        "",
    ]
    for section, values in (("rank", rank), ("confidence", sure)):
        lines.append(f"[{section}]")
        lines.extend(f'"{name}" = {value:.3f}' for name, value in sorted(values.items()) if abs(value) >= 0.0005)
        lines.append("")
    lines += [
        "[scale]",
        "# chance by the features -> what is called 0.5 and 0.8, so that answers above are right as often as promised",
    ]
    lines.extend(f"{name} = {bound:.3f}" for name, bound in scale.items())
    return "\n".join(lines) + "\n"


def collected(source: str, dsn: str, questions: list[dict[str, Any]], folder: Path) -> list[Choice]:
    """The judged readings of some questions, and of questions that the same database cannot answer."""
    golds = [question | {"gold_sql": sql} for question in questions for sql in question.get("or_sql", ())]
    data = asyncio.run(prepare(dsn, questions + golds, folder / f"{source}.pickle"))
    kept = folder / f"{source}_verdicts.pickle"
    verdicts: dict[Any, bool] = pickle.loads(kept.read_bytes()) if kept.exists() else {}
    every = questions + strangers(questions) + maimed(questions, data["catalogues"])
    gatherer = Gatherer(source, dsn, data, verdicts)
    with ProcessPoolExecutor(2) as pool:
        done = list(pool.map(_part, [(gatherer, every[half::2]) for half in (0, 1)]))
    for _, more in done:
        verdicts |= more
    kept.write_bytes(pickle.dumps(verdicts))
    return [one for part, _ in done for one in part]


def of_file(path: Path, away: set[str]) -> list[dict[str, Any]]:
    """The questions of a file, without those about the schemas that are kept away."""
    questions = [json.loads(line) for line in path.read_text().splitlines()]
    return [question for question in questions if question["schema"] not in away]


def of_shop(dsn: str) -> list[dict[str, Any]]:
    """The shop's questions, once the shop is made."""

    async def make() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE SCHEMA IF NOT EXISTS shop")
        await seed_postgres(connection, TODAY, "shop")
        await connection.close()

    asyncio.run(make())
    text = SHOP.read_text().replace("{today}", TODAY.isoformat())
    rows = [json.loads(line) for line in text.splitlines()]
    return [{"or_sql": [], **row, "schema": "shop", "weight": SHOP_WEIGHT} for row in rows]


def main() -> None:
    """Gather, fit, print; write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", metavar="QUESTIONS=DSN")
    parser.add_argument("--shop", metavar="DSN", help="a database in which the sample shop may be made")
    parser.add_argument("--cache", type=Path, required=True, help="a folder for what is read of the databases")
    parser.add_argument("--away", default="", help="comma-separated schemas that take no part")
    parser.add_argument("--write", action="store_true", help="write the weights")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    named = [source.split("=", 1) for source in options.sources]
    asked = [(dsn.rsplit("/", 1)[-1], dsn, of_file(Path(path), set(options.away.split(",")))) for path, dsn in named]
    if options.shop:
        asked.append(("shop", options.shop, of_shop(options.shop)))
    choices = [one for source, dsn, questions in asked for one in collected(source, dsn, questions, options.cache)]
    with ProcessPoolExecutor(2) as pool:
        rank, sure, scale, called = fit(choices, lambda work, jobs: list(pool.map(work, jobs)))
    pickle.dump(called, (options.cache / "called.pickle").open("wb"))
    if options.write:
        WEIGHTS.write_text(written(rank, sure, scale))
    before = [found for one in choices if (found := first(one, weights()[0]))]
    print(f"first reading right with the weights as they were: {sum(one.right for one in before)}")
    tell("unseen schemas", choices, called, scale)
    for source, *_ in asked:
        mine = [one for one in choices if one.source == source]
        tell(f"of them {source}", mine, [pair for pair in called if pair[0].choice.source == source], scale)


if __name__ == "__main__":
    main()
