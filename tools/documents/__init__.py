"""Synced rows as documents that are found by what they say: by words at once, by meaning once their vectors are made.

The path of a search: `search` takes it apart (`asked`), looks where documents are (`sources`), has the store rank them
(`ranking`, search.sql), follows links from what speaks of it to what is sought (`links`) and shows why (`snippets`).
The path of a document: a sync writes it, then `embedding` makes its vector and its links (`references`), as a job.
`rows` leads back from a document to the live row.

It stands above queries, whose guard and history the live row is read through, and below sync, which starts the job.
"""

from tools.documents.document import (
    Document,
    DocumentHit,
    FoundDocuments,
    Piece,
    RelatedDocument,
    ShownDocument,
    plain,
)
from tools.documents.embedding import reembed, run_embedding, start_embedding
from tools.documents.indexes import merge_words
from tools.documents.rows import LiveRow, document, open_row, related
from tools.documents.search import moment, search_documents
from tools.documents.snippets import show

__all__ = [
    "Document",
    "DocumentHit",
    "FoundDocuments",
    "LiveRow",
    "Piece",
    "RelatedDocument",
    "ShownDocument",
    "document",
    "merge_words",
    "moment",
    "open_row",
    "plain",
    "reembed",
    "related",
    "run_embedding",
    "search_documents",
    "show",
    "start_embedding",
]
