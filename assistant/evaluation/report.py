"""A run as a page that a person can learn from: the figures, then every miss with both results side by side."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from assistant.evaluation.kept import Run
from assistant.evaluation.measure import Change, Group, Outcome, Preview, Summary, summarise

PAGE = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8"))


def write_report(path: Path, run: Run) -> None:
    """Write the page of `run` to `path`."""
    summary = summarise(run.outcomes)
    misses = [outcome for outcome in run.outcomes if not outcome.right]
    page = PAGE.substitute(
        title=escape(f"{run.source} on {run.database}"),
        about=escape(f"{run.model} · {run.made_at:%d %B %Y %H:%M} UTC · {summary.total.cases:,} questions"),
        figures="".join(
            f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in figures(summary)
        ),
        kinds=_groups("kind", summary.kinds),
        calibration=_calibration(summary),
        schemas="<h2>By schema</h2>" + _groups("schema", summary.schemas) if len(summary.schemas) > 1 else "",
        misses="".join(_miss(outcome) for outcome in misses) or "<p>None.</p>",
        count=f"{len(misses):,}",
    )
    path.write_text(page, encoding="utf-8")


def figures(summary: Summary) -> list[tuple[str, str]]:
    """The run in name/value pairs, in the order in which one reads them."""
    total, half = summary.total, summary.confident[0]
    sure = summary.confident[1]
    lines = [
        ("right of all", f"{total.accuracy:.1%}"),
        ("answered", f"{total.answered / total.cases:.1%}" if total.cases else "-"),
        ("right of those answered", f"{total.precision:.1%}"),
        ("right of those at confidence ≥ 0.5", f"{half.precision:.1%} of {half.answered:,}"),
        ("right of those at confidence ≥ 0.8", f"{sure.precision:.1%} of {sure.answered:,}"),
        ("right but for extra columns", f"{summary.with_extra_columns:,}"),
        ("median time", f"{summary.median_ms:.0f} ms"),
        ("95th percentile", f"{summary.p95_ms:.0f} ms"),
        ("refused by the guard", f"{summary.rejections:,}"),
        ("ended in an error", f"{summary.failures:,}"),
    ]
    if summary.unanswerable.cases:
        stray = summary.unanswerable
        lines.append(("declined of those not answerable", f"{stray.accuracy:.1%} of {stray.cases:,}"))
    if summary.recall_at_10 is not None:
        lines.append(("all gold tables in the first 5 / 10", f"{summary.recall_at_5:.1%} / {summary.recall_at_10:.1%}"))
    if summary.gold_errors:
        lines.append(("gold that did not run", f"{summary.gold_errors:,}"))
    if summary.input_tokens or summary.output_tokens:
        lines.append(("tokens in / out", f"{summary.input_tokens:,} / {summary.output_tokens:,}"))
        lines.append(("cost", "not known" if summary.cost is None else f"${summary.cost:.2f}"))
    return lines


def text_report(run: Run) -> str:
    """The run's figures as plain text for a terminal."""
    summary = summarise(run.outcomes)
    lines = [f"{run.source} on {run.database}, {run.model}, {summary.total.cases:,} questions", ""]
    lines += [f"  {name:<38}{value:>18}" for name, value in figures(summary)]
    lines += ["", "  kind                      cases  answered     right  right of answered"]
    lines += [
        f"  {group.name:<22}{group.cases:>9,}{group.answered:>10,}{group.accuracy:>10.1%}{group.precision:>19.1%}"
        for group in summary.kinds
    ]
    lines += ["", "  confidence           answers     right"]
    lines += [
        f"  {bucket.low:.1f} to {bucket.high:.1f}{bucket.answers:>18,}{bucket.right / bucket.answers:>10.1%}"
        for bucket in summary.buckets
        if bucket.answers
    ]
    return "\n".join(lines)


def text_changes(worse: Sequence[Change], better: Sequence[Change]) -> str:
    """What got worse and what got better between two runs, as plain text."""
    lines = [f"worse: {len(worse)}, better: {len(better)}"]
    for change in worse:
        where = f"[{change.schema_name}] " if change.schema_name else ""
        now = change.after.sql or change.after.said or change.after.error
        lines += [
            f"- {where}{change.question}",
            f"    was: {change.before.sql}",
            f"    now: {now} ({change.after.difference or 'no answer'})",
        ]
    return "\n".join(lines)


def _groups(name: str, groups: Sequence[Group]) -> str:
    rows = "".join(
        f"<tr><td>{escape(group.name)}</td><td>{group.cases:,}</td><td>{group.answered:,}</td>"
        f"<td>{group.accuracy:.1%}</td><td>{group.precision:.1%}</td></tr>"
        for group in groups
    )
    return (
        f"<table><thead><tr><th>{name}</th><th>cases</th><th>answered</th><th>right</th>"
        f"<th>right of answered</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _calibration(summary: Summary) -> str:
    rows = "".join(
        f"<tr><td>{bucket.low:.1f} to {bucket.high:.1f}</td><td>{bucket.answers:,}</td>"
        f"<td>{bucket.right / bucket.answers:.1%}</td></tr>"
        for bucket in summary.buckets
        if bucket.answers
    )
    return (
        f"<table><thead><tr><th>confidence</th><th>answers</th><th>right</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _miss(outcome: Outcome) -> str:
    case = outcome.case
    why = outcome.gold_error or outcome.error or outcome.difference or "no answer"
    about = " · ".join(part for part in (case.schema_name or "", case.kind, _sure(outcome)) if part)
    words = outcome.read_as or outcome.said
    return (
        f"<article><h3>{escape(case.question)}</h3>"
        f"<p class='about'>{escape(about)}</p><p class='why'>{escape(why)}</p>"
        f"<div class='sides'><section><h4>gold</h4><pre>{escape(case.gold_sql)}</pre>{_preview(outcome.gold)}</section>"
        f"<section><h4>answer</h4><p>{escape(words)}</p><pre>{escape(outcome.sql or '')}</pre>"
        f"{_preview(outcome.answer)}</section></div></article>"
    )


def _sure(outcome: Outcome) -> str:
    return f"confidence {outcome.confidence:.2f}" if outcome.confidence is not None else ""


def _preview(preview: Preview | None) -> str:
    if preview is None:
        return ""
    head = "".join(f"<th>{escape(column)}</th>" for column in preview.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape('' if cell is None else str(cell)[:80])}</td>" for cell in row) + "</tr>"
        for row in preview.rows
    )
    more = f"<p class='about'>{preview.total:,} rows in all</p>" if preview.total > len(preview.rows) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
