"""What a model may read without calling anything: the schema of each table, and the verified examples."""

import json
from urllib.parse import quote, unquote, urlsplit

import mcp.types as protocol
from mcp.server.lowlevel.helper_types import ReadResourceContents
from pydantic import AnyUrl

from tools import databases, queries, schemas
from tools.errors import NotFound
from tools.schemas import showing
from tools.toolbox import Actor, Toolbox

PAGE = 200
"""Resources listed at a time."""
ROOT = "tabletalk://databases"
TABLE = ROOT + "/{database}/tables/{table}"
EXAMPLES = ROOT + "/{database}/examples"
TEMPLATES = [
    protocol.ResourceTemplate(
        uriTemplate=TABLE,
        name="table",
        description="One table: columns, types, frequent values, keys, notes.",
        mimeType="text/plain",
    ),
    protocol.ResourceTemplate(
        uriTemplate=EXAMPLES,
        name="examples",
        description="Questions of one database whose SQL the team has verified.",
        mimeType="application/json",
    ),
]


async def list_page(box: Toolbox, actor: Actor, cursor: str | None) -> protocol.ListResourcesResult:
    """List a page of all tables of all databases, and each database's examples before them."""
    listed: list[protocol.Resource] = []
    for database in await databases.list_databases(box, actor):
        listed.append(_examples_of(database.name))
        for table in await schemas.catalog(box, actor, database.name):
            uri = TABLE.format(database=quote(database.name), table=quote(table.shape.qualified_name, safe=""))
            name = f"{database.name}: {table.shape.qualified_name}"
            about = table.description or None
            listed.append(protocol.Resource(uri=AnyUrl(uri), name=name, description=about, mimeType="text/plain"))
    start = int(cursor) if cursor and cursor.isascii() and cursor.isdecimal() else 0
    following = str(start + PAGE) if start + PAGE < len(listed) else None
    return protocol.ListResourcesResult(resources=listed[start : start + PAGE], nextCursor=following)


def _examples_of(database: str) -> protocol.Resource:
    return protocol.Resource(
        uri=AnyUrl(EXAMPLES.format(database=quote(database))),
        name=f"{database}: verified examples",
        description="Questions whose SQL the team has verified.",
        mimeType="application/json",
    )


async def read(box: Toolbox, actor: Actor, uri: str) -> ReadResourceContents:
    """Give one resource; NotFound when there is none of that address."""
    parts = urlsplit(uri)
    match [parts.scheme, parts.netloc, *map(unquote, parts.path.split("/")[1:])]:
        case ["tabletalk", "databases", database, "tables", table]:
            found = await schemas.describe(box, actor, database, table)
            return ReadResourceContents(showing.table_text(found, database), "text/plain")
        case ["tabletalk", "databases", database, "examples"]:
            pairs = await queries.list_examples(box, actor, database)
            body = [{"question": one.question, "sql": one.sql, "tables": one.tables} for one in pairs]
            return ReadResourceContents(json.dumps(body, ensure_ascii=False, indent=1), "application/json")
    raise NotFound(f"No resource {uri!r}; there are {TABLE} and {EXAMPLES}.")
