"""Synced rows as documents that are found by what they say: by words at once, by meaning once their vectors are made.

The path of a search: `search` takes it apart (`asked`), looks where documents are (`sources`), has the store rank them
(`ranking`, search.sql), follows links from what speaks of it to what is sought (`links`) and shows why (`snippets`).
The path of a document: a sync writes it and notes it in the `backlog`, where a search finds it at once; then `indexing`
makes its words and `embedding` its vector and its links (`references`), each as a job.
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
from tools.documents.indexing import run_indexing, start_indexing, start_left
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
    "moment",
    "open_row",
    "plain",
    "reembed",
    "related",
    "run_embedding",
    "run_indexing",
    "search_documents",
    "show",
    "start_embedding",
    "start_indexing",
    "start_left",
]
