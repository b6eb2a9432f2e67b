"""`tabletalk eval`: how good are the answers, of the offline model or any other."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant import printing
from tools import logs
from tools.embedded import servers
from tools.errors import Invalid
from tools.settings import Settings, load_settings

if TYPE_CHECKING:
    from assistant.evaluation.kept import Run
    from assistant.evaluation.measure import Case, Outcome
    from tools.toolbox import Actor, Toolbox

# The agent is imported by what needs it only: `tabletalk --help` stays quick.


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
    user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Whose workspace; needed outside local mode.")
    ] = None,
) -> None:
    """Ask questions whose SQL is known, compare the results, and say how many are right."""
    from assistant.evaluation.cases import read_cases
    from assistant.evaluation.kept import new_run, save_run
    from assistant.evaluation.report import text_report, write_report
    from tools.store.session import migrate

    settings = load_settings()
    quiet = settings.log_level == "INFO"  # a line for each query of a thousand questions tells nobody anything
    logs.configure(settings.model_copy(update={"log_level": "WARNING"}) if quiet else settings)
    if compare is not None:
        _compare(settings, *compare)
        return
    if not verified and (file is None or not database):
        raise Invalid("Name a file of questions and --database, or --verified DATABASE, or --compare A B.")
    cases = () if verified or file is None else read_cases(file, schema_field=schema_field, limit=limit)
    source = "verified" if verified or file is None else file.name
    if model is not None:
        settings = settings.model_copy(update={"model": "" if model == "offline" else model})
    with servers(settings, tell=printing.narrate) as filled:
        if filled.database_url is not None:
            migrate(filled.database_url.get_secret_value())
        outcomes = asyncio.run(_measure(filled, cases, verified or database, jobs, user))
    run = new_run(save or source, verified or database, source, settings.model or "offline", outcomes)
    typer.echo(text_report(run))
    if report is not None:
        write_report(report, run)
        printing.narrate(f"Every miss: {report}")
    if save:
        printing.narrate(f"Kept as {save!r}: {save_run(settings, run)}")
    if verified:
        _regressed(run)


def _compare(settings: Settings, before: str, after: str) -> None:
    from assistant.evaluation.kept import load_run
    from assistant.evaluation.measure import compare_runs, summarise
    from assistant.evaluation.report import text_changes

    earlier, later = load_run(settings, before), load_run(settings, after)
    worse, better = compare_runs(earlier.outcomes, later.outcomes)
    first, second = summarise(earlier.outcomes).total, summarise(later.outcomes).total
    typer.echo(
        f"{before}: {first.accuracy:.1%} of {first.cases:,}   {after}: {second.accuracy:.1%} of {second.cases:,}"
    )
    typer.echo(text_changes(worse, better))


def _regressed(run: "Run") -> None:
    """Name the verified pairs that no longer hold, and leave with 1 when there are any."""
    bad = [outcome for outcome in run.outcomes if not outcome.right]
    typer.echo(f"\n{len(run.outcomes) - len(bad)} of {len(run.outcomes)} verified pairs hold.")
    for outcome in bad:
        why = outcome.gold_error or outcome.error or outcome.difference or "no answer"
        typer.echo(f"- {outcome.case.question}: {why}")
    if bad:
        raise typer.Exit(1)


async def _measure(
    settings: Settings, cases: "tuple[Case, ...]", database: str, at_once: int, user: str | None
) -> "tuple[Outcome, ...]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from assistant.accounts import find_person, local_person
    from assistant.evaluation.ask import evaluate
    from tools.toolbox import open_toolbox

    async with open_toolbox(settings) as box:
        if user is None and not settings.local:
            raise Invalid("Outside local mode say in whose workspace: --as USER")
        person = await (find_person(box.store, user) if user else local_person(box.store))
        actor = person.model_copy(update={"door": "cli"})
        cases = cases or await verified_cases(box, actor, database)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
            task = bar.add_task(database, total=len(cases))
            return await evaluate(box, actor, database, cases, at_once=at_once, progress=lambda _: bar.advance(task))


async def verified_cases(box: "Toolbox", actor: "Actor", database: str) -> "tuple[Case, ...]":
    """The saved pairs of a database as cases; Invalid when there are none."""
    from assistant.evaluation.measure import Case
    from tools import queries

    examples = await queries.list_examples(box, actor, database)
    if not examples:
        raise Invalid(f"{database!r} has no verified pairs yet; `Save as verified` under an answer makes one.")
    return tuple(Case(question=each.question, gold_sql=each.sql, kind="verified") for each in examples)
