"""`tabletalk eval`: how good are the answers, of the offline model or any other."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from assistant.accounts import find_person, local_person
from assistant.evaluation.ask import evaluate
from assistant.evaluation.cases import read_cases
from assistant.evaluation.kept import Run, load_run, new_run, save_run
from assistant.evaluation.measure import Case, compare_runs, summarise
from assistant.evaluation.report import text_changes, text_report, write_report
from tools import queries
from tools.embedded import servers
from tools.errors import AssistantError, Invalid
from tools.settings import Settings, load_settings
from tools.store.session import migrate
from tools.toolbox import Actor, Toolbox, open_toolbox


def evaluate_command(  # noqa: PLR0917  # typer reads the options from the signature
    file: Annotated[
        Path | None, typer.Argument(help="JSON lines of {question, gold_sql, schema?, gold_tables?, kind?}.")
    ] = None,
    database: Annotated[str, typer.Option(help="The registered database that the questions are about.")] = "",
    schema_field: Annotated[
        str | None, typer.Option(help="The field that names the schema a question is about.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A pydantic-ai model name, or `offline`; else TABLETALK_MODEL.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Questions asked side by side.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write a page with every miss to this file.")] = None,
    save: Annotated[str, typer.Option(help="Keep the run under this name.")] = "",
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two kept runs: what got worse?", metavar="A B")
    ] = None,
    verified: Annotated[str, typer.Option(help="Replay the verified pairs of this database instead of a file.")] = "",
    user: Annotated[str, typer.Option(help="Whose databases; default: the person of a local set-up.")] = "",
) -> None:
    """Ask questions whose SQL is known, compare the results, and say how many are right."""
    try:
        settings = load_settings()
        if compare is not None:
            _compare(settings, *compare)
            return
        if not verified and (file is None or not database):
            raise Invalid("Name a file of questions and --database, or --verified DATABASE, or --compare A B.")
        cases = () if file is None else read_cases(file, schema_field=schema_field, limit=limit)
        if model is not None:
            settings = settings.model_copy(update={"model": "" if model == "offline" else model})
        run = _measure(settings, cases, verified or database, jobs, user, file.name if file else "verified", save)
    except AssistantError as error:
        typer.echo(f"{error.title}: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(text_report(run))
    if report is not None:
        write_report(report, run)
        typer.echo(f"\nEvery miss: {report}")
    if save:
        typer.echo(f"Kept as {save!r}: {save_run(settings, run)}")
    if verified:
        _regressed(run)


def _compare(settings: Settings, before: str, after: str) -> None:
    earlier, later = load_run(settings, before), load_run(settings, after)
    worse, better = compare_runs(earlier.outcomes, later.outcomes)
    first, second = summarise(earlier.outcomes).total, summarise(later.outcomes).total
    typer.echo(
        f"{before}: {first.accuracy:.1%} of {first.cases:,}   {after}: {second.accuracy:.1%} of {second.cases:,}"
    )
    typer.echo(text_changes(worse, better))


def _regressed(run: Run) -> None:
    """Name the verified pairs that no longer hold, and leave with 1 when there are any."""
    bad = [outcome for outcome in run.outcomes if not outcome.right]
    typer.echo(f"\n{len(run.outcomes) - len(bad)} of {len(run.outcomes)} verified pairs hold.")
    for outcome in bad:
        why = outcome.gold_error or outcome.error or outcome.difference or "no answer"
        typer.echo(f"- {outcome.case.question}: {why}")
    if bad:
        raise typer.Exit(1)


def _measure(
    settings: Settings, cases: tuple[Case, ...], database: str, at_once: int, user: str, source: str, name: str
) -> Run:
    with servers(settings) as filled:
        if filled.database_url is not None:
            migrate(filled.database_url.get_secret_value())
        return asyncio.run(_run(filled, cases, database, at_once, user, source, name))


async def _run(
    settings: Settings, cases: tuple[Case, ...], database: str, at_once: int, user: str, source: str, name: str
) -> Run:
    async with open_toolbox(settings) as box:
        person = await (find_person(box.store, user) if user else local_person(box.store))
        actor = person.model_copy(update={"door": "cli"})
        cases = cases or await _verified_cases(box, actor, database)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(database, total=len(cases))

            outcomes = await evaluate(
                box, actor, database, cases, at_once=at_once, progress=lambda _: bar.advance(task)
            )
    return new_run(name or source, database, source, settings.model or "offline", outcomes)


async def _verified_cases(box: Toolbox, actor: Actor, database: str) -> tuple[Case, ...]:
    examples = await queries.list_examples(box, actor, database)
    if not examples:
        raise Invalid(f"{database!r} has no verified pairs yet; `Save as verified` under an answer makes one.")
    return tuple(Case(question=each.question, gold_sql=each.sql, kind="verified") for each in examples)
