"""The MCP server asked by the official client: over stdin and stdout, and over HTTP."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError
from mcp.types import CallToolResult, TextContent, TextResourceContents
from pydantic import AnyUrl
from starlette.applications import Starlette
from starlette.routing import Route

from assistant import accounts
from assistant.accounts.keys import Scope
from assistant.mcp import FOR_A_PERSON, Mcp
from assistant.web import SameOrigin
from tests.conftest import new_actor
from tools import queries
from tools.settings import Settings
from tools.toolbox import Actor, Toolbox

QUESTION = "how many orders per country?"
SQL = (
    "SELECT c.country, count(*) AS orders FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY 1 ORDER BY 1"
)


def app_of(door: Mcp) -> SameOrigin:
    """The door behind the guard that stands before every door of the web process."""
    return SameOrigin(Starlette(routes=[Route("/mcp", door)]), loopback_only=True)


@asynccontextmanager
async def connected(box: Toolbox, key: str) -> AsyncIterator[ClientSession]:
    """A client of the HTTP transport, in this process, with an API key."""
    door = Mcp()
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app_of(door)), headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    async with (
        door.open(box),
        http,
        streamable_http_client("http://localhost/mcp", http_client=http) as (incoming, outgoing, _),
        ClientSession(incoming, outgoing) as client,
    ):
        await client.initialize()
        yield client


async def key_of(box: Toolbox, actor: Actor, scope: Scope = "write") -> str:
    return (await accounts.create_key(box, actor, "for a model", scope)).key


def text(result: CallToolResult) -> str:
    return "".join(one.text for one in result.content if isinstance(one, TextContent))


async def test_a_model_finds_tables_and_asks_them(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    async with connected(toolbox, await key_of(toolbox, actor)) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"ask", "find_tables", "run_query", "list_databases", "job_status"} <= set(tools)
        assert tools["run_query"].inputSchema["required"] == ["database", "sql", "read_as"]
        assert "One SELECT" in tools["run_query"].inputSchema["properties"]["sql"]["description"]
        assert tools["run_query"].annotations is not None and tools["run_query"].annotations.readOnlyHint
        assert tools["train_tables"].annotations is not None and not tools["train_tables"].annotations.readOnlyHint

        found = await client.call_tool("find_tables", {"question": QUESTION})
        assert not found.isError
        assert "customers" in text(found)
        ran = await client.call_tool("run_query", {"database": sales, "sql": SQL, "read_as": "all orders"})
        assert json.loads(text(ran))["first_rows"] == [["France", 3], ["Spain", 1]]
    kept = await queries.list_queries(toolbox, actor, limit=1)
    assert (kept[0].verdict, kept[0].sql_asked) == ("allowed", SQL)


async def test_a_question_in_words_is_answered_and_followed_up(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    async with connected(toolbox, await key_of(toolbox, actor)) as client:
        first = (await client.call_tool("ask", {"question": "how many orders?", "database": sales})).structuredContent
        assert first is not None
        assert first["results"][0]["first_rows"] == [[4]]
        assert "4" in first["answer"]
        again = {"question": "only those with status paid", "conversation_id": first["conversation"]}
        second = (await client.call_tool("ask", again)).structuredContent
        assert second is not None
        assert second["results"][0]["first_rows"] == [[3]]
        assert second["conversation"] == first["conversation"]


async def test_what_is_refused_is_told_in_the_same_words(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    async with connected(toolbox, await key_of(toolbox, actor)) as client:
        write = await client.call_tool("run_query", {"database": sales, "sql": "DELETE FROM orders", "read_as": ""})
        assert write.isError and text(write).startswith("Query rejected: ")
        unknown = await client.call_tool("find_tables", {"question": "x", "database": "shp"})
        assert unknown.isError and text(unknown).startswith("Not found: No database named 'shp'; registered: sales.")
        wrong = await client.call_tool("run_query", {"database": sales})
        assert wrong.isError and text(wrong).startswith("Invalid arguments: sql: Field required")


async def test_what_needs_a_person_is_not_offered(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    async with connected(toolbox, await key_of(toolbox, actor)) as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        for name in ("forget_database", "untrain_tables", *FOR_A_PERSON):
            assert name not in offered
            refused = await client.call_tool(name, {"name": sales})
            assert refused.isError and text(refused).startswith(f"Not found: No tool {name!r} here")
        asked = await client.call_tool("ask", {"question": f"forget {sales}"})
        assert asked.structuredContent is not None
        assert f"This removes {sales}" in asked.structuredContent["waiting"][0]
        assert f"{sales}:" in text(await client.call_tool("list_databases"))


async def test_schemas_and_verified_examples_are_resources(toolbox: Toolbox, actor: Actor, sales: str) -> None:
    await queries.save_example(toolbox, actor, database=sales, question=QUESTION, sql=SQL)
    async with connected(toolbox, await key_of(toolbox, actor, "read")) as client:
        listed = {str(one.uri) for one in (await client.list_resources()).resources}
        assert listed == {
            "tabletalk://databases/sales/examples",
            "tabletalk://databases/sales/tables/public.customers",
            "tabletalk://databases/sales/tables/public.orders",
        }
        table = await client.read_resource(AnyUrl("tabletalk://databases/sales/tables/public.orders"))
        assert "customer_id" in cast(TextResourceContents, table.contents[0]).text
        pairs = await client.read_resource(AnyUrl("tabletalk://databases/sales/examples"))
        assert json.loads(cast(TextResourceContents, pairs.contents[0]).text)[0]["question"] == QUESTION
        assert len((await client.list_resource_templates()).resourceTemplates) == 2
        for nothing in ("tabletalk://databases/sales/tables/oders", "tabletalk://databases/shp/examples", "file:///x"):
            with pytest.raises(McpError, match="Not found: No "):
                await client.read_resource(AnyUrl(nothing))


async def test_the_key_decides_what_is_seen_and_done(
    toolbox: Toolbox, actor: Actor, stranger: Actor, sales: str
) -> None:
    async with connected(toolbox, await key_of(toolbox, stranger)) as theirs:
        assert (await theirs.list_resources()).resources == []
        assert (await theirs.call_tool("describe_table", {"table": "orders", "database": sales})).isError
    async with connected(toolbox, await key_of(toolbox, actor, "read")) as reader:
        noted = await reader.call_tool("add_note", {"text": "paid means settled", "database": sales})
        assert noted.isError and text(noted).startswith("Not allowed: ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer ttk_unknown"}, 401),
        ({"Authorization": "Basic eHg6eXk="}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
async def test_who_is_not_known_does_not_come_in(toolbox: Toolbox, headers: dict[str, str], status: int) -> None:
    door = Mcp()
    transport = httpx.ASGITransport(app_of(door))
    async with door.open(toolbox), httpx.AsyncClient(transport=transport) as http:
        hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"Accept": "application/json, text/event-stream", **headers}
        answer = await http.post("http://localhost/mcp", json=hello, headers=accept)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


async def test_outside_local_mode_a_key_is_asked_for(toolbox: Toolbox) -> None:
    guarded = toolbox.settings.model_copy(update={"login": "password"})
    door = Mcp()
    box = Toolbox(**{**toolbox.__dict__, "settings": guarded})
    async with door.open(box), httpx.AsyncClient(transport=httpx.ASGITransport(app_of(door))) as http:
        answer = await http.post("http://localhost/mcp", json={})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.slow
async def test_over_stdin_and_stdout(settings: Settings, toolbox: Toolbox) -> None:
    """A process of its own, as an editor starts it: only the protocol comes out of stdout."""
    person = await new_actor(toolbox)
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "assistant.cli", "mcp", "--as", person.user_name],
        env={**settings.environment(), "TABLETALK_LOG_LEVEL": "DEBUG"},
    )
    async with stdio_client(server) as (incoming, outgoing), ClientSession(incoming, outgoing) as client:
        greeting = await client.initialize()
        assert greeting.serverInfo.name == "tabletalk"
        assert "never writes" in (greeting.instructions or "")
        assert "run_query" in {tool.name for tool in (await client.list_tools()).tools}
        assert text(await client.call_tool("list_databases")).startswith("No database is registered yet")
        refused = await client.call_tool("check_database", {"name": "shp"})
        assert refused.isError and "No database named 'shp'" in text(refused)
