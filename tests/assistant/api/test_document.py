"""The API's own description: the document for programs, the page for people."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from assistant.api import create_api
from assistant.api.document import examples
from assistant.api.problems import slug
from tools import errors
from tools.settings import Settings

OPEN = {"/auth/token", "/auth/refresh", "/auth/revoke"}
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api(Settings(_env_file=None)).openapi()


def models(base: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def test_it_is_openapi_3_1_and_names_its_place(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [server["url"] for server in document["servers"]] == ["/api/v1"]


@pytest.mark.parametrize("name", examples())
def test_the_examples_are_true(document: dict[str, Any], name: str) -> None:
    of = next(model for model in models() if model.__name__ == name)
    of.model_validate(examples()[name])
    assert document["components"]["schemas"][name]["example"] == examples()[name]


def test_the_bodies_examples_are_true(document: dict[str, Any]) -> None:
    named = {model.__name__: model for model in models() if model.__module__.startswith("assistant.api.routes")}
    shown = {
        name: schema["example"] for name, schema in document["components"]["schemas"].items() if "example" in schema
    }
    bodies = {name: example for name, example in shown.items() if name in named}
    assert {"Registration", "Statement", "Question"} <= set(bodies)
    for name, example in bodies.items():
        named[name].model_validate(example)


def test_every_route_says_who_may_call_it_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("security") or path in OPEN, (method, path)
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert operation["description"]


def test_operations_have_short_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    assert "register" in names


def test_fields_are_described_in_the_words_of_the_code(document: dict[str, Any]) -> None:
    progress = document["components"]["schemas"]["Job"]["properties"]["progress"]
    assert progress["description"] == "0 to 100."


async def test_the_page_needs_nothing_from_elsewhere(rest: httpx.AsyncClient) -> None:
    answer = await rest.get("/docs")
    page = answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page)
    names = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= names
    for error in (errors.NotFound, errors.QueryRejected, errors.StoreUnavailable):
        assert slug(error.title) in names, "a problem's type leads to the page"
    assert (await rest.get("/openapi.json")).json()["paths"]["/databases"]


@pytest.mark.slow
def test_the_command_prints_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "assistant.cli", "openapi"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "/databases/{database}/query" in json.loads(done.stdout)["paths"]
