"""How the command line shows things: data on stdout, everything else on stderr."""

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import Progress

    from tools.cards import Card
    from tools.documents import FoundDocuments
    from tools.jobs import Job
    from tools.queries import QueryResult
    from tools.toolbox import Actor, Toolbox


NUMBER = re.compile(r"-?[\d,]*(\.\d+)?")
"""A cell of a column that is laid out at the right; an empty one is in nobody's way."""


def narrate(line: str) -> None:
    """Tell what is going on."""
    sys.stderr.write(f"{line}\n")


def show(found: Sequence[BaseModel], columns: Sequence[str], as_json: bool) -> None:
    """Print some fields of some things as a table, or all of them as JSON."""
    if as_json:
        sys.stdout.write(f"[{','.join(one.model_dump_json() for one in found)}]\n")
    else:
        print_table(columns, [[getattr(one, column) for column in columns] for one in found])


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: laid out for a person on a terminal, with tabs between the cells for a program."""
    cells = [[_text(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [columns, *cells]:
            sys.stdout.write("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        right = bool(rows) and all(NUMBER.fullmatch(row[place]) for row in cells)
        table.add_column(column, overflow="fold", justify="right" if right else "left")
    for row in cells:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return ", ".join(f"{name}={value}" for name, value in cell.items())
    return ", ".join(map(str, cell)) if isinstance(cell, (tuple, list)) else str(cell)


def print_result(result: "QueryResult") -> None:
    """Print a result's rows; its SQL and its size are told beside it."""
    narrate(result.sql)
    print_table([column.name for column in result.columns], result.rows)
    narrate(f"{len(result.rows)} row(s){', cut' if result.truncated else ''}, {result.milliseconds:.0f} ms")


def print_documents(found: "FoundDocuments") -> None:
    """Print what a search found, one hit a line; how it was read is told beside it."""
    from tools.documents import plain

    narrate(f"Read as: {found.read_as}.")
    rows = [
        (
            hit.entity,
            plain(hit.title),
            f"{hit.database}.{hit.table} {hit.source_key}",
            f"{hit.happened_at:%Y-%m-%d}" if hit.happened_at else "",
            plain(hit.evidence[0].snippet if hit.evidence else hit.snippet),
            hit.why,
        )
        for hit in found.hits
    ]
    print_table(("what", "title", "row", "date", "says", "why"), rows)
    for warning in found.warnings:
        narrate(warning)


async def watch(box: "Toolbox", actor: "Actor", job: "Job") -> "Job":
    """Follow a job to its end on stderr: a bar on a terminal, a line for each stage elsewhere.

    Without a worker it says so and comes back at once; the job waits.
    """
    from tools import jobs

    stats = await jobs.queue_stats(box, actor)
    if job.live and stats.queue is not None and not stats.queue.workers:
        narrate("No worker is running; the job waits for one: `tabletalk up` or `tabletalk worker`.")
        return job
    try:
        job = await _to_its_end(box, actor, job)
    except asyncio.CancelledError:  # Ctrl-C
        narrate(f"The job goes on: `tabletalk jobs follow {job.id}`, `tabletalk jobs cancel {job.id}`.")
        raise
    told = [jobs.words.state(job), jobs.words.counts(job), job.error or ""]
    narrate(f"{job.title}: {' · '.join(part for part in told if part)}")
    for table in jobs.words.tables(job):
        if table.reason:
            narrate(f"  {table.name}: {table.reason}")
    return job


async def _to_its_end(box: "Toolbox", actor: "Actor", job: "Job") -> "Job":
    from tools import jobs

    stage = ""
    with _bar(job.title) as bar:
        async for state in jobs.follow(box, actor, job.id):
            job = state
            words = " · ".join(part for part in (jobs.words.amount(job), jobs.words.stage(job)) if part)
            if sys.stderr.isatty():
                bar.update(bar.task_ids[0], completed=job.progress, words=words)
            elif jobs.words.stage(job) != stage or not job.live:
                stage = jobs.words.stage(job)
                narrate(f"{job.title}: {job.progress:.0f} % {words}".rstrip())
    return job


def _bar(title: str) -> "Progress":
    """A bar on stderr, shown on a terminal only; it is gone once the work is over."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    bar.add_task(title, total=100, words="")
    return bar


async def show_card(box: "Toolbox", actor: "Actor", card: "Card") -> None:
    """Print what a tool wants shown, as far as text can."""
    from tools.queries import history

    if card.type == "result":
        query = await history.get_query(box, actor, card.query_id)
        if query.result is not None:
            print_table([column.name for column in query.result.columns], query.result.rows)
        if query.answer is not None:
            sure = f" (confidence {query.answer.confidence:.2f})" if query.answer.confidence is not None else ""
            narrate(f"Read as: {query.answer.read_as}{sure}")
        narrate(query.sql_executed or query.sql_asked)
    elif card.type == "documents":
        from tools.documents import plain, show

        there = await show(box, actor, [hit.id for hit in card.hits], card.words)
        found = [(there[hit.id], hit.why) for hit in card.hits if hit.id in there]
        rows = [
            (one.entity, plain(one.title), f"{one.database}.{one.table} {one.source_key}", why) for one, why in found
        ]
        print_table(("what", "title", "row", "why"), rows)
    elif card.type == "table":
        print_table(card.columns, card.rows)
    elif card.type in ("job", "board", "schedule"):
        await _show_work(box, actor, card)
    elif card.type == "choices":
        narrate(f"{card.prompt} {' | '.join(choice.label for choice in card.choices)}")


async def _show_work(box: "Toolbox", actor: "Actor", card: "Card") -> None:
    """Print the jobs or schedules of a card, one a line."""
    from tools import jobs

    if card.type == "schedule":
        found = {one.id: one for one in await jobs.schedules.list_schedules(box, actor)}
        for number in card.schedule_ids:
            narrate(str(found.get(number, f"Schedule {number} is no more.")))
    elif card.type == "board" and card.job_ids is None:
        print_table(
            ("id", "title", "state", "error"),
            [(j.id, j.title, j.state, j.error) for j in await jobs.list_jobs(box, actor)],
        )
    elif card.type in ("job", "board"):
        for number in [card.job_id] if card.type == "job" else card.job_ids or ():
            narrate(str(await jobs.get(box, actor, number)))
