"""Names of a question are looked up in the source, guarded, bounded, and without a trace in the history."""

import pytest

from assistant.offline.lookup import look_up, statement
from assistant.offline.sources import look
from assistant.offline.understanding import Probe
from tools import queries
from tools.connectors.base import Dialect
from tools.desk import Desk
from tools.toolbox import Actor, Toolbox

PROBES = (
    Probe("public.customers", "name", "aDA"),
    Probe("public.customers", "name", "nobody"),
    Probe("public.customers", "country", "france"),
    Probe("public.orders", "status", "it's; DROP TABLE orders --"),
)


async def test_values_are_found_without_regard_to_case(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    desk = Desk(toolbox, actor, database=sales)
    (source,) = await look(desk)
    assert await look_up(desk, source, PROBES) == {PROBES[0]: ("Ada",), PROBES[2]: ("France",)}
    assert await look_up(desk, source, ()) == {}
    assert await queries.list_queries(toolbox, actor) == ()


async def test_what_cannot_be_looked_up_is_left_unknown(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    desk = Desk(toolbox, actor, database=sales)
    (source,) = await look(desk)
    assert await look_up(desk, source, [Probe("public.gone", "name", "Ada")]) == {}


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
def test_the_look_up_passes_the_guard_in_both_dialects(dialect: Dialect) -> None:
    assert queries.check(statement(PROBES, dialect), dialect)
