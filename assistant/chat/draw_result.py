"""A result in the words and numbers of its card, from its entry in query history."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tools import queries
from tools.connectors.base import Rows
from tools.errors import Invalid
from tools.queries import Answer, Query
from tools.queries.chart import ChartSpec, suggest
from tools.toolbox import Actor, Toolbox

ROWS = 100
"""Rows a card holds from the start; further ones are fetched when their page is opened."""

COMPUTED = {"avg": "average", "sum": "total", "min": "lowest", "max": "highest"}
COUNTED = re.compile(r"(.*s) count")
"""How queries call what they compute, in words."""

ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)

MOST_DECIMALS = 2
"""Digits behind the point beside a bar; the table has them all."""


async def props(box: Toolbox, actor: Actor, query_id: UUID) -> dict[str, Any]:
    """Give what public/elements/Result.jsx lays out for a query; NotFound when it is not in this workspace."""
    query = await queries.get_query(box, actor, query_id)
    shown = {
        "query_id": str(query.id),
        "database": query.database,
        "sql": (query.sql_executed or query.sql_asked) if actor.sql_shown else "",
        "tables": short_names(query.tables),
        "milliseconds": query.milliseconds or 0,
        "liked": query.liked,
        "error": query.error,
        "slow": query.slow and actor.door != "widget",
    }
    if query.result is None:
        return {**shown, "error": query.error or "This query's rows are no longer kept; run it again."}
    return {
        **shown,
        **_said(query.answer),
        **_laid_out(query, query.result),
        "saveable": query.question is not None and actor.role != "viewer",
        "verified": query.question is not None and await _is_verified(box, actor, query),
    }


async def more_rows(box: Toolbox, actor: Actor, query_id: UUID, start: int) -> list[list[Any]]:
    """Give the rows of a result from `start` on, as many as a card takes at once."""
    query = await queries.get_query(box, actor, query_id)
    return [list(row) for row in _in_order(query, query.result)[start : start + ROWS]] if query.result else []


def _said(answer: Answer | None) -> dict[str, Any]:
    """What stands beside the rows; a query typed as SQL has no reading and needs none."""
    if answer is None:
        nothing = dict.fromkeys(("assumptions", "reasons", "warnings", "notes", "alternatives"), ())
        return {**nothing, "read_as": "", "confidence": None, "badge": None}
    expected = [f"the planner expected about {answer.estimate:,} rows"] if answer.estimate is not None else []
    badge = None
    if answer.verified is not None:
        same = answer.verified.kind == "verified"
        badge = {
            "kind": answer.verified.kind,
            "text": "verified" if same else f"adapted from “{answer.verified.question}”",
            "detail": f"Verified by {answer.verified.by}." if answer.verified.by else "",
        }
    return {
        "read_as": answer.read_as,
        "assumptions": answer.assumptions,
        "confidence": answer.confidence,
        "reasons": [*answer.reasons, *expected],
        "warnings": answer.warnings,
        "notes": answer.notes,
        "alternatives": [choice.model_dump() for choice in answer.alternatives],
        "badge": badge,
    }


def _laid_out(query: Query, result: Rows) -> dict[str, Any]:
    spec = query.answer.chart if query.answer else suggest(result.columns, result.rows)
    total = len(result.rows)
    cut = []
    if spec is not None and spec.top is not None and spec.top < total:
        cut.append(f"Top {spec.top} shown in the chart, all {total:,} in the table.")
    if result.truncated and query.answer is None:
        cut.append(f"Only the first {total:,} rows are shown; there are more in {query.database}.")
    return {
        "columns": [
            {**column.model_dump(), "label": heading(column.name) if query.answer else column.name}
            for column in result.columns
        ],
        "rows": _in_order(query, result)[:ROWS],
        "total": total,
        "truncated": result.truncated,
        "cut": cut,
        "chart": chart(spec, result) if spec else None,
    }


def _in_order(query: Query, result: Rows) -> list[tuple[Any, ...]]:
    return in_order(query.sql_executed or query.sql_asked, query.answer.chart if query.answer else None, result)


def in_order(sql: str, spec: ChartSpec | None, result: Rows) -> list[tuple[Any, ...]]:
    """Give the rows as the table shows them: like the bars above it, where the query asked for no order."""
    if spec is None or spec.kind != "bar" or ORDERED.search(sql):
        return list(result.rows)
    place = next(at for at, column in enumerate(result.columns) if column.name == spec.y[0])
    return _largest_first(list(result.rows), place)


async def _is_verified(box: Toolbox, actor: Actor, query: Query) -> bool:
    examples = await queries.list_examples(box, actor)
    return any(
        (one.database, one.question, one.sql) == (query.database, (query.question or "").strip(), query.sql_asked)
        for one in examples
    )


def chart(spec: ChartSpec, result: Rows) -> dict[str, Any]:
    """Give the points of a picture: labels, and for each series its numbers, None where there is none."""
    if spec.kind == "figure":
        return {"kind": "figure"}
    places = {column.name: place for place, column in enumerate(result.columns)}
    rows = list(result.rows)
    x = places[spec.x] if spec.x is not None else 0
    if spec.split is not None:
        return _lines(spec, rows, x, places[spec.split], places[spec.y[0]])
    if spec.kind == "bar":
        rows = _largest_first(rows, places[spec.y[0]])[: spec.top]
    if spec.kind == "line":
        rows.sort(key=lambda row: _forward(row[x]))
    series = [{"name": heading(name), "values": [_number(row[places[name]]) for row in rows]} for name in spec.y]
    texts = [str(row[places[name]]) for row in rows for name in spec.y]
    return {
        "kind": spec.kind,
        "title": f"{', '.join(map(heading, spec.y))} by {heading(spec.x or 'row')}",
        "labels": labels([row[x] for row in rows]),
        "series": series,
        "decimals": min(MOST_DECIMALS, max((len(text.partition(".")[2]) for text in texts), default=0)),
    }


def _lines(spec: ChartSpec, rows: list[tuple[Any, ...]], x: int, kind: int, y: int) -> dict[str, Any]:
    """A line for each kind, the largest first; a time that a kind has no row of is a gap in it."""
    cells = {(row[x], row[kind]): _number(row[y]) for row in rows}
    times = sorted({row[x] for row in rows}, key=_forward)
    kinds = sorted(
        {row[kind] for row in rows}, key=lambda one: (-sum(cells.get((time, one)) or 0 for time in times), str(one))
    )
    return {
        "kind": "line",
        "title": f"{heading(spec.y[0])} by {heading(spec.x or 'time')} and {heading(spec.split or 'kind')}",
        "labels": labels(times),
        "series": [{"name": labels([one])[0], "values": [cells.get((time, one)) for time in times]} for one in kinds],
    }


def _forward(time: Any) -> tuple[bool, Any]:
    """Sort times forward, what has none before them."""
    return time is not None, time if isinstance(time, int) else str(time)


def _largest_first(rows: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """Order bars by length, unless the query ordered them so, up or down: a top ten has to hold the ten largest."""
    lengths = [_number(row[place]) or 0.0 for row in rows]
    if lengths in (sorted(lengths), sorted(lengths, reverse=True)):
        return rows
    return sorted(rows, key=lambda row: -(_number(row[place]) or 0.0))


def labels(values: Sequence[Any]) -> list[str]:
    """Write what stands along an axis: months as `Oct 2026`, whole days without their hours."""
    moments = [_moment(value) for value in values]
    dated = [moment for moment in moments if moment is not None]
    if not dated or len(dated) < len([value for value in values if value is not None]):
        return ["NULL" if value is None else str(value) for value in values]
    if all(moment.hour == moment.minute == moment.second == 0 for moment in dated):
        form = "%b %Y" if len(dated) > 1 and all(moment.day == 1 for moment in dated) else "%Y-%m-%d"
        if form == "%b %Y" and all(moment.month == 1 for moment in dated):
            form = "%Y"
    else:
        form = "%Y-%m-%d %H:%M"
    return ["NULL" if moment is None else moment.strftime(form) for moment in moments]


def heading(column: str) -> str:
    """Say above an answer's column what stands in it: `orders_count` is the number of orders."""
    words = column.replace("_", " ").strip()
    if counted := COUNTED.fullmatch(words):
        return f"number of {counted[1]}"
    first, _, rest = words.partition(" ")
    return f"{COMPUTED[first]} {rest}" if rest and first in COMPUTED else words or column


def short_names(tables: Sequence[str]) -> list[str]:
    """Leave the schema out of table names where nothing is mistaken for another by that."""
    last = [table.rpartition(".")[2] for table in tables]
    return list(tables) if len(set(last)) < len(last) else last


def query_id(data: dict[str, Any]) -> UUID:
    """Give the query that a result's card refers to."""
    if data.get("type") != "result":
        raise Invalid(f"This card shows no result but a {data.get('type')}.")
    return UUID(data["query_id"])


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or len(value) < len("2026-01"):
        return None
    try:
        return datetime.fromisoformat(f"{value}-01" if len(value) == len("2026-01") else value)
    except ValueError:
        return None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
