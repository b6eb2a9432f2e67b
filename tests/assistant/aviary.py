"""A shop full of canaries that belongs to one person: whoever else hears one sing has reached what is not theirs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import text

from assistant import accounts, conversation, embed
from tests.conftest import registered
from tools import databases, jobs, policies, queries, schemas
from tools.toolbox import Actor, Toolbox

CANARY = "canary-4711"
SHOP = f"""
CREATE TABLE parrots (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO parrots VALUES (1, '{CANARY}'), (2, 'Polly');
COMMENT ON TABLE parrots IS 'what {CANARY} is';
"""

PUT_DOCUMENT = text("""
    INSERT INTO tabletalk.documents
        (workspace_id, database_id, table_name, source_key, entity, title, body, tags, data, hash)
    VALUES (:workspace, :database, 'public.parrots', '1', 'parrot', :canary, '', '{}', '{}', '')
    RETURNING id
""")


@dataclass(frozen=True)
class Owned:
    """What Ann has, by the names that tools and routes use for it."""

    database: str
    table: str
    query_id: str
    example: str
    note: str
    schedule: int
    job: int
    document: int
    conversation: str
    policy: str
    key: str
    widget_key: str
    name: str
    workspace: str
    kind: str = "csv"


@asynccontextmanager
async def aviary(toolbox: Toolbox, actor: Actor) -> AsyncIterator[Owned]:
    """All of it, until the end of the block."""

    async def fill(there: "asyncpg.Connection[asyncpg.Record]") -> None:
        await there.execute(SHOP)

    async with registered(toolbox, actor, "aviary", fill) as shop:
        found = await databases.get(toolbox, actor, shop)
        condition = f"name <> 'not {CANARY}'"
        policy = await policies.add_policy(toolbox, actor, shop, "parrots", predicate=condition, role="viewer")
        talk = actor.model_copy(update={"conversation_id": uuid4().hex})
        async for _ in conversation.run(toolbox, talk, f"how many parrots are called {CANARY}?"):
            pass
        query = await queries.run(toolbox, talk, shop, "SELECT name FROM parrots", question=CANARY)
        example = await queries.save_example(toolbox, actor, query_id=query.id)
        note = await schemas.add_note(toolbox, actor, shop, f"{CANARY} is a parrot")
        schedule = await jobs.schedules.create(
            toolbox, actor, "train", shop, "every night at 2", database_id=found.id, arguments={"tables": ["*"]}
        )
        async with toolbox.store.begin(actor.workspace_id) as session:
            values = {"workspace": actor.workspace_id, "database": found.id, "canary": CANARY}
            document = await session.scalar(PUT_DOCUMENT, values)
        key = await accounts.create_key(toolbox, actor, CANARY)
        widget = await embed.create_key(toolbox, actor, CANARY, ["https://portal.example"], [shop])
        yield Owned(
            database=shop,
            table="parrots",
            query_id=str(query.id),
            example=str(example.id),
            note=str(note.id),
            schedule=schedule.id,
            job=(await jobs.list_jobs(toolbox, actor))[0].id,
            document=int(document),
            conversation=str(talk.conversation_id),
            policy=str(policy.id),
            key=str(key.about.id),
            widget_key=widget.about.key,
            name=actor.user_name,
            workspace=actor.user_name,
        )


def filled(arguments: Any, owned: Owned) -> Any:
    """Arguments with what is Ann's put in place of its name in braces."""
    if isinstance(arguments, dict):
        return {name: filled(value, owned) for name, value in arguments.items()}
    if isinstance(arguments, list):
        return [filled(value, owned) for value in arguments]
    if isinstance(arguments, str) and arguments.startswith("{"):
        return asdict(owned)[arguments.strip("{}")]
    return arguments
