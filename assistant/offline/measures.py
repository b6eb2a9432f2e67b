"""What business words compute when no column bears their name: revenue, order value, units sold."""

from collections.abc import Sequence

from assistant.offline.forms import Expr
from assistant.offline.grammar import grammar
from assistant.offline.joins import Graph
from assistant.offline.lexicon import ColumnEntry, Lexicon
from tools.schemas.vocabulary import lemma

_VAGUE = frozenset(
    {"of", "number", "order", "value", "total", "overall", "gross", "the", "volume", "amount", "money", "size", "per"}
)
"""Words of measures that name too many columns to find one by."""


def measure(name: str, main: str, tables: Sequence[str], lexicon: Lexicon, graph: Graph) -> list[Expr]:
    """Expressions (without aggregate) for a measure, the likeliest first; nearest tables win."""
    wanted = tables or (main,)

    def near(entry: ColumnEntry) -> float:
        return min(graph.distance(table, entry.table) for table in wanted) if tables else 0.0

    columns = sorted((e for e in lexicon.columns if e.number and not e.identifier), key=near)
    found: list[tuple[float, Expr]] = []
    named = {lemma(word) for phrase in grammar().measures[name] for word in phrase.split()} - _VAGUE
    for entry in columns:
        if near(entry) > 6:
            continue
        if name != "quantity" and entry.lemmas & named:
            found.append((near(entry) - 3, Expr(entry.table, entry.ref)))
        if name == "quantity" and entry.lemmas & {"quantity", "unit", "qty"} and "price" not in entry.lemmas:
            sold = any("price" in other.lemmas for other in lexicon.tables[entry.table].columns.values())
            found.append((near(entry) - 2 * sold, Expr(entry.table, entry.ref)))
        if name == "quantity" and entry.lemmas & {"sale", "sell", "sold"} and entry.table in wanted:
            found.append((near(entry), Expr(entry.table, entry.ref)))
        if name in ("revenue", "order_value"):
            factor = _quantity_beside(entry, lexicon)
            if factor is not None:
                found.append(
                    (near(entry) + (-1.2 if name == "revenue" else 1.5), Expr(entry.table, entry.ref, times=factor.ref))
                )
            elif entry.lemmas & {"total", "amount", "subtotal"} and not entry.lemmas & {
                "tax",
                "discount",
                "count",
                "number",
                "outstanding",
                "refund",
            }:
                line = any("price" in other.lemmas for other in lexicon.tables[entry.table].columns.values())
                found.append((near(entry) + line * (-1.5 if name == "revenue" else 0.5), Expr(entry.table, entry.ref)))
    return [expr for _, expr in sorted(found, key=lambda pair: pair[0])]


def _quantity_beside(entry: ColumnEntry, lexicon: Lexicon) -> ColumnEntry | None:
    """For a price column, the quantity column of the same table."""
    if "price" not in entry.lemmas:
        return None
    for other in lexicon.tables[entry.table].columns.values():
        if (
            other.number
            and not other.identifier
            and other.lemmas & {"quantity", "unit"}
            and "price" not in other.lemmas
        ):
            return other
    return None
