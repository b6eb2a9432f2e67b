"""What a model may call about documents: synced rows, found by what they say."""

import json

from pydantic_ai import FunctionToolset, RunContext, ToolReturn

from tools.cards import DocumentRef, DocumentsCard
from tools.desk import Desk
from tools.documents.document import DocumentHit, FoundDocuments, plain
from tools.documents.search import moment
from tools.documents.search import search_documents as search

toolset = FunctionToolset[Desk]()


@toolset.tool
async def search_documents(  # noqa: PLR0917  # the model names them
    ctx: RunContext[Desk],
    query: str,
    database: str | None = None,
    table: str | None = None,
    entity: str | None = None,
    tag: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 10,
) -> ToolReturn[str]:
    """Find synced rows by what they say or mean: complaints, descriptions, comments, names that are known by half.

    Give what is sought as `entity`; it is also found by what linked rows say: with entity `customer` and query
    `late delivery`, the customers whose claims speak of it. The person sees the hits; you see a preview. To count, sum
    or compare, use run_query; its conditions may use the keys found here.

    Args:
        query: What the rows say, in the person's words: `complained about late delivery`.
        database: The database's name; leave it out to search all that are synced.
        table: The table of the rows sought.
        entity: What is sought: customer, order, product, claim, shipment, return, payment ...
        tag: A tag that the rows which say it bear, as `column:value`: `status:open`.
        since: They happened since then: `this week`, `last 3 months`, or an ISO date.
        until: They happened before then, put likewise.
        limit: At most so many hits.
    """
    desk = ctx.deps
    found = await search(
        desk.box,
        desk.actor,
        query,
        database=database,
        table=table,
        entity=entity,
        tag=tag,
        since=moment(since),
        until=moment(until),
        limit=limit,
    )
    desk.database = database or (found.hits[0].database if found.hits else desk.database)
    told = told_to_model(found, desk.box.settings.preview_rows)
    return ToolReturn(return_value=told, metadata={"cards": [card_of(found).model_dump(mode="json")]})


def card_of(found: FoundDocuments) -> DocumentsCard:
    """Give the card of a search: which documents, and what was said."""
    return DocumentsCard(
        query=found.query,
        words=found.words,
        read_as=found.read_as,
        hits=tuple(
            DocumentRef(id=hit.id, why=hit.why, evidence=tuple(one.id for one in hit.evidence)) for hit in found.hits
        ),
        warnings=found.warnings,
    )


def told_to_model(found: FoundDocuments, most: int) -> str:
    """What the model is told: how it was read, how many were found, and at most so many of them as data."""
    told = {
        "read_as": found.read_as,
        "hits": len(found.hits),
        "first_hits": [_told(hit) for hit in found.hits[:most]],
        "warnings": list(found.warnings),
    }
    return json.dumps(told, ensure_ascii=False, default=str)


def _told(hit: DocumentHit) -> dict[str, object]:
    return {
        "document": hit.id,
        "entity": hit.entity,
        "row": f"{hit.database}.{hit.table} {hit.source_key}",
        "title": plain(hit.title),
        "says": plain(hit.snippet),
        "date": f"{hit.happened_at:%Y-%m-%d}" if hit.happened_at else None,
        "why": hit.why,
        "linked": [
            {"row": f"{one.table} {one.source_key}", "title": plain(one.title), "says": plain(one.snippet)}
            for one in hit.evidence
        ],
    }
