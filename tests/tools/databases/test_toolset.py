"""What the model may call: small answers, cards for the person, and never a password."""

from typing import Any, cast

import pytest
from pydantic_ai import RunContext, ToolReturn
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from tools import databases
from tools.connectors.base import Address
from tools.databases import toolset
from tools.desk import Desk
from tools.errors import Invalid, NotFound
from tools.toolbox import Actor, Toolbox


def context(box: Toolbox, actor: Actor) -> RunContext[Desk]:
    return RunContext(deps=Desk(box=box, actor=actor), model=TestModel(), usage=RunUsage())


def cards(returned: ToolReturn[str]) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], cast(dict[str, Any], returned.metadata)["cards"])


async def test_listing_and_checking(toolbox: Toolbox, actor: Actor, source: Address) -> None:
    here = context(toolbox, actor)
    assert "No database is registered" in (await toolset.list_databases(here)).return_value
    await databases.register(toolbox, actor, "shop", source)
    listed = await toolset.list_databases(here)
    assert "shop: PostgreSQL" in listed.return_value and cards(listed)[0]["rows"][0][0] == "shop"
    assert "superuser" in (await toolset.check_database(here, "shop")).return_value
    assert "called store now" in (await toolset.rename_database(here, "shop", "store")).return_value
    assert "not touched" in (await toolset.forget_database(here, "store")).return_value
    with pytest.raises(NotFound):
        await toolset.check_database(here, "store")


async def test_registering_shows_the_form_and_takes_no_password() -> None:
    shown = await toolset.register_database(name="warehouse", host="db.internal")
    assert cards(shown) == [
        {
            "type": "register",
            "name": "warehouse",
            "dialect": "postgres",
            "host": "db.internal",
            "port": None,
            "database": "",
            "username": "",
        }
    ]
    for host in ("postgres://ann:canary@db/shop", "db password=canary"):
        with pytest.raises(Invalid) as caught:
            await toolset.register_database(host=host)
        assert "canary" not in str(caught.value)


async def test_the_tools_and_what_needs_approval() -> None:
    tools = toolset.toolset.tools
    assert set(tools) == {"list_databases", "check_database", "register_database", "rename_database", "forget_database"}
    assert [name for name, tool in tools.items() if tool.requires_approval] == ["forget_database"]
    parameters = {name for tool in tools.values() for name in tool.function_schema.json_schema["properties"]}
    assert not any("pass" in name or "secret" in name for name in parameters)
