"""Numbers that stand beside an answer: what a ranking went by, and the same number of the time before.

Each is one more read of the same query, a little changed; where it cannot be had in time the sentence does without.
"""

from dataclasses import replace
from decimal import Decimal

from assistant.offline.asked import Asked
from assistant.offline.build import Builder
from assistant.offline.figures import number_of
from assistant.offline.forms import Form
from assistant.offline.lookup import hastily
from assistant.offline.parser import World, known
from assistant.offline.sources import Source
from assistant.offline.spans import moved
from tools.desk import Desk
from tools.errors import Invalid
from tools.queries import QueryResult

QUICK_MILLISECONDS = 500
"""A query that took longer is not asked once more."""
MOST_ROWS = 10
"""A ranking of more rows is told without what it went by."""


async def with_more(desk: Desk, source: Source, asked: Asked, milliseconds: float) -> Asked:
    """Give `asked` with the numbers that its sentence would want beside what the person sees."""
    if asked.form is None or not asked.rows or milliseconds > QUICK_MILLISECONDS:
        return asked
    if _ranks_unseen(asked):
        return await _with_measure(desk, source, asked, asked.form)
    if _of_a_time(asked):
        return await _with_earlier(desk, source, asked, asked.form)
    return asked


def _ranks_unseen(asked: Asked) -> bool:
    """True for a head of something by an amount that is not among its columns."""
    form = asked.form
    if form is None or form.star or form.distinct or form.union or not form.limit or len(form.order) != 1:
        return False
    return form.order[0].expr not in form.select and len(asked.rows) <= MOST_ROWS and asked.measure is None


async def _with_measure(desk: Desk, source: Source, asked: Asked, form: Form) -> Asked:
    wide = form.change(select=(*form.select, form.order[0].expr))
    found = await _run(desk, source, wide)
    if found is None or [tuple(row[:-1]) for row in found.rows] != [tuple(row) for row in asked.rows]:
        return asked  # another order among equals: nothing to add
    return replace(asked, columns=found.columns, rows=found.rows, form=wide)


def _of_a_time(asked: Asked) -> bool:
    """True for one number of a month, a year or the like that is over."""
    span = asked.span
    if span is None or span.before is None or asked.today is None or span.end > asked.today:
        return False
    form = asked.form
    single = form is not None and len(form.select) == 1 and not (form.group or form.having or form.union or form.limit)
    return single and len(asked.rows) == 1 and form is not None and bool(form.select[0].agg)


async def _with_earlier(desk: Desk, source: Source, asked: Asked, form: Form) -> Asked:
    span = asked.span
    assert span is not None
    assert span.before is not None
    found = await _run(desk, source, moved(form, span, span.before))
    earlier: Decimal | None = number_of(found.rows[0][0]) if found is not None and found.rows else None
    return replace(asked, earlier=earlier)


async def _run(desk: Desk, source: Source, form: Form) -> QueryResult | None:
    _, graph = known(World(source.tables))
    try:
        sql = Builder(graph, source.dialect).sql(form)
    except Invalid:
        return None
    return await hastily(desk, source, sql)
