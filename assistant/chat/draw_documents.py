"""What a search of documents found, in the words of its card, from the documents as they are now."""

from typing import Any

from tools import documents
from tools.cards import DocumentsCard
from tools.documents import LiveRow, RelatedDocument, ShownDocument
from tools.toolbox import Actor, Toolbox


async def props(box: Toolbox, actor: Actor, data: dict[str, Any]) -> dict[str, Any]:
    """Give what public/elements/Documents.jsx lays out for a search; a document that is gone since is told of."""
    card = DocumentsCard.model_validate(data)
    ids = {key for hit in card.hits for key in (hit.id, *hit.evidence)}
    there = await documents.show(box, actor, ids, card.words)
    hits = [
        {
            **_shown(there[hit.id]),
            "why": hit.why,
            "evidence": [_shown(there[key]) for key in hit.evidence if key in there],
        }
        for hit in card.hits
        if hit.id in there
    ]
    gone = len(card.hits) - len(hits)
    return {
        "query": card.query,
        "read_as": card.read_as,
        "hits": hits,
        "warnings": card.warnings,
        "gone": f"{gone} of {len(card.hits)} found then are gone at the source since." if gone else "",
    }


def row(found: LiveRow) -> dict[str, Any]:
    """Give a live row, field by field."""
    return {
        "fields": [
            [column.name, column.family, value] for column, value in zip(found.columns, found.values, strict=True)
        ],
        "sql": found.sql,
        "milliseconds": found.milliseconds,
    }


def related(found: tuple[RelatedDocument, ...]) -> list[dict[str, Any]]:
    """Give what a document is linked with, one a line."""
    return [
        {
            "id": one.id,
            "entity": one.entity,
            "title": one.title,
            "source": _source(one.database, one.table, one.source_key),
            "date": _day(one),
            "relation": one.relation,
        }
        for one in found
    ]


def _shown(one: ShownDocument) -> dict[str, Any]:
    return {
        "id": one.id,
        "entity": one.entity,
        "title": [[piece.text, piece.marked] for piece in one.title],
        "snippet": [[piece.text, piece.marked] for piece in one.snippet],
        "source": _source(one.database, one.table, one.source_key),
        "date": _day(one),
        "exact": one.happened_at.isoformat(sep=" ", timespec="seconds") if one.happened_at else "",
    }


def _source(database: str, table: str, key: str) -> str:
    return f"{database} · {table.rpartition('.')[2]} {key}"


def _day(one: ShownDocument | RelatedDocument) -> str:
    return f"{one.happened_at.day} {one.happened_at:%b %Y}" if one.happened_at else ""
